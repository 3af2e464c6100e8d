/* The store without the door: how fast columns are packed and read, and a year of rollups of 1,000 series.
 *
 *	bench_store FOLDER      an empty one, for the files; prints a JSON object
 *
 * Times are of this thread's CPU, the best of several runs; of the year: of the wall clock too. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "query/local.h"
#include "store/column.h"
#include "store/compaction.h"
#include "store/spool.h"

enum { ROWS = 720, CHUNKS = 256, RUNS = 7, SERIES = 1000, HOURS = 8760, PER_HOUR = 4, HOURS_A_FLUSH = 24 };
#define YEAR_BEGINS_NS (INT64_C(1735689600) * NS_PER_S / (8 * TIER_DAY_NS) * (8 * TIER_DAY_NS))

static uint64_t random_state = 88172645463325252u;
static struct errbuf eb;

static uint64_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void must(enum err e, const char *doing)
{
	if (e == ERR_OK)
		return;
	fprintf(stderr, "bench_store: %s: %s %s\n", doing, err_name(e), eb.text);
	exit(1);
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static uint64_t bits_of(double d)
{
	uint64_t b;

	memcpy(&b, &d, sizeof b);
	return b;
}

/* ---- the codec ---- */

struct shape {
	const char *name;
	enum value_type type;
	uint64_t (*next)(uint32_t row, uint64_t before);
};

static uint64_t constant(uint32_t row, uint64_t before)
{
	(void)row;
	(void)before;
	return bits_of(42.5);
}

static uint64_t regular(uint32_t row, uint64_t before)
{
	(void)before;
	return (uint64_t)INT64_C(1700000000000000000) + row * UINT64_C(10000000000);
}

static uint64_t counter(uint32_t row, uint64_t before)
{
	return row == 0 ? 1000000 : before + rnd() % 5000;
}

static uint64_t walk(uint32_t row, uint64_t before)
{
	double d;

	memcpy(&d, &before, sizeof d);
	return row == 0 ? bits_of(50.0) : bits_of(round((d + (double)(rnd() % 201) / 100 - 1) * 100) / 100);
}

static uint64_t noise(uint32_t row, uint64_t before)
{
	(void)row;
	(void)before;
	return bits_of((double)(rnd() >> 11) / 9007199254740992.0 * 100);
}

static const struct shape shapes[] = {
	{ "constant", VALUE_FLOAT, constant },
	{ "regular timestamps", VALUE_INTEGER, regular },
	{ "counter", VALUE_INTEGER, counter },
	{ "random walk of two decimals", VALUE_FLOAT, walk },
	{ "random doubles of 53 bits", VALUE_FLOAT, noise },
};

static void codec(const struct shape *s, bool last)
{
	static uint64_t values[CHUNKS][ROWS];
	struct buf streams[COLUMN_STREAMS];
	struct column_scratch scratch = { 0 };
	struct arena a;
	int64_t encode = INT64_MAX, decode = INT64_MAX;
	size_t bytes = 0;

	for (uint32_t k = 0; k < CHUNKS; k++)
		for (uint32_t i = 0; i < ROWS; i++)
			values[k][i] = s->next(i, i ? values[k][i - 1] : 0);
	for (unsigned i = 0; i < COLUMN_STREAMS; i++)
		buf_init(&streams[i], 64 << 20);
	arena_init(&a, 1 << 20, 64 << 20);
	for (int run = 0; run < RUNS; run++) {
		struct column_cursor c;
		for (unsigned i = 0; i < COLUMN_STREAMS; i++)
			buf_clear(&streams[i]);
		int64_t began = cpu_ns();
		for (uint32_t k = 0; k < CHUNKS; k++)
			must(column_encode(streams, s->type, values[k], NULL, ROWS, &scratch), "encode");
		int64_t took = cpu_ns() - began;
		encode = took < encode ? took : encode;
		bytes = 0;
		for (unsigned i = 0; i < COLUMN_STREAMS; i++) {
			c.at[i] = (const uint8_t *)(streams[i].len ? streams[i].p : "");
			c.end[i] = c.at[i] + streams[i].len;
			bytes += streams[i].len;
		}
		began = cpu_ns();
		for (uint32_t k = 0; k < CHUNKS; k++) {
			struct column_decoded d;
			if (k % 16 == 0)
				arena_clear(&a);
			must(column_decode(&c, s->type, ROWS, &a, &d), "decode");
			if (memcmp(d.bits, values[k], sizeof values[k]) != 0)
				must(ERR_CORRUPT, s->name);
		}
		took = cpu_ns() - began;
		decode = took < decode ? took : decode;
	}
	const double n = (double)CHUNKS * ROWS;
	printf(
	    "  {\"values\": \"%s\", \"encode_M_per_s\": %.0f, \"decode_M_per_s\": %.0f, \"bytes_a_value_before_zstd\": %.2f}%s\n",
	    s->name, n * 1e3 / (double)encode, n * 1e3 / (double)decode, (double)bytes / n, last ? "" : ",");
	for (unsigned i = 0; i < COLUMN_STREAMS; i++)
		buf_fini(&streams[i]);
	column_scratch_fini(&scratch);
	arena_fini(&a);
}

