/* Delivering a parcel. Its bodies are sent at once, if there are several; one that did not simply arrive is then sent by
 * itself, by the answer (flow/answer.h has what counts as which):
 *
 *	delivered	done
 *	refused		the lines that the server names, or all if it says that it dropped all, or a single one: into the
 *			quarantine with its words; else each half by itself. A server that takes no unsigned integers gets
 *			them as integers from then on, unless it is 2.x or 3.x
 *	too large	as refused, but only a single line goes into the quarantine
 *	unclear		as refused, but a single line only if a harmless one passes; else held
 *	no database	what had been delivered to it is owed; create it, if allowed; else held
 *	held		the database is held: others go on, it is tried again each minute or on request
 *	retry		back off (flow/backoff.h); where nobody could be reached at all, until a ping is answered. After
 *			POISON_TRIES failures of a server that had been well before (one is enough where it died of it):
 *			replicator_poison.c
 *
 * Before each request of another source than live a live parcel goes first. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/num.h"
#include "flow/replicator_part.h"

enum { POISON_TRIES = 3, CREATIONS_MAX = 2 };

/* ---- the quarantine, through the writer ---- */

enum { SET_ASIDE_AT_ONCE = 500 }; /* lines of one transaction: other writers have their turn in between */

struct quarantine_job {
	const struct parcel_refusal *refusal; /* of at most SET_ASIDE_AT_ONCE lines */
	const struct replicator *r;
	struct quarantine_entry *entries;
	struct quarantine_change change;
};

static enum err quarantine_job(struct spool *s, void *arg, struct errbuf *eb)
{
	struct quarantine_job *j = arg;
	const struct parcel_refusal *f = j->refusal;
	const struct replicator_opts *o = &j->r->opts;
	const struct quarantine_limits limits = { o->quarantine_max_points, o->quarantine_max_bytes };
	const char *database = catalogue_database_name(o->catalogue, f->parcel->db);
	int64_t now_ns = clock_wall_ns();

	j->change = (struct quarantine_change){ 0 };
	for (uint32_t i = f->from; i < f->to; i++) {
		struct view line = parcel_lines(f->body, i, i + 1);
		j->entries[i - f->from] = (struct quarantine_entry){ .target = j->r->target,
			.database = database ? database : f->database,
			.at_ns = now_ns,
			.status = f->status,
			.reason = view_of(f->reason),
			.line = { line.p, line.len - 1 } };
	}
	return quarantine_add_many(spool_db(s), j->entries, f->to - f->from, &limits, &j->change, eb);
}

static enum err store_some(struct delivery *d, const struct parcel_refusal *f, struct errbuf *eb)
{
	struct replicator *r = d->r;
	struct quarantine_entry entries[SET_ASIDE_AT_ONCE];
	struct quarantine_job j = { f, r, entries, { 0 } };

	if (d->source->ops->refused)
		return d->source->ops->refused(d->source, f, eb);
	enum err e = committer_call(r->opts.committer, quarantine_job, &j, eb);
	if (e != ERR_OK)
		return e;
	counter_add(COUNTER_REPL_QUARANTINED, j.change.added); /* what it has already was counted then */
	if (!j.change.dropped)
		return ERR_OK;
	counter_add(COUNTER_QUARANTINE_DROPPED, j.change.dropped);
	log_error("the quarantine is at its ceiling: its %" PRIu64
		  " oldest points were let go for newer ones that %s refused; they are not sent again, and stay in the "
		  "local store until its retention",
	    j.change.dropped, r->shown);
	return ERR_OK;
}

/* Takes what is stored off the refusal: after an error only the rest is to be stored. */
static enum err store_refusal(struct delivery *d, struct parcel_refusal *f, struct errbuf *eb)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && f->from < f->to) {
		struct parcel_refusal some = *f;
		if (some.to - some.from > SET_ASIDE_AT_ONCE)
			some.to = some.from + SET_ASIDE_AT_ONCE;
		e = store_some(d, &some, eb);
		if (e == ERR_OK)
			f->from = some.to;
	}
	return e;
}

