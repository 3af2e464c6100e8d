#include "support/source_check.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "query/influxql/check.h"
#include "query/influxql/parser.h"

struct errbuf source_check_error;

unsigned source_check_series(struct source *s, uint32_t number)
{
	struct view a = s->ops->tag(s, number, view_of("a"));

	cr_assert_eq(a.len, 1);
	unsigned series = (unsigned)(*a.p - '0');
	char host[8];
	snprintf(host, sizeof host, "h %u", series % 2);
	cr_assert(view_is(s->ops->tag(s, number, view_of("host")), host));
	cr_assert_eq(s->ops->tag(s, number, view_of("nosuch")).len, 0);
	return series;
}

static bool is_wanted(const struct source_check *c, unsigned field)
{
	return !c->r->fields || c->r->fields[field];
}

static void check_value(
    const struct source_check *c, const struct row_point *p, const struct rows_column *col, uint32_t row)
{
	unsigned f = col->field;

	cr_assert(p->has[f], "%s: a value that was never written", c->stage);
	if (f != TEXT) {
		cr_assert_eq(col->bits[row], p->v[f], "%s: another value of %s", c->stage, row_model_fields[f]);
		return;
	}
	struct buf scratch;
	char want[32];
	buf_init(&scratch, 1024);
	snprintf(want, sizeof want, "\"%llu\\", (unsigned long long)p->v[f]);
	cr_assert(view_is(source_string((const struct rows_string *)(uintptr_t)col->bits[row], &scratch), want), "%s",
	    c->stage);
	buf_fini(&scratch);
}

static struct source_tally *tally_of(const struct source_check *c, unsigned series, unsigned field, int64_t t)
{
	int64_t grid = c->r->grid_ns ? c->r->grid_ns : INT64_MAX / 4;
	int64_t first = model.base_ns - grid + (c->r->grid_offset_ns - model.base_ns % grid + grid) % grid;

	first = c->r->grid_ns ? first : model.base_ns;
	cr_assert(t >= first && (t - first) / grid < SOURCE_CHECK_BUCKETS);
	return &c->tallies[series][field][(t - first) / grid];
}

static void add_tally(struct source_tally *t, const struct source_tally *more)
{
	if (t->count == 0 || more->first_ns < t->first_ns) {
		t->first_ns = more->first_ns;
		t->first = more->first;
	}
	if (t->count == 0 || more->last_ns > t->last_ns) {
		t->last_ns = more->last_ns;
		t->last = more->last;
	}
	t->count += more->count;
	t->sum += more->sum;
}

static uint64_t bits_of(const struct rows *r, uint32_t field, enum column_kind kind, uint32_t row)
{
	const struct rows_column *c = rows_find_column(r, field, kind);

	cr_assert_not_null(c);
	return c->bits[row];
}

static void add_rollups(struct source_check *c, unsigned series, const struct source_step *s, const struct rows *r)
{
	for (uint32_t k = 0; k < r->column_count; k++) {
		const struct rows_column *col = &r->columns[k];
		cr_assert(is_wanted(c, col->field));
		if (col->kind != COLUMN_COUNT)
			continue;
		for (uint32_t i = 0; i < r->count; i++) {
			if (col->present && !col->present[i])
				continue;
			const struct source_tally one = { .count = col->bits[i],
				.sum = bits_of(r, col->field, COLUMN_SUM, i),
				.first_ns = r->times[i] + (int64_t)bits_of(r, col->field, COLUMN_FIRST_AT, i),
				.last_ns = r->times[i] + (int64_t)bits_of(r, col->field, COLUMN_LAST_AT, i),
				.first = bits_of(r, col->field, COLUMN_FIRST, i),
				.last = bits_of(r, col->field, COLUMN_LAST, i) };
			struct source_tally *to = tally_of(c, series, col->field, r->times[i]);
			cr_assert_eq(to, tally_of(c, series, col->field, r->times[i] + tier_bucket_ns(s->tier) - 1));
			add_tally(to, &one);
		}
	}
}

