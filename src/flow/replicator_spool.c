/* The spool as two sources, live and backlog, and what is held.
 *
 * The live cursor: every row up to it was sent, or is in a list of pending rows (store/pending.h). When it has fallen far
 * behind it jumps to the end, and the rows between become pending. A database whose writes are refused gets a list of its
 * own: its rows are passed by from then on, and its list is tried now and then until it takes something.
 *
 * On disk are, about once a second and all in one transaction, the live cursor, the lists, and the row up to which
 * everything is delivered. What came since is sent again after a crash, in the same order. */
#include <stdio.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "flow/replicator_part.h"
#include "store/aside.h"
#include "store/owed.h"

/* What is left to the live lane, however old: a thousand senders that come back send it all at once. */
enum { JUMP_PART = 4 }; /* of a body */
enum { COUNT_PAUSE = 20 };
#define STORE_CURSOR_NS NS_PER_S
#define LOOK_NS (NS_PER_S / 2)

/* ---- which databases are passed by ---- */

static struct held_database *find_held(struct replicator *r, uint32_t db)
{
	for (uint32_t i = 0; i < r->held_count; i++)
		if (r->held[i].db == db)
			return &r->held[i];
	return NULL;
}

/* Those that are sent to no lane but their own list's. */
static uint64_t held_bits(const struct replicator *r)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < r->pending.count; i++)
		if (r->pending.list[i].db && pending_is_held(&r->pending.list[i]))
			bits |= PARCEL_DB_BIT(r->pending.list[i].db);
	return bits;
}

static uint64_t listed_bits(const struct replicator *r)
{
	uint64_t bits = 0;

	for (uint32_t i = 1; i < r->pending.count; i++)
		bits |= PARCEL_DB_BIT(r->pending.list[i].db);
	return bits;
}

/* The lists are not what they were: nothing that was read ahead counts. */
static void changed(struct replicator *r)
{
	r->pending_changed = true;
	r->backlog.in_step = false;
	parcel_rows_seek(&r->live.rows, atomic_load(&r->live_seq));
	r->live.in_step = true;
}

/* ---- live ---- */

static struct spool_source *source_of(struct parcel_source *s)
{
	return (struct spool_source *)(void *)s;
}

/* An error of a source's reader. */
static enum err complain(struct replicator *r, enum err e, struct errbuf *eb)
{
	if (e == ERR_OK || e == ERR_NOTFOUND)
		return e;
	log_error("cannot read the spool for %s: %s", r->shown, eb->text);
	if (e == ERR_CORRUPT)
		aside_mark(r->opts.spool_path, eb->text);
	return e;
}

static enum err live_fill(
    struct parcel_source *base, struct parcel *p, const struct parcel_limits *limits, struct errbuf *eb)
{
	struct spool_source *s = source_of(base);
	struct replicator *r = s->r;
	struct parcel_want want = {
		.to_seq = UINT64_MAX, .min_ns = INT64_MIN, .max_ns = INT64_MAX, .pass_by = held_bits(r)
	};

	if (!s->in_step)
		parcel_rows_seek(&s->rows, atomic_load(&r->live_seq));
	enum err e = parcel_rows_fill(p, &s->rows, &want, limits, eb);
	if (e == ERR_NOTFOUND) /* rows may have been passed by */
		atomic_store(&r->live_seq, p->end_seq);
	s->in_step = e == ERR_NOTFOUND;
	return complain(r, e, eb);
}

static void live_done(struct parcel_source *base, const struct parcel *p)
{
	struct spool_source *s = source_of(base);

	atomic_store(&s->r->live_seq, p->end_seq);
	s->in_step = true;
}

static void live_waits(struct parcel_source *base, struct replicator_waiting *out)
{
	struct replicator *r = source_of(base)->r;
	struct spool_backlog b;
	struct errbuf eb;

	*out = (struct replicator_waiting){ .min_ns = INT64_MAX };
	pthread_mutex_lock(&r->look_lock);
	if (spool_reader_after(r->look, atomic_load(&r->live_seq), &b, &eb) == ERR_OK)
		*out = (struct replicator_waiting){ b.points, b.bytes, b.min_ns, b.oldest_received_ns };
	else
		log_warn("cannot tell what waits for %s: %s", r->shown, eb.text);
	pthread_mutex_unlock(&r->look_lock);
}

/* ---- backlog ---- */

/* The newest row of which the live source may have sent a line. */
static uint64_t live_top(const struct replicator *r)
{
	uint64_t seq = atomic_load(&r->live_seq);

	return r->live.rows.seq > seq ? r->live.rows.seq : seq;
}