bool replicator_set_aside(
    struct delivery *d, uint32_t from, uint32_t to, int status, const char *reason, bool poison, bool skipped)
{
	struct parcel_refusal f = { d->parcel, d->body, from, to, d->database, status, reason, poison, skipped };
	struct errbuf eb;

	while (store_refusal(d, &f, &eb) != ERR_OK) {
		log_error("refused points could not be put into the quarantine: %s", eb.text);
		if (!replicator_wait_ms(d->r, 1000, false))
			return false;
	}
	log_warn("%s refused %u point%s, in quarantine now (holdfast quarantine lists them): %s", d->r->shown,
	    to - from, to - from == 1 ? "" : "s", reason);
	return true;
}

/* ---- one try ---- */

static void note_delivered(struct delivery *d, uint32_t points)
{
	struct replicator *r = d->r;

	replicator_reached(r);
	replicator_took(r, d->parcel->db);
	r->pinged = true;
	r->lost_bits &= ~PARCEL_DB_BIT(d->parcel->db);
	uint64_t seq = d->live ? r->live.rows.seq : d->source == &r->backlog.base ? r->backlog.rows.seq : 0;
	if (seq > r->sent_seq)
		r->sent_seq = seq;
	r->delivered += points;
	replicator_note_rate(r, points, d->source == &r->backlog.base && !r->backlog.again);
}

/* False: to be left. */
static bool live_goes_first(struct delivery *d)
{
	if (!d->live && !replicator_must_leave(d->r))
		(void)replicator_run_source(d->r, &d->r->live.base, &d->r->live_parcel);
	return !replicator_must_leave(d->r);
}

static enum outcome deliver_halves(struct delivery *d, uint32_t from, uint32_t to)
{
	uint32_t middle = from + (to - from) / 2;
	enum outcome o = replicator_deliver_range(d, from, middle, 0);

	return o == OUTCOME_DONE ? replicator_deliver_range(d, middle, to, 0) : o;
}

static enum outcome set_aside(struct delivery *d, uint32_t from, uint32_t to, const char *reason)
{
	return replicator_set_aside(d, from, to, d->r->reply.status, reason, false, false) ? OUTCOME_DONE
											   : OUTCOME_LEAVE;
}

/* InfluxDB 1.x: "partial write: … dropped=3", of the points in the request. */
static bool dropped_all(const struct buf *body, uint32_t points)
{
	static const char word[] = "dropped=";
	const char *p = body->len ? memmem(body->p, body->len, word, sizeof word - 1) : NULL;
	uint64_t n;

	if (!p)
		return false;
	p += sizeof word - 1;
	size_t digits = 0, room = body->len - (size_t)(p - body->p);
	while (digits < room && p[digits] >= '0' && p[digits] <= '9')
		digits++;
	return num_parse_u64((struct view){ p, digits }, &n) && n == points;
}

/* Are all the lines that the answer names lines that were sent? */
static bool names_ours(struct delivery *d, uint32_t from)
{
	const struct answer_lines *named = &d->r->named;

	for (uint32_t i = 0; i < named->count; i++) {
		uint32_t at = from + named->lines[i].number - 1;
		struct view line = parcel_lines(d->body, at, at + 1);
		if (!answer_line_is(&named->lines[i], (struct view){ line.p, line.len - 1 }))
			return false;
	}
	return true;
}

/* The lines that 3.x names are set aside; it took the others, as far as it has told of all. */
static enum outcome refused_by_name(struct delivery *d, uint32_t from, uint32_t to)
{
	struct replicator *r = d->r;
	bool complete = r->named.complete;
	uint32_t n = r->named.count, last = from + r->named.lines[n - 1].number;

	for (uint32_t i = 0; i < n; i++) {
		char why[REPLICATOR_SHOWN_MAX], words[REPLICATOR_WORDS_MAX];
		uint32_t at = from + r->named.lines[i].number - 1;
		answer_words(r->named.lines[i].reason, words, sizeof words);
		snprintf(why, sizeof why, "HTTP %d: %s", r->reply.status, words);
		if (set_aside(d, at, at + 1, why) != OUTCOME_DONE)
			return OUTCOME_LEAVE;
	}
	if (complete) {
		note_delivered(d, to - from - n);
		return OUTCOME_DONE;
	}
	note_delivered(d, last - from - n); /* it names them in their order */
	return last < to ? replicator_deliver_range(d, last, to, 0) : OUTCOME_DONE;
}

