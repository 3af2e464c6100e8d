/* What the catalogue costs: memory a series, adding, looking up, loading from store.db, choosing by tags.
 *
 *	bench_catalogue [series]
 *
 * Keys of 5 tags and about 80 bytes, 200,000 to a measurement, as the standard ceilings have it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "store/catalogue.h"
#include "store/database.h"
#include "store/series_store.h"
#include "store/store.h"
#include "store/tags.h"
#include "wire/lp_key.h"

enum { PER_MEASUREMENT = 200000, ROUNDS = 5, KEY_MAX = 160 };

struct keys {
	uint32_t count;
	char (*text)[KEY_MAX];
	struct view *key;
	uint32_t *order; /* shuffled */
	double bytes; /* of a key, the mean */
};

static void must(enum err e, const struct errbuf *eb)
{
	if (e == ERR_OK)
		return;
	fprintf(stderr, "%s\n", eb->text);
	exit(1);
}

static size_t resident(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	size_t all = 0, pages = 0;

	if (!f || fscanf(f, "%zu %zu", &all, &pages) != 2)
		exit(1);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Tags of 2 to 500 values each; or one of them with a value of its own for every series, as a request's id has it. */
static void make_keys(struct keys *k, uint32_t n, bool unique)
{
	uint64_t seed = 1;

	k->count = n;
	k->text = malloc((size_t)n * KEY_MAX);
	k->key = malloc(n * sizeof *k->key);
	k->order = malloc(n * sizeof *k->order);
	if (!k->text || !k->key || !k->order)
		exit(1);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t m = i / PER_MEASUREMENT, s = i % PER_MEASUREMENT;
		const char *region = s / 400 % 2 ? "eu-west-1" : "us-east-2", *status = s % 2 ? "success" : "error";
		int len = unique
		    ? snprintf(k->text[i], KEY_MAX,
			  "requests%u,host=web-%04u,id=%016x,region=%s,service=svc-%03u,status=%s", m, s / 400, i,
			  region, s / 2 % 50, status)
		    : snprintf(k->text[i], KEY_MAX,
			  "requests%u,host=web-%04u,operation=GET-/v1/%03u,region=%s,service=svc-%03u,status=%s", m,
			  s / 400, s / 2 % 200, region, s / 2 % 50, status);
		k->key[i] = (struct view){ k->text[i], (size_t)len };
		k->bytes += len;
		k->order[i] = i;
	}
	k->bytes /= n;
	for (uint32_t i = n; i > 1; i--) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
		uint32_t other = (uint32_t)((seed >> 33) % i), keep = k->order[i - 1];
		k->order[i - 1] = k->order[other];
		k->order[other] = keep;
	}
}

static void free_keys(struct keys *k)
{
	free(k->text);
	free(k->key);
	free(k->order);
	*k = (struct keys){ 0 };
}

static struct catalogue *new_catalogue(void)
{
	struct catalogue *c;
	struct errbuf eb;

	must(catalogue_new(&c, &(struct catalogue_opts){ 0 }, &eb), &eb);
	return c;
}

static struct catalogue *fill(const struct keys *k, const char *what)
{
	size_t before = resident();
	struct catalogue *c = new_catalogue();
	int64_t began = clock_mono_ns();
	struct catalogue_refusal refusal;

	for (uint32_t i = 0; i < k->count; i++)
		if (!catalogue_add_series(c, CATALOGUE_DEFAULT_DB, k->key[i], false, &refusal)) {
			fprintf(stderr, "%s\n", refusal.error);
			exit(1);
		}
	double ns = (double)(clock_mono_ns() - began) / k->count;
	printf("%u series%s, keys of %.1f bytes: %.1f bytes of memory each, added in %.0f ns each\n", k->count, what,
	    k->bytes, (double)(resident() - before) / k->count, ns);
	return c;
}

/* hot: neighbours again and again, as one sender's lines come; else in random order. */
static void look_up(struct catalogue *c, const struct keys *k, bool hot)
{
	uint32_t window = hot ? 1000 : k->count, found = 0, rounds = hot ? k->count / window * ROUNDS : ROUNDS;
	double best = 1e9;

	if (rounds == 0)
		rounds = 1;
	for (unsigned pass = 0; pass < ROUNDS; pass++) {
		int64_t began = clock_mono_ns();
		for (uint32_t r = 0; r < rounds; r++)
			for (uint32_t i = 0; i < window && i < k->count; i++)
				found += catalogue_find_series(
					     c, CATALOGUE_DEFAULT_DB, k->key[hot ? i : k->order[i]]) != NULL;
		double ns = (double)(clock_mono_ns() - began) / rounds / window;
		best = ns < best ? ns : best;
	}
	printf("look-up, %s: %.1f ns, %.1f M a second%s\n", hot ? "1,000 series in turn" : "all in random order", best,
	    1e3 / best, found ? "" : " (none found)");
}

