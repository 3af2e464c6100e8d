#include "flow/quarantine_control.h"

#include "base/counter.h"
#include "base/log.h"

enum { STEP = 500 };

struct work {
	const struct quarantine_control *q;
	struct spool_reader *reader;
	struct quarantine_filter filter;
	enum err (*change)(sqlite3 *writer, const uint64_t *ids, uint32_t count, uint64_t *changed, struct errbuf *eb);
	bool configured_only;
	uint64_t ids[STEP], last_id;
	uint32_t count, seen; /* of this step: that are changed, that were looked at */
	uint64_t changed, all_changed, not_configured;
};

static bool take(void *arg, const struct quarantine_entry *e)
{
	struct work *w = arg;

	w->seen++;
	w->last_id = e->id;
	if (w->configured_only && !replication_find(w->q->replication, e->target))
		w->not_configured++;
	else
		w->ids[w->count++] = e->id;
	return w->seen < STEP;
}

static enum err change_job(struct spool *s, void *arg, struct errbuf *eb)
{
	struct work *w = arg;

	return w->change(spool_db(s), w->ids, w->count, &w->changed, eb);
}

static enum err step(struct work *w, struct errbuf *eb)
{
	w->count = w->seen = 0;
	enum err e = quarantine_list(spool_reader_db(w->reader), &w->filter, STEP, take, w, eb);
	if (e != ERR_OK || w->seen == 0)
		return e == ERR_OK ? ERR_NOTFOUND : e;
	w->filter.after_id = w->last_id;
	if (w->count == 0)
		return ERR_OK;
	e = committer_call(w->q->committer, change_job, w, eb);
	if (e == ERR_OK)
		w->all_changed += w->changed;
	return e;
}

static enum err run(struct work *w, struct errbuf *eb)
{
	struct quarantine_filter newest = w->filter;
	uint32_t n = 0;
	enum err e = spool_reader_open(&w->reader, w->q->spool_path, eb);

	if (e != ERR_OK)
		return e;
	w->filter.newest_first = false;
	newest.newest_first = true;
	e = quarantine_ids(spool_reader_db(w->reader), &newest, &w->filter.until_id, 1, &n, eb);
	while (e == ERR_OK && n)
		e = step(w, eb);
	spool_reader_close(w->reader);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static void wake(const struct quarantine_control *q, const char *target)
{
	struct errbuf eb;

	for (unsigned i = 0; i < replication_count(q->replication); i++) {
		struct replicator *r = replication_at(q->replication, i);
		if (target && replication_find(q->replication, target) != r)
			continue;
		if (replicator_replay(r, &eb) != ERR_OK)
			log_warn("%s", eb.text);
	}
}

enum err quarantine_control_replay(const struct quarantine_control *q, const struct quarantine_filter *f,
    struct quarantine_replayed *out, struct errbuf *eb)
{
	struct work w = { .q = q, .filter = *f, .change = quarantine_mark, .configured_only = true };
	enum err e = run(&w, eb);

	*out = (struct quarantine_replayed){ w.all_changed, w.not_configured };
	if (w.all_changed) {
		log_info("%llu points in quarantine are sent again, as asked for", (unsigned long long)w.all_changed);
		wake(q, f->target);
	}
	return e;
}

static void say_dropped(const struct quarantine_filter *f, uint64_t points)
{
	log_warn("%llu points were dropped from the quarantine, as asked for (target %s, reason %s, database %s%s)",
	    (unsigned long long)points, f->target ? f->target : "any",
	    f->reason < QUARANTINE_REASONS ? quarantine_reason_name(f->reason) : "any",
	    f->database ? f->database : "any", f->from_ns > INT64_MIN || f->to_ns < INT64_MAX ? ", of some times" : "");
}

enum err quarantine_control_drop(
    const struct quarantine_control *q, const struct quarantine_filter *f, uint64_t *dropped, struct errbuf *eb)
{
	struct work w = { .q = q, .filter = *f, .change = quarantine_delete };
	enum err e = run(&w, eb);

	*dropped = w.all_changed;
	if (w.all_changed) {
		counter_add(COUNTER_QUARANTINE_DROPPED_ASKED, w.all_changed);
		say_dropped(f, w.all_changed);
	}
	return e;
}
