/* Two lists, each in order of target, database, cause, and where the owed part begins: `now`, as the transaction at hand has
 * it, is the writer's; `seen` is what others read.
 *
 *	owed_add	now, and seen at once: a row that leaves the spool is owed before anybody can miss it
 *	owed_advance	now; seen once it is committed
 *	rolled back	both from the file again
 *
 * A range that grows keeps its id, so that who pays it can go on. He would miss what is added below the point up to which he
 * reads while he reads: paying.until_ns holds owed_advance back there. */
#include "store/owed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/database.h"

static const char *const causes[OWED_CAUSES] = { "before", "overflow", "missing" };

struct ranges {
	struct owed_range *of;
	uint32_t count, room;
};

struct paying {
	int64_t id; /* that owed_next gave last; 0: none */
	int64_t until_ns; /* where it was added to since then */
};

struct owed {
	uint32_t max;
	pthread_mutex_t lock; /* seen, paying */
	struct ranges seen;
	struct paying paying;
	_Atomic uint32_t seen_count; /* so that nobody waits where nothing is owed */
	/* the writer alone */
	struct ranges now;
	bool changed; /* in this transaction */
	bool stale; /* a rollback that could not be followed */
};

const char *owed_cause_name(enum owed_cause cause)
{
	return causes[cause];
}

enum err owed_new(struct owed **out, uint32_t max_ranges, struct errbuf *eb)
{
	struct owed *o = calloc(1, sizeof *o);

	*out = o;
	if (!o)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	o->max = max_ranges ? max_ranges : OWED_RANGES_MAX;
	pthread_mutex_init(&o->lock, NULL);
	return ERR_OK;
}

void owed_free(struct owed *o)
{
	if (!o)
		return;
	pthread_mutex_destroy(&o->lock);
	free(o->seen.of);
	free(o->now.of);
	free(o);
}

/* ---- lists ---- */

static enum err make_room(struct ranges *l, uint32_t count, struct errbuf *eb)
{
	if (count <= l->room)
		return ERR_OK;
	uint32_t room = count + count / 2 + 8;
	struct owed_range *of = realloc(l->of, room * sizeof *of);
	if (!of)
		return errbuf_set(eb, ERR_NOMEM, "out of memory for what is owed to InfluxDB");
	l->of = of;
	l->room = room;
	return ERR_OK;
}

/* Ranges [i, j) go, *with, unless NULL, comes. There is room. */
static void splice(struct ranges *l, uint32_t i, uint32_t j, const struct owed_range *with)
{
	uint32_t in = with != NULL;

	memmove(l->of + i + in, l->of + j, (l->count - j) * sizeof *l->of);
	l->count = l->count - (j - i) + in;
	if (with)
		l->of[i] = *with;
}

static int compare_kind(const struct owed_range *a, const struct owed_range *b)
{
	int c = strcmp(a->target, b->target);

	if (c)
		return c;
	if (a->db != b->db)
		return a->db < b->db ? -1 : 1;
	return (int)a->cause - (int)b->cause;
}

/* Others see what the writer has. Room was made. */
static void publish(struct owed *o)
{
	pthread_mutex_lock(&o->lock);
	if (o->now.count)
		memcpy(o->seen.of, o->now.of, o->now.count * sizeof *o->now.of);
	o->seen.count = o->now.count;
	atomic_store(&o->seen_count, o->now.count);
	pthread_mutex_unlock(&o->lock);
}

/* ---- the file ---- */

/* id 0: a new row; it gets its number. */
static enum err write_row(sqlite3 *writer, struct owed_range *r, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(writer, &st,
	    "INSERT OR REPLACE INTO owed (id, target, db, from_ns, to_ns, done_until_ns, cause, added_ns) "
	    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	    eb);

	if (e != ERR_OK)
		return e;
	if (r->id)
		sqlite3_bind_int64(st, 1, r->id);
	sqlite3_bind_text(st, 2, r->target, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, r->db);
	sqlite3_bind_int64(st, 4, r->from_ns);
	sqlite3_bind_int64(st, 5, r->to_ns);
	sqlite3_bind_int64(st, 6, r->done_until_ns);
	sqlite3_bind_text(st, 7, causes[r->cause], -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 8, r->added_ns);
	e = database_finish(writer, st, "write what is owed", eb);
	if (e == ERR_OK && !r->id)
		r->id = sqlite3_last_insert_rowid(writer);
	return e;
}

