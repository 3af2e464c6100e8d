#include "store/quarantine.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/migrations.h"

static sqlite3 *db;
static struct errbuf eb;

static void run(const char *sql)
{
	char *why = NULL;

	cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, &why), SQLITE_OK, "%s", why);
}

static void migrate(unsigned above, unsigned upto)
{
	for (size_t i = 0; i < spool_migrations_count; i++)
		if (spool_migrations[i].version > above && spool_migrations[i].version <= upto)
			run(spool_migrations[i].sql);
}

static void begin(void)
{
	cr_assert_eq(sqlite3_open(":memory:", &db), SQLITE_OK);
}

static void end(void)
{
	sqlite3_close(db);
}

TestSuite(quarantine, .init = begin, .fini = end);

static const struct quarantine_limits wide = { 1000, 1 << 20 };

static uint64_t add(const char *target, const char *words, const char *line, const struct quarantine_limits *limits)
{
	struct quarantine_entry e = { .target = target,
		.database = "metrics",
		.at_ns = 5,
		.status = 400,
		.reason = view_of(words),
		.line = view_of(line) };
	struct quarantine_change change = { 0 };

	cr_assert_eq(quarantine_add(db, &e, limits, &change, &eb), ERR_OK, "%s", eb.text);
	return change.dropped;
}

/* 7 bytes, another one each time, up to ten. */
static const char *another(void)
{
	static char line[] = "m v=1 0";

	line[6] = line[6] == '9' ? '0' : (char)(line[6] + 1);
	return line;
}

static struct quarantine_sum sum_of(const char *target)
{
	struct quarantine_sum s;

	cr_assert_eq(quarantine_count(db, target, &s, &eb), ERR_OK);
	return s;
}

/* The table of sums against the rows themselves. */
static void expect_sums(void)
{
	sqlite3_stmt *st;

	cr_assert_eq(
	    sqlite3_prepare_v2(db,
		"SELECT target, code, count(*), sum(100 + length(line) + length(CAST(reason AS BLOB))), sum(replay) "
		"FROM quarantine GROUP BY 1, 2 EXCEPT SELECT target, code, points, bytes, replay FROM quarantine_sum "
		"UNION ALL SELECT target, code, points, bytes, replay FROM quarantine_sum EXCEPT "
		"SELECT target, code, count(*), sum(100 + length(line) + length(CAST(reason AS BLOB))), sum(replay) "
		"FROM quarantine GROUP BY 1, 2",
		-1, &st, NULL),
	    SQLITE_OK);
	cr_expect_eq(sqlite3_step(st), SQLITE_DONE, "the sums are not what the rows are");
	sqlite3_finalize(st);
}

