/* The local store as a source of rows, against a plain model: late, repeated and overwritten points of several fields, in the
 * head, the spool, pieces, blocks and rollups in any mixture; both directions, any grid, any memory. Fixed seeds. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "support/source_check.h"

static struct stand st;

static void remove_stand(void)
{
	stand_remove(&st);
}

TestSuite(local_source, .fini = remove_stand, .timeout = 300);

/* ---- any read ---- */

static void choose_range(struct source_read *r, int64_t unit_ns)
{
	int64_t span = SPAN_NS / unit_ns, a = (int64_t)row_model_random((uint64_t)span),
		b = (int64_t)row_model_random((uint64_t)span);

	r->from_ns = model.base_ns + (row_model_random(4) ? (a < b ? a : b) : 0) * unit_ns;
	r->to_ns = model.base_ns + (row_model_random(4) ? (a < b ? b : a) + 1 : span) * unit_ns;
	if (unit_ns == 1 && row_model_random(4) == 0) {
		r->from_ns = IQL_TIME_MIN;
		r->to_ns = INT64_MAX;
	}
}

static void choose_series(const struct opened_source *o, struct source_read *r, uint32_t list[SERIES])
{
	r->series = list;
	r->series_count = 0;
	for (uint32_t i = 0; i < o->source->series_count; i++)
		if (row_model_random(3))
			list[r->series_count++] = i;
}

static void choose_fields(struct source_read *r, bool list[FIELDS])
{
	r->fields = row_model_random(3) ? list : NULL;
	for (unsigned f = 0; f < FIELDS; f++)
		list[f] = row_model_random(2);
}

static void read_any_rows(const char *stage)
{
	struct opened_source o;
	struct result_report report;
	uint32_t series[SERIES];
	bool fields[FIELDS];
	struct source_read r = { .descending = row_model_random(2) };
	struct source_check c = { .stage = stage };

	source_check_open(&o, &st, NULL);
	choose_range(&r, 1);
	choose_series(&o, &r, series);
	choose_fields(&r, fields);
	cr_assert_eq(source_check_read(&o, &r, &c, &report), ERR_OK, "%s: %s", stage, source_check_error.text);
	cr_assert(!report.incomplete, "%s: %s", stage, report.reason);
	source_check_seen(&c);
	source_check_close(&o);
}

static bool read_any_tallies(const char *stage, int64_t unit_ns)
{
	static const int64_t grids[] = { 0, TIER_DAY_NS, TIER_HOUR_NS, 5 * TIER_MINUTE_NS, 8 * TIER_HOUR_NS,
		2 * TIER_DAY_NS, 1234567 * NS_PER_MS };
	struct opened_source o;
	struct result_report report;
	uint32_t series[SERIES];
	bool fields[FIELDS];
	struct source_read r = { .descending = row_model_random(2), .aggregates = READ_ALL };
	struct source_check c = { .stage = stage, .tallies = calloc(SERIES, sizeof *c.tallies) };

	source_check_open(&o, &st, NULL);
	choose_range(&r, unit_ns);
	if (r.from_ns < model.base_ns)
		r.from_ns = model.base_ns; /* tallies have an end */
	choose_series(&o, &r, series);
	choose_fields(&r, fields);
	r.fields = fields;
	fields[TEXT] &= unit_ns == 1 && row_model_random(4) == 0;
	r.grid_ns = grids[row_model_random(unit_ns == 1 ? 7 : 6)];
	if (r.grid_ns && row_model_random(3) == 0)
		r.grid_offset_ns = unit_ns == 1 ? (int64_t)row_model_random((uint64_t)r.grid_ns)
						: (int64_t)row_model_random((uint64_t)(r.grid_ns / unit_ns)) * unit_ns;
	if (row_model_random(3) == 0)
		r.grid_offset_ns = r.grid_ns / TIER_HOUR_NS / 2 * TIER_HOUR_NS;
	cr_assert_eq(source_check_read(&o, &r, &c, &report), ERR_OK, "%s: %s", stage, source_check_error.text);
	cr_assert(!report.incomplete, "%s: %s", stage, report.reason);
	source_check_tallies(&c);
	free(c.tallies);
	source_check_close(&o);
	return c.rollups;
}

