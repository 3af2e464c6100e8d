/* The local store as a source of rows, against a plain model: late, repeated and overwritten points of several fields, in the
 * head, the spool, pieces, blocks and rollups in any mixture; both directions, any grid, any memory. Fixed seeds. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "query/influxql/check.h"
#include "query/influxql/parser.h"
#include "query/local_source.h"
#include "support/stand.h"

enum { SERIES = 6, SLOTS = 4000, STEPS_MAX = 100000 };
enum { BOOL, FLOAT, INT, TEXT, FIELDS }; /* in the order of their names */
#define SPAN_NS (3 * TIER_DAY_NS)

static const char *const names[FIELDS] = { "b", "f x", "i", "s" };
static uint64_t random_state;
static int64_t base_ns;
static struct errbuf eb;
static struct stand st;

static uint64_t rnd(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

struct point { /* of one series; the last write of each field */
	int64_t t;
	bool has[FIELDS];
	uint64_t v[FIELDS]; /* as columns have it; of a text: the number in it */
	unsigned seen;
};

static struct point points[SERIES][SLOTS];
static unsigned point_count[SERIES];

static void forget(uint64_t seed, int64_t base)
{
	random_state = seed;
	base_ns = base;
	memset(point_count, 0, sizeof point_count);
}

static struct point *find_point(unsigned series, int64_t t)
{
	for (unsigned i = 0; i < point_count[series]; i++)
		if (points[series][i].t == t)
			return &points[series][i];
	return NULL;
}

static void remove_stand(void)
{
	stand_remove(&st);
}

TestSuite(local_source, .fini = remove_stand, .timeout = 300);

/* ---- writing ---- */

static void put_value(struct buf *b, struct point *p, unsigned field)
{
	double d = (double)(int64_t)(rnd(200001) - 100000) / 8;

	p->has[field] = true;
	p->v[field] = field == BOOL ? rnd(2) : rnd(1000);
	if (field == FLOAT) {
		memcpy(&p->v[field], &d, sizeof d);
		buf_str(b, "f\\ x=");
		buf_double(b, d);
	} else if (field == INT) {
		buf_printf(b, "i=%llui", (unsigned long long)p->v[field]);
	} else if (field == BOOL) {
		buf_printf(b, "b=%s", p->v[field] ? "true" : "false");
	} else {
		buf_printf(b, "s=\"\\\"%llu\\\\\"", (unsigned long long)p->v[field]);
	}
}

static void add_point(struct buf *b, unsigned series, int64_t t)
{
	struct point *p = find_point(series, t);
	unsigned which = 1 + (unsigned)rnd((1u << FIELDS) - 1);
	bool any = false;

	if (!p) {
		cr_assert_lt(point_count[series], SLOTS);
		p = &points[series][point_count[series]++];
		*p = (struct point){ .t = t };
	}
	buf_printf(b, "m\\ 1,a=%u,host=h\\ %u ", series, series % 2);
	for (unsigned f = 0; f < FIELDS; f++) {
		if (!(which >> f & 1))
			continue;
		if (any)
			buf_char(b, ',');
		put_value(b, p, f);
		any = true;
	}
	buf_printf(b, " %lld\n", (long long)t);
}

static void write_some(unsigned count)
{
	struct buf b;
	int64_t at = base_ns + (int64_t)rnd(SPAN_NS), step = rnd(2) ? 60 * NS_PER_S : 700 * NS_PER_MS;

	buf_init(&b, 4 << 20);
	for (unsigned i = 0; i < count; i++) {
		unsigned series = (unsigned)rnd(SERIES);
		if (rnd(20) == 0)
			at = base_ns + (int64_t)rnd(SPAN_NS);
		else if (rnd(10) == 0 && point_count[series]) /* the same again */
			at = points[series][rnd(point_count[series])].t;
		else if (rnd(10))
			at += (int64_t)rnd((uint64_t)step);
		if (at >= base_ns + SPAN_NS)
			at = base_ns;
		add_point(&b, series, at);
	}
	buf_char(&b, 0);
	cr_assert(!b.failed);
	stand_write(&st, b.p);
	buf_fini(&b);
}

/* Every series once, so that their numbers are known. */
static void write_first(void)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < SERIES; i++)
		add_point(&b, i, base_ns + i);
	buf_char(&b, 0);
	stand_write(&st, b.p);
	buf_fini(&b);
}

