/* Writers, the compactor, backups, one that is broken off, and who asks how far it is, on one store at once. Plain, as
 * race_store.c is. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "flow/backup.h"
#include "flow/ingest.h"
#include "store/catalogue_store.h"
#include "store/series_store.h"

enum { WRITERS = 2, REQUESTS = 400, LINES = 20, FILES = 2 };

static struct spool *spool;
static struct store *store;
static struct ingest *ingest;
static struct committer *committer;
static struct compactor *compactor;
static struct backup *backup;
static atomic_int writing;
static atomic_uint failures, whole, broken;

static void must(enum err e, const struct errbuf *eb)
{
	if (e == ERR_OK)
		return;
	printf("Bail out! %s\n", eb->text);
	exit(1);
}

static void *write_all(void *arg)
{
	unsigned id = *(const unsigned *)arg;
	char text[LINES * 80];
	struct errbuf eb;

	for (unsigned i = 0; i < REQUESTS; i++) {
		size_t n = 0;
		struct ingest_result r;
		for (unsigned k = 0; k < LINES; k++)
			n += (size_t)snprintf(
			    text + n, sizeof text - n, "m,w=%u,s=%u v=%ui %u\n", id, i / 50, i, i * LINES + k + 1);
		ingest_result_init(&r);
		must(ingest_write(ingest, &(struct ingest_request){ "metrics", 1, { text, n } }, &r, &eb), &eb);
		ingest_result_fini(&r);
	}
	atomic_fetch_sub(&writing, 1);
	return NULL;
}

static void *compact_all(void *arg)
{
	(void)arg;
	while (atomic_load(&writing))
		(void)compactor_wait(compactor, compactor_force(compactor), clock_mono_ns() + 10 * NS_PER_S);
	return NULL;
}

static void *back_up(void *arg)
{
	struct view piece;
	struct errbuf eb;
	uint64_t size;

	(void)arg;
	while (atomic_load(&writing)) {
		enum err e = backup_begin(backup, &size, &eb);
		if (e == ERR_EXISTS || e == ERR_UNAVAILABLE)
			continue;
		must(e, &eb);
		uint64_t n = 0;
		while ((e = backup_next(backup, &piece, &eb)) == ERR_OK)
			n += piece.len;
		if (e == ERR_NOTFOUND)
			failures += n != size;
		else
			failures += e != ERR_CLOSED;
		atomic_fetch_add(e == ERR_NOTFOUND ? &whole : &broken, 1);
		backup_end(backup, e == ERR_NOTFOUND ? NULL : eb.text);
	}
	return NULL;
}

static void *watch(void *arg)
{
	struct backup_stats s;

	(void)arg;
	for (unsigned i = 0; atomic_load(&writing); i++) {
		backup_watch(backup);
		backup_stats(backup, &s);
		if (i % 8 == 0)
			freeze_break(spool_freeze(spool), "a test");
		usleep(2000);
	}
	return NULL;
}

static int64_t for_ever(void *arg, enum tier tier, struct view measurement)
{
	(void)arg;
	(void)tier;
	(void)measurement;
	return INT64_MAX;
}

int main(void)
{
	char dir[] = "/tmp/holdfast-race-XXXXXX", path[FILES][64], file[160];
	static const char *const names[FILES] = { "spool.db", "store.db" }, *const suffix[] = { "", "-wal", "-shm" };
	void *(*const others[])(void *) = { compact_all, back_up, back_up, watch };
	enum { OTHERS = sizeof others / sizeof *others };
	unsigned ids[WRITERS];
	pthread_t t[WRITERS + OTHERS];
	struct errbuf eb;
	struct catalogue *catalogue;
	struct head *head;

	if (!mkdtemp(dir))
		return 1;
	for (int i = 0; i < FILES; i++)
		snprintf(path[i], sizeof path[i], "%s/%s", dir, names[i]);
	must(store_open(&store, path[1], &eb), &eb);
	must(spool_open(&spool, path[0], &eb), &eb);
	must(catalogue_new(&catalogue, &(struct catalogue_opts){ 0 }, &eb), &eb);
	must(series_store_load(catalogue, store_db(store), &eb), &eb);
	must(catalogue_load(catalogue, spool_db(spool), &eb), &eb);
	must(head_new(&head, &(struct head_opts){ .max_bytes = 2 << 20 }, &eb), &eb);
	struct committer_opts co = { .spool = spool,
		.head = head,
		.catalogue = catalogue,
		.queue_max_bytes = 1 << 20,
		.spool_max_bytes = UINT64_C(1) << 30 };
	must(committer_start(&committer, &co, &eb), &eb);
	committer_set_delivered(committer, UINT64_MAX);
	must(ingest_new(&ingest, &(struct ingest_opts){ committer, catalogue, 0, 0 }, &eb), &eb);
	struct compactor_opts po = { .store = store,
		.catalogue = catalogue,
		.head = head,
		.committer = committer,
		.spool = spool,
		.spool_path = path[0],
		.retention_ns = for_ever };
	must(compactor_start(&compactor, &po, &eb), &eb);
	struct backup_opts bo = { .committer = committer,
		.compactor = compactor,
		.spool = spool,
		.store = store,
		.host = "here",
		.version = "1.2.3" };
	must(backup_new(&backup, &bo, &eb), &eb);
	atomic_store(&writing, WRITERS);
	for (unsigned i = 0; i < WRITERS; i++) {
		ids[i] = i;
		pthread_create(&t[i], NULL, write_all, &ids[i]);
	}
	for (unsigned i = 0; i < OTHERS; i++)
		pthread_create(&t[WRITERS + i], NULL, others[i], NULL);
	for (unsigned i = 0; i < WRITERS + OTHERS; i++)
		pthread_join(t[i], NULL);
	compactor_stop(compactor);
	committer_stop(committer);
	backup_free(backup);
	ingest_free(ingest);
	head_free(head);
	spool_close(spool);
	store_close(store);
	catalogue_free(catalogue);
	for (int i = 0; i < FILES; i++)
		for (unsigned k = 0; k < 3; k++) {
			snprintf(file, sizeof file, "%s%s", path[i], suffix[k]);
			unlink(file);
		}
	rmdir(dir);
	printf("# %u whole, %u broken off\n", whole, broken);
	printf("%sok 1 - every backup was whole or was told that it is not\n1..1\n", failures || !whole ? "not " : "");
	return failures || !whole;
}
