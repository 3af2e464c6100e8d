/* Ranges that are owed, against a naive set of instants; and whether the file always has what memory has. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/owed.h"
#include "store/spool.h"

enum { SPAN = 200, DBS = 2, CAUSES = 3 };

static char dir[64], path[96];
static struct errbuf eb;
static struct spool *s;
static struct owed *o;

static void begin(void)
{
	snprintf(dir, sizeof dir, "/tmp/holdfast-test-XXXXXX");
	cr_assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof path, "%s/spool.db", dir);
	cr_assert_eq(spool_open(&s, path, &eb), ERR_OK, "%s", eb.text);
	o = spool_owed(s);
}

static void end(void)
{
	spool_close(s);
	unlink(path);
	rmdir(dir);
}

TestSuite(owed, .init = begin, .fini = end);

static void reopen(void)
{
	spool_close(s);
	cr_assert_eq(spool_open(&s, path, &eb), ERR_OK, "%s", eb.text);
	o = spool_owed(s);
}

static void add(const char *target, uint32_t db, enum owed_cause cause, int64_t from, int64_t to, bool commit)
{
	struct owed_range r = { .db = db, .cause = cause, .from_ns = from, .to_ns = to };

	snprintf(r.target, sizeof r.target, "%s", target);
	cr_assert_eq(spool_begin(s, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(owed_add(o, spool_db(s), &r, &eb), ERR_OK, "%s", eb.text);
	if (commit)
		cr_assert_eq(spool_commit(s, &eb), ERR_OK, "%s", eb.text);
	else
		spool_rollback(s);
}

static void advance(int64_t id, int64_t until, bool commit)
{
	cr_assert_eq(spool_begin(s, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(owed_advance(o, spool_db(s), id, until, &eb), ERR_OK, "%s", eb.text);
	if (commit)
		cr_assert_eq(spool_commit(s, &eb), ERR_OK, "%s", eb.text);
	else
		spool_rollback(s);
}

static uint32_t list(const char *target, struct owed_range *out, uint32_t max)
{
	return owed_list(o, target, out, max);
}

static bool is_owed(uint32_t db, int64_t from, int64_t to)
{
	return owed_find(o, "a", db, from, to, NULL);
}

/* ---- the naive model: which instants are owed, by database and cause ---- */

static bool model[DBS][CAUSES][SPAN];

static bool model_is_owed(uint32_t db, int64_t from, int64_t to, int64_t *first)
{
	for (int64_t t = from < 0 ? 0 : from; t < to && t < SPAN; t++)
		for (int c = 0; c < CAUSES; c++)
			if (model[db][c][t]) {
				*first = t;
				return true;
			}
	return false;
}

static void compare_with_model(void)
{
	static struct owed_range all[SPAN * CAUSES * DBS];
	uint32_t n = list("a", all, sizeof all / sizeof *all);
	uint64_t instants = 0, owed = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct owed_range *r = &all[i];
		cr_assert(r->from_ns <= r->done_until_ns && r->done_until_ns < r->to_ns);
		owed += (uint64_t)(r->to_ns - r->done_until_ns);
		for (int64_t t = r->done_until_ns; t < r->to_ns; t++)
			cr_assert(model[r->db][r->cause][t], "%lld is not owed", (long long)t);
		for (int64_t t = r->from_ns; t < r->done_until_ns; t++)
			cr_assert(!model[r->db][r->cause][t] || r->done_until_ns > t);
		for (uint32_t k = 0; k < i; k++) /* apart from each other, and not touching */
			cr_assert(all[k].db != r->db || all[k].cause != r->cause || all[k].done_until_ns > r->to_ns ||
			    all[k].to_ns < r->done_until_ns);
		cr_assert(i == 0 || all[i - 1].done_until_ns >= r->done_until_ns);
	}
	for (int d = 0; d < DBS; d++)
		for (int c = 0; c < CAUSES; c++)
			for (int t = 0; t < SPAN; t++)
				instants += model[d][c][t];
	cr_assert_eq(owed, instants);
	struct owed_totals totals;
	owed_totals(o, "a", &totals);
	cr_assert_eq(totals.ranges, n);
	cr_assert_float_eq(totals.seconds * 1e9, (double)instants, 0.01);
	for (int i = 0; i < 20; i++) {
		int64_t from = random() % (SPAN + 20) - 10, to = from + random() % 30, first = -1;
		uint32_t db = (uint32_t)random() % DBS;
		struct owed_range r;
		bool is = model_is_owed(db, from, to, &first);
		cr_assert_eq(owed_find(o, "a", db, from, to, &r), is);
		if (is)
			cr_assert((r.done_until_ns < from ? from : r.done_until_ns) == first);
	}
}

Test(owed, is_the_set_of_its_instants_whatever_is_added_paid_rolled_back_and_restarted)
{
	srandom(7);
	for (int round = 0; round < 3000; round++) {
		int64_t from = random() % SPAN, to = from + random() % 20;
		uint32_t db = (uint32_t)random() % DBS;
		int cause = (int)(random() % CAUSES), what = (int)(random() % 10);
		bool commit = random() % 4 != 0;
		struct owed_range r;
		if (to > SPAN)
			to = SPAN;
		if (what < 5) {
			add("a", db, (enum owed_cause)cause, from, to, commit);
			for (int64_t t = from; commit && t < to; t++)
				model[db][cause][t] = true;
		} else if (what < 9 && owed_next(o, "a", NULL, NULL, &r)) {
			int64_t until = r.done_until_ns + random() % 30;
			advance(r.id, until, commit);
			for (int64_t t = r.done_until_ns; commit && t < until && t < r.to_ns; t++)
				model[r.db][r.cause][t] = false;
		} else if (what == 9 && random() % 10 == 0) {
			reopen();
		}
		compare_with_model();
	}
	cr_assert_not(owed_find(o, "b", 0, INT64_MIN, INT64_MAX, NULL));
}

