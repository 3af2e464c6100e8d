/* Where the sides differ and nothing is on its way, by hour:
 *
 *	fewer there, of some field	older than the record keeps points	retention_record
 *					else					missing_in_record, sent again
 *	more there			older than is kept here, or the store
 *					lacks it				retention_here
 *					else					missing_here
 *	both, or other times or values	as above, by either retention; else	differs, sent again
 *
 * An hour that retention has begun to let go of counts as older. */
#include <stdio.h>

#include "base/clock.h"
#include "flow/verifier_part.h"
#include "store/owed.h"

enum { RETENTION_LISTED_MAX = VERIFIER_DIFFERENCES_MAX / 5 };
#define REFUSED_NS (60 * NS_PER_S) /* a point is on its way while it comes of age */

static const char *const kinds[VERIFIER_KINDS] = { "missing_in_record", "missing_here", "differs", "retention_here",
	"retention_record" };

const char *verifier_kind_name(enum verifier_kind k)
{
	return kinds[k];
}

static void bad_from(struct verifier *v, int64_t hour_ns)
{
	if (hour_ns < v->good_until_ns)
		v->good_until_ns = hour_ns;
}

static int64_t begins(int64_t keeps_ns)
{
	int64_t now = clock_wall_ns();

	return keeps_ns > 0 && keeps_ns < now ? now - keeps_ns : INT64_MIN;
}

static enum err kind_of(
    struct verifier *v, unsigned hour, const struct tally_difference *t, enum verifier_kind *out, struct errbuf *eb)
{
	int64_t from = verifier_hour_begin(v, hour), to = verifier_hour_end(v, hour);
	bool record_lets_go = from < begins(v->record_keeps_ns), whole = from >= begins(v->keeps_ns);
	enum err e = ERR_OK;

	if (t->more && whole && v->lacks)
		e = verifier_is_whole(v, from, to, &whole, eb);
	if (t->more && !whole)
		*out = VERIFIER_RETENTION_HERE;
	else if (record_lets_go && !t->more)
		*out = VERIFIER_RETENTION_RECORD;
	else if (t->less && !t->more)
		*out = VERIFIER_MISSING_IN_RECORD;
	else if (t->more && !t->less)
		*out = VERIFIER_MISSING_HERE;
	else
		*out = VERIFIER_DIFFERS;
	return e;
}

/* ---- repair ---- */

static enum err owe_job(struct spool *s, void *arg, struct errbuf *eb)
{
	return owed_add(spool_owed(s), spool_db(s), arg, eb);
}

/* The hour is owed from now on. *done: some of it is young enough for the record to take it. */
static enum err repair(struct verifier *v, unsigned hour, bool *done, struct errbuf *eb)
{
	int64_t from = verifier_hour_begin(v, hour), oldest = begins(v->record_keeps_ns);
	struct owed_range r = {
		.target = REPLICATOR_RECORD, .db = v->db, .cause = OWED_MISSING, .to_ns = verifier_hour_end(v, hour)
	};

	r.from_ns = oldest > INT64_MIN && from < oldest + REFUSED_NS ? oldest + REFUSED_NS : from;
	*done = r.from_ns < r.to_ns;
	if (!*done)
		return ERR_OK;
	enum err e = committer_call(v->opts.committer, owe_job, &r, eb);
	if (e == ERR_OK)
		committer_wake(v->opts.committer);
	return e;
}

/* ---- the list ---- */

static void note(struct verifier *v, const struct verifier_difference *d)
{
	bool retention = d->kind == VERIFIER_RETENTION_HERE || d->kind == VERIFIER_RETENTION_RECORD;

	pthread_mutex_lock(&v->lock);
	v->stats.differences[d->kind]++;
	v->stats.repaired += d->repaired;
	/* those of retention leave room for what matters */
	uint64_t let_go = v->stats.differences[VERIFIER_RETENTION_HERE] +
	    v->stats.differences[VERIFIER_RETENTION_RECORD];
	if (v->stats.listed < VERIFIER_DIFFERENCES_MAX && (!retention || let_go <= RETENTION_LISTED_MAX))
		v->differences[v->stats.listed++] = *d;
	pthread_mutex_unlock(&v->lock);
}

