/* Lines that are not taken: the sender hears which and why, in InfluxDB's words, and the quality page hears of them by
 * measurement and reason. */
#include "flow/ingest_part.h"

#include "store/tags.h"
#include "wire/lp_key.h"

enum { ERRORS_MAX = 20, LINE_SHOWN = 256 };

/* ---- the reason ---- */

static void quote_name(struct buf *out, struct view name)
{
	buf_char(out, '"');
	buf_append(out, name.p, name.len < REFUSALS_NAME ? name.len : REFUSALS_NAME);
	buf_char(out, '"');
}

/* The tag that has most values: nearly always the one whose values never come back. */
static void tell_widest_tag(const struct worker *w, struct view measurement, struct buf *out)
{
	const struct measurement *m = catalogue_find_measurement(w->builder.catalogue, w->db, measurement);
	const struct tag_key *widest;

	if (!m || tags_widest(measurement_tags(m), &widest, 1) == 0)
		return;
	buf_str(out, ", whose tag ");
	quote_name(out, tag_key_name(widest));
	buf_printf(out, " has %u different values", tag_key_value_count(widest));
}

static void describe_ceiling(const struct worker *w, struct buf *out)
{
	static const struct {
		const char *key, *nothing, *cause;
		uint64_t most;
	} of[] = {
		[CEILING_SERIES] = { "series", "no new series for measurement ", "values that never come back",
		    CATALOGUE_SERIES_MAX },
		[CEILING_MEASUREMENT_SERIES] = { "series_per_measurement", "no new series for measurement ",
		    "values that never come back", CATALOGUE_MEASUREMENT_SERIES_MAX },
		[CEILING_MEASUREMENTS] = { "measurements", "no new measurement ", "names made of changing parts",
		    CATALOGUE_MEASUREMENTS_MAX },
		[CEILING_FIELDS] = { "fields_per_measurement", "no new field for measurement ",
		    "names made of changing parts", CATALOGUE_FIELDS_MAX },
	};
	const struct catalogue_refusal *r = &w->builder.refusal;

	buf_printf(out, "%s (%llu): %s", r->error, (unsigned long long)r->max, of[r->ceiling].nothing);
	quote_name(out, r->measurement);
	if (r->ceiling == CEILING_SERIES || r->ceiling == CEILING_MEASUREMENT_SERIES)
		tell_widest_tag(w, r->measurement, out);
	buf_printf(out, "; stop writing %s", of[r->ceiling].cause);
	if (r->max < of[r->ceiling].most)
		buf_printf(out, ", or raise [limits] %s", of[r->ceiling].key);
}

/* Without any value of the line. */
static void describe(const struct worker *w, struct buf *out)
{
	const struct lp_parser *ps = &w->builder.parser;

	if (ps->why == REJECT_TYPE_CONFLICT) {
		const struct field *f = w->builder.conflict;
		buf_str(out, "field type conflict: input field \"");
		buf_view(out, f->name);
		buf_str(out, "\" on measurement \"");
		buf_view(out, measurement_name(f->measurement));
		buf_printf(out, "\" is type %s, already exists as type %s", value_type_name(w->builder.conflict_type),
		    value_type_name(f->type));
	} else if (ps->why == REJECT_TOO_MANY_SERIES || ps->why == REJECT_TOO_MANY_FIELDS) {
		describe_ceiling(w, out);
	} else {
		buf_str(out, ps->error);
	}
}

/* ---- for the sender ---- */

/* InfluxDB's words for the line at hand, the first ERRORS_MAX of a request. */
static void note_reason(struct worker *w)
{
	const struct lp_parser *ps = &w->builder.parser;
	struct view line = ps->line;

	if (w->reason_count++ >= ERRORS_MAX)
		return;
	if (w->reasons.len)
		buf_char(&w->reasons, '\n');
	if (ps->why == REJECT_UNPARSABLE || ps->why == REJECT_NOT_FINITE || ps->why == REJECT_BAD_NAME) {
		if (line.len > LINE_SHOWN)
			line.len = LINE_SHOWN;
		buf_str(&w->reasons, "unable to parse '");
		buf_view(&w->reasons, line);
		buf_str(&w->reasons, line.len < ps->line.len ? "…': " : "': ");
	}
	describe(w, &w->reasons);
}

/* Where the line at hand stands. */
static void note_place(struct worker *w)
{
	const char *end = w->builder.parser.line.p, *newline;

	if (w->refused_count == INGEST_REFUSED_SHOWN)
		return;
	while ((newline = memchr(w->counted, '\n', (size_t)(end - w->counted)))) {
		w->counted = newline + 1;
		w->line++;
	}
	w->refused[w->refused_count++] = (struct ingest_refused){ w->line, w->builder.parser.why };
}