static void add_rows(struct source_check *c, unsigned series, const struct rows *r)
{
	for (uint32_t i = 0; i < r->count; i++) {
		struct row_point *p = row_model_find(series, r->times[i]);
		unsigned fields = 0, want = 0;
		cr_assert(p, "%s: a row that was never written", c->stage);
		p->seen++;
		for (uint32_t k = 0; k < r->column_count; k++) {
			const struct rows_column *col = &r->columns[k];
			cr_assert(col->kind == COLUMN_VALUE && col->field < FIELDS && is_wanted(c, col->field));
			if (col->present && !col->present[i])
				continue;
			check_value(c, p, col, i);
			fields++;
			const struct source_tally one = { 1, p->v[col->field], p->t, p->t, p->v[col->field],
				p->v[col->field] };
			if (c->tallies)
				add_tally(tally_of(c, series, col->field, p->t), &one);
		}
		for (unsigned f = 0; f < FIELDS; f++)
			want += p->has[f] && is_wanted(c, f);
		cr_assert_eq(fields, want, "%s: %u fields, not %u", c->stage, fields, want);
	}
}

static enum err take_step(void *arg, const struct source_step *s)
{
	struct source_check *c = arg;
	int64_t last_series = -1;

	cr_assert_lt(s->from_ns, s->to_ns);
	cr_assert(s->from_ns >= c->r->from_ns && s->to_ns <= c->r->to_ns);
	cr_assert(c->steps == 0 || (c->r->descending ? s->to_ns <= c->end_ns : s->from_ns >= c->end_ns));
	c->end_ns = c->r->descending ? s->from_ns : s->to_ns;
	cr_assert_leq(c->budget->used_bytes, c->budget->max_bytes);
	cr_assert_gt(s->count, 0);
	for (uint32_t i = 0; i < s->count; i++) {
		const struct rows *r = &s->of[i].rows;
		cr_assert_gt((int64_t)s->of[i].series, last_series);
		last_series = s->of[i].series;
		cr_assert(r->count && !r->unordered && r->times[0] >= s->from_ns && r->times[r->count - 1] < s->to_ns);
		for (uint32_t k = 1; k < r->count; k++)
			cr_assert_lt(r->times[k - 1], r->times[k]);
		if (s->tier == TIER_RAW)
			add_rows(c, source_check_series(c->source, s->of[i].series), r);
		else
			add_rollups(c, source_check_series(c->source, s->of[i].series), s, r);
	}
	c->rollups |= s->tier != TIER_RAW;
	return ++c->steps == c->enough_after ? ERR_CLOSED : ERR_OK;
}

static bool is_read(const struct source_check *c, unsigned series)
{
	for (uint32_t i = 0; i < c->r->series_count; i++)
		if (source_check_series(c->source, c->r->series[i]) == series)
			return true;
	return false;
}

static bool in_range(const struct source_check *c, const struct row_point *p)
{
	return p->t >= c->r->from_ns && p->t < c->r->to_ns;
}

void source_check_seen(struct source_check *c)
{
	for (unsigned s = 0; s < SERIES; s++)
		for (unsigned i = 0; i < model.count[s]; i++) {
			struct row_point *p = &model.points[s][i];
			bool any = false;
			for (unsigned f = 0; f < FIELDS; f++)
				any |= p->has[f] && is_wanted(c, f);
			unsigned want = in_range(c, p) && is_read(c, s);
			if (!any) /* a row without any of the fields may come or not */
				want = p->seen && want;
			cr_assert_eq(p->seen, want, "%s: series %u, %lld: %u times, not %u", c->stage, s,
			    (long long)(p->t - model.base_ns), p->seen, want);
		}
}

static void forget_seen(void)
{
	for (unsigned s = 0; s < SERIES; s++)
		for (unsigned i = 0; i < model.count[s]; i++)
			model.points[s][i].seen = 0;
}

