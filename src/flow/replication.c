#include "flow/replication.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/targets.h"

struct replication {
	struct committer *committer;
	pthread_mutex_t lock; /* of what the committer is told: the replicators' own threads do it */
	bool has_record, complete; /* complete: all have been started */
	unsigned count;
	struct replicator *target[REPLICATION_TARGETS_MAX];
};

/* ---- those that are not configured any more ---- */

struct forgetting {
	const struct replication_opts *opts;
	char names[4 * REPLICATION_TARGETS_MAX][REPLICATOR_TARGET_BYTES];
	unsigned count;
};

static void note_target(void *arg, const char *target)
{
	struct forgetting *f = arg;

	for (unsigned i = 0; i < f->opts->count; i++)
		if (!strcmp(f->opts->target[i].target, target))
			return;
	/* the record may be taken out for a while: it is owed what comes meanwhile; more than fit go next time */
	if (strcmp(target, "influxdb") && f->count < sizeof f->names / sizeof *f->names &&
	    strlen(target) < sizeof *f->names)
		snprintf(f->names[f->count++], sizeof *f->names, "%s", target);
}

static enum err forget_job(struct spool *s, void *arg, struct errbuf *eb)
{
	struct forgetting *f = arg;
	enum err e = ERR_OK;

	for (unsigned i = 0; e == ERR_OK && i < f->count; i++)
		e = target_forget(spool_db(s), f->names[i], eb);
	return e;
}

static enum err forget_others(const struct replication_opts *opts, struct errbuf *eb)
{
	struct forgetting f = { .opts = opts };
	struct spool_reader *reader;
	enum err e = spool_reader_open(&reader, opts->spool_path, eb);

	if (e != ERR_OK)
		return e;
	e = target_each(spool_reader_db(reader), note_target, &f, eb);
	spool_reader_close(reader);
	if (e != ERR_OK || f.count == 0)
		return e;
	e = committer_call(opts->committer, forget_job, &f, eb);
	for (unsigned i = 0; e == ERR_OK && i < f.count; i++)
		log_warn("the target %s is not configured any more: nothing is kept for it from now on", f.names[i]);
	return e;
}

/* ---- how far all have got ---- */

static void tell_committer(void *arg)
{
	struct replication *rs = arg;
	uint64_t least = UINT64_MAX;

	pthread_mutex_lock(&rs->lock);
	for (unsigned i = 0; i < rs->count; i++)
		if (replicator_stored_seq(rs->target[i]) < least)
			least = replicator_stored_seq(rs->target[i]);
	if (rs->complete)
		committer_set_delivered(rs->committer, least);
	pthread_mutex_unlock(&rs->lock);
}

/* ---- */

enum err replication_start(struct replication **out, const struct replication_opts *opts, struct errbuf *eb)
{
	struct replication *rs = calloc(1, sizeof *rs);

	*out = NULL;
	if (!rs)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	rs->committer = opts->committer;
	rs->has_record = opts->has_record;
	pthread_mutex_init(&rs->lock, NULL);
	enum err e = forget_others(opts, eb);
	for (unsigned i = 0; i < opts->count; i++) {
		if (e != ERR_OK) {
			replicator_close_sources(&opts->target[i]);
			continue;
		}
		struct replicator_opts o = opts->target[i];
		struct replicator *r;
		o.committer = opts->committer;
		o.spool_path = opts->spool_path;
		o.stored = tell_committer;
		o.stored_arg = rs;
		e = replicator_start(&r, &o, eb);
		if (e != ERR_OK)
			continue;
		pthread_mutex_lock(&rs->lock);
		rs->target[rs->count++] = r;
		pthread_mutex_unlock(&rs->lock);
	}
	if (e != ERR_OK) {
		replication_stop(rs);
		return e;
	}
	pthread_mutex_lock(&rs->lock);
	rs->complete = true;
	pthread_mutex_unlock(&rs->lock);
	tell_committer(rs);
	*out = rs;
	return ERR_OK;
}

void replication_stop(struct replication *rs)
{
	if (!rs)
		return;
	for (unsigned i = 0; i < rs->count; i++) /* they end side by side, and look at each other until then */
		replicator_ask_to_stop(rs->target[i]);
	for (unsigned i = 0; i < rs->count; i++)
		replicator_join(rs->target[i]);
	for (unsigned i = 0; i < rs->count; i++)
		replicator_stop(rs->target[i]);
	pthread_mutex_destroy(&rs->lock);
	free(rs);
}

unsigned replication_count(const struct replication *rs)
{
	return rs ? rs->count : 0;
}

struct replicator *replication_at(const struct replication *rs, unsigned i)
{
	return rs->target[i];
}

struct replicator *replication_record(const struct replication *rs)
{
	return rs && rs->has_record ? rs->target[0] : NULL;
}

struct replicator *replication_find(const struct replication *rs, const char *target)
{
	for (unsigned i = 0; i < replication_count(rs); i++)
		if (!strcmp(replicator_target(rs->target[i]), target))
			return rs->target[i];
	return NULL;
}

void replication_retry_now(struct replication *rs)
{
	for (unsigned i = 0; i < replication_count(rs); i++)
		replicator_retry_now(rs->target[i]);
}
