#include "support/stand.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "flow/recovery.h"
#include "store/catalogue_store.h"
#include "store/series_store.h"

static struct errbuf eb;

#define MUST(call) \
	do { \
		enum err must_ = (call); \
		cr_assert_eq(must_, ERR_OK, "%s: %s: %s", #call, err_name(must_), eb.text); \
	} while (0)

struct keep {
	int64_t ns[TIERS], exception_ns[TIERS];
	const char *exception;
};
static struct keep keep; /* of the compactor that runs; tests have one at a time */

static int64_t retention_ns(void *arg, enum tier tier, struct view measurement)
{
	const struct keep *k = arg;

	return k->exception && view_is(measurement, k->exception) ? k->exception_ns[tier] : k->ns[tier];
}

static bool sketch_all(void *arg, struct view measurement, struct view field)
{
	(void)arg;
	(void)measurement;
	(void)field;
	return true;
}

static void start_compactor(struct stand *s, const struct stand_opts *o)
{
	struct compactor_opts co = { .store = s->store,
		.catalogue = s->catalogue,
		.head = s->head,
		.committer = s->committer,
		.spool = s->spool,
		.spool_path = s->path,
		.retention_ns = retention_ns,
		.is_sketched = o->sketches ? sketch_all : NULL,
		.arg = &keep,
		.max_bytes = o->max_bytes };

	for (int t = 0; t < (int)TIERS; t++) {
		keep.ns[t] = o->keep_ns[t] ? o->keep_ns[t] : INT64_MAX;
		keep.exception_ns[t] = o->exception_ns[t] ? o->exception_ns[t] : keep.ns[t];
	}
	keep.exception = o->exception;
	co.overridden = o->exception;
	MUST(compactor_start(&s->compactor, &co, &eb));
}

void stand_compact(struct stand *s)
{
	struct compactor_stats c;
	uint64_t number = compactor_force(s->compactor);

	cr_assert(compactor_wait(s->compactor, number, clock_mono_ns() + 120 * NS_PER_S));
	compactor_stats(s->compactor, &c);
	cr_assert_neq(c.state, COMPACTOR_FAILING, "%s", c.error);
}

void stand_reopen(struct stand *s, const struct stand_opts *opts)
{
	static const struct stand_opts none;
	const struct stand_opts *o = opts ? opts : &none;
	struct catalogue_opts co = o->catalogue;
	struct head_opts ho = { .max_bytes = o->head_bytes };

	co.create_databases = o->create_databases;
	struct store_totals totals;
	MUST(store_open(&s->store, s->store_path, &eb));
	store_totals(s->store, &totals);
	MUST(spool_open(&s->spool, s->path, &eb));
	MUST(catalogue_new(&s->catalogue, &co, &eb));
	MUST(series_store_load(s->catalogue, store_db(s->store), &eb));
	MUST(catalogue_load(s->catalogue, spool_db(s->spool), &eb));
	MUST(head_new(&s->head, &ho, &eb));
	MUST(recovery_fill_head(s->head, s->catalogue, s->path, o->head_bytes ? o->head_bytes / 2 : 16 << 20,
	    totals.compacted_seq, &s->recovered, &eb));
	struct committer_opts cm = { .spool = s->spool,
		.head = s->head,
		.catalogue = s->catalogue,
		.queue_max_bytes = o->queue_max_bytes ? o->queue_max_bytes : 64 << 20,
		.spool_max_bytes = o->spool_max_bytes ? o->spool_max_bytes : UINT64_C(1) << 30,
		.retention_ns = o->retention_ns,
		.disk = o->disk,
		.probe_ns = o->probe_ns };
	MUST(committer_start(&s->committer, &cm, &eb));
	committer_set_delivered(s->committer, UINT64_MAX);
	struct ingest_opts io = { s->committer, s->catalogue, o->retention_ns, o->max_future_ns };
	MUST(ingest_new(&s->ingest, &io, &eb));
	struct local_opts lo = { s->head, s->catalogue, s->path, s->store_path, 0 };
	MUST(local_new(&s->local, &lo, &eb));
	if (o->compactor)
		start_compactor(s, o);
}

void stand_open(struct stand *s, const struct stand_opts *opts)
{
	*s = (struct stand){ .dir = "/tmp/holdfast-test-XXXXXX" };
	cr_assert(mkdtemp(s->dir) != NULL);
	snprintf(s->path, sizeof s->path, "%s/spool.db", s->dir);
	snprintf(s->store_path, sizeof s->store_path, "%s/store.db", s->dir);
	stand_reopen(s, opts);
}

void stand_close(struct stand *s)
{
	compactor_stop(s->compactor);
	committer_stop(s->committer);
	local_free(s->local);
	ingest_free(s->ingest);
	head_free(s->head);
	spool_close(s->spool);
	store_close(s->store);
	catalogue_free(s->catalogue);
	s->committer = NULL;
	s->compactor = NULL;
	s->store = NULL;
	s->local = NULL;
	s->ingest = NULL;
	s->head = NULL;
	s->spool = NULL;
	s->catalogue = NULL;
}

void stand_remove(struct stand *s)
{
	static const char *const suffix[] = { "", "-wal", "-shm" };
	char path[128];

	stand_close(s);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s%s", s->path, suffix[i]);
		unlink(path);
		snprintf(path, sizeof path, "%s%s", s->store_path, suffix[i]);
		unlink(path);
	}
	rmdir(s->dir);
}

enum err stand_try(struct stand *s, const char *database, int64_t precision_ns, const char *lines, char out[1024])
{
	struct ingest_request rq = { database, precision_ns, view_of(lines) };
	struct ingest_result r;

	ingest_result_init(&r);
	eb.text[0] = 0;
	enum err e = ingest_write(s->ingest, &rq, &r, &eb);
	if (e == ERR_OK)
		snprintf(out, 1024, "%.*s", (int)r.message.len, r.message.len ? r.message.p : "");
	else
		snprintf(out, 1024, "%s", eb.text);
	ingest_result_fini(&r);
	return e;
}

uint64_t stand_write(struct stand *s, const char *lines)
{
	struct ingest_request rq = { "metrics", 1, view_of(lines) };
	struct ingest_result r;

	ingest_result_init(&r);
	MUST(ingest_write(s->ingest, &rq, &r, &eb));
	cr_assert_eq(r.rejected, 0, "%.*s", (int)r.message.len, r.message.p);
	uint64_t points = r.points;
	ingest_result_fini(&r);
	return points;
}

struct stand_total stand_total(
    struct stand *s, const char *measurement, const char *field, int64_t from_ns, int64_t to_ns)
{
	struct read_request q = { .database = "metrics",
		.measurement = measurement,
		.from_ns = from_ns,
		.to_ns = to_ns,
		.step_ns = (to_ns - from_ns) / 100 + 1 };
	struct read_result r;
	struct stand_total t = { 0 };
	int64_t last_ns = INT64_MIN;

	read_result_init(&r, &q);
	MUST(local_read(s->local, &q, &r, &eb));
	t.groups = r.group_count;
	t.complete = r.complete;
	for (unsigned g = 0; g < r.group_count; g++) {
		const struct read_column *col = read_group_column(&r.groups[g], field);
		for (unsigned b = 0; col && b < r.buckets; b++) {
			const struct read_cell *c = &col->cells[b];
			if (c->count == 0)
				continue;
			t.count += c->count;
			t.sum += c->sum;
			if (c->last_ns >= last_ns) {
				last_ns = c->last_ns;
				t.last = c->last;
			}
		}
	}
	read_result_fini(&r);
	return t;
}