static void list_done(struct replicator *r, struct pending *list, uint64_t seq)
{
	uint32_t parts = list->count;

	pthread_mutex_lock(&r->lock);
	pending_done(list, seq, live_top(r));
	bool gone = list->count == 0 && list->db;
	if (gone)
		pending_set_remove(&r->pending, list);
	pthread_mutex_unlock(&r->lock);
	if (gone || list->count != parts)
		r->pending_changed = true;
}

/* The first part with lines. ERR_NOTFOUND: none has any; the list is empty then, or waits for rows. */
static enum err fill_from_list(
    struct spool_source *s, uint32_t db, struct parcel *p, const struct parcel_limits *limits, struct errbuf *eb)
{
	struct replicator *r = s->r;
	struct pending *list;

	while ((list = pending_set_find(&r->pending, db)) && list->count) {
		const struct pending_part *part = &list->part[0];
		uint64_t top = live_top(r);
		struct parcel_want want = { .to_seq = part->to_seq == PENDING_OPEN ? top : part->to_seq,
			.min_ns = part->min_ns,
			.max_ns = part->max_ns,
			.db = db,
			.pass_by = db ? 0 : listed_bits(r) | limits->held };
		bool open = part->to_seq == PENDING_OPEN;
		s->again = part->again;
		if (!s->in_step || s->db != db)
			parcel_rows_seek(&s->rows, part->from_seq - 1);
		s->db = db;
		s->in_step = false;
		enum err e = parcel_rows_fill(p, &s->rows, &want, limits, eb);
		if (e != ERR_NOTFOUND)
			return e;
		list_done(r, list, want.to_seq);
		if (open)
			return ERR_NOTFOUND;
	}
	return ERR_NOTFOUND;
}

static enum err backlog_fill(
    struct parcel_source *base, struct parcel *p, const struct parcel_limits *limits, struct errbuf *eb)
{
	struct spool_source *s = source_of(base);
	struct replicator *r = s->r;
	uint32_t dbs[PENDING_LISTS_MAX], n = 0;

	s->stale = false;
	/* a list in work is kept to until its next turn; the lists may change while they are looked through */
	for (uint32_t i = 0; i < r->pending.count; i++)
		dbs[n++] = r->pending.list[(s->turn + i) % r->pending.count].db;
	for (uint32_t i = 0; i < n; i++) {
		if (dbs[i] && limits->held & PARCEL_DB_BIT(dbs[i]))
			continue;
		enum err e = fill_from_list(s, dbs[i], p, limits, eb);
		if (e != ERR_NOTFOUND)
			return complain(r, e, eb);
		if (dbs[i] && find_held(r, dbs[i])) /* nothing is left to try it with: the next row will */
			replicator_took(r, dbs[i]);
	}
	return ERR_NOTFOUND;
}

static void backlog_done(struct parcel_source *base, const struct parcel *p)
{
	struct spool_source *s = source_of(base);
	struct pending *list = pending_set_find(&s->r->pending, s->db);

	s->in_step = !s->stale;
	if (list)
		list_done(s->r, list, p->end_seq);
	s->turn++;
}

/* What a list of a database's own has in rows (after, to], or what is left to the list of all others. */
static enum err count_part(
    struct replicator *r, uint32_t db, uint64_t after, uint64_t to, uint64_t listed, struct spool_backlog *out)
{
	struct errbuf eb;
	enum err e = ERR_OK;

	if (db)
		return spool_reader_between_of(r->look, db, after, to, out, &eb);
	e = spool_reader_between(r->look, after, to, out, &eb);
	for (uint32_t other = 1; e == ERR_OK && out->points && other <= CATALOGUE_DATABASES_MAX; other++) {
		struct spool_backlog b;
		if (!(listed & PARCEL_DB_BIT(other)))
			continue;
		e = spool_reader_between_of(r->look, other, after, to, &b, &eb);
		out->points -= e == ERR_OK && b.points <= out->points ? b.points : 0;
		out->bytes -= e == ERR_OK && b.bytes <= out->bytes ? b.bytes : 0;
	}
	return e;
}

/* Rows that were not sent yet; those that are sent again are few. Beside a list of a database's own each row is stepped
 * over, so that what was counted last is good for a multiple of the time that took. */
