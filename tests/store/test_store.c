/* The file of the store: what an older one becomes, and that its questions are answered by the index alone. */
#include "store/store.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/database.h"
#include "store/migrations.h"

enum { PIECES = 5 };

static char folder[] = "/tmp/holdfast-store-XXXXXX", path[64];
static struct errbuf eb;

static void begin(void)
{
	cr_assert(mkdtemp(folder) != NULL);
	snprintf(path, sizeof path, "%s/store.db", folder);
}

static void end(void)
{
	unlink(path);
	rmdir(folder);
}

TestSuite(store, .init = begin, .fini = end);

static const struct store_place place = { TIER_RAW, 7, 3 };

static void add_pieces(struct store *s)
{
	const struct view data = { "x", 1 };

	cr_assert_eq(store_begin(s, &eb), ERR_OK, "%s", eb.text);
	for (uint32_t i = 0; i < PIECES; i++) { /* times fall, so that an order by them would show */
		const struct store_item item = { .first_ordinal = i,
			.last_ordinal = 2 * i,
			.min_ns = 100 - (int64_t)i,
			.max_ns = 200,
			.points = i + 1 };
		cr_assert_eq(store_add_piece(s, &place, &item, data, &eb), ERR_OK, "%s", eb.text);
	}
	cr_assert_eq(store_commit(s, &eb), ERR_OK, "%s", eb.text);
}

static int number(const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *st;

	cr_assert_eq(database_open_reader(&db, path, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(database_prepare(db, &st, sql, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
	int n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* A file as a holdfastd with the first `count` migrations would have made it. */
static void make_older(size_t count)
{
	struct database_schema schema;
	sqlite3 *db;

	store_schema(&schema);
	schema.count = count;
	cr_assert_eq(database_open(&db, path, &schema, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(
	    database_exec(db,
		"INSERT INTO piece VALUES (1, 0, 7, 3, 0, 9, 5, 6, 1, 0, x'00'), (2, 0, 7, 3, 0, 9, 1, 2, 1, 0, x'00')",
		&eb),
	    ERR_OK, "%s", eb.text);
	sqlite3_close(db);
}

static void check_list(struct store *s, uint32_t first, uint32_t last, const uint64_t *points, uint32_t n)
{
	struct arena a;
	struct store_item *items;
	uint32_t count;
	uint64_t seq;
	struct store_reader *r;

	cr_assert_eq(store_reader_open(&r, store_path(s), &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(store_reader_begin(r, &seq, &eb), ERR_OK, "%s", eb.text);
	arena_init(&a, 4096, 1 << 20);
	cr_assert_eq(store_reader_list(r, &place, first, last, &a, &items, &count, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(count, n);
	for (uint32_t i = 0; i < n; i++)
		cr_assert_eq(items[i].points, points[i]);
	arena_fini(&a);
	store_reader_close(r);
}

Test(store, older_files_are_brought_up_to_date)
{
	for (size_t count = 1; count < store_migrations_count; count++) {
		struct store *s;
		make_older(count);
		cr_assert_eq(store_open(&s, path, &eb), ERR_OK, "%s", eb.text);
		check_list(s, 0, 9, (const uint64_t[]){ 1, 1 }, 2);
		store_close(s);
		cr_assert_eq(number("PRAGMA user_version"), (int)store_migrations_count);
		cr_assert_eq(number("SELECT count(*) FROM pragma_index_info('piece_place')"), 9);
		unlink(path);
	}
}

Test(store, pieces_come_in_order_of_writing)
{
	struct store *s;

	cr_assert_eq(store_open(&s, path, &eb), ERR_OK, "%s", eb.text);
	add_pieces(s);
	check_list(s, 0, 100, (const uint64_t[]){ 1, 2, 3, 4, 5 }, 5);
	check_list(s, 3, 3, (const uint64_t[]){ 3, 4 }, 2);
	store_close(s);
}

/* Each piece's own row lies in a page of its own. */
Test(store, what_pieces_there_are_is_told_by_the_index_alone)
{
	struct store *s;

	cr_assert_eq(store_open(&s, path, &eb), ERR_OK, "%s", eb.text);
	add_pieces(s);
	store_close(s);
	static const char *const asked[] = {
		"tier, window, min_ns, max_ns FROM piece WHERE measurement = 3",
		"id, points FROM piece WHERE tier = 0 AND window = 7 AND measurement = 3 AND last_ordinal >= 0 ORDER BY id",
		"max(window) FROM piece WHERE tier = 0 AND window <= 9 AND measurement = 3",
	};
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		sqlite3 *db;
		sqlite3_stmt *st;
		char sql[400];
		snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN SELECT %s", asked[i]);
		cr_assert_eq(database_open_reader(&db, path, &eb), ERR_OK, "%s", eb.text);
		cr_assert_eq(database_prepare(db, &st, sql, &eb), ERR_OK, "%s", eb.text);
		cr_assert_eq(sqlite3_step(st), SQLITE_ROW);
		const char *plan = (const char *)sqlite3_column_text(st, 3);
		cr_assert(strstr(plan, "USING COVERING INDEX piece_place"), "%s: %s", asked[i], plan);
		cr_assert_eq(sqlite3_step(st), SQLITE_DONE); /* nothing is sorted */
		sqlite3_finalize(st);
		sqlite3_close(db);
	}
}