static enum err delete_row(sqlite3 *writer, int64_t id, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(writer, &st, "DELETE FROM owed WHERE id = ?", eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_int64(st, 1, id);
	return database_finish(writer, st, "write what is owed", eb);
}

static void read_row(sqlite3_stmt *st, struct owed_range *r)
{
	const char *target = (const char *)sqlite3_column_text(st, 1),
		   *cause = (const char *)sqlite3_column_text(st, 6);

	*r = (struct owed_range){ .id = sqlite3_column_int64(st, 0),
		.db = (uint32_t)sqlite3_column_int64(st, 2),
		.cause = OWED_MISSING,
		.from_ns = sqlite3_column_int64(st, 3),
		.to_ns = sqlite3_column_int64(st, 4),
		.done_until_ns = sqlite3_column_int64(st, 5),
		.added_ns = sqlite3_column_int64(st, 7) };
	snprintf(r->target, sizeof r->target, "%s", target ? target : "");
	for (int c = 0; cause && c < (int)OWED_CAUSES; c++)
		if (!strcmp(cause, causes[c]))
			r->cause = (enum owed_cause)c;
}

static int by_order(const void *a, const void *b)
{
	const struct owed_range *x = a, *y = b;
	int c = compare_kind(x, y);

	if (c)
		return c;
	return (x->done_until_ns > y->done_until_ns) - (x->done_until_ns < y->done_until_ns);
}

static enum err load_rows(struct ranges *l, sqlite3 *writer, struct errbuf *eb)
{
	sqlite3_stmt *st;
	enum err e = database_prepare(
	    writer, &st, "SELECT id, target, db, from_ns, to_ns, done_until_ns, cause, added_ns FROM owed", eb);
	int rc = SQLITE_DONE;

	l->count = 0;
	if (e != ERR_OK)
		return e;
	while (e == ERR_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		e = make_room(l, l->count + 1, eb);
		if (e == ERR_OK)
			read_row(st, &l->of[l->count++]);
	}
	if (e == ERR_OK && rc != SQLITE_DONE)
		e = database_error(writer, "read what is owed", eb);
	sqlite3_finalize(st);
	if (l->count)
		qsort(l->of, l->count, sizeof *l->of, by_order);
	return e;
}

enum err owed_load(struct owed *o, sqlite3 *writer, struct errbuf *eb)
{
	struct ranges fresh = { 0 };
	enum err e = load_rows(&fresh, writer, eb);

	pthread_mutex_lock(&o->lock);
	if (e == ERR_OK)
		e = make_room(&o->seen, fresh.count, eb);
	pthread_mutex_unlock(&o->lock);
	o->changed = false;
	o->stale = e != ERR_OK;
	if (e != ERR_OK) {
		free(fresh.of);
		return e;
	}
	free(o->now.of);
	o->now = fresh;
	publish(o);
	return ERR_OK;
}

/* ---- the writer ---- */

static enum err ready(struct owed *o, sqlite3 *writer, struct errbuf *eb)
{
	enum err e = o->stale ? owed_load(o, writer, eb) : ERR_OK;

	if (e == ERR_OK)
		e = make_room(&o->now, o->now.count + 1, eb);
	pthread_mutex_lock(&o->lock);
	if (e == ERR_OK)
		e = make_room(&o->seen, o->now.count + 1, eb);
	pthread_mutex_unlock(&o->lock);
	return e;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* b's owed part touches or overlaps a's, or the hole between them is owed too. What lies before the owed part of either was
 * sent, so that [smallest from, smallest done_until) was. */
static void unite(struct owed_range *a, const struct owed_range *b)
{
	a->from_ns = least(a->from_ns, b->from_ns);
	a->done_until_ns = least(a->done_until_ns, b->done_until_ns);
	if (b->to_ns > a->to_ns)
		a->to_ns = b->to_ns;
	a->added_ns = least(a->added_ns, b->added_ns);
}

static void hold_back(struct owed *o, int64_t id, int64_t from_ns)
{
	pthread_mutex_lock(&o->lock);
	if (o->paying.id == id)
		o->paying.until_ns = least(o->paying.until_ns, from_ns);
	pthread_mutex_unlock(&o->lock);
}

/* Ranges [i, j) become *x, which has the first one's id if there is one. */
static enum err replace(
    struct owed *o, sqlite3 *writer, uint32_t i, uint32_t j, struct owed_range *x, struct errbuf *eb)
{
	enum err e = ERR_OK;

	o->changed = true;
	for (uint32_t k = i + 1; e == ERR_OK && k < j; k++)
		e = delete_row(writer, o->now.of[k].id, eb);
	if (e == ERR_OK)
		e = write_row(writer, x, eb);
	if (e == ERR_OK)
		splice(&o->now, i, j, x);
	return e;
}

/* The two neighbours with the smallest hole become one. */
static enum err make_fewer(struct owed *o, sqlite3 *writer, struct errbuf *eb)
{
	uint32_t best = UINT32_MAX;
	uint64_t smallest = UINT64_MAX;

	for (uint32_t i = 0; i + 1 < o->now.count; i++) {
		const struct owed_range *a = &o->now.of[i], *b = &o->now.of[i + 1];
		uint64_t hole = (uint64_t)b->done_until_ns - (uint64_t)a->to_ns;
		if (compare_kind(a, b) == 0 && hole < smallest) {
			smallest = hole;
			best = i;
		}
	}
	if (best == UINT32_MAX) /* as many as there are targets, databases and causes */
		return ERR_OK;
	struct owed_range x = o->now.of[best];
	hold_back(o, x.id, x.to_ns); /* the hole, too, is new */
	unite(&x, &o->now.of[best + 1]);
	return replace(o, writer, best, best + 2, &x, eb);
}

/* Where ranges that touch or overlap *r begin and end in the list. */
static void find_touching(const struct ranges *l, const struct owed_range *r, uint32_t *i, uint32_t *j)
{
	uint32_t at = 0;

	while (at < l->count && compare_kind(&l->of[at], r) < 0)
		at++;
	while (at < l->count && compare_kind(&l->of[at], r) == 0 && l->of[at].to_ns < r->from_ns)
		at++;
	*i = at;
	while (at < l->count && compare_kind(&l->of[at], r) == 0 && l->of[at].done_until_ns <= r->to_ns)
		at++;
	*j = at;
}

enum err owed_add(struct owed *o, sqlite3 *writer, const struct owed_range *r, struct errbuf *eb)
{
	struct owed_range x = *r;
	uint32_t i, j;

	if (r->from_ns >= r->to_ns)
		return ERR_OK;
	enum err e = ready(o, writer, eb);
	if (e != ERR_OK)
		return e;
	x.done_until_ns = r->from_ns;
	x.added_ns = clock_wall_ns();
	find_touching(&o->now, r, &i, &j);
	for (uint32_t k = i; k < j; k++)
		unite(&x, &o->now.of[k]);
	x.id = i < j ? o->now.of[i].id : 0;
	if (x.id)
		hold_back(o, x.id, r->from_ns);
	bool there = j == i + 1 && o->now.of[i].done_until_ns == x.done_until_ns && o->now.of[i].to_ns == x.to_ns;
	if (!there)
		e = replace(o, writer, i, j, &x, eb);
	if (e == ERR_OK && o->now.count > o->max)
		e = make_fewer(o, writer, eb);
	if (e == ERR_OK)
		publish(o);
	return e;
}

enum err owed_advance(struct owed *o, sqlite3 *writer, int64_t id, int64_t until_ns, struct errbuf *eb)
{
	enum err e = ready(o, writer, eb);
	uint32_t i = 0;

	while (e == ERR_OK && i < o->now.count && o->now.of[i].id != id)
		i++;
	if (e != ERR_OK || i == o->now.count)
		return e;
	pthread_mutex_lock(&o->lock);
	until_ns = o->paying.id == id ? least(until_ns, o->paying.until_ns) : INT64_MIN;
	pthread_mutex_unlock(&o->lock);
	struct owed_range x = o->now.of[i];
	if (until_ns <= x.done_until_ns)
		return ERR_OK;
	o->changed = true;
	if (until_ns >= x.to_ns) {
		e = delete_row(writer, id, eb);
		if (e == ERR_OK)
			splice(&o->now, i, i + 1, NULL);
		return e;
	}
	x.done_until_ns = until_ns;
	return replace(o, writer, i, i + 1, &x, eb);
}

void owed_committed(struct owed *o)
{
	if (o->changed)
		publish(o);
	o->changed = false;
}

void owed_rolled_back(struct owed *o, sqlite3 *writer)
{
	struct errbuf eb = { "" };

	o->stale |= o->changed;
	o->changed = false;
	if (o->stale && writer && owed_load(o, writer, &eb) != ERR_OK)
		log_warn("cannot read anew what is owed to InfluxDB: %s", eb.text);
}

/* ---- any thread ---- */

static bool is_of(const struct owed_range *r, const char *target)
{
	return !strcmp(r->target, target);
}

bool owed_find(
    const struct owed *co, const char *target, uint32_t db, int64_t from_ns, int64_t to_ns, struct owed_range *first)
{
	struct owed *o = (struct owed *)co; /* the lock guards a read only */
	const struct owed_range *best = NULL;

	if (from_ns >= to_ns || atomic_load(&o->seen_count) == 0)
		return false;
	pthread_mutex_lock(&o->lock);
	for (uint32_t i = 0; i < o->seen.count; i++) {
		const struct owed_range *r = &o->seen.of[i];
		if (r->db == db && r->done_until_ns < to_ns && r->to_ns > from_ns && is_of(r, target) &&
		    (!best || r->done_until_ns < best->done_until_ns))
			best = r;
	}
	if (best && first)
		*first = *best;
	pthread_mutex_unlock(&o->lock);
	return best != NULL;
}

void owed_totals(const struct owed *co, const char *target, struct owed_totals *out)
{
	struct owed *o = (struct owed *)co;

	*out = (struct owed_totals){ 0 };
	pthread_mutex_lock(&o->lock);
	for (uint32_t i = 0; i < o->seen.count; i++) {
		const struct owed_range *r = &o->seen.of[i];
		if (!is_of(r, target))
			continue;
		out->ranges++;
		double seconds = (double)((uint64_t)r->to_ns - (uint64_t)r->done_until_ns) / 1e9;
		out->seconds += seconds;
		out->seconds_by_cause[r->cause] += seconds;
	}
	pthread_mutex_unlock(&o->lock);
}

uint32_t owed_list(const struct owed *co, const char *target, struct owed_range *out, uint32_t max)
{
	struct owed *o = (struct owed *)co;
	uint32_t n = 0;

	pthread_mutex_lock(&o->lock);
	for (uint32_t i = 0; i < o->seen.count; i++) {
		const struct owed_range *r = &o->seen.of[i];
		uint32_t at = n;
		if (!is_of(r, target))
			continue;
		while (at > 0 && out[at - 1].done_until_ns < r->done_until_ns)
			at--;
		if (at == max)
			continue;
		uint32_t moved = n < max ? n - at : max - 1 - at;
		memmove(out + at + 1, out + at, moved * sizeof *out);
		out[at] = *r;
		n += n < max;
	}
	pthread_mutex_unlock(&o->lock);
	return n;
}

bool owed_next(
    struct owed *o, const char *target, bool (*wanted)(void *arg, uint32_t db), void *arg, struct owed_range *out)
{
	bool found = false;

	pthread_mutex_lock(&o->lock);
	for (uint32_t i = 0; i < o->seen.count; i++) {
		const struct owed_range *r = &o->seen.of[i];
		if (is_of(r, target) && (!found || r->to_ns > out->to_ns) && (!wanted || wanted(arg, r->db))) {
			*out = *r;
			found = true;
		}
	}
	o->paying = (struct paying){ found ? out->id : 0, INT64_MAX };
	pthread_mutex_unlock(&o->lock);
	return found;
}
