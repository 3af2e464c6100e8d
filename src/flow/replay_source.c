#include "flow/replay_source.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "flow/replay_lines.h"
#include "flow/replicator.h"
#include "store/quarantine.h"

enum { NAME_MAX_BYTES = 1024 };

struct replay_source {
	struct parcel_source base;
	struct replay_source_opts opts;
	struct replicator *r;
	pthread_mutex_t look_lock; /* look */
	struct spool_reader *look; /* for waits, by any thread */
	/* the replicator's thread */
	struct spool_reader *reader;
	struct replay_lines lines; /* of the parcel filled last */
	bool refused[REPLAY_LINES_MAX]; /* of them, likewise by number */
	uint64_t after_seq; /* the newest row that they take account of */
	bool filled, delivered; /* some of them may have been; all but the refused are, and that is not on disk yet */
	char database[NAME_MAX_BYTES]; /* whose entries they are */
};

static struct replay_source *source_of(struct parcel_source *base)
{
	return (struct replay_source *)(void *)base;
}

/* ---- jobs of the writer ---- */

struct put_back_job {
	const struct replay_source *s;
	const char *why;
};

static enum err put_back_job(struct spool *spool, void *arg, struct errbuf *eb)
{
	const struct put_back_job *j = arg;
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < j->s->lines.count; i++)
		e = quarantine_put_back(spool_db(spool), j->s->lines.line[i].id, clock_wall_ns(), view_of(j->why), eb);
	return e;
}

/* Those at hand cannot be sent now, whatever the target says. */
static enum err put_back(struct replay_source *s, const char *why, struct errbuf *eb)
{
	struct put_back_job j = { s, why };

	log_warn("%u points for %s stay in quarantine: %s", s->lines.count, replicator_shown_name(s->r), why);
	return committer_call(s->opts.committer, put_back_job, &j, eb);
}

static enum err delete_job(struct spool *spool, void *arg, struct errbuf *eb)
{
	const struct replay_source *s = arg;
	uint64_t ids[REPLAY_LINES_MAX], changed;
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->lines.count; i++)
		if (!s->refused[i])
			ids[n++] = s->lines.line[i].id;
	return quarantine_delete(spool_db(spool), ids, n, &changed, eb);
}

struct refuse_job {
	const struct parcel_refusal *f;
};

static enum err refuse_job(struct spool *spool, void *arg, struct errbuf *eb)
{
	const struct parcel_refusal *f = ((struct refuse_job *)arg)->f;

	return quarantine_refused_again(spool_db(spool), &f->body->tags[f->from], f->to - f->from, clock_wall_ns(),
	    f->status, view_of(f->reason), eb);
}

/* ---- what comes after the delivery ---- */

/* Rows that came while the parcel was under way, and may have been delivered before it. */
static enum err send_newer_again(struct replay_source *s, struct errbuf *eb)
{
	int64_t min_ns = INT64_MAX, max_ns = INT64_MIN;
	struct committer_stats c;
	struct spool_backlog b;

	committer_stats(s->opts.committer, &c);
	if (c.last_seq <= s->after_seq)
		return ERR_OK;
	for (uint32_t i = 0; i < s->lines.count; i++) {
		int64_t t = s->lines.line[i].time_ns;
		min_ns = t < min_ns ? t : min_ns;
		max_ns = t > max_ns ? t : max_ns;
	}
	enum err e = spool_reader_between(s->reader, s->after_seq, c.last_seq, &b, eb);
	if (e != ERR_OK || b.points == 0 || b.min_ns > max_ns || b.max_ns < min_ns)
		return e;
	return replicator_send_again(s->r, s->after_seq, min_ns, max_ns, eb);
}

/* Only once it is certain that newer values follow the entries go. */
static enum err settle(struct replay_source *s, struct errbuf *eb)
{
	uint32_t gone = 0;
	struct committer_stats c;
	bool overtaken;