static enum outcome refused(struct delivery *d, uint32_t from, uint32_t to, enum answer a)
{
	static const char number[] = "invalid number";
	struct replicator *r = d->r;
	struct view body = { r->reply.body.p, r->reply.body.len };
	char why[REPLICATOR_SHOWN_MAX];

	bool takes_unsigned = r->reply.api == RECORD_API_2 || r->reply.api == RECORD_API_3;
	/* also after it is known: the body may have been filled before */
	if (!takes_unsigned && body.len && memmem(body.p, body.len, number, sizeof number - 1) &&
	    parcel_make_signed(d->body)) {
		if (!r->make_signed)
			log_info("%s takes no unsigned integers: they are sent as integers from now on", r->shown);
		r->make_signed = true;
		return replicator_deliver_range(d, from, to, 0);
	}
	if (a == ANSWER_REFUSED && answer_lines_read(&r->named, body, to - from) && names_ours(d, from))
		return refused_by_name(d, from, to);
	if (to - from > 1 && !(a == ANSWER_REFUSED && dropped_all(&r->reply.body, to - from)))
		return deliver_halves(d, from, to);
	replicator_explain(&r->reply, why);
	return set_aside(d, from, to, why);
}

/* A database that is not there has lost what was delivered to it. Durable before it is there again; false: to be left. */
static bool owe_lost(struct delivery *d)
{
	struct replicator *r = d->r;
	struct errbuf eb;

	if (r->sent_seq == 0 || r->lost_bits & PARCEL_DB_BIT(d->parcel->db))
		return true;
	while (target_lost_database(&r->meeting, d->parcel->db, r->sent_seq, &eb) != ERR_OK) {
		log_error("cannot note that %s has lost a database: %s", r->shown, eb.text);
		if (!replicator_wait_ms(r, 1000, false))
			return false;
	}
	r->lost_bits |= PARCEL_DB_BIT(d->parcel->db);
	return true;
}

static enum outcome held(struct delivery *d, uint32_t from, uint32_t to)
{
	struct replicator *r = d->r;
	char why[REPLICATOR_SHOWN_MAX];

	replicator_explain(&r->reply, why);
	pthread_mutex_lock(&r->lock);
	d->skip |= r->skip_held;
	r->skip_held = false;
	pthread_mutex_unlock(&r->lock);
	if (d->skip) {
		char words[sizeof why + sizeof QUARANTINE_SKIPPED_WORDS];
		snprintf(words, sizeof words, QUARANTINE_SKIPPED_WORDS "%s", why);
		return replicator_set_aside(d, from, to, r->reply.status, words, false, true) ? OUTCOME_DONE
											      : OUTCOME_LEAVE;
	}
	if (r->opts.breaker)
		breaker_failed(r->opts.breaker);
	replicator_set_state(r, REPLICATOR_HELD, why);
	return OUTCOME_HELD;
}

enum tried { TRIED_SETTLED, TRIED_FAILED, TRIED_AGAIN };

/* FAILED: for want of strength; it has been waited for, and strikes are counted. */
static enum tried try_once(
    struct delivery *d, uint32_t from, uint32_t to, unsigned *strikes, unsigned *creations, enum outcome *out)
{
	struct replicator *r = d->r;
	int64_t began = clock_mono_ns();
	enum answer a = replicator_send(r, d->database, parcel_lines(d->body, from, to), d->alone);