static void backlog_waits(struct parcel_source *base, struct replicator_waiting *out)
{
	struct replicator *r = source_of(base)->r;
	struct pending_part part[PENDING_PARTS_MAX * 4];
	uint32_t db[PENDING_PARTS_MAX * 4], n = 0;

	*out = (struct replicator_waiting){ .min_ns = INT64_MAX };
	pthread_mutex_lock(&r->lock);
	uint64_t live_seq = atomic_load(&r->live_seq), listed = listed_bits(r);
	for (uint32_t i = 0; i < r->pending.count; i++)
		for (uint32_t k = 0; k < r->pending.list[i].count && n < sizeof part / sizeof *part; k++)
			if (!r->pending.list[i].part[k].again) {
				db[n] = r->pending.list[i].db;
				part[n++] = r->pending.list[i].part[k];
			}
	pthread_mutex_unlock(&r->lock);
	pthread_mutex_lock(&r->look_lock);
	int64_t began = clock_mono_ns();
	if (listed && began - r->counted.at_ns < COUNT_PAUSE * r->counted.took_ns) {
		*out = r->counted.backlog;
		pthread_mutex_unlock(&r->look_lock);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct spool_backlog b;
		uint64_t to = part[i].to_seq == PENDING_OPEN ? live_seq : part[i].to_seq;
		if (count_part(r, db[i], part[i].from_seq - 1, to, listed, &b) != ERR_OK || !b.points)
			continue;
		out->points += b.points;
		out->bytes += b.bytes;
		out->min_ns = b.min_ns < out->min_ns ? b.min_ns : out->min_ns;
		if (!out->oldest_received_ns || b.oldest_received_ns < out->oldest_received_ns)
			out->oldest_received_ns = b.oldest_received_ns;
	}
	r->counted.backlog = *out;
	r->counted.at_ns = clock_mono_ns();
	r->counted.took_ns = r->counted.at_ns - began;
	pthread_mutex_unlock(&r->look_lock);
}

static void close_nothing(struct parcel_source *base)
{
	(void)base;
}

static const struct parcel_source_ops live_ops = { "live", live_fill, live_done, NULL, live_waits, NULL,
	close_nothing };
static const struct parcel_source_ops backlog_ops = { "backlog", backlog_fill, backlog_done, NULL, backlog_waits, NULL,
	close_nothing };

/* ---- what becomes pending ---- */

static void stale(struct replicator *r)
{
	changed(r);
	r->backlog.stale = true; /* a parcel of it that is at work has read ahead by the old lists */
}

void replicator_jump(struct replicator *r)
{
	struct committer_stats c;
	struct spool_backlog b;
	struct errbuf eb;
	uint64_t live_seq = atomic_load(&r->live_seq);
	int64_t now = clock_mono_ns();

	int64_t pause = r->opts.jump_age_ns < LOOK_NS ? r->opts.jump_age_ns : LOOK_NS;

	committer_stats(r->opts.committer, &c);
	if (c.last_seq <= live_seq + 1 || now - r->looked_ns < pause)
		return;
	r->looked_ns = now;
	if (spool_reader_between(r->backlog.rows.reader, live_seq, c.last_seq, &b, &eb) != ERR_OK)
		return; /* whoever reads the rows will say so */
	if (b.points <= r->limits.points / JUMP_PART || clock_wall_ns() - b.oldest_received_ns < r->opts.jump_age_ns)
		return;
	pthread_mutex_lock(&r->lock);
	for (uint32_t i = 0; i < r->pending.count; i++)
		if (!pending_is_held(&r->pending.list[i]))
			pending_jump(&r->pending.list[i], live_seq, c.last_seq, b.min_ns, b.max_ns);
	atomic_store(&r->live_seq, c.last_seq);
	pthread_mutex_unlock(&r->lock);
	stale(r);
	log_info("%llu points wait for %s: they are sent beside the new ones from now on", (unsigned long long)b.points,
	    r->shown);
}

void replicator_hold_database(struct replicator *r, uint32_t db)
{
	struct held_database *h = find_held(r, db);
	char why[sizeof r->stats.last_error];

	pthread_mutex_lock(&r->lock);
	memcpy(why, r->stats.last_error, sizeof why);
	struct pending *list = pending_set_add(&r->pending, db);
	if (list && !pending_is_held(list))
		pending_hold(list, atomic_load(&r->live_seq));
	bool fresh = list && !h && r->held_count < CATALOGUE_DATABASES_MAX;
	if (fresh) {
		h = &r->held[r->held_count++];
		h->db = db;
	}
	r->stats.held_databases = r->held_count;
	pthread_mutex_unlock(&r->lock);
	if (fresh)
		log_error("%s refuses writes to the database %s until somebody mends it (%s); they are kept here",
		    r->shown, replicator_database(r, db), why);
	if (h)
		h->next_try_ns = clock_mono_ns() + r->opts.held_ms * NS_PER_MS;
	stale(r);
}