	/* newer values were delivered and have left the spool meanwhile: the entries stay, and go out as they are here now */
	committer_stats(s->opts.committer, &c);
	enum err e = spool_reader_has_gone(s->reader, s->after_seq, c.last_seq, &overtaken, eb);
	if (e == ERR_OK && overtaken) {
		s->filled = s->delivered = false;
		return ERR_OK;
	}
	if (e == ERR_OK)
		e = send_newer_again(s, eb);
	if (e == ERR_OK)
		e = committer_call(s->opts.committer, delete_job, s, eb);
	if (e != ERR_OK)
		return e;
	for (uint32_t i = 0; i < s->lines.count; i++)
		gone += !s->refused[i];
	counter_add(COUNTER_QUARANTINE_DELIVERED, gone);
	s->filled = s->delivered = false;
	return ERR_OK;
}

/* What became of the parcel before. */
static enum err settle_before(struct replay_source *s, struct errbuf *eb)
{
	if (s->delivered)
		return settle(s, eb);
	enum err e = s->filled ? send_newer_again(s, eb) : ERR_OK;
	if (e == ERR_OK)
		s->filled = false;
	return e;
}

/* ---- filling ---- */

/* The database to go on with: the one after the last, so that none waits for another. */
static enum err next_database(
    struct replay_source *s, const struct parcel_limits *limits, uint32_t *db, struct errbuf *eb)
{
	sqlite3 *reader = spool_reader_db(s->reader);
	char name[NAME_MAX_BYTES];

	for (int i = 0; i <= 2 * CATALOGUE_DATABASES_MAX; i++) {
		enum err e = quarantine_next_marked(reader, s->opts.target, s->database, name, sizeof name, eb);
		if (e == ERR_NOTFOUND && *s->database) {
			*s->database = 0;
			continue;
		}
		if (e != ERR_OK)
			return e;
		memcpy(s->database, name, sizeof name);
		*db = catalogue_find_database(s->opts.catalogue, view_of(name));
		if (!*db && !strcmp(name, s->opts.database))
			*db = CATALOGUE_DEFAULT_DB;
		if (!*db || !(limits->held & PARCEL_DB_BIT(*db)))
			return ERR_OK;
	}
	return ERR_NOTFOUND;
}

struct loading {
	struct replay_source *s;
	uint32_t max;
	bool full;
};

static bool load(void *arg, const struct quarantine_entry *e)
{
	struct loading *l = arg;

	l->full = !replay_lines_add(&l->s->lines, e->id, e->line);
	return !l->full && l->s->lines.count < l->max;
}

static enum err load_lines(struct replay_source *s, uint32_t max, struct errbuf *eb)
{
	struct quarantine_filter f = QUARANTINE_ALL;
	struct loading l = { s, max < REPLAY_LINES_MAX ? max : REPLAY_LINES_MAX, false };

	replay_lines_clear(&s->lines);
	memset(s->refused, 0, sizeof s->refused);
	f.target = s->opts.target;
	f.database = s->database;
	f.marked = true;
	enum err e = quarantine_list(spool_reader_db(s->reader), &f, l.max, load, &l, eb);
	if (e == ERR_OK && s->lines.count == 0)
		e = l.full ? errbuf_set(eb, ERR_NOMEM, "out of memory") : ERR_NOTFOUND;
	return e;
}

static enum err fill_from(struct replay_source *s, uint32_t db, struct parcel *p, struct errbuf *eb)
{
	struct committer_stats c;
	char why[sizeof eb->text + 64];

	committer_stats(s->opts.committer, &c);
	s->after_seq = c.last_seq;
	enum err e = replay_lines_renew(&s->lines, s->opts.catalogue, db, s->opts.local, eb);
	if (e == ERR_CORRUPT) {
		snprintf(why, sizeof why, "what is here for its time cannot be read: %s", eb->text);
		return put_back(s, why, eb);
	}
	p->db = db;
	s->filled = e == ERR_OK;
	for (uint32_t i = 0; e == ERR_OK && i < s->lines.count; i++) {
		const struct replay_line *l = &s->lines.line[i];
		if (!parcel_add(p, l->key, l->line, l->id))
			e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	return e;
}

static enum err fill(
    struct parcel_source *base, struct parcel *p, const struct parcel_limits *limits, struct errbuf *eb)
{
	struct replay_source *s = source_of(base);
	uint32_t db = 0;
	enum err e = settle_before(s, eb);