/* ---- a read ---- */

struct tally { /* of a bucket of a series' field */
	uint64_t count, sum; /* sum: of the integers */
	int64_t first_ns, last_ns;
	uint64_t first, last;
};

enum { BUCKETS_MAX = 4000 };

struct check {
	struct source *source;
	const struct source_read *r;
	const char *stage;
	struct budget *budget;
	int64_t end_ns; /* of the steps so far, in their direction */
	unsigned steps, enough_after; /* 0: never */
	bool rollups; /* some were there */
	struct tally (*tallies)[FIELDS][BUCKETS_MAX];
};

static unsigned series_of(struct source *s, uint32_t number)
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

static bool is_wanted(const struct check *c, unsigned field)
{
	return !c->r->fields || c->r->fields[field];
}

static void check_value(const struct check *c, const struct point *p, const struct rows_column *col, uint32_t row)
{
	unsigned f = col->field;

	cr_assert(p->has[f], "%s: a value that was never written", c->stage);
	if (f != TEXT) {
		cr_assert_eq(col->bits[row], p->v[f], "%s: another value of %s", c->stage, names[f]);
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

static struct tally *tally_of(const struct check *c, unsigned series, unsigned field, int64_t t)
{
	int64_t grid = c->r->grid_ns ? c->r->grid_ns : INT64_MAX / 4;
	int64_t first = base_ns - grid + (c->r->grid_offset_ns - base_ns % grid + grid) % grid;

	first = c->r->grid_ns ? first : base_ns;
	cr_assert(t >= first && (t - first) / grid < BUCKETS_MAX);
	return &c->tallies[series][field][(t - first) / grid];
}

static void add_tally(struct tally *t, const struct tally *more)
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

static void add_rollups(struct check *c, unsigned series, const struct source_step *s, const struct rows *r)
{
	for (uint32_t k = 0; k < r->column_count; k++) {
		const struct rows_column *col = &r->columns[k];
		cr_assert(is_wanted(c, col->field));
		if (col->kind != COLUMN_COUNT)
			continue;
		for (uint32_t i = 0; i < r->count; i++) {
			if (col->present && !col->present[i])
				continue;
			const struct tally one = { .count = col->bits[i],
				.sum = bits_of(r, col->field, COLUMN_SUM, i),
				.first_ns = r->times[i] + (int64_t)bits_of(r, col->field, COLUMN_FIRST_AT, i),
				.last_ns = r->times[i] + (int64_t)bits_of(r, col->field, COLUMN_LAST_AT, i),
				.first = bits_of(r, col->field, COLUMN_FIRST, i),
				.last = bits_of(r, col->field, COLUMN_LAST, i) };
			struct tally *to = tally_of(c, series, col->field, r->times[i]);
			cr_assert_eq(to, tally_of(c, series, col->field, r->times[i] + tier_bucket_ns(s->tier) - 1));
			add_tally(to, &one);
		}
	}
}

static void add_rows(struct check *c, unsigned series, const struct rows *r)
{
	for (uint32_t i = 0; i < r->count; i++) {
		struct point *p = find_point(series, r->times[i]);
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
			const struct tally one = { 1, p->v[col->field], p->t, p->t, p->v[col->field],
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
	struct check *c = arg;
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
			add_rows(c, series_of(c->source, s->of[i].series), r);
		else
			add_rollups(c, series_of(c->source, s->of[i].series), s, r);
	}
	c->rollups |= s->tier != TIER_RAW;
	return ++c->steps == c->enough_after ? ERR_CLOSED : ERR_OK;
}

static bool is_read(const struct check *c, unsigned series)
{
	for (uint32_t i = 0; i < c->r->series_count; i++)
		if (series_of(c->source, c->r->series[i]) == series)
			return true;
	return false;
}

static bool in_range(const struct check *c, const struct point *p)
{
	return p->t >= c->r->from_ns && p->t < c->r->to_ns;
}

/* Every row once, and no other. */
static void check_seen(struct check *c)
{
	for (unsigned s = 0; s < SERIES; s++)
		for (unsigned i = 0; i < point_count[s]; i++) {
			struct point *p = &points[s][i];
			bool any = false;
			for (unsigned f = 0; f < FIELDS; f++)
				any |= p->has[f] && is_wanted(c, f);
			unsigned want = in_range(c, p) && is_read(c, s);
			if (!any) /* a row without any of the fields may come or not */
				want = p->seen && want;
			cr_assert_eq(p->seen, want, "%s: series %u, %lld: %u times, not %u", c->stage, s,
			    (long long)(p->t - base_ns), p->seen, want);
		}
}

static void forget_seen(void)
{
	for (unsigned s = 0; s < SERIES; s++)
		for (unsigned i = 0; i < point_count[s]; i++)
			points[s][i].seen = 0;
}

/* The tallies of what was read are those of the model. */
static void check_tallies(struct check *c)
{
	struct check model = *c;

	model.tallies = calloc(SERIES, sizeof *model.tallies);
	for (unsigned s = 0; s < SERIES; s++)
		for (unsigned i = 0; is_read(c, s) && i < point_count[s]; i++)
			for (unsigned f = 0; f < FIELDS; f++) {
				const struct point *p = &points[s][i];
				const struct tally one = { 1, p->v[f], p->t, p->t, p->v[f], p->v[f] };
				if (p->has[f] && is_wanted(c, f) && in_range(c, p))
					add_tally(tally_of(&model, s, f, p->t), &one);
			}
	for (unsigned s = 0; s < SERIES; s++)
		for (unsigned f = 0; f < FIELDS; f++)
			for (unsigned b = 0; b < BUCKETS_MAX; b++) {
				struct tally *have = &c->tallies[s][f][b], *want = &model.tallies[s][f][b];
				cr_assert_eq(have->count, want->count, "%s: %s: %llu, not %llu", c->stage, names[f],
				    (unsigned long long)have->count, (unsigned long long)want->count);
				cr_assert(have->first_ns == want->first_ns && have->last_ns == want->last_ns);
				cr_assert(have->first == want->first && have->last == want->last);
				cr_assert(f != INT || have->sum == want->sum);
			}
	free(model.tallies);
}

/* ---- opening ---- */

struct opened {
	struct arena arena;
	struct local_moment *moment;
	struct source *source;
	struct budget budget;
	uint32_t all[SERIES];
};

static enum err try_open(struct opened *o, const char *condition, size_t max_bytes, int64_t from_ns, int64_t to_ns)
{
	struct iql_expr *filter = NULL;

	*o = (struct opened){ .budget = { .max_bytes = max_bytes } };
	arena_init(&o->arena, 16 << 10, 1 << 20);
	if (condition) {
		char text[512];
		struct iql_query q;
		snprintf(text, sizeof text, "SELECT i FROM m WHERE %s", condition);
		cr_assert_eq(iql_parse(&o->arena, (struct view){ arena_copy(&o->arena, view_of(text)), strlen(text) },
				 NULL, &q, &eb),
		    ERR_OK, "%s", eb.text);
		cr_assert_eq(iql_check_select(&o->arena, q.first->select, 0, &eb), ERR_OK);
		filter = q.first->select->filter;
	}
	cr_assert_eq(
	    local_moment_open(&o->moment, st.local, view_of("metrics"), from_ns, to_ns, &eb), ERR_OK, "%s", eb.text);
	enum err e = local_source_open(&o->source, o->moment, view_of("m 1"), filter, &o->budget, &eb);
	for (uint32_t i = 0; e == ERR_OK && i < o->source->series_count; i++)
		o->all[i] = i;
	return e;
}

static void open_source(struct opened *o, const char *condition)
{
	cr_assert_eq(try_open(o, condition, 64 << 20, IQL_TIME_MIN, INT64_MAX), ERR_OK, "%s", eb.text);
	cr_assert(view_is(o->source->name, "m 1"));
	cr_assert_eq(o->source->tag_key_count, 2);
	cr_assert(view_is(o->source->tag_keys[0].name, "a") && view_is(o->source->tag_keys[1].name, "host"));
	cr_assert_eq(o->source->field_count, FIELDS);
	for (unsigned f = 0; f < FIELDS; f++)
		cr_assert(view_is(o->source->fields[f].name, names[f]));
}

static void close_source(struct opened *o)
{
	source_close(o->source);
	local_moment_close(o->moment);
	cr_assert_eq(o->budget.used_bytes, 0);
	arena_fini(&o->arena);
}

static enum err read_source(
    struct opened *o, const struct source_read *r, struct check *c, struct result_report *report)
{
	struct source_read own = *r;

	c->source = o->source;
	c->r = &own;
	c->budget = &o->budget;
	own.step = take_step;
	own.arg = c;
	*report = (struct result_report){ 0 };
	forget_seen();
	enum err e = o->source->ops->read(o->source, &own, &o->budget, report, &eb);
	c->r = r;
	return e;
}

/* ---- any read ---- */

static void choose_range(struct source_read *r, int64_t unit_ns)
{
	int64_t span = SPAN_NS / unit_ns, a = (int64_t)rnd((uint64_t)span), b = (int64_t)rnd((uint64_t)span);

	r->from_ns = base_ns + (rnd(4) ? (a < b ? a : b) : 0) * unit_ns;
	r->to_ns = base_ns + (rnd(4) ? (a < b ? b : a) + 1 : span) * unit_ns;
	if (unit_ns == 1 && rnd(4) == 0) {
		r->from_ns = IQL_TIME_MIN;
		r->to_ns = INT64_MAX;
	}
}

static void choose_series(const struct opened *o, struct source_read *r, uint32_t list[SERIES])
{
	r->series = list;
	r->series_count = 0;
	for (uint32_t i = 0; i < o->source->series_count; i++)
		if (rnd(3))
			list[r->series_count++] = i;
}

static void choose_fields(struct source_read *r, bool list[FIELDS])
{
	r->fields = rnd(3) ? list : NULL;
	for (unsigned f = 0; f < FIELDS; f++)
		list[f] = rnd(2);
}

static void read_any_rows(const char *stage)
{
	struct opened o;
	struct result_report report;
	uint32_t series[SERIES];
	bool fields[FIELDS];
	struct source_read r = { .descending = rnd(2) };
	struct check c = { .stage = stage };

	open_source(&o, NULL);
	choose_range(&r, 1);
	choose_series(&o, &r, series);
	choose_fields(&r, fields);
	cr_assert_eq(read_source(&o, &r, &c, &report), ERR_OK, "%s: %s", stage, eb.text);
	cr_assert(!report.incomplete, "%s: %s", stage, report.reason);
	check_seen(&c);
	close_source(&o);
}

static bool read_any_tallies(const char *stage, int64_t unit_ns)
{
	static const int64_t grids[] = { 0, TIER_DAY_NS, TIER_HOUR_NS, 5 * TIER_MINUTE_NS, 8 * TIER_HOUR_NS,
		2 * TIER_DAY_NS, 1234567 * NS_PER_MS };
	struct opened o;
	struct result_report report;
	uint32_t series[SERIES];
	bool fields[FIELDS];
	struct source_read r = { .descending = rnd(2), .aggregates = READ_ALL };
	struct check c = { .stage = stage, .tallies = calloc(SERIES, sizeof *c.tallies) };

	open_source(&o, NULL);
	choose_range(&r, unit_ns);
	if (r.from_ns < base_ns)
		r.from_ns = base_ns; /* tallies have an end */
	choose_series(&o, &r, series);
	choose_fields(&r, fields);
	r.fields = fields;
	fields[TEXT] &= unit_ns == 1 && rnd(4) == 0;
	r.grid_ns = grids[rnd(unit_ns == 1 ? 7 : 6)];
	if (r.grid_ns && rnd(3) == 0)
		r.grid_offset_ns = unit_ns == 1 ? (int64_t)rnd((uint64_t)r.grid_ns)
						: (int64_t)rnd((uint64_t)(r.grid_ns / unit_ns)) * unit_ns;
	if (rnd(3) == 0)
		r.grid_offset_ns = r.grid_ns / TIER_HOUR_NS / 2 * TIER_HOUR_NS;
	cr_assert_eq(read_source(&o, &r, &c, &report), ERR_OK, "%s: %s", stage, eb.text);
	cr_assert(!report.incomplete, "%s: %s", stage, report.reason);
	check_tallies(&c);
	free(c.tallies);
	close_source(&o);
	return c.rollups;
}

Test(local_source, rows_are_those_of_the_model_wherever_they_are)
{
	struct stand_opts o = { .compactor = true };
	unsigned rollups = 0;

	for (uint64_t seed = 1; seed <= 3; seed++) {
		forget(seed * UINT64_C(88172645463325252), INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS);
		stand_open(&st, &o);
		write_first();
		for (int round = 0; round < 10; round++) {
			write_some(20 + (unsigned)rnd(round < 2 ? 2000 : 300));
			if (rnd(2))
				stand_compact(&st);
			if (rnd(4) == 0) {
				stand_close(&st);
				stand_reopen(&st, &o);
			}
			for (int i = 0; i < 6; i++) {
				read_any_rows("rows");
				rollups += read_any_tallies("tallies", 1);
			}
		}
		stand_remove(&st);
	}
	cr_assert_gt(rollups, 0);
	stand_open(&st, NULL);
}

Test(local_source, rows_that_left_the_head_come_from_the_spool)
{
	struct stand_opts o = { .head_bytes = 512 << 10 };
	struct head_stats h;

	forget(UINT64_C(362436069), INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&st, &o);
	write_first();
	for (int round = 0; round < 12; round++)
		write_some(1000);
	head_stats(st.head, &h);
	cr_assert_gt(h.from_seq, 1);
	for (int i = 0; i < 20; i++)
		read_any_rows("spool");
}

/* ---- memory ---- */

Test(local_source, whatever_the_memory_rows_are_right_or_refused)
{
	struct stand_opts so = { .compactor = true };
	struct opened o;
	struct result_report report;
	unsigned right = 0, refused = 0;

	forget(UINT64_C(88675123), INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&st, &so);
	write_first();
	write_some(4000);
	stand_compact(&st);
	write_some(1000);
	for (size_t max = 8 << 10; max < 8 << 20; max += max / 2) {
		struct check c = { .stage = "little memory" };
		enum err e = try_open(&o, NULL, max, IQL_TIME_MIN, INT64_MAX);
		if (e == ERR_OK) {
			struct source_read r = { .series = o.all,
				.series_count = SERIES,
				.from_ns = base_ns,
				.to_ns = base_ns + SPAN_NS,
				.descending = rnd(2) };
			e = read_source(&o, &r, &c, &report);
			if (e == ERR_OK)
				check_seen(&c);
			cr_assert(!report.incomplete, "%s", report.reason);
		}
		cr_assert(e == ERR_OK || (e == ERR_TOOBIG && strstr(eb.text, "memory")), "%s", eb.text);
		right += e == ERR_OK;
		refused += e != ERR_OK;
		close_source(&o);
	}
	cr_assert(right && refused, "%u right, %u refused", right, refused);
}

/* One window of all series: some megabytes. */
static void write_dense(unsigned rows)
{
	struct buf b;

	buf_init(&b, 64 << 20);
	for (unsigned i = 0; i < rows; i++)
		for (unsigned s = 0; s < SERIES; s++)
			add_point(&b, s, base_ns + (int64_t)(i + 1) * (TIER_HOUR_NS / rows));
	buf_char(&b, 0);
	stand_write(&st, b.p);
	buf_fini(&b);
}

Test(local_source, a_window_above_the_memory_is_read_in_parts)
{
	struct stand_opts so = { .compactor = true };
	struct opened o;
	struct result_report report;

	forget(UINT64_C(521288629), INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&st, &so);
	write_first();
	write_dense(3000);
	stand_compact(&st);
	for (int i = 0; i < 2; i++) {
		struct check c = { .stage = "parts" };
		cr_assert_eq(try_open(&o, NULL, 1 << 20, IQL_TIME_MIN, INT64_MAX), ERR_OK);
		struct source_read r = { .series = o.all,
			.series_count = SERIES,
			.from_ns = IQL_TIME_MIN,
			.to_ns = INT64_MAX,
			.descending = i };
		cr_assert_eq(read_source(&o, &r, &c, &report), ERR_OK, "%s", eb.text);
		cr_assert_gt(c.steps, 1); /* of one window */
		check_seen(&c);
		close_source(&o);
	}
}

/* ---- the rest ---- */

Test(local_source, the_newest_row_comes_first_and_then_it_ends)
{
	struct stand_opts so = { .compactor = true };
	struct opened o;
	struct result_report report;
	struct check c = { .stage = "newest", .enough_after = 1 };
	int64_t newest = 0;

	forget(UINT64_C(2463534242), INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&st, &so);
	write_first();
	write_some(2000);
	stand_compact(&st);
	open_source(&o, NULL);
	struct source_read r = {
		.series = o.all, .series_count = SERIES, .from_ns = IQL_TIME_MIN, .to_ns = INT64_MAX, .descending = true
	};
	cr_assert_eq(read_source(&o, &r, &c, &report), ERR_OK);
	cr_assert_eq(c.steps, 1);
	cr_assert_leq(report.blocks + report.pieces, 1);
	for (unsigned s = 0; s < SERIES; s++)
		for (unsigned i = 0; i < point_count[s]; i++)
			newest = points[s][i].t > newest ? points[s][i].t : newest;
	for (unsigned s = 0; s < SERIES; s++)
		if (find_point(s, newest))
			cr_assert_eq(find_point(s, newest)->seen, 1);
	close_source(&o);
}

static enum err refuse(void *arg, const struct source_step *s)
{
	(void)arg;
	(void)s;
	return errbuf_set(&eb, ERR_TOOBIG, "too many buckets");
}

Test(local_source, an_error_of_the_step_ends_the_read_with_it)
{
	struct opened o;
	struct result_report report = { 0 };

	forget(UINT64_C(1), INT64_C(1795000000) * NS_PER_S);
	stand_open(&st, NULL);
	write_first();
	open_source(&o, NULL);
	const struct source_read r = {
		.series = o.all, .series_count = SERIES, .from_ns = IQL_TIME_MIN, .to_ns = INT64_MAX, .step = refuse
	};
	cr_assert_eq(o.source->ops->read(o.source, &r, &o.budget, &report, &eb), ERR_TOOBIG);
	cr_assert_str_eq(eb.text, "too many buckets");
	close_source(&o);
}

Test(local_source, a_condition_chooses_the_series_and_leaves_the_rest)
{
	struct opened o;

	forget(UINT64_C(1), INT64_C(1795000000) * NS_PER_S);
	stand_open(&st, NULL);
	write_first();
	open_source(&o, "host = 'h 1' AND a != '3'");
	cr_assert_eq(o.source->series_count, 2);
	cr_assert(o.source->row_filter == NULL);
	cr_assert_eq(series_of(o.source, 0), 1);
	cr_assert_eq(series_of(o.source, 1), 5);
	close_source(&o);
	open_source(&o, "host = 'h 1' AND i > 3");
	cr_assert_eq(o.source->series_count, 3);
	cr_assert_not_null(o.source->row_filter);
	close_source(&o);
	open_source(&o, "host = 'h 7'");
	cr_assert_eq(o.source->series_count, 0);
	close_source(&o);
}

Test(local_source, what_is_not_there_is_not_found)
{
	struct local_moment *m;
	struct source *s;
	struct budget b = { .max_bytes = 1 << 20 };

	stand_open(&st, NULL);
	stand_write(&st, "other v=1 1\n");
	cr_assert_eq(local_moment_open(&m, st.local, view_of("metrics"), 0, 100, &eb), ERR_OK);
	cr_assert_eq(local_source_open(&s, m, view_of("m 1"), NULL, &b, &eb), ERR_NOTFOUND);
	cr_assert_null(s);
	local_moment_close(m);
	cr_assert_eq(local_moment_open(&m, st.local, view_of("no such"), 0, 100, &eb), ERR_OK);
	cr_assert_eq(local_source_open(&s, m, view_of("other"), NULL, &b, &eb), ERR_NOTFOUND);
	local_moment_close(m);
	cr_assert_eq(b.used_bytes, 0);
}

Test(local_source, nothing_outside_of_the_moment_is_read)
{
	struct opened o;
	struct result_report report;
	struct check c = { .stage = "moment" };

	forget(UINT64_C(1), INT64_C(1795000000) * NS_PER_S);
	stand_open(&st, NULL);
	write_first(); /* a row each at base, base + 1, … */
	cr_assert_eq(try_open(&o, NULL, 1 << 20, base_ns + 1, base_ns + 3), ERR_OK);
	const struct source_read r = {
		.series = o.all, .series_count = SERIES, .from_ns = IQL_TIME_MIN, .to_ns = INT64_MAX
	};
	cr_assert_eq(read_source(&o, &r, &c, &report), ERR_OK);
	for (unsigned s = 0; s < SERIES; s++)
		cr_assert_eq(points[s][0].seen, s == 1 || s == 2);
	close_source(&o);
}

/* Raw rows let go: minutes stand in where aggregates are enough, and where rows are wanted that is said. */
Test(local_source, where_raw_rows_are_gone_minutes_stand_in_or_it_is_told)
{
	struct stand_opts so = { .compactor = true, .sketches = true };
	struct opened o;
	struct result_report report;
	struct check c = { .stage = "gone" };
	unsigned rollups = 0;

	forget(UINT64_C(362436069), (clock_wall_ns() - 12 * TIER_DAY_NS) / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&st, &so);
	write_first();
	write_some(2000);
	stand_compact(&st);
	stand_close(&st);
	for (int t = 0; t < (int)TIERS; t++)
		so.keep_ns[t] = (t == TIER_RAW ? 2 : 400) * TIER_DAY_NS;
	stand_reopen(&st, &so);
	stand_compact(&st);
	for (int i = 0; i < 30; i++)
		rollups += read_any_tallies("minutes", TIER_MINUTE_NS);
	cr_assert_gt(rollups, 0);
	open_source(&o, NULL);
	const struct source_read r = {
		.series = o.all, .series_count = SERIES, .from_ns = base_ns, .to_ns = base_ns + SPAN_NS
	};
	cr_assert_eq(read_source(&o, &r, &c, &report), ERR_OK);
	cr_assert_eq(c.steps, 0);
	cr_assert(report.incomplete && strstr(report.reason, "raw points"), "%s", report.reason);
	close_source(&o);
}