void replicator_took(struct replicator *r, uint32_t db)
{
	struct held_database *h = find_held(r, db);
	struct pending *list = pending_set_find(&r->pending, db);
	struct spool_backlog b = { .min_ns = INT64_MIN, .max_ns = INT64_MAX };
	struct errbuf eb;

	if (!h || !db || !list)
		return;
	uint64_t live_seq = atomic_load(&r->live_seq);
	uint64_t from = pending_is_held(list) ? list->part[list->count - 1].from_seq : live_seq + 1;
	if (from <= live_seq && spool_reader_between(r->backlog.rows.reader, from - 1, live_seq, &b, &eb) != ERR_OK)
		b = (struct spool_backlog){ .min_ns = INT64_MIN, .max_ns = INT64_MAX };
	pthread_mutex_lock(&r->lock);
	pending_release(list, live_seq, b.min_ns, b.max_ns);
	if (list->count == 0)
		pending_set_remove(&r->pending, list);
	*h = r->held[--r->held_count];
	r->stats.held_databases = r->held_count;
	if (r->held_count == 0) /* it was meant for what is delivered now, not for what may be refused some day */
		r->skip_held = false;
	pthread_mutex_unlock(&r->lock);
	stale(r);
	log_info("%s takes writes to the database %s again", r->shown, replicator_database(r, db));
}

void replicator_try_held(struct replicator *r, bool all)
{
	int64_t now = clock_mono_ns();

	for (uint32_t i = 0; i < r->held_count; i++)
		if (all || r->held[i].next_try_ns <= now)
			r->held[i].next_try_ns = 0;
}

uint64_t replicator_held_bits(const struct replicator *r)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < r->held_count; i++)
		if (r->held[i].next_try_ns)
			bits |= PARCEL_DB_BIT(r->held[i].db);
	return bits;
}

int64_t replicator_next_try_ns(const struct replicator *r)
{
	int64_t next = INT64_MAX;

	for (uint32_t i = 0; i < r->held_count; i++)
		if (r->held[i].next_try_ns && r->held[i].next_try_ns < next)
			next = r->held[i].next_try_ns;
	return next;
}

enum err replicator_send_again(
    struct replicator *r, uint64_t after_seq, int64_t min_ns, int64_t max_ns, struct errbuf *eb)
{
	pthread_mutex_lock(&r->lock);
	for (uint32_t i = 0; i < r->pending.count; i++)
		pending_send_again(&r->pending.list[i], after_seq, min_ns, max_ns);
	pthread_mutex_unlock(&r->lock);
	stale(r);
	return replicator_write_cursor(r, eb);
}

/* ---- on disk ---- */

static uint64_t low_seq(const struct replicator *r)
{
	uint64_t live_seq = atomic_load(&r->live_seq), first = pending_set_first(&r->pending);

	return first <= live_seq ? first - 1 : live_seq;
}

static enum err store_job(struct spool *s, void *arg, struct errbuf *eb)
{
	struct replicator *r = arg;
	struct target_cursor c = { .seq = low_seq(r), .live_seq = atomic_load(&r->live_seq), .points = r->delivered };

	snprintf(c.record, sizeof c.record, "%s", r->record);
	pthread_mutex_lock(&r->lock);
	c.paused = r->paused;
	pthread_mutex_unlock(&r->lock);
	enum err e = target_store(spool_db(s), r->target, &c, eb);
	return e == ERR_OK ? pending_store(spool_db(s), r->target, &r->pending, eb) : e;
}

enum err replicator_write_cursor(struct replicator *r, struct errbuf *eb)
{
	uint64_t low = low_seq(r);
	enum err e = committer_call(r->opts.committer, store_job, r, eb);

	r->stored_ns = clock_mono_ns();
	if (e != ERR_OK)
		return e;
	r->stored_live_seq = atomic_load(&r->live_seq);
	r->pending_changed = false;
	atomic_store(&r->stored_seq, low);
	if (r->opts.stored)
		r->opts.stored(r->opts.stored_arg);
	else
		committer_set_delivered(r->opts.committer, low);
	return ERR_OK;
}

void replicator_store_cursor(struct replicator *r, bool now)
{
	struct errbuf eb;
	bool moved = low_seq(r) != atomic_load(&r->stored_seq) || atomic_load(&r->live_seq) != r->stored_live_seq;

	if ((!moved && !r->pending_changed) || (!now && clock_mono_ns() - r->stored_ns < STORE_CURSOR_NS))
		return;
	enum err e = replicator_write_cursor(r, &eb);
	if (e != ERR_OK && e != ERR_CLOSED)
		log_warn("the replication cursor of %s could not be stored, points may be sent again: %s", r->shown,
		    eb.text);
}