	if (e == ERR_OK)
		e = next_database(s, limits, &db, eb);
	if (e == ERR_OK)
		e = load_lines(s, limits->points ? limits->points : 1, eb);
	if (e == ERR_OK && !db) {
		e = put_back(
		    s, "its database is not known here any more; holdfast quarantine export writes it to a file", eb);
		replay_lines_clear(&s->lines);
	} else if (e == ERR_OK) {
		e = fill_from(s, db, p, eb);
	}
	if (e != ERR_OK && e != ERR_NOTFOUND && e != ERR_CLOSED)
		log_error(
		    "points in quarantine cannot be sent again to %s now: %s", replicator_shown_name(s->r), eb->text);
	return e;
}

static void done(struct parcel_source *base, const struct parcel *p)
{
	struct replay_source *s = source_of(base);
	struct errbuf eb;

	if (p->count == 0) /* they were put back */
		return;
	s->delivered = true;
	enum err e = settle(s, &eb);
	if (e != ERR_OK && e != ERR_CLOSED)
		log_warn("points out of the quarantine may be sent to %s once more: %s", replicator_shown_name(s->r),
		    eb.text);
}

static int by_id(const void *key, const void *line)
{
	uint64_t id = *(const uint64_t *)key, other = ((const struct replay_line *)line)->id;

	return (id > other) - (id < other);
}

static enum err refused(struct parcel_source *base, const struct parcel_refusal *f, struct errbuf *eb)
{
	struct replay_source *s = source_of(base);
	struct refuse_job j = { f };
	enum err e = committer_call(s->opts.committer, refuse_job, &j, eb);

	if (e != ERR_OK)
		return e;
	for (uint32_t i = f->from; i < f->to; i++) {
		const struct replay_line *l = bsearch(
		    &f->body->tags[i], s->lines.line, s->lines.count, sizeof *s->lines.line, by_id);
		if (l)
			s->refused[l - s->lines.line] = true;
	}
	counter_add(COUNTER_QUARANTINE_REFUSED, f->to - f->from);
	return ERR_OK;
}

/* ---- */

static void waits(struct parcel_source *base, struct replicator_waiting *out)
{
	struct replay_source *s = source_of(base);
	struct quarantine_sum sum;
	struct errbuf eb;

	*out = (struct replicator_waiting){ .min_ns = INT64_MAX };
	pthread_mutex_lock(&s->look_lock);
	if (quarantine_count(spool_reader_db(s->look), s->opts.target, &sum, &eb) == ERR_OK)
		out->points = sum.replay;
	pthread_mutex_unlock(&s->look_lock);
}

static void attach(struct parcel_source *base, struct replicator *r)
{
	source_of(base)->r = r;
}

static void close_source(struct parcel_source *base)
{
	struct replay_source *s = source_of(base);

	spool_reader_close(s->reader);
	spool_reader_close(s->look);
	replay_lines_fini(&s->lines);
	pthread_mutex_destroy(&s->look_lock);
	free(s);
}

enum err replay_source_new(struct parcel_source **out, const struct replay_source_opts *opts, struct errbuf *eb)
{
	static const struct parcel_source_ops ops = { "replay", fill, done, refused, waits, attach, close_source };
	struct replay_source *s = calloc(1, sizeof *s);

	*out = NULL;
	if (!s)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	s->base.ops = &ops;
	s->opts = *opts;
	pthread_mutex_init(&s->look_lock, NULL);
	enum err e = replay_lines_init(&s->lines) ? ERR_OK : errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (e == ERR_OK)
		e = spool_reader_open(&s->reader, opts->spool_path, eb);
	if (e == ERR_OK)
		e = spool_reader_open(&s->look, opts->spool_path, eb);
	if (e != ERR_OK) {
		close_source(&s->base);
		return e;
	}
	*out = &s->base;
	return ERR_OK;
}