void source_check_tallies(struct source_check *c)
{
	struct source_check want_all = *c;

	want_all.tallies = calloc(SERIES, sizeof *want_all.tallies);
	for (unsigned s = 0; s < SERIES; s++)
		for (unsigned i = 0; is_read(c, s) && i < model.count[s]; i++)
			for (unsigned f = 0; f < FIELDS; f++) {
				const struct row_point *p = &model.points[s][i];
				const struct source_tally one = { 1, p->v[f], p->t, p->t, p->v[f], p->v[f] };
				if (p->has[f] && is_wanted(c, f) && in_range(c, p))
					add_tally(tally_of(&want_all, s, f, p->t), &one);
			}
	for (unsigned s = 0; s < SERIES; s++)
		for (unsigned f = 0; f < FIELDS; f++)
			for (unsigned b = 0; b < SOURCE_CHECK_BUCKETS; b++) {
				struct source_tally *have = &c->tallies[s][f][b], *want = &want_all.tallies[s][f][b];
				cr_assert_eq(have->count, want->count, "%s: %s: %llu, not %llu", c->stage,
				    row_model_fields[f], (unsigned long long)have->count,
				    (unsigned long long)want->count);
				cr_assert(have->first_ns == want->first_ns && have->last_ns == want->last_ns);
				cr_assert(have->first == want->first && have->last == want->last);
				cr_assert(f != INT || have->sum == want->sum);
			}
	free(want_all.tallies);
}

/* ---- opening ---- */

enum err source_check_try_open(
    struct opened_source *o, struct stand *st, const char *condition, size_t max_bytes, int64_t from_ns, int64_t to_ns)
{
	struct iql_expr *filter = NULL;

	*o = (struct opened_source){ .budget = { .max_bytes = max_bytes } };
	arena_init(&o->arena, 16 << 10, 1 << 20);
	if (condition) {
		char text[512];
		struct iql_query q;
		snprintf(text, sizeof text, "SELECT i FROM m WHERE %s", condition);
		cr_assert_eq(iql_parse(&o->arena, (struct view){ arena_copy(&o->arena, view_of(text)), strlen(text) },
				 NULL, &q, &source_check_error),
		    ERR_OK, "%s", source_check_error.text);
		cr_assert_eq(iql_check_select(&o->arena, q.first->select, 0, &source_check_error), ERR_OK);
		filter = q.first->select->filter;
	}
	cr_assert_eq(local_moment_open(&o->moment, st->local, view_of("metrics"), from_ns, to_ns, &source_check_error),
	    ERR_OK, "%s", source_check_error.text);
	enum err e = local_source_open(&o->source, o->moment, view_of("m 1"), filter, &o->budget, &source_check_error);
	for (uint32_t i = 0; e == ERR_OK && i < o->source->series_count; i++)
		o->all[i] = i;
	return e;
}

void source_check_open(struct opened_source *o, struct stand *st, const char *condition)
{
	cr_assert_eq(source_check_try_open(o, st, condition, 64 << 20, IQL_TIME_MIN, INT64_MAX), ERR_OK, "%s",
	    source_check_error.text);
	cr_assert(view_is(o->source->name, "m 1"));
	cr_assert_eq(o->source->tag_key_count, 2);
	cr_assert(view_is(o->source->tag_keys[0].name, "a") && view_is(o->source->tag_keys[1].name, "host"));
	cr_assert_eq(o->source->field_count, FIELDS);
	for (unsigned f = 0; f < FIELDS; f++)
		cr_assert(view_is(o->source->fields[f].name, row_model_fields[f]));
}

void source_check_close(struct opened_source *o)
{
	source_close(o->source);
	local_moment_close(o->moment);
	cr_assert_eq(o->budget.used_bytes, 0);
	arena_fini(&o->arena);
}

enum err source_check_read(
    struct opened_source *o, const struct source_read *r, struct source_check *c, struct result_report *report)
{
	struct source_read own = *r;

	c->source = o->source;
	c->r = &own;
	c->budget = &o->budget;
	own.step = take_step;
	own.arg = c;
	*report = (struct result_report){ 0 };
	*source_check_error.text = 0;
	forget_seen();
	enum err e = o->source->ops->read(o->source, &own, &o->budget, report, &source_check_error);
	c->r = r;
	return e;
}