struct gap_job {
	const struct replicator *r;
	const struct spool_row *row;
};

/* What the store has of them is owed. */
static enum err gap_job(struct spool *s, void *arg, struct errbuf *eb)
{
	const struct gap_job *j = arg;
	struct owed_range owed = { .db = j->row->db,
		.cause = OWED_OVERFLOW,
		.from_ns = j->row->min_ns,
		.to_ns = j->row->max_ns + (j->row->max_ns < INT64_MAX) };

	snprintf(owed.target, sizeof owed.target, "%s", j->r->target);
	enum err e = j->r->opts.owed ? owed_add(spool_owed(s), spool_db(s), &owed, eb) : ERR_OK;
	return e == ERR_OK ? gap_add(spool_db(s), j->row->min_ns, j->row->max_ns, j->row->points, "damaged", eb) : e;
}

static void on_damaged(void *arg, const struct spool_row *row, const char *why)
{
	struct replicator *r = arg;
	struct gap_job j = { r, row };
	struct errbuf eb;

	for (uint32_t i = 0; i < r->damaged_count && i < DAMAGED_MAX; i++)
		if (r->damaged[i] == row->seq) /* it is met in each lane, and once more after a failure */
			return;
	r->damaged[r->damaged_count++ % DAMAGED_MAX] = row->seq;
	log_error("%s: its %u points cannot be delivered to %s%s", why, row->points, r->shown,
	    r->opts.owed ? ", unless the local store has them" : "");
	counter_add(COUNTER_GAP_POINTS, row->points);
	if (committer_call(r->opts.committer, gap_job, &j, &eb) != ERR_OK)
		log_error("the gap could not be recorded: %s", eb.text);
}

static void init_source(struct replicator *r, struct spool_source *s, const struct parcel_source_ops *ops)
{
	s->base.ops = ops;
	s->r = r;
	s->rows.damaged = on_damaged;
	s->rows.arg = r;
}

void replicator_spool_init(struct replicator *r)
{
	init_source(r, &r->live, &live_ops);
	init_source(r, &r->backlog, &backlog_ops);
	pending_set_init(&r->pending);
}

void replicator_spool_fini(struct replicator *r)
{
	spool_reader_close(r->live.rows.reader);
	spool_reader_close(r->backlog.rows.reader);
	spool_reader_close(r->look);
	spool_reader_close(r->first);
	lp_fini(&r->live.rows.parser);
	lp_fini(&r->backlog.rows.parser);
}

enum err replicator_meet(struct replicator *r, struct errbuf *eb)
{
	struct target_cursor c;
	enum err e = target_meet(&r->meeting, &c, eb);

	if (e == ERR_OK)
		e = pending_load(spool_reader_db(r->look), r->target, &r->pending, eb);
	if (e != ERR_OK)
		return e;
	atomic_store(&r->live_seq, c.live_seq);
	r->delivered = c.points;
	r->paused = c.paused;
	r->held_count = 0;
	for (uint32_t i = 1; i < r->pending.count; i++)
		if (pending_is_held(&r->pending.list[i]) && r->held_count < CATALOGUE_DATABASES_MAX)
			r->held[r->held_count++] = (struct held_database){ r->pending.list[i].db, 0 };
	r->stats.held_databases = r->held_count;
	r->sent_seq = c.live_seq;
	parcel_rows_seek(&r->live.rows, c.live_seq);
	e = replicator_write_cursor(r, eb); /* so that a new target's rows are kept from now on */
	r->met = e == ERR_OK;
	return e;
}

static bool is_the_disk(enum err e)
{
	return e == ERR_FULL || e == ERR_IO || e == ERR_UNAVAILABLE;
}

enum err replicator_spool_load(struct replicator *r, struct errbuf *eb)
{
	struct spool_reader **readers[] = { &r->live.rows.reader, &r->backlog.rows.reader, &r->look, &r->first };
	enum err e = ERR_OK;

	for (unsigned i = 0; e == ERR_OK && i < sizeof readers / sizeof *readers; i++)
		e = spool_reader_open(readers[i], r->opts.spool_path, eb);
	if (e != ERR_OK)
		return e;
	e = replicator_meet(r, eb);
	if (!is_the_disk(e))
		return e;
	log_warn("what %s lacks cannot be noted yet: %s", r->shown, eb->text); /* the thread tries again */
	return ERR_OK;
}
