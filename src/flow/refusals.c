#include "flow/refusals.h"

#include <pthread.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "wire/lp_key.h"

struct place {
	uint64_t hash; /* of database, reason and the whole name */
	struct refusals_entry entry;
};

struct refusals {
	pthread_mutex_t lock; /* all below */
	unsigned place_count;
	struct place place[REFUSALS_PLACES];
	uint64_t other_points;
	uint64_t added; /* to recent, a ring */
	struct refusals_entry recent[REFUSALS_RECENT];
};

enum err refusals_new(struct refusals **out)
{
	struct refusals *r = calloc(1, sizeof *r);

	*out = r;
	if (!r)
		return ERR_NOMEM;
	pthread_mutex_init(&r->lock, NULL);
	return ERR_OK;
}

void refusals_free(struct refusals *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* Not within a character. */
static size_t cut(struct view v, size_t most)
{
	size_t n = v.len < most ? v.len : most;

	while (n > 0 && n < v.len && ((unsigned char)v.p[n] & 0xC0) == 0x80)
		n--;
	return n;
}

static void set_text(char *out, size_t size, struct view v)
{
	size_t n = cut(v, size - 1);

	if (n)
		memcpy(out, v.p, n);
	out[n] = 0;
}

static struct refusals_entry entry_of(const struct refusals_note *n, int64_t now_ns)
{
	struct refusals_entry e = {
		.why = n->why, .db = n->db, .points = n->points, .first_ns = now_ns, .last_ns = now_ns
	};

	set_text(e.measurement, sizeof e.measurement, n->measurement);
	set_text(e.error, sizeof e.error, n->error);
	set_text(e.example, sizeof e.example, n->example);
	return e;
}

/* The one with the fewest points; of several the one that was refused longest ago. */
static struct place *least(struct refusals *r)
{
	struct place *worst = &r->place[0];

	for (unsigned i = 1; i < r->place_count; i++) {
		const struct refusals_entry *e = &r->place[i].entry, *w = &worst->entry;
		if (e->points < w->points || (e->points == w->points && e->last_ns < w->last_ns))
			worst = &r->place[i];
	}
	return worst;
}

static void add_to_place(struct refusals *r, uint64_t hash, const struct refusals_entry *e)
{
	struct place *p = NULL;

	for (unsigned i = 0; !p && i < r->place_count; i++)
		if (r->place[i].hash == hash)
			p = &r->place[i];
	if (p) {
		uint64_t points = p->entry.points + e->points;
		int64_t first = p->entry.first_ns;
		p->entry = *e;
		p->entry.points = points;
		p->entry.first_ns = first;
		return;
	}
	if (r->place_count < REFUSALS_PLACES) {
		p = &r->place[r->place_count++];
	} else {
		p = least(r);
		r->other_points += p->entry.points;
	}
	*p = (struct place){ hash, *e };
}

void refusals_add(struct refusals *r, const struct refusals_note *notes, unsigned count, uint64_t other, int64_t now_ns)
{
	pthread_mutex_lock(&r->lock);
	r->other_points += other;
	for (unsigned i = 0; i < count; i++) {
		const struct refusals_note *n = &notes[i];
		struct refusals_entry e = entry_of(n, now_ns);
		uint64_t seed = (uint64_t)n->db << 8 | (uint64_t)n->why;
		add_to_place(r, XXH3_64bits_withSeed(n->measurement.p, n->measurement.len, seed), &e);
		r->recent[r->added++ % REFUSALS_RECENT] = e;
	}
	pthread_mutex_unlock(&r->lock);
}

static int by_points(const void *a, const void *b)
{
	const struct refusals_entry *x = a, *y = b;

	if (x->points != y->points)
		return x->points < y->points ? 1 : -1;
	return x->last_ns < y->last_ns ? 1 : -(x->last_ns > y->last_ns);
}

void refusals_state(struct refusals *r, struct refusals_state *out)
{
	pthread_mutex_lock(&r->lock);
	out->place_count = r->place_count;
	out->other_points = r->other_points;
	for (unsigned i = 0; i < r->place_count; i++)
		out->place[i] = r->place[i].entry;
	out->recent_count = r->added < REFUSALS_RECENT ? (unsigned)r->added : REFUSALS_RECENT;
	for (unsigned i = 0; i < out->recent_count; i++)
		out->recent[i] = r->recent[(r->added - 1 - i) % REFUSALS_RECENT];
	pthread_mutex_unlock(&r->lock);
	qsort(out->place, out->place_count, sizeof *out->place, by_points);
}

/* ---- examples ---- */

/* False: no room; what is there ends in a sign that something is missing. */
static bool put_name(struct buf *out, size_t end, const char *before, struct view name, const char *after)
{
	static const char more[] = "…";

	if (out->len + strlen(before) + name.len + strlen(after) + strlen(more) > end) {
		buf_str(out, more);
		return false;
	}
	buf_str(out, before);
	buf_view(out, name);
	buf_str(out, after);
	return true;
}

void refusals_example(struct buf *out, struct view key, const struct lp_field *fields, uint32_t count)
{
	struct lp_key parts;
	enum reject why;
	const char *error;
	size_t end = out->len + REFUSALS_EXAMPLE;

	if (!lp_key_split(key, &parts, &why, &error) || !put_name(out, end, "", parts.measurement, ""))
		return;
	for (unsigned i = 0; i < parts.tag_count; i++)
		if (!put_name(out, end, ",", parts.tags[i].key, "=…"))
			return;
	for (uint32_t i = 0; i < count; i++)
		if (!put_name(out, end, i ? "," : " ", fields[i].name, "=…"))
			return;
}
