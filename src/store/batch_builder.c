#include "store/batch_builder.h"

#include <stdlib.h>

#include "wire/lp_key.h"

enum { POINTS_FIRST = 64, VALUES_FIRST = 256 };

void batch_builder_init(struct batch_builder *bb, struct catalogue *catalogue)
{
	*bb = (struct batch_builder){ .catalogue = catalogue };
	lp_init(&bb->parser, (struct view){ NULL, 0 });
}

static void forget_memory(struct batch_builder *bb)
{
	free(bb->points);
	free(bb->values);
	bb->points = NULL;
	bb->values = NULL;
	bb->point_cap = bb->value_cap = 0;
}

void batch_builder_fini(struct batch_builder *bb)
{
	lp_fini(&bb->parser);
	forget_memory(bb);
}

size_t batch_builder_bytes(const struct batch_builder *bb)
{
	return bb->point_cap * sizeof *bb->points + bb->value_cap * sizeof *bb->values;
}

void batch_builder_start(struct batch_builder *bb, struct view text, size_t keep_bytes)
{
	if (batch_builder_bytes(bb) > keep_bytes)
		forget_memory(bb);
	bb->point_count = bb->value_count = 0;
	bb->out_of_memory = false;
	lp_restart(&bb->parser, text);
}

static bool grow(void **p, uint32_t *cap, uint32_t need, uint32_t first, size_t size)
{
	uint32_t n = *cap ? *cap : first;

	if (need <= *cap)
		return true;
	while (n < need)
		n += n / 2;
	void *q = realloc(*p, n * size);
	if (!q)
		return false;
	*p = q;
	*cap = n;
	return true;
}

static enum lp_result refuse(struct batch_builder *bb, enum reject why, const char *error)
{
	struct lp_parser *ps = &bb->parser;

	ps->why = why;
	ps->error = error;
	return LP_BAD;
}

/* The field of a parsed value; NULL: refused, the parser says why. */
static struct field *field_of(
    struct batch_builder *bb, struct measurement *m, const struct catalogue_layout *layout, const struct lp_field *lf)
{
	struct field *f = lf->expected >= 0
	    ? layout->fields[lf->expected]
	    : measurement_field(bb->catalogue, m, lf->name, lf->value.type, !bb->at_door, &bb->refusal);

	if (!f) {
		(void)refuse(bb, bb->refusal.why, bb->refusal.error);
		bb->out_of_memory = bb->refusal.out_of_memory;
	} else if (f->type != lf->value.type) {
		bb->conflict = f;
		bb->conflict_type = lf->value.type;
		(void)refuse(bb, REJECT_TYPE_CONFLICT, "field type conflict");
		return NULL;
	}
	return f;
}

/* InfluxDB 1.x takes no line with a longer series key and field name, as they are written, with 4 bytes between them. Whatever
 * it would refuse is better refused to whoever sends it. */
static bool is_too_long(const struct lp_parser *ps)
{
	if (ps->line.len <= LP_KEY_MAX - 4) /* nearly all */
		return false;
	for (uint32_t i = 0; i < ps->field_count; i++)
		if (ps->key.len + 4 + ps->fields[i].name.len > LP_KEY_MAX)
			return true;
	return false;
}

/* The rest of the line; expect: its measurement's fields, if it is known. */
static bool parse_rest(struct batch_builder *bb, const struct lp_expect *expect)
{
	static const char error[] =
	    "max key length exceeded: series key and field name have more than 65531 bytes together";
	struct lp_parser *ps = &bb->parser;

	if (lp_rest(ps, expect) == LP_BAD) {
		bb->out_of_memory = ps->out_of_memory;
		return false;
	}
	return !bb->at_door || !is_too_long(ps) || refuse(bb, REJECT_TOO_LONG, error) == LP_OK;
}

static bool is_of(struct view key, struct view measurement)
{
	return key.len >= measurement.len && !memcmp(key.p, measurement.p, measurement.len) &&
	    (key.len == measurement.len || key.p[measurement.len] == ',');
}

/* The next line that is wanted, up to its key. *s: its series, NULL if that is not known in this form. */
static enum lp_result next_wanted(struct batch_builder *bb, uint32_t db, struct series **s)
{
	struct lp_parser *ps = &bb->parser;

	for (;;) {
		enum lp_result r = lp_next_key(ps);
		if (r != LP_OK)
			return r;
		if (bb->only.len == 0 || is_of(ps->key, bb->only)) {
			*s = catalogue_find_series(bb->catalogue, db, ps->key);
			if (!*s || !bb->wanted || bb->wanted(bb->wanted_arg, *s))
				return LP_OK;
		}
		lp_skip(ps);
	}
}

enum lp_result batch_builder_next(struct batch_builder *bb, uint32_t db)
{
	struct lp_parser *ps = &bb->parser;
	struct series *s;
	enum lp_result r = next_wanted(bb, db, &s);

	if (r != LP_OK)
		return r;
	bool known = s;
	if (!known) {
		/* a new series or an unusual order of tags; the fields are looked at first, so that a line that is wrong
		 * leaves no series behind */
		if (!parse_rest(bb, NULL))
			return LP_BAD;
		if (bb->admit && !bb->admit(bb->admit_arg, ps))
			return LP_BAD;
		s = catalogue_add_series(bb->catalogue, db, ps->key, !bb->at_door, &bb->refusal);
		if (!s) {
			bb->out_of_memory = bb->refusal.out_of_memory;
			return refuse(bb, bb->refusal.why, bb->refusal.error);
		}
	}
	const struct catalogue_layout *layout = measurement_layout(s->measurement);
	if (known && !parse_rest(bb, &layout->expect))
		return LP_BAD;
	if (!grow((void **)&bb->points, &bb->point_cap, bb->point_count + 1, POINTS_FIRST, sizeof *bb->points) ||
	    !grow((void **)&bb->values, &bb->value_cap, bb->value_count + ps->field_count, VALUES_FIRST,
		sizeof *bb->values)) {
		bb->out_of_memory = true;
		return refuse(bb, REJECT_TOO_LONG, "out of memory");
	}
	struct batch_value *v = bb->values + bb->value_count;
	for (uint32_t i = 0; i < ps->field_count; i++) {
		const struct lp_field *lf = &ps->fields[i];
		struct field *f = field_of(bb, s->measurement, layout, lf);
		if (!f)
			return LP_BAD;
		v[i] = (struct batch_value){ f, batch_bits(&lf->value),
			lf->value.type == VALUE_STRING ? (uint32_t)lf->value.s.len : 0 };
	}
	bb->points[bb->point_count++] = (struct batch_point){ s, ps->time, bb->value_count, ps->field_count };
	bb->value_count += ps->field_count;
	return LP_OK;
}

void batch_builder_drop(struct batch_builder *bb)
{
	bb->value_count = bb->points[--bb->point_count].first_value;
}