/* ---- a year ---- */

struct year {
	char spool_path[4096], store_path[4096];
	struct catalogue *catalogue;
	struct spool *spool;
	struct store *store;
	struct compaction *compaction;
	struct series *series[SERIES];
	struct field *field;
	double level[SERIES];
};

static void open_year(struct year *y, const char *folder)
{
	struct catalogue_opts co = { 0 };
	struct catalogue_refusal refusal;
	char key[64];

	snprintf(y->spool_path, sizeof y->spool_path, "%s/spool.db", folder);
	snprintf(y->store_path, sizeof y->store_path, "%s/store.db", folder);
	must(catalogue_new(&y->catalogue, &co, &eb), "catalogue");
	must(spool_open(&y->spool, y->spool_path, &eb), "spool");
	must(store_open(&y->store, y->store_path, &eb), "store");
	struct compaction_opts opts = { .store = y->store, .catalogue = y->catalogue };
	must(compaction_new(&y->compaction, &opts, &eb), "compaction");
	for (unsigned i = 0; i < SERIES; i++) {
		snprintf(key, sizeof key, "load,host=host_%u", i);
		y->series[i] = catalogue_add_series(y->catalogue, CATALOGUE_DEFAULT_DB, view_of(key), false, &refusal);
		must(y->series[i] ? ERR_OK : ERR_NOMEM, "series");
		y->level[i] = 50;
	}
	y->field = measurement_field(
	    y->catalogue, y->series[0]->measurement, view_of("value"), VALUE_FLOAT, false, &refusal);
	must(y->field ? ERR_OK : ERR_NOMEM, "field");
}

static void merge_all(struct year *y)
{
	struct arena a;
	struct store_pending *p;
	uint32_t n;

	arena_init(&a, 1 << 16, 16 << 20);
	do {
		arena_clear(&a);
		must(store_reader_pending(store_own_reader(y->store), &a, &p, &n, &eb), "pending");
		for (uint32_t i = 0; i < n; i++)
			must(compaction_merge(y->compaction, &p[i].place, &eb), "merge");
	} while (n);
	arena_fini(&a);
}

static void fill_hours(struct year *y, struct generation *g, int hour, int hours)
{
	for (int k = hour * PER_HOUR; k < (hour + hours) * PER_HOUR; k++)
		for (unsigned i = 0; i < SERIES; i++) {
			y->level[i] = round((y->level[i] + (double)(rnd() % 201) / 100 - 1) * 100) / 100;
			struct batch_value v = { y->field, bits_of(y->level[i]), 0 };
			int64_t t = YEAR_BEGINS_NS + k * (TIER_HOUR_NS / PER_HOUR);
			must(generation_append(g, y->series[i], t, &v, 1) ? ERR_OK : ERR_NOMEM, "append");
		}
}

static void fill_year(struct year *y)
{
	uint64_t seq = 0;

	for (int h = 0; h < HOURS; h += HOURS_A_FLUSH) {
		struct generation *g;
		must(generation_new(&g, 0, 64 << 20), "generation");
		fill_hours(y, g, h, HOURS_A_FLUSH);
		must(compaction_flush(y->compaction, g, ++seq, &eb), "flush");
		generation_unref(g);
		merge_all(y);
	}
}

