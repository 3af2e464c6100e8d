/* Writers, readers, the committer, jobs and a start-up on one store at once; a plain program, since ThreadSanitizer does
 * not start under Criterion. Under it every race is a report; without it the counts are checked all the same. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "flow/ingest.h"
#include "flow/recovery.h"
#include "query/local.h"
#include "store/catalogue_store.h"

enum { WRITERS = 4, READERS = 2, REQUESTS = 300, LINES = 20 };

static struct ingest *ingest;
static struct local *local;
static struct committer *committer;
static struct head *head;
static atomic_int writing;
static atomic_uint failures;

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
		for (unsigned k = 0; k < LINES; k++) /* new series and fields come all the time */
			n += (size_t)snprintf(text + n, sizeof text - n, "m,w=%u,s=%u f%u=%u,v=1i %u\n", id, i / 10,
			    i / 30, i, i * LINES + k + 1);
		ingest_result_init(&r);
		must(ingest_write(ingest, &(struct ingest_request){ "metrics", 1, { text, n } }, &r, &eb), &eb);
		failures += r.points != LINES;
		ingest_result_fini(&r);
	}
	atomic_fetch_sub(&writing, 1);
	return NULL;
}

static uint64_t count_all(void)
{
	static const char *const by[] = { "w" };
	struct read_request q = { .database = "metrics",
		.measurement = "m",
		.group_by = by,
		.group_count = 1,
		.to_ns = REQUESTS * LINES + 2,
		.step_ns = REQUESTS * LINES + 2 };
	struct read_result r;
	struct errbuf eb;
	uint64_t n = 0;

	read_result_init(&r, &q);
	must(local_read(local, &q, &r, &eb), &eb);
	for (unsigned i = 0; i < r.group_count; i++)
		n += read_group_column(&r.groups[i], "v")->cells[0].count;
	read_result_fini(&r);
	return n;
}

/* A reader never sees less than before. */
static void *read_all(void *arg)
{
	uint64_t before = 0;

	(void)arg;
	while (atomic_load(&writing)) {
		struct head_stats h;
		uint64_t now = count_all();
		failures += now < before;
		before = now;
		head_stats(head, &h);
	}
	return NULL;
}

static enum err no_job(struct spool *s, void *arg, struct errbuf *eb)
{
	(void)s;
	(void)eb;
	atomic_fetch_add((atomic_uint *)arg, 1);
	return ERR_OK;
}

static void *call_jobs(void *arg)
{
	atomic_uint jobs = 0;
	unsigned calls = 0;
	struct errbuf eb;
	struct committer_stats st;

	(void)arg;
	while (atomic_load(&writing)) {
		must(committer_call(committer, no_job, &jobs, &eb), &eb);
		calls++;
		committer_stats(committer, &st);
		(void)committer_wait(committer, st.last_seq, clock_mono_ns() + NS_PER_MS, committer_wakes(committer));
	}
	failures += atomic_load(&jobs) != calls;
	return NULL;
}

int main(void)
{
	char dir[] = "/tmp/holdfast-race-XXXXXX", path[64], file[80];
	static const char *const suffix[] = { "", "-wal", "-shm" };
	unsigned ids[WRITERS];
	pthread_t t[WRITERS + READERS + 1];
	struct errbuf eb;
	struct spool *spool;
	struct catalogue *catalogue;
	uint64_t points;

	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof path, "%s/spool.db", dir);
	must(spool_open(&spool, path, &eb), &eb);
	must(catalogue_new(&catalogue, &(struct catalogue_opts){ 0 }, &eb), &eb);
	must(catalogue_load(catalogue, spool_db(spool), &eb), &eb);
	must(head_new(&head, &(struct head_opts){ .max_bytes = 2 << 20 }, &eb),
	    &eb); /* small: generations come and go */
	must(recovery_fill_head(head, catalogue, path, 1 << 20, 0, &points, &eb), &eb);
	must(committer_start(&committer,
		 &(struct committer_opts){ .spool = spool,
		     .head = head,
		     .catalogue = catalogue,
		     .queue_max_bytes = 1 << 20,
		     .spool_max_bytes = UINT64_C(1) << 30 },
		 &eb),
	    &eb);
	must(ingest_new(&ingest, &(struct ingest_opts){ committer, catalogue, 0, 0 }, &eb), &eb);
	must(local_new(&local, &(struct local_opts){ .head = head, .catalogue = catalogue, .spool_path = path }, &eb),
	    &eb);
	atomic_store(&writing, WRITERS);
	for (unsigned i = 0; i < WRITERS; i++) {
		ids[i] = i;
		pthread_create(&t[i], NULL, write_all, &ids[i]);
	}
	for (unsigned i = 0; i < READERS; i++)
		pthread_create(&t[WRITERS + i], NULL, read_all, NULL);
	pthread_create(&t[WRITERS + READERS], NULL, call_jobs, NULL);
	for (unsigned i = 0; i < WRITERS + READERS + 1; i++)
		pthread_join(t[i], NULL);
	uint64_t n = count_all();
	committer_stop(committer);
	local_free(local);
	ingest_free(ingest);
	head_free(head);
	spool_close(spool);
	catalogue_free(catalogue);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(file, sizeof file, "%s%s", path, suffix[i]);
		unlink(file);
	}
	rmdir(dir);
	printf("%sok 1 - no reader saw less than before, no job was lost\n", failures ? "not " : "");
	printf("%sok 2 - all points are there (%llu)\n", n == WRITERS * REQUESTS * LINES ? "" : "not ",
	    (unsigned long long)n);
	printf("1..2\n");
	return failures || n != WRITERS * REQUESTS * LINES;
}
