/* A place that cannot be merged: left alone, and nothing waits for it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "flow/merger.h"
#include "flow/retention.h"
#include "store/aside.h"

enum { OLD = 1000, LATER = 1001 }; /* windows */

static char dir[] = "/tmp/hf-merger-XXXXXX", path[96];
static struct store *store;
static struct catalogue *catalogue;
static struct compaction *compaction;
static struct merger merger;
static struct errbuf eb;
static uint64_t gone;

static void begin(void)
{
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/store.db", dir);
	cr_assert_eq(store_open(&store, path, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(catalogue_new(&catalogue, &(struct catalogue_opts){ 0 }, &eb), ERR_OK);
	struct compaction_opts o = { .store = store, .catalogue = catalogue };
	cr_assert_eq(compaction_new(&compaction, &o, &eb), ERR_OK);
	merger_init(&merger, store, compaction);
}

static void end(void)
{
	char command[64];

	merger_fini(&merger);
	compaction_free(compaction);
	catalogue_free(catalogue);
	store_close(store);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(merger, .init = begin, .fini = end);

/* Of a measurement that the catalogue does not know: the store says that it is damaged. */
static struct store_place add_piece(int64_t window)
{
	const struct store_place place = { TIER_RAW, window, 0 };
	struct store_item item = { .points = 1,
		.min_ns = tier_window_start(TIER_RAW, window),
		.max_ns = tier_window_start(TIER_RAW, window) };

	cr_assert_eq(store_begin(store, &eb), ERR_OK);
	cr_assert_eq(store_add_piece(store, &place, &item, (struct view){ "x", 1 }, &eb), ERR_OK);
	cr_assert_eq(store_commit(store, &eb), ERR_OK);
	return place;
}

static uint32_t waiting(void)
{
	struct store_pending *pending;
	uint32_t count;

	cr_assert_eq(merger_list(&merger, &pending, &count, &eb), ERR_OK);
	return count;
}

static void make_known(void)
{
	uint32_t db = catalogue_database(catalogue, (struct view){ "metrics", 7 });

	cr_assert(catalogue_add_measurement(catalogue, db, (struct view){ "m", 1 }));
}

Test(merger, a_damaged_place_is_tried_once_until_the_next_start)
{
	struct store_place place = add_piece(OLD);
	bool left = false;

	cr_assert_not(merger_leaves(&merger, &place));
	cr_assert_eq(merger_merge(&merger, &place, &left, &eb), ERR_OK, "%s", eb.text);
	cr_assert(left && merger_leaves(&merger, &place));
	cr_assert(aside_is_marked(path));
	make_known(); /* whatever was in the way is gone: it is not asked again */
	cr_assert_eq(merger_merge(&merger, &place, &left, &eb), ERR_OK);
	cr_assert(left);
	cr_assert_eq(waiting(), 1);
	merger_fini(&merger);
	merger_init(&merger, store, compaction);
	cr_assert_eq(merger_merge(&merger, &place, &left, &eb), ERR_OK, "%s", eb.text);
	cr_assert_not(left);
	cr_assert_eq(waiting(), 0);
}

Test(merger, too_many_of_them_and_all_are_left)
{
	bool left;

	for (int i = 0; i < MERGER_LEFT_MAX; i++) {
		struct store_place place = add_piece(OLD + i);
		cr_assert_not(merger_leaves(&merger, &place));
		cr_assert_eq(merger_merge(&merger, &place, &left, &eb), ERR_OK);
		cr_assert(left);
	}
	struct store_place one_more = add_piece(OLD - 1);
	cr_assert(merger_leaves(&merger, &one_more));
	cr_assert_eq(merger_merge(&merger, &one_more, &left, &eb), ERR_OK);
	cr_assert(left);
	cr_assert_eq(merger.left_count, MERGER_LEFT_MAX);
}

/* ---- and retention ---- */

static int64_t keep_nothing(void *arg, enum tier tier, struct view measurement)
{
	(void)arg;
	(void)tier;
	(void)measurement;
	return 0;
}

static bool go_on(void *arg)
{
	(void)arg;
	return false;
}

static void count_gone(void *arg, uint64_t points)
{
	(void)arg;
	gone += points;
}

static struct retention made(void)
{
	return (struct retention){ .store = store,
		.compaction = compaction,
		.merger = &merger,
		.catalogue = catalogue,
		.keep_ns = keep_nothing,
		.max_bytes = 1,
		.should_stop = go_on,
		.gone = count_gone };
}

Test(merger, a_window_with_a_place_that_is_left_stays_until_the_ceiling)
{
	struct retention r = made();
	struct store_place old = add_piece(OLD);
	bool left, at_rest;

	cr_assert_eq(merger_merge(&merger, &old, &left, &eb), ERR_OK);
	make_known();
	(void)add_piece(LATER); /* can be merged; nothing of it can be read */
	cr_assert_eq(retention_by_age(&r, clock_wall_ns(), &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(waiting(), 1, "the old one");
	cr_assert_eq(gone, 0);
	cr_assert_eq(retention_at_ceiling(&r, 0, clock_wall_ns(), &at_rest, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(waiting(), 0);
	cr_assert_eq(gone, 1, "it was not merged before");
	cr_assert_not(at_rest, "there is nothing more");
}