static void cut_name(char out[VERIFIER_NAME_BYTES], const char *name)
{
	snprintf(out, VERIFIER_NAME_BYTES, "%.*s", (int)view_cut(view_of(name), VERIFIER_NAME_BYTES - 1), name);
}

static enum err note_difference(struct verifier *v, unsigned hour, const struct tally_difference *t, struct errbuf *eb)
{
	struct verifier_difference d = { .fields = t->fields,
		.hour_ns = v->day_ns + (int64_t)hour * TALLY_HOUR_NS,
		.here = t->here,
		.there = t->there,
		.first_here_ns = v->here.first_ns[hour],
		.last_here_ns = v->here.last_ns[hour],
		.first_there_ns = v->record.first_ns[hour],
		.last_there_ns = v->record.last_ns[hour] };
	enum err e = kind_of(v, hour, t, &d.kind, eb);

	if (e != ERR_OK)
		return e;
	cut_name(d.database, v->name);
	cut_name(d.measurement, v->measurement);
	snprintf(d.field, sizeof d.field, "%s", t->field);
	bool lost = d.kind == VERIFIER_MISSING_IN_RECORD || d.kind == VERIFIER_DIFFERS;
	if (lost && v->rq.repair)
		e = repair(v, hour, &d.repaired, eb);
	if (lost)
		bad_from(v, d.hour_ns);
	note(v, &d);
	return e;
}

static void note_waiting(struct verifier *v, unsigned hour)
{
	bad_from(v, v->day_ns + (int64_t)hour * TALLY_HOUR_NS);
	pthread_mutex_lock(&v->lock);
	v->stats.hours_waiting++;
	pthread_mutex_unlock(&v->lock);
}

static enum err judge_hour(struct verifier *v, unsigned hour, struct errbuf *eb)
{
	struct tally_difference t;
	bool written = false;

	if (v->waiting[hour]) {
		note_waiting(v, hour);
		return ERR_OK;
	}
	if (tally_is_empty(&v->here, hour) && tally_is_empty(&v->record, hour))
		return ERR_OK;
	pthread_mutex_lock(&v->lock);
	v->stats.hours++;
	v->stats.quarantined += v->left_out[hour];
	pthread_mutex_unlock(&v->lock);
	if (!tally_differs(&v->here, &v->record, hour, v->sums, &t))
		return ERR_OK;
	enum err e = verifier_was_written(v, hour, &written, eb);
	if (e != ERR_OK || !written)
		return e == ERR_OK ? note_difference(v, hour, &t, eb) : e;
	note_waiting(v, hour);
	return ERR_OK;
}

enum err verifier_judge(struct verifier *v, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (unsigned h = 0; e == ERR_OK && h < verifier_hours(v); h++)
		e = judge_hour(v, h, eb);
	return e;
}

/* ---- how far all was equal ---- */

static enum err verified_job(struct spool *s, void *arg, struct errbuf *eb)
{
	return verified_store(spool_db(s), arg, eb);
}

/* The place of the database in v->verified; its end: it is new. */
static uint32_t place_of(const struct verifier *v)
{
	uint32_t i = 0;

	while (i < v->verified_count && v->verified[i].db != v->db)
		i++;
	return i;
}

enum err verifier_note_day(struct verifier *v, int64_t to_ns, struct errbuf *eb)
{
	struct verified looked = {
		.db = v->db, .from_ns = v->rq.from_ns, .until_ns = to_ns, .at_ns = clock_wall_ns(), .deep = v->rq.deep
	};
	struct verified now = v->known_before;

	verified_join(&now, &looked, v->good_until_ns < to_ns ? v->good_until_ns : to_ns);
	if (!now.at_ns) /* nothing of it was equal */
		now = (struct verified){ v->db, looked.from_ns, looked.from_ns, looked.at_ns, looked.deep };
	enum err e = committer_call(v->opts.committer, verified_job, &now, eb);
	if (e != ERR_OK)
		return e;
	pthread_mutex_lock(&v->lock);
	uint32_t i = place_of(v);
	if (i < CATALOGUE_DATABASES_MAX) {
		v->verified[i] = now;
		v->verified_count += i == v->verified_count;
	}
	v->stats.at_ns = to_ns;
	pthread_mutex_unlock(&v->lock);
	return ERR_OK;
}