/* As InfluxDB puts it: what could not be read is not counted as dropped. */
void ingest_compose_message(const struct worker *w, struct ingest_result *res)
{
	uint64_t unread = w->rejected[REJECT_UNPARSABLE] + w->rejected[REJECT_NOT_FINITE] +
	    w->rejected[REJECT_BAD_NAME];
	bool partial = res->points || res->rejected > unread;

	if (partial)
		buf_str(&res->message, "partial write: ");
	buf_append(&res->message, w->reasons.p, w->reasons.len);
	if (w->reason_count > ERRORS_MAX)
		buf_printf(&res->message, "\n(and %llu more)", (unsigned long long)(w->reason_count - ERRORS_MAX));
	if (partial)
		buf_printf(&res->message, " dropped=%llu", (unsigned long long)(res->rejected - unread));
}

/* ---- for the quality page ---- */

/* Is the line sound up to its fields? Else it may hold anything, and only what is known already is named. */
static bool is_sound(enum reject why)
{
	return why != REJECT_UNPARSABLE && why != REJECT_NOT_FINITE && why != REJECT_BAD_NAME && why != REJECT_TOO_LONG;
}

/* The measurement of the line at hand; empty if there is none that may be shown. */
static struct view measurement_of(const struct worker *w)
{
	const struct lp_parser *ps = &w->builder.parser;
	struct view key = ps->key, none = { "", 0 };
	size_t n = 0;

	if (ps->key.p < ps->line.p || ps->key.p + ps->key.len > ps->line.p + ps->line.len)
		return none; /* the key is that of a line before */
	while (n < key.len && (key.p[n] != ',' || (n && key.p[n - 1] == '\\')))
		n++;
	key.len = n;
	return is_sound(ps->why) || catalogue_find_measurement(w->builder.catalogue, w->db, key) ? key : none;
}

static void add_alike(struct worker *w, struct alike *a)
{
	const struct lp_parser *ps = &w->builder.parser;
	struct buf *b = &w->alike_texts;

	a->error_at = b->len;
	describe(w, b);
	a->error_len = b->len - a->error_at;
	a->example_at = b->len;
	if (is_sound(a->why) || (a->why == REJECT_NOT_FINITE && a->measurement.len))
		refusals_example(b, ps->key, ps->fields, ps->field_count);
	a->example_len = b->len - a->example_at;
}

/* True: none was refused like this before in this request. */
static bool note_alike(struct worker *w)
{
	enum reject why = w->builder.parser.why;
	bool at_ceiling = why == REJECT_TOO_MANY_SERIES || why == REJECT_TOO_MANY_FIELDS;
	struct alike one = { .why = why,
		.measurement = measurement_of(w),
		.ceiling = at_ceiling ? w->builder.refusal.ceiling : CEILING_NONE,
		.points = 1 };

	for (unsigned i = w->alike_count; i-- > 0;) {
		struct alike *a = &w->alike[i];
		if (a->why == why && a->ceiling == one.ceiling && view_eq(a->measurement, one.measurement)) {
			a->points++;
			return false;
		}
	}
	if (w->alike_count == INGEST_ALIKE_MAX) {
		w->alike_other++;
		return false;
	}
	add_alike(w, &one);
	w->alike[w->alike_count++] = one;
	return true;
}

void ingest_tell_refusals(const struct worker *w, struct refusals *refusals, int64_t now_ns)
{
	struct refusals_note notes[INGEST_ALIKE_MAX];

	for (unsigned i = 0; i < w->alike_count; i++) {
		const struct alike *a = &w->alike[i];
		const char *texts = w->alike_texts.p;
		notes[i] = (struct refusals_note){ .why = a->why,
			.db = w->db,
			.measurement = a->measurement,
			.error = { texts + a->error_at, a->error_len },
			.example = { texts + a->example_at, a->example_len },
			.points = a->points };
	}
	refusals_add(refusals, notes, w->alike_count, w->alike_other, now_ns);
}

void ingest_forget_refusals(struct worker *w, struct view body)
{
	buf_clear(&w->reasons);
	buf_clear(&w->alike_texts);
	w->reason_count = 0;
	w->refused_count = 0;
	w->alike_count = 0;
	w->alike_other = 0;
	w->counted = body.p;
	w->line = 1;
	memset(w->rejected, 0, sizeof w->rejected);
}

/* ---- both ---- */

void ingest_refuse_line(struct worker *w)
{
	enum reject why = w->builder.parser.why;
	bool first = note_alike(w);

	note_place(w);
	/* one reason tells it all for these, however many points it hits */
	if (why == REJECT_TOO_OLD || why == REJECT_IN_FUTURE)
		first = w->rejected[why] == 0;
	else if (why != REJECT_TOO_MANY_SERIES && why != REJECT_TOO_MANY_FIELDS)
		first = true;
	if (first)
		note_reason(w);
	w->rejected[why]++;
}

void ingest_refuse_point(struct worker *w, enum reject why, const char *error)
{
	w->builder.parser.why = why;
	w->builder.parser.error = error;
	batch_builder_drop(&w->builder);
	ingest_refuse_line(w);
}