Test(owed, nothing_is_paid_that_was_added_below_while_it_was_paid)
{
	struct owed_range r;

	add("a", 1, OWED_OVERFLOW, 0, 100, true);
	cr_assert(owed_next(o, "a", NULL, NULL, &r));
	add("a", 1, OWED_OVERFLOW, 30, 40,
	    true); /* is owed already, but its points may have come after they were read */
	advance(r.id, 50, true);
	cr_expect(is_owed(1, 30, 31));
	cr_expect(!is_owed(1, 29, 30));
	cr_assert(owed_next(o, "a", NULL, NULL, &r));
	cr_expect_eq(r.done_until_ns, 30);
	add("a", 1, OWED_OVERFLOW, 90, 200, true); /* grows at its end, and keeps its id */
	advance(r.id, 80, true);
	cr_expect(!is_owed(1, 0, 80));
	cr_expect(is_owed(1, 80, 81));
	cr_expect(is_owed(1, 199, 200));
	add("a", 1, OWED_OVERFLOW, -10, 300, true);
	advance(r.id, 300, true);
	cr_expect(is_owed(1, -10, -9));
}

Test(owed, only_what_was_asked_for_is_paid)
{
	struct owed_range r;

	add("a", 1, OWED_BEFORE, 0, 10, true);
	add("a", 1, OWED_BEFORE, 20, 30, true);
	cr_assert(owed_next(o, "a", NULL, NULL, &r));
	cr_expect_eq(r.to_ns, 30, "the newest first");
	advance(r.id + 100, 30, true);
	advance(r.id - 1, 10, true);
	cr_expect(is_owed(1, 0, 1));
	advance(r.id, 30, true);
	cr_expect(!is_owed(1, 20, 30));
	advance(r.id, 30, true); /* not there any more */
}

Test(owed, what_is_added_is_seen_before_it_is_committed_what_is_paid_after)
{
	struct owed_range r = { .target = "a", .db = 1, .cause = OWED_OVERFLOW, .from_ns = 5, .to_ns = 9 };

	cr_assert_eq(spool_begin(s, &eb), ERR_OK);
	cr_assert_eq(owed_add(o, spool_db(s), &r, &eb), ERR_OK);
	cr_expect(is_owed(1, 8, 9));
	cr_assert_eq(spool_commit(s, &eb), ERR_OK);
	cr_assert(owed_next(o, "a", NULL, NULL, &r));
	cr_assert_eq(spool_begin(s, &eb), ERR_OK);
	cr_assert_eq(owed_advance(o, spool_db(s), r.id, 9, &eb), ERR_OK);
	cr_expect(is_owed(1, 5, 6));
	cr_assert_eq(spool_commit(s, &eb), ERR_OK);
	cr_expect(!is_owed(1, 5, 9));
}

Test(owed, above_the_ceiling_neighbours_become_one_and_none_is_dropped)
{
	static struct owed_range all[OWED_RANGES_MAX + 1];
	struct owed_totals t;
	struct owed_range r = { .target = "a", .db = 1, .cause = OWED_BEFORE };

	cr_assert_eq(spool_begin(s, &eb), ERR_OK);
	for (int64_t i = 0; i < OWED_RANGES_MAX + 500; i++) { /* holes of 10, a few of 5 */
		r.from_ns = i * 20 - (i % 30 == 7 ? 5 : 0);
		r.to_ns = i * 20 + 10;
		cr_assert_eq(owed_add(o, spool_db(s), &r, &eb), ERR_OK, "%s", eb.text);
	}
	cr_assert_eq(spool_commit(s, &eb), ERR_OK);
	owed_totals(o, "a", &t);
	cr_expect_eq(t.ranges, OWED_RANGES_MAX);
	for (int64_t i = 0; i < OWED_RANGES_MAX + 500; i++)
		cr_assert(is_owed(1, i * 20, i * 20 + 1));
	cr_expect(is_owed(1, 9007 * 20 - 10, 9007 * 20 - 5), "the smallest holes went first");
	cr_expect(!is_owed(1, 9000 * 20 + 10, 9000 * 20 + 20));
	uint32_t n = list("a", all, sizeof all / sizeof *all);
	reopen();
	cr_expect_eq(list("a", all, sizeof all / sizeof *all), n);
}

Test(owed, list_gives_the_newest_where_there_is_no_room_for_all)
{
	struct owed_range two[2];

	for (int64_t i = 0; i < 5; i++)
		add("a", 1, OWED_MISSING, i * 10, i * 10 + 5, true);
	add("b", 1, OWED_MISSING, 1000, 1005, true);
	cr_assert_eq(list("a", two, 2), 2);
	cr_expect_eq(two[0].from_ns, 40);
	cr_expect_eq(two[1].from_ns, 30);
	cr_expect_eq(list("a", two, 0), 0);
}

Test(owed, ends_of_time_are_no_special_case)
{
	struct owed_totals t;

	add("a", 1, OWED_MISSING, INT64_MIN, INT64_MAX, true);
	add("a", 1, OWED_MISSING, 5, 4, true);
	cr_expect(is_owed(1, 0, 1));
	owed_totals(o, "a", &t);
	cr_expect_eq(t.ranges, 1);
	cr_expect_float_eq(t.seconds, 18446744073.7, 0.1);
}