static void store_and_load(struct catalogue *c, const struct keys *k)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	char dir[] = "/tmp/holdfast-bench-XXXXXX", path[64], file[80];
	struct store *store;
	struct series_store_mark *mark;
	struct errbuf eb;

	if (!mkdtemp(dir))
		exit(1);
	snprintf(path, sizeof path, "%s/store.db", dir);
	must(store_open(&store, path, &eb), &eb);
	must(series_store_mark_new(&mark), &eb);
	int64_t began = clock_mono_ns();
	must(store_begin(store, &eb), &eb);
	must(series_store_add(c, store_db(store), mark, &eb), &eb);
	must(store_commit(store, &eb), &eb);
	printf("stored in store.db in %.2f s\n", (double)(clock_mono_ns() - began) / 1e9);
	store_close(store);
	must(store_open(&store, path, &eb), &eb);
	size_t before = resident();
	struct catalogue *loaded = new_catalogue();
	began = clock_mono_ns();
	must(series_store_load(loaded, store_db(store), &eb), &eb);
	printf("loaded from store.db in %.2f s, %.1f bytes of memory each\n", (double)(clock_mono_ns() - began) / 1e9,
	    (double)(resident() - before) / k->count);
	catalogue_free(loaded);
	series_store_mark_free(mark);
	store_close(store);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(file, sizeof file, "%s%s", path, suffix[i]);
		unlink(file);
	}
	rmdir(dir);
}

/* ---- choosing by tags ---- */

static bool ends_in_7(void *arg, struct view plain)
{
	(void)arg;
	return plain.len && plain.p[plain.len - 1] == '7';
}

/* As it was before there were lists: every key divided and compared. */
static void choose_naively(const struct measurement *m, struct series_set *set)
{
	struct lp_key key;
	enum reject why;
	const char *error;

	for (uint32_t i = 0; i < set->size; i++) {
		if (!lp_key_split(measurement_series(m, i)->key, &key, &why, &error))
			exit(1);
		if (view_is(key.tags[0].value, "web-0123") && view_is(key.tags[4].value, "success"))
			series_set_add(set, i);
	}
}

enum choice { NAIVE, ONE_VALUE, TWO_VALUES, HALF, MATCHING };

static void choose(const struct measurement *m, enum choice what, struct series_set *set)
{
	const struct tags *t = measurement_tags(m);
	const struct tag_key *host = tags_find_key(t, view_of("host")), *status = tags_find_key(t, view_of("status"));
	const struct view web = view_of("web-0123"), success = view_of("success");
	bool ok = true;

	if (what == NAIVE)
		choose_naively(m, set);
	else if (what == HALF)
		tags_choose_equal(status, success, set);
	else if (what == MATCHING)
		ok = tags_choose_matching(host, ends_in_7, NULL, set);
	else
		series_set_fill(set);
	if (what == ONE_VALUE || what == TWO_VALUES)
		ok = tags_keep_equal(host, &web, 1, set);
	if (what == TWO_VALUES)
		ok = ok && tags_keep_equal(status, &success, 1, set);
	if (!ok)
		exit(1);
}

static void choose_all(struct catalogue *c)
{
	static const char *const names[] = { "host and status, every key divided", "host", "host and status",
		"status: half of all", "host matches a pattern" };
	const struct measurement *m = catalogue_measurement_at(c, 0);

	for (enum choice what = NAIVE; what <= MATCHING; what++) {
		double best = 1e18;
		uint32_t chosen = 0;
		for (unsigned i = 0; i < ROUNDS; i++) {
			struct series_set set;
			int64_t began = clock_mono_ns();
			if (!series_set_init(&set, measurement_series_count(m)))
				exit(1);
			choose(m, what, &set);
			double ns = (double)(clock_mono_ns() - began);
			best = ns < best ? ns : best;
			chosen = series_set_count(&set);
			series_set_fini(&set);
		}
		printf("choosing %u of %u series, %s: %.1f us\n", chosen, measurement_series_count(m), names[what],
		    best / 1e3);
	}
}

/* In a process of its own, so that no memory is there already. */
static void measure_apart(uint32_t n)
{
	struct keys k = { 0 };
	pid_t child = fork();

	if (child == 0) {
		make_keys(&k, n, true);
		catalogue_free(fill(&k, ", one tag never the same"));
		free_keys(&k);
		fflush(stdout);
		_exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	uint64_t n = 1000000;
	struct keys k = { 0 };

	if (argc > 1 && (!num_parse_u64(view_of(argv[1]), &n) || n == 0 || n > 1000000)) {
		fprintf(stderr, "usage: bench_catalogue [series, at most 1000000]\n");
		return 2;
	}
	measure_apart((uint32_t)n);
	make_keys(&k, (uint32_t)n, false);
	struct catalogue *c = fill(&k, "");
	look_up(c, &k, true);
	look_up(c, &k, false);
	choose_all(c);
	store_and_load(c, &k);
	catalogue_free(c);
	free_keys(&k);
	return 0;
}