static void read_year(struct year *y, const char *title, bool by_host, int64_t step_ns, unsigned aggregates, bool last)
{
	struct head *head;
	struct local *local;
	struct head_opts ho = { 0 };
	struct local_opts lo = { .catalogue = y->catalogue,
		.spool_path = y->spool_path,
		.store_path = y->store_path,
		.query_max_bytes = (size_t)256 << 20 };
	static const char *const tags[] = { "host" };
	struct read_request q = { .database = "metrics",
		.measurement = "load",
		.group_by = tags,
		.group_count = by_host,
		.from_ns = YEAR_BEGINS_NS,
		.to_ns = YEAR_BEGINS_NS + HOURS * TIER_HOUR_NS,
		.step_ns = step_ns,
		.aggregates = aggregates };
	int64_t best = INT64_MAX, cpu = INT64_MAX;

	must(head_new(&head, &ho, &eb), "head");
	lo.head = head;
	must(local_new(&local, &lo, &eb), "local");
	for (int run = 0; run < RUNS; run++) {
		struct read_result r;
		uint64_t count = 0;
		int64_t began = clock_mono_ns(), began_cpu = cpu_ns();
		read_result_init(&r, &q);
		must(local_read(local, &q, &r, &eb), "read");
		int64_t took = clock_mono_ns() - began, took_cpu = cpu_ns() - began_cpu;
		for (unsigned g = 0; g < r.group_count; g++)
			for (unsigned b = 0; b < r.buckets; b++)
				count += r.groups[g].columns[0].cells[b].count;
		if (!r.complete || count != (uint64_t)SERIES * HOURS * PER_HOUR)
			must(ERR_CORRUPT, r.complete ? "count" : r.reason);
		best = took < best ? took : best;
		cpu = took_cpu < cpu ? took_cpu : cpu;
		read_result_fini(&r);
	}
	printf("  {\"read\": \"%s\", \"ms\": %.1f, \"cpu_ms\": %.1f}%s\n", title, (double)best / 1e6, (double)cpu / 1e6,
	    last ? "" : ",");
	local_free(local);
	head_free(head);
}

/* Raw retention and the space it gives back, in the slices of the compactor. */
static void let_go(struct year *y)
{
	int64_t first = tier_window(TIER_RAW, YEAR_BEGINS_NS),
		windows = HOURS * TIER_HOUR_NS / tier_window_ns(TIER_RAW);
	uint64_t points = 0, left = UINT64_MAX, before = 0;
	int64_t longest = 0, began = clock_mono_ns();

	must(store_begin(y->store, &eb), "begin");
	must(store_delete_windows(y->store, TIER_RAW, first, first + windows / 2, -1, &points, &eb), "delete");
	must(store_commit(y->store, &eb), "commit");
	store_checkpoint(y->store);
	int64_t deleted = clock_mono_ns() - began;
	while (left && left != before) {
		before = left;
		began = clock_mono_ns();
		must(store_vacuum(y->store, 64, &left, &eb), "vacuum");
		int64_t took = clock_mono_ns() - began;
		longest = took > longest ? took : longest;
		store_checkpoint(y->store);
	}
	printf("  \"let_go\": {\"points\": %llu, \"delete_ms\": %.1f, \"longest_vacuum_slice_ms\": %.2f}\n",
	    (unsigned long long)points, (double)deleted / 1e6, (double)longest / 1e6);
}

int main(int argc, char **argv)
{
	static struct year y;
	struct store_tier_totals totals[TIERS];

	if (argc != 2) {
		fprintf(stderr, "usage: bench_store FOLDER\n");
		return 2;
	}
	printf("{\"codec\": [\n");
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
		codec(&shapes[i], i + 1 == sizeof shapes / sizeof *shapes);
	open_year(&y, argv[1]);
	int64_t began = cpu_ns();
	fill_year(&y);
	double fill = (double)(cpu_ns() - began);
	store_truncate_log(y.store);
	must(store_reader_totals(store_own_reader(y.store), totals, &eb), "totals");
	printf("], \"year\": {\"series\": %d, \"raw_points\": %llu, \"compaction_ns_a_point\": %.0f, "
	       "\"raw_bytes_a_point\": %.2f, \"hours_bytes_a_bucket\": %.2f}, \"reads\": [\n",
	    SERIES, (unsigned long long)totals[TIER_RAW].points, fill / (double)totals[TIER_RAW].points,
	    (double)totals[TIER_RAW].bytes / (double)totals[TIER_RAW].points,
	    (double)totals[TIER_1H].bytes / (double)totals[TIER_1H].points);
	read_year(&y, "mean of 1,000 series together, by hour", false, TIER_HOUR_NS, READ_SUM, false);
	read_year(&y, "mean of 1,000 series, by host and 12 h", true, 12 * TIER_HOUR_NS, READ_SUM, false);
	read_year(&y, "mean of 1,000 series, by host and day", true, TIER_DAY_NS, READ_SUM, false);
	read_year(&y, "all aggregates of 1,000 series together, by hour", false, TIER_HOUR_NS, READ_ALL, true);
	printf("],\n");
	let_go(&y);
	printf("}\n");
	compaction_free(y.compaction);
	store_close(y.store);
	spool_close(y.spool);
	catalogue_free(y.catalogue);
	return 0;
}