/* Another measurement, in windows with and without rows of the model. */
static void write_beside(const char *measurement, int64_t every_ns)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (int64_t t = -SPAN_NS; t < 2 * SPAN_NS; t += every_ns)
		buf_printf(&b, "%s v=1 %lld\n", measurement, (long long)(model.base_ns + t));
	buf_char(&b, 0);
	stand_write(&st, b.p);
	buf_fini(&b);
}

Test(local_source, rows_are_those_of_the_model_wherever_they_are)
{
	struct stand_opts o = { .compactor = true };
	unsigned rollups = 0;

	for (uint64_t seed = 1; seed <= 3; seed++) {
		row_model_begin(
		    seed * UINT64_C(88172645463325252), INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS);
		stand_open(&st, &o);
		write_beside("before", 5 * TIER_HOUR_NS);
		row_model_write_first(&st);
		write_beside("behind", 7 * TIER_HOUR_NS);
		for (int round = 0; round < 10; round++) {
			row_model_write_some(&st, 20 + (unsigned)row_model_random(round < 2 ? 2000 : 300));
			if (row_model_random(2))
				stand_compact(&st);
			if (row_model_random(4) == 0) {
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

	row_model_begin(UINT64_C(362436069), INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&st, &o);
	row_model_write_first(&st);
	for (int round = 0; round < 12; round++)
		row_model_write_some(&st, 1000);
	head_stats(st.head, &h);
	cr_assert_gt(h.from_seq, 1);
	for (int i = 0; i < 20; i++)
		read_any_rows("spool");
}

/* ---- memory ---- */

Test(local_source, whatever_the_memory_rows_are_right_or_refused)
{
	struct stand_opts so = { .compactor = true };
	struct opened_source o;
	struct result_report report;
	unsigned right = 0, refused = 0;

	row_model_begin(UINT64_C(88675123), INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&st, &so);
	row_model_write_first(&st);
	row_model_write_some(&st, 4000);
	stand_compact(&st);
	row_model_write_some(&st, 1000);
	for (size_t max = 8 << 10; max < 8 << 20; max += max / 2) {
		struct source_check c = { .stage = "little memory" };
		enum err e = source_check_try_open(&o, &st, NULL, max, IQL_TIME_MIN, INT64_MAX);
		if (e == ERR_OK) {
			struct source_read r = { .series = o.all,
				.series_count = SERIES,
				.from_ns = model.base_ns,
				.to_ns = model.base_ns + SPAN_NS,
				.descending = row_model_random(2) };
			e = source_check_read(&o, &r, &c, &report);
			if (e == ERR_OK)
				source_check_seen(&c);
			cr_assert(!report.incomplete, "%s", report.reason);
		}
		cr_assert(e == ERR_OK || (e == ERR_TOOBIG && strstr(source_check_error.text, "memory")), "%s",
		    source_check_error.text);
		right += e == ERR_OK;
		refused += e != ERR_OK;
		source_check_close(&o);
	}
	cr_assert(right && refused, "%u right, %u refused", right, refused);
}

Test(local_source, a_window_above_the_memory_is_read_in_parts)
{
	struct stand_opts so = { .compactor = true };
	struct opened_source o;
	struct result_report report;

	row_model_begin(UINT64_C(521288629), INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&st, &so);
	row_model_write_first(&st);
	row_model_write_dense(&st, 3000);
	stand_compact(&st);
	for (int i = 0; i < 2; i++) {
		struct source_check c = { .stage = "parts" };
		cr_assert_eq(source_check_try_open(&o, &st, NULL, 1 << 20, IQL_TIME_MIN, INT64_MAX), ERR_OK);
		struct source_read r = { .series = o.all,
			.series_count = SERIES,
			.from_ns = IQL_TIME_MIN,
			.to_ns = INT64_MAX,
			.descending = i };
		cr_assert_eq(source_check_read(&o, &r, &c, &report), ERR_OK, "%s", source_check_error.text);
		cr_assert_gt(c.steps, 1); /* of one window */
		source_check_seen(&c);
		source_check_close(&o);
	}
}

/* ---- the rest ---- */

Test(local_source, the_newest_row_comes_first_and_then_it_ends)
{
	struct stand_opts so = { .compactor = true };
	struct opened_source o;
	struct result_report report;
	struct source_check c = { .stage = "newest", .enough_after = 1 };
	int64_t newest = 0;

	row_model_begin(UINT64_C(2463534242), INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&st, &so);
	row_model_write_first(&st);
	row_model_write_some(&st, 2000);
	stand_compact(&st);
	source_check_open(&o, &st, NULL);
	struct source_read r = {
		.series = o.all, .series_count = SERIES, .from_ns = IQL_TIME_MIN, .to_ns = INT64_MAX, .descending = true
	};
	cr_assert_eq(source_check_read(&o, &r, &c, &report), ERR_OK);
	cr_assert_eq(c.steps, 1);
	cr_assert_leq(report.blocks + report.pieces, 1);
	for (unsigned s = 0; s < SERIES; s++)
		for (unsigned i = 0; i < model.count[s]; i++)
			newest = model.points[s][i].t > newest ? model.points[s][i].t : newest;
	for (unsigned s = 0; s < SERIES; s++)
		if (row_model_find(s, newest))
			cr_assert_eq(row_model_find(s, newest)->seen, 1);
	source_check_close(&o);
}

static enum err refuse(void *arg, const struct source_step *s)
{
	(void)arg;
	(void)s;
	return errbuf_set(&source_check_error, ERR_TOOBIG, "too many buckets");
}

Test(local_source, an_error_of_the_step_ends_the_read_with_it)
{
	struct opened_source o;
	struct result_report report = { 0 };

	row_model_begin(UINT64_C(1), INT64_C(1795000000) * NS_PER_S);
	stand_open(&st, NULL);
	row_model_write_first(&st);
	source_check_open(&o, &st, NULL);
	const struct source_read r = {
		.series = o.all, .series_count = SERIES, .from_ns = IQL_TIME_MIN, .to_ns = INT64_MAX, .step = refuse
	};
	cr_assert_eq(o.source->ops->read(o.source, &r, &o.budget, &report, &source_check_error), ERR_TOOBIG);
	cr_assert_str_eq(source_check_error.text, "too many buckets");
	source_check_close(&o);
}

Test(local_source, a_condition_chooses_the_series_and_leaves_the_rest)
{
	struct opened_source o;

	row_model_begin(UINT64_C(1), INT64_C(1795000000) * NS_PER_S);
	stand_open(&st, NULL);
	row_model_write_first(&st);
	source_check_open(&o, &st, "host = 'h 1' AND a != '3'");
	cr_assert_eq(o.source->series_count, 2);
	cr_assert(o.source->row_filter == NULL);
	cr_assert_eq(source_check_series(o.source, 0), 1);
	cr_assert_eq(source_check_series(o.source, 1), 5);
	source_check_close(&o);
	source_check_open(&o, &st, "host = 'h 1' AND i > 3");
	cr_assert_eq(o.source->series_count, 3);
	cr_assert_not_null(o.source->row_filter);
	source_check_close(&o);
	source_check_open(&o, &st, "host = 'h 7'");
	cr_assert_eq(o.source->series_count, 0);
	source_check_close(&o);
}

Test(local_source, what_is_not_there_is_not_found)
{
	struct local_moment *m;
	struct source *s;
	struct budget b = { .max_bytes = 1 << 20 };

	stand_open(&st, NULL);
	stand_write(&st, "other v=1 1\n");
	cr_assert_eq(local_moment_open(&m, st.local, view_of("metrics"), 0, 100, &source_check_error), ERR_OK);
	cr_assert_eq(local_source_open(&s, m, view_of("m 1"), NULL, &b, &source_check_error), ERR_NOTFOUND);
	cr_assert_null(s);
	local_moment_close(m);
	cr_assert_eq(local_moment_open(&m, st.local, view_of("no such"), 0, 100, &source_check_error), ERR_OK);
	cr_assert_eq(local_source_open(&s, m, view_of("other"), NULL, &b, &source_check_error), ERR_NOTFOUND);
	local_moment_close(m);
	cr_assert_eq(b.used_bytes, 0);
}

Test(local_source, nothing_outside_of_the_moment_is_read)
{
	struct opened_source o;
	struct result_report report;
	struct source_check c = { .stage = "moment" };

	row_model_begin(UINT64_C(1), INT64_C(1795000000) * NS_PER_S);
	stand_open(&st, NULL);
	row_model_write_first(&st); /* a row each at base, base + 1, … */
	cr_assert_eq(source_check_try_open(&o, &st, NULL, 1 << 20, model.base_ns + 1, model.base_ns + 3), ERR_OK);
	const struct source_read r = {
		.series = o.all, .series_count = SERIES, .from_ns = IQL_TIME_MIN, .to_ns = INT64_MAX
	};
	cr_assert_eq(source_check_read(&o, &r, &c, &report), ERR_OK);
	for (unsigned s = 0; s < SERIES; s++)
		cr_assert_eq(model.points[s][0].seen, s == 1 || s == 2);
	source_check_close(&o);
}

/* Raw rows let go: minutes stand in where aggregates are enough, and where rows are wanted that is said. */
Test(local_source, where_raw_rows_are_gone_minutes_stand_in_or_it_is_told)
{
	struct stand_opts so = { .compactor = true, .sketches = true };
	struct opened_source o;
	struct result_report report;
	struct source_check c = { .stage = "gone" };
	unsigned rollups = 0;

	row_model_begin(UINT64_C(362436069), (clock_wall_ns() - 12 * TIER_DAY_NS) / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&st, &so);
	row_model_write_first(&st);
	row_model_write_some(&st, 2000);
	stand_compact(&st);
	stand_close(&st);
	for (int t = 0; t < (int)TIERS; t++)
		so.keep_ns[t] = (t == TIER_RAW ? 2 : 400) * TIER_DAY_NS;
	stand_reopen(&st, &so);
	stand_compact(&st);
	for (int i = 0; i < 30; i++)
		rollups += read_any_tallies("minutes", TIER_MINUTE_NS);
	cr_assert_gt(rollups, 0);
	source_check_open(&o, &st, NULL);
	const struct source_read r = {
		.series = o.all, .series_count = SERIES, .from_ns = model.base_ns, .to_ns = model.base_ns + SPAN_NS
	};
	cr_assert_eq(source_check_read(&o, &r, &c, &report), ERR_OK);
	cr_assert_eq(c.steps, 0);
	cr_assert(report.incomplete && strstr(report.reason, "raw points"), "%s", report.reason);
	source_check_close(&o);
}

struct sketch_check {
	uint64_t values, sketches; /* values: in rows, or counted by rollups */
};

static enum err take_sketches(void *arg, const struct source_step *s)
{
	struct sketch_check *c = arg;

	for (uint32_t i = 0; i < s->count; i++)
		for (uint32_t k = 0; k < s->of[i].rows.column_count; k++) {
			const struct rows_column *col = &s->of[i].rows.columns[k];
			for (uint32_t row = 0; row < s->of[i].rows.count; row++) {
				bool has = !col->present || col->present[row];
				if (col->kind == COLUMN_VALUE)
					c->values += has;
				else if (col->kind == COLUMN_COUNT && has)
					c->values += col->bits[row];
				c->sketches += col->kind == COLUMN_SKETCH && has;
			}
		}
	return ERR_OK;
}

static uint64_t values_of(unsigned field)
{
	uint64_t n = 0;

	for (unsigned s = 0; s < SERIES; s++)
		for (unsigned i = 0; i < model.count[s]; i++)
			n += model.points[s][i].has[field];
	return n;
}

/* Percentiles are of raw rows; only where those are gone sketches stand in. */
Test(local_source, sketches_come_where_raw_rows_are_gone)
{
	struct stand_opts so = { .compactor = true, .sketches = true };
	static const bool only_integers[FIELDS] = { [INT] = true };
	struct opened_source o;
	struct result_report report;

	row_model_begin(UINT64_C(362436069), (clock_wall_ns() - 12 * TIER_DAY_NS) / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&st, &so);
	row_model_write_first(&st);
	row_model_write_some(&st, 2000);
	stand_compact(&st);
	for (int gone = 0; gone < 2; gone++) {
		struct sketch_check c = { 0 };
		source_check_open(&o, &st, NULL);
		const struct source_read r = { .series = o.all,
			.series_count = SERIES,
			.fields = only_integers,
			.from_ns = model.base_ns,
			.to_ns = model.base_ns + SPAN_NS,
			.percentiles = true,
			.grid_ns = TIER_HOUR_NS,
			.step = take_sketches,
			.arg = &c };
		report = (struct result_report){ 0 };
		cr_assert_eq(o.source->ops->read(o.source, &r, &o.budget, &report, &source_check_error), ERR_OK, "%s",
		    source_check_error.text);
		cr_assert(!report.incomplete, "%s", report.reason);
		cr_assert_eq(report.tiers, gone ? 1u << TIER_1M : 1u << TIER_RAW);
		cr_assert_eq(c.sketches > 0, gone);
		cr_assert_eq(c.values, values_of(INT));
		source_check_close(&o);
		stand_close(&st);
		for (int t = 0; t < (int)TIERS; t++)
			so.keep_ns[t] = (t == TIER_RAW ? 2 : 400) * TIER_DAY_NS;
		stand_reopen(&st, &so);
		stand_compact(&st);
	}
}

Test(local_source, the_time_of_the_statement_ends_it)
{
	struct opened_source o;
	struct result_report report;
	struct source_check c = { .stage = "late" };

	row_model_begin(UINT64_C(7), INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&st, NULL);
	row_model_write_first(&st);
	row_model_write_some(&st, 3000); /* windows enough for a look at the clock */
	source_check_open(&o, &st, NULL);
	o.budget.deadline_ns = 1;
	o.budget.time_limit_ns = NS_PER_S;
	const struct source_read r = {
		.series = o.all, .series_count = SERIES, .from_ns = IQL_TIME_MIN, .to_ns = INT64_MAX
	};
	enum err e = ERR_OK;
	for (int i = 0; e == ERR_OK && i < 100; i++)
		e = source_check_read(&o, &r, &c, &report);
	cr_assert_eq(e, ERR_UNAVAILABLE);
	source_check_close(&o);
}

Test(local_source, a_moment_has_several_measurements)
{
	struct stand_opts so = { .head_bytes = 512 << 10 };
	struct opened_source o;
	struct source *other;
	struct result_report report;
	struct source_check c = { .stage = "several" };

	row_model_begin(UINT64_C(99), INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS);
	stand_open(&st, &so);
	stand_write(&st, "other,k=1 v=1 1\nother,k=2 v=2 2\n");
	row_model_write_first(&st);
	for (int i = 0; i < 12; i++) /* so that the other's rows are in the spool alone */
		row_model_write_some(&st, 1000);
	source_check_open(&o, &st, NULL);
	cr_assert_eq(
	    local_source_open(&other, o.moment, view_of("other"), NULL, &o.budget, &source_check_error), ERR_OK);
	struct sketch_check both = { 0 };
	const struct source_read of_other = { .series = o.all,
		.series_count = 2,
		.from_ns = IQL_TIME_MIN,
		.to_ns = INT64_MAX,
		.step = take_sketches,
		.arg = &both };
	report = (struct result_report){ 0 };
	cr_assert_eq(other->ops->read(other, &of_other, &o.budget, &report, &source_check_error), ERR_OK);
	cr_assert_eq(both.values, 2);
	const struct source_read r = {
		.series = o.all, .series_count = SERIES, .from_ns = IQL_TIME_MIN, .to_ns = INT64_MAX
	};
	cr_assert_eq(source_check_read(&o, &r, &c, &report), ERR_OK);
	source_check_seen(&c);
	source_close(other);
	source_check_close(&o);
}