Test(quarantine, a_reason_is_told_by_status_and_words)
{
	static const struct {
		int status;
		const char *words;
		enum quarantine_reason reason;
	} cases[] = {
		{ 400, "HTTP 400: partial write: field type conflict: input field", QUARANTINE_TYPE_CONFLICT },
		{ 422, "failure writing points: field type conflict", QUARANTINE_TYPE_CONFLICT },
		{ 400, "invalid column type for column 'v', expected iox::column_type::field::float",
		    QUARANTINE_TYPE_CONFLICT },
		{ 400, "partial write: points beyond retention policy dropped=1", QUARANTINE_BEYOND_RETENTION },
		{ 413, "HTTP 413", QUARANTINE_TOO_LONG },
		{ 400, "partial write: max key length exceeded: 65536 > 65535", QUARANTINE_TOO_LONG },
		{ 400, "unable to parse 'm v=': missing field value", QUARANTINE_UNPARSABLE },
		{ 500, "poison: other points pass, this one draws each time: unable to parse", QUARANTINE_POISON },
		{ 404, "skipped: HTTP 404: field type conflict", QUARANTINE_SKIPPED },
		{ 400, "not poison: ", QUARANTINE_OTHER },
		{ 400, "", QUARANTINE_OTHER },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_eq(quarantine_reason_of(cases[i].status, view_of(cases[i].words)), cases[i].reason, "%s",
		    cases[i].words);
	for (int r = 0; r < QUARANTINE_REASONS; r++) {
		enum quarantine_reason found;
		cr_expect(quarantine_reason_find(view_of(quarantine_reason_name((enum quarantine_reason)r)), &found));
		cr_expect_eq((int)found, r);
	}
}

Test(quarantine, what_was_there_before_gets_its_reason_and_is_counted)
{
	migrate(0, 3);
	run("INSERT INTO quarantine (target, at_ns, db, status, reason, points, line) VALUES "
	    "('a', 1, 'm', 400, 'field type conflict \xc3\xa4', 1, x'6d'), ('a', 1, 'm', 413, 'x', 1, x'6d'), "
	    "('b', 1, 'm', 400, 'poison: x', 1, x'6d'), ('b', 1, 'm', 400, 'x', 1, x'6d')");
	migrate(3, 99);
	expect_sums();
	struct quarantine_filter f = QUARANTINE_ALL;
	uint64_t ids[9];
	uint32_t n;
	f.reason = QUARANTINE_TYPE_CONFLICT;
	cr_expect_eq(quarantine_ids(db, &f, ids, 9, &n, &eb), ERR_OK);
	cr_expect(n == 1 && ids[0] == 1);
	cr_expect_eq(sum_of("a").points, 2);
	cr_expect_eq(sum_of(NULL).points, 4);
}

Test(quarantine, sums_stay_true_whatever_happens)
{
	static const char *const words[] = { "field type conflict", "unable to parse", "x", "poison: \xc3\xa4" };
	const struct quarantine_limits narrow = { 40, 1 << 20 };
	uint64_t id = 0, changed;
	unsigned random = 1;
	char line[32];

	migrate(0, 99);
	for (unsigned i = 0; i < 600; i++) {
		random = random * 1103515245 + 12345;
		unsigned what = random >> 16 & 7;
		id = 1 + (random >> 20) % (i + 1);
		snprintf(line, sizeof line, "m v=1 %u", i % 50);
		if (what < 4)
			add(what & 1 ? "a" : "b", words[random >> 24 & 3], line, &narrow);
		else if (what == 4)
			cr_assert_eq(quarantine_mark(db, &id, 1, &changed, &eb), ERR_OK);
		else if (what == 5)
			cr_assert_eq(quarantine_delete(db, &id, 1, &changed, &eb), ERR_OK);
		else if (what == 6)
			cr_assert_eq(
			    quarantine_refused_again(db, &id, 1, 9, 400, view_of(words[random >> 24 & 3]), &eb),
			    ERR_OK);
		else
			cr_assert_eq(quarantine_put_back(db, id, 9, view_of("later"), &eb), ERR_OK);
		cr_assert_leq(sum_of(NULL).points, 40);
	}
	expect_sums();
}

Test(quarantine, the_oldest_go_above_the_points)
{
	const struct quarantine_limits three = { 3, 1 << 20 };
	uint64_t changed, second = 2;

	migrate(0, 99);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(add("a", "x", another(), &three), 0);
	cr_assert_eq(quarantine_delete(db, &second, 1, &changed, &eb), ERR_OK);
	cr_expect_eq(changed, 1);
	cr_expect_eq(add("b", "x", another(), &three), 0, "there is room again");
	cr_expect_eq(add("b", "x", another(), &three), 1);
	cr_expect_eq(sum_of("a").points, 1, "the oldest has gone, whosever it was");
	cr_expect_eq(sum_of("b").points, 2);
}

Test(quarantine, the_oldest_go_above_the_bytes)
{
	const struct quarantine_limits narrow = { 1000, 700 };
	char line[900];

	migrate(0, 99);
	for (int i = 0; i < 6; i++)
		cr_expect_eq(add("a", "x", another(), &narrow), 0, "108 bytes each");
	cr_expect_eq(add("a", "x", another(), &narrow), 1);
	memset(line, 'l', sizeof line - 1);
	line[sizeof line - 1] = 0;
	cr_expect_eq(add("a", "x", line, &narrow), 6, "one that is larger than all stays alone");
	cr_expect_eq(sum_of(NULL).points, 1);
}

static struct quarantine_change add_many(unsigned first, unsigned count, const struct quarantine_limits *limits)
{
	static char lines[1000][16];
	struct quarantine_entry e[1000];
	struct quarantine_change change = { 0 };

	for (unsigned i = 0; i < count; i++) {
		snprintf(lines[i], sizeof lines[i], "m v=1 %03u", first + i);
		e[i] = (struct quarantine_entry){ .target = "a",
			.database = "metrics",
			.at_ns = 5,
			.reason = view_of("x"),
			.line = view_of(lines[i]) };
	}
	if (count > 2)
		e[count - 1].line = e[0].line; /* one stands twice in it */
	cr_assert_eq(quarantine_add_many(db, e, count, limits, &change, &eb), ERR_OK, "%s", eb.text);
	return change;
}

static int64_t number(const char *sql)
{
	sqlite3_stmt *st;

	cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

Test(quarantine, a_batch_has_each_line_once)
{
	migrate(0, 99);
	cr_expect_eq(add_many(0, 500, &wide).added, 499);
	cr_expect_eq(number("SELECT attempts FROM quarantine WHERE line = CAST('m v=1 000' AS BLOB)"), 2);
	cr_expect_eq(number("SELECT sum(attempts) FROM quarantine"), 500);
	cr_expect_eq(add_many(490, 12, &wide).added, 2, "490 to 498 are there, 499 and 500 are new");
	cr_expect_eq(sum_of("a").points, 501);
	cr_expect_eq(add_many(0, 0, &wide).added, 0);
	expect_sums();
}

Test(quarantine, a_batch_lets_the_oldest_go_at_once)
{
	const struct quarantine_limits points = { 100, 1 << 20 }, bytes = { 1000, 110 * 20 + 109 }, none = { 100, 1 };

	migrate(0, 99);
	cr_expect_eq(add_many(0, 91, &points).dropped, 0);
	struct quarantine_change c = add_many(100, 41, &points);
	cr_expect(c.added == 40 && c.dropped == 30);
	cr_expect_eq(number("SELECT min(id) FROM quarantine"), 31, "the oldest have gone");
	expect_sums();
	c = add_many(200, 151, &points);
	cr_expect(c.added == 150 && c.dropped == 150, "a batch larger than all of it");
	cr_expect_eq(number("SELECT max(id) - min(id) FROM quarantine"), 99);
	cr_expect_eq(add_many(400, 1, &bytes).dropped, 81, "110 bytes each");
	cr_expect_eq(sum_of(NULL).points, 20);
	cr_expect_eq(add_many(401, 2, &none).dropped, 21);
	cr_expect_eq(sum_of(NULL).points, 1, "the newest stays, however large");
	expect_sums();
}

struct listed {
	uint64_t ids[20];
	unsigned count, enough;
};

static bool take(void *arg, const struct quarantine_entry *e)
{
	struct listed *l = arg;

	l->ids[l->count++] = e->id;
	return l->count != l->enough;
}

static void expect_list(const struct quarantine_filter *f, const char *ids)
{
	struct listed l = { .count = 0 };
	char have[64] = "";

	cr_assert_eq(quarantine_list(db, f, 20, take, &l, &eb), ERR_OK);
	for (unsigned i = 0; i < l.count; i++)
		snprintf(have + strlen(have), sizeof have - strlen(have), "%s%llu", i ? " " : "",
		    (unsigned long long)l.ids[i]);
	cr_expect_str_eq(have, ids);
}

Test(quarantine, lists_are_filtered_and_in_order)
{
	struct quarantine_filter f = QUARANTINE_ALL;
	struct listed l = { .enough = 2 };
	uint64_t two[] = { 2, 3, 99 }, changed;

	migrate(0, 99);
	add("a", "x", another(), &wide);
	add("b", "unable to parse", another(), &wide);
	add("a", "unable to parse", another(), &wide);
	cr_expect_eq(quarantine_refused_again(db, &two[1], 1, 100, 400, view_of("unable to parse"), &eb), ERR_OK);
	expect_list(&f, "1 2 3");
	f.newest_first = true;
	expect_list(&f, "3 2 1");
	f.reason = QUARANTINE_UNPARSABLE;
	f.target = "a";
	expect_list(&f, "3");
	f = (struct quarantine_filter)QUARANTINE_ALL;
	f.to_ns = 100;
	expect_list(&f, "1 2");
	f.after_id = 1;
	expect_list(&f, "2");
	f = (struct quarantine_filter)QUARANTINE_ALL;
	cr_expect_eq(quarantine_mark(db, two, 3, &changed, &eb), ERR_OK);
	cr_expect_eq(changed, 2);
	cr_expect_eq(quarantine_mark(db, two, 3, &changed, &eb), ERR_OK);
	cr_expect_eq(changed, 0, "they were marked already");
	f.marked = true;
	expect_list(&f, "2 3");
	cr_expect_eq(sum_of("a").replay, 1);
	f.marked = false;
	cr_expect_eq(quarantine_list(db, &f, 20, take, &l, &eb), ERR_OK);
	cr_expect_eq(l.count, 2, "enough is enough");
}

Test(quarantine, marked_entries_are_found_by_their_index_database_by_database)
{
	char name[64];
	uint64_t two[] = { 1, 2 }, changed;
	sqlite3_stmt *st;

	migrate(0, 99);
	add("a", "x", another(), &wide);
	add("a", "x", another(), &wide);
	run("UPDATE quarantine SET db = 'other' WHERE id = 2");
	cr_expect_eq(quarantine_next_marked(db, "a", "", name, sizeof name, &eb), ERR_NOTFOUND);
	cr_expect_eq(quarantine_mark(db, two, 2, &changed, &eb), ERR_OK);
	cr_expect_eq(quarantine_next_marked(db, "a", "", name, sizeof name, &eb), ERR_OK);
	cr_expect_str_eq(name, "metrics");
	cr_expect_eq(quarantine_next_marked(db, "a", "metrics", name, sizeof name, &eb), ERR_OK);
	cr_expect_str_eq(name, "other");
	cr_expect_eq(quarantine_next_marked(db, "a", "other", name, sizeof name, &eb), ERR_NOTFOUND);
	cr_assert_eq(
	    sqlite3_prepare_v2(db,
		"EXPLAIN QUERY PLAN SELECT id FROM quarantine WHERE id > 0 AND id <= 9 AND at_ns >= 0 AND at_ns < 9 "
		"AND target = ?6 AND db = ?7 AND replay = 1 ORDER BY id LIMIT 5",
		-1, &st, NULL),
	    SQLITE_OK);
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
	const char *plan = (const char *)sqlite3_column_text(st, 3);
	cr_expect(strstr(plan, "quarantine_replay"), "%s", plan);
	sqlite3_finalize(st);
}