	if (!d->live)
		r->took_ns += clock_mono_ns() - began;
	if (a == ANSWER_NO_DATABASE && !owe_lost(d)) {
		*out = OUTCOME_LEAVE;
		return TRIED_SETTLED;
	}
	if (a == ANSWER_NO_DATABASE && (*creations)++ < CREATIONS_MAX && r->opts.create_database) {
		if (replicator_create_database(r, d->database))
			return TRIED_AGAIN;
		if (r->reply.status == 0)
			a = ANSWER_RETRY;
	}
	switch (a) {
	case ANSWER_DELIVERED:
		note_delivered(d, to - from);
		*out = OUTCOME_DONE;
		return TRIED_SETTLED;
	case ANSWER_UNCLEAR:
		if (to - from == 1 && !replicator_harmless_passes(r, d->database)) {
			*out = held(d, from, to);
			return TRIED_SETTLED;
		}
		/* fall through */
	case ANSWER_REFUSED:
	case ANSWER_TOO_LARGE:
		replicator_reached(r);
		*out = refused(d, from, to, a);
		return TRIED_SETTLED;
	case ANSWER_NO_DATABASE:
	case ANSWER_HELD:
		*out = held(d, from, to);
		return TRIED_SETTLED;
	case ANSWER_RETRY:
		break;
	}
	if (replicator_retry_later(r, strikes))
		return TRIED_FAILED;
	*out = OUTCOME_LEAVE;
	return TRIED_SETTLED;
}

bool replicator_try(struct delivery *d, uint32_t from, uint32_t to, unsigned *strikes, enum outcome *out)
{
	unsigned creations = 0;
	enum tried t;

	do {
		if (!live_goes_first(d)) {
			*out = OUTCOME_LEAVE;
			return true;
		}
		t = try_once(d, from, to, strikes, &creations, out);
	} while (t == TRIED_AGAIN);
	return t == TRIED_SETTLED;
}

enum outcome replicator_deliver_range(struct delivery *d, uint32_t from, uint32_t to, unsigned strikes)
{
	enum outcome o;

	while (strikes < POISON_TRIES)
		if (replicator_try(d, from, to, &strikes, &o))
			return o;
	return replicator_narrow_down(d, from, to);
}

/* ---- all bodies at once ---- */

/* Those that arrived are marked so; strikes of those that failed. False: to be left. */
static bool send_all(struct delivery *d, bool arrived[RECORD_WRITES_MAX], unsigned strikes[RECORD_WRITES_MAX])
{
	struct replicator *r = d->r;
	enum answer answers[RECORD_WRITES_MAX];
	bool waited = false;
	unsigned drawn = 0;

	if (!live_goes_first(d))
		return false;
	replicator_send_many(r, d->database, d->parcel, answers);
	for (unsigned i = 0; i < d->parcel->bodies; i++)
		if (d->parcel->body[i].count && answers[i] == ANSWER_DELIVERED) {
			arrived[i] = true;
			note_delivered(d, d->parcel->body[i].count);
		}
	for (unsigned i = 0; i < d->parcel->bodies; i++) {
		if (!d->parcel->body[i].count || answers[i] != ANSWER_RETRY)
			continue;
		if (!waited) { /* once for all */
			struct record_reply one = r->reply;
			r->reply = r->replies[i];
			bool go_on = replicator_was_stale(r) || replicator_retry_later(r, &drawn);
			r->replies[i] = r->reply;
			r->reply = one;
			waited = true;
			if (!go_on)
				return false;
		}
		strikes[i] = drawn;
	}
	return true;
}

enum outcome replicator_deliver(struct replicator *r, struct parcel_source *source, struct parcel *p)
{
	struct delivery d = { .r = r,
		.source = source,
		.parcel = p,
		.database = replicator_database(r, p->db),
		.live = source == &r->live.base };
	bool arrived[RECORD_WRITES_MAX] = { false };
	unsigned strikes[RECORD_WRITES_MAX] = { 0 }, bodies = 0;

	for (unsigned i = 0; i < p->bodies; i++)
		bodies += p->body[i].count > 0;
	if (!d.live)
		r->took_ns = 0;
	if (bodies > 1 && r->opts.record->write_many && !send_all(&d, arrived, strikes))
		return OUTCOME_LEAVE;
	for (unsigned i = 0; i < p->bodies; i++) {
		if (arrived[i] || !p->body[i].count)
			continue;
		d.body = &p->body[i];
		d.alone = false;
		enum outcome o = replicator_deliver_range(&d, 0, p->body[i].count, strikes[i]);
		if (o != OUTCOME_DONE)
			return o;
	}
	return OUTCOME_DONE;
}
