/* Lines that draw a 5xx, or the server's end, each time they are sent, though it had been well before. One of them is
 * looked for, and each look may cost the server's users a restart of it; so
 *
 *	first lines that look unusual by their shape, if there are few, each series of them with all its lines (its points
 *	keep their order); InfluxDB 1.6.7 dies of a backslash in the wrong place
 *	then all others, in PARTS parts in turn: one death narrows 5,000 lines to 278, the next to 16, the third to one
 *
 * A part that arrives is done with. A single line is set aside only when harmless lines pass in its place, in turns with
 * it and often enough: a sick server must never empty the spool into the quarantine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "flow/replicator_part.h"
#include "wire/lp_parse.h"

/* PROOFS: a death counts as DEATH_PROOFS of them, so that two are enough. Where requests are lost at random, whatever is in
 * them, a line is taken for poison once in 100,000 times at most. */
enum { PARTS = 18, UNUSUAL_MAX = 16, PROOFS = 6, DEATH_PROOFS = 3, HARMLESS = 2 };

/* How much the failure just seen says of the line, if it was of this line: nothing where a harmless one fails, too. */
static unsigned proof(struct delivery *d, unsigned before)
{
	unsigned weight = d->r->failed_dead ? DEATH_PROOFS : 1;

	for (unsigned i = 0; i < HARMLESS; i++)
		if (!replicator_harmless_passes(d->r, d->database))
			return 0;
	return before + weight;
}

static enum outcome prove(struct delivery *d, uint32_t line)
{
	char why[REPLICATOR_SHOWN_MAX], words[REPLICATOR_SHOWN_MAX];
	unsigned strikes = 0, proofs;
	enum outcome o;

	for (proofs = 0;;) {
		if (!replicator_wait_until_well(d->r))
			return OUTCOME_LEAVE;
		proofs = proof(d, proofs);
		snprintf(words, sizeof words, "%s", d->r->failed_why);
		int status = d->r->failed_status;
		if (proofs >= PROOFS) {
			snprintf(why, sizeof why,
			    QUARANTINE_POISON_WORDS "other points pass, this one draws each time: %.340s", words);
			return replicator_set_aside(d, line, line + 1, status, why, true, false) ? OUTCOME_DONE
												 : OUTCOME_LEAVE;
		}
		do { /* no strike: it never arrived, or the server was not well */
			strikes = 0;
			if (replicator_try(d, line, line + 1, &strikes, &o))
				return o;
		} while (strikes == 0);
	}
}

static enum outcome in_parts(struct delivery *d, uint32_t from, uint32_t to)
{
	uint32_t size = (to - from + PARTS - 1) / PARTS;

	for (uint32_t at = from; at < to; at += size) {
		enum outcome o = replicator_deliver_range(d, at, to - at < size ? to : at + size, 0);
		if (o != OUTCOME_DONE)
			return o;
	}
	return OUTCOME_DONE;
}

/* ---- by their shape ---- */

static bool is_unusual(struct view line)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.p[i];
		if (c < 32 || c >= 127 || c == '\\')
			return true;
	}
	return false;
}

struct shaped {
	uint64_t series;
	bool unusual;
};

static uint64_t series_of(struct lp_parser *ps, struct view line)
{
	lp_restart(ps, line);
	return parcel_series_hash(lp_next_key(ps) == LP_OK ? ps->key : line);
}

/* How many lines are of a series with an unusual one. 0: none is, or too many are. */
static uint32_t find_unusual(const struct parcel_body *b, uint32_t from, uint32_t to, struct shaped *lines)
{
	uint64_t series[UNUSUAL_MAX];
	uint32_t n = 0, found = 0;
	struct lp_parser ps;

	lp_init(&ps, (struct view){ NULL, 0 });
	for (uint32_t i = from; i < to; i++) {
		struct view line = parcel_lines(b, i, i + 1);
		line.len--;
		lines[i - from] = (struct shaped){ series_of(&ps, line), false };
		if (!is_unusual(line))
			continue;
		if (n == UNUSUAL_MAX) {
			lp_fini(&ps);
			return 0;
		}
		series[n++] = lines[i - from].series;
	}
	lp_fini(&ps);
	for (uint32_t i = 0; n && i < to - from; i++) {
		for (uint32_t k = 0; k < n; k++)
			lines[i].unusual |= lines[i].series == series[k];
		found += lines[i].unusual;
	}
	return found;
}

/* Lines [from, to) of the body, those of the unusual series first; each kind keeps its order. False: no memory. */
static bool put_first(struct parcel_body *b, uint32_t from, uint32_t to, const struct shaped *lines)
{
	struct view all = parcel_lines(b, from, to);
	char *text = malloc(all.len);
	uint32_t *ends = malloc((to - from) * sizeof *ends), n = 0;
	uint64_t *tags = malloc((to - from) * sizeof *tags);
	size_t len = 0, base = (size_t)(all.p - b->text.p);
	bool ok = text && ends && tags;

	for (int first = 1; ok && first >= 0; first--)
		for (uint32_t i = from; i < to; i++) {
			if (lines[i - from].unusual != (bool)first)
				continue;
			struct view line = parcel_lines(b, i, i + 1);
			memcpy(text + len, line.p, line.len);
			len += line.len;
			ends[n] = (uint32_t)(base + len);
			tags[n++] = b->tags[i];
		}
	if (ok) {
		memcpy(b->text.p + base, text, len);
		memcpy(b->ends + from, ends, n * sizeof *ends);
		memcpy(b->tags + from, tags, n * sizeof *tags);
	}
	free(text);
	free(ends);
	free(tags);
	return ok;
}

static enum outcome by_shape(struct delivery *d, uint32_t from, uint32_t to)
{
	struct shaped *lines = malloc((to - from) * sizeof *lines);
	uint32_t unusual = lines ? find_unusual(d->body, from, to, lines) : 0;
	bool apart = unusual && unusual < to - from && put_first(d->body, from, to, lines);

	free(lines);
	if (!apart)
		return in_parts(d, from, to);
	enum outcome o = in_parts(d, from, from + unusual);
	return o == OUTCOME_DONE ? replicator_deliver_range(d, from + unusual, to, 0) : o;
}

enum outcome replicator_narrow_down(struct delivery *d, uint32_t from, uint32_t to)
{
	d->alone = true;
	if (to - from == 1)
		return prove(d, from);
	if (to - from > PARTS && d->shaped != d->body) { /* once a body is enough */
		d->shaped = d->body;
		log_warn("%s fails each time it gets some %u points: looking for the one that it can't take",
		    d->r->shown, to - from);
		return by_shape(d, from, to);
	}
	return in_parts(d, from, to);
}
