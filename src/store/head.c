#include "store/head.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"

enum { PARTS = 16 }; /* generations that fill the ceiling: what goes at once is a sixteenth */

struct head {
	struct head_opts opts;
	pthread_mutex_t lock; /* the list; held for a few pointers only */
	struct slot {
		struct generation *g;
		uint64_t first_seq;
		uint64_t last_seq; /* UINT64_MAX: it still grows */
		int64_t began_ns;
	} slots[HEAD_GENERATIONS_MAX];
	unsigned count;
	uint64_t next_number;
	uint64_t from_seq; /* rows below it are in the spool only, whatever comes */
	uint64_t last_seq; /* of the newest row that is here, at least in part */
	_Atomic uint64_t compacted_seq;
	void (*pressed)(void *arg);
	void *pressed_arg;
};

enum err head_new(struct head **out, const struct head_opts *opts, struct errbuf *eb)
{
	struct head *h = calloc(1, sizeof *h);

	*out = h;
	if (!h)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	h->opts = *opts;
	if (!h->opts.max_bytes)
		h->opts.max_bytes = (size_t)64 << 20;
	if (!h->opts.generation_age_ns)
		h->opts.generation_age_ns = 5 * 60 * NS_PER_S;
	h->next_number = 1;
	h->from_seq = 1;
	pthread_mutex_init(&h->lock, NULL);
	return ERR_OK;
}

void head_free(struct head *h)
{
	if (!h)
		return;
	for (unsigned i = 0; i < h->count; i++)
		generation_unref(h->slots[i].g);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

static size_t total_bytes(const struct head *h)
{
	size_t n = 0;

	for (unsigned i = 0; i < h->count; i++)
		n += generation_bytes(h->slots[i].g);
	return n;
}

/* Under the lock, or by the writer. */
static size_t uncompacted_bytes(const struct head *h)
{
	uint64_t compacted = atomic_load_explicit(&h->compacted_seq, memory_order_relaxed);
	size_t n = 0;

	for (unsigned i = 0; i < h->count; i++)
		n += h->slots[i].last_seq > compacted ? generation_bytes(h->slots[i].g) : 0;
	return n;
}

/* Takes the oldest generation off the list. */
static void drop_oldest(struct head *h)
{
	struct generation *g = h->slots[0].g;

	pthread_mutex_lock(&h->lock);
	h->from_seq = h->slots[0].last_seq == UINT64_MAX ? h->last_seq + 1 : h->slots[0].last_seq + 1;
	h->count--;
	memmove(h->slots, h->slots + 1, h->count * sizeof *h->slots);
	pthread_mutex_unlock(&h->lock);
	generation_unref(g);
}

static bool begin_generation(struct head *h, uint64_t first_seq, int64_t now_ns)
{
	struct generation *g;

	if (h->count == HEAD_GENERATIONS_MAX)
		drop_oldest(h);
	/* its arena may take the whole ceiling: one huge batch must still fit where it can */
	if (generation_new(&g, h->next_number, h->opts.max_bytes) != ERR_OK)
		return false;
	h->next_number++;
	pthread_mutex_lock(&h->lock);
	if (h->count && h->slots[h->count - 1].last_seq == UINT64_MAX)
		h->slots[h->count - 1].last_seq = first_seq - 1;
	h->slots[h->count++] = (struct slot){ g, first_seq, UINT64_MAX, now_ns };
	pthread_mutex_unlock(&h->lock);
	return true;
}

static void make_room(struct head *h)
{
	uint64_t compacted = atomic_load_explicit(&h->compacted_seq, memory_order_relaxed);

	while (h->count > 1 && h->slots[0].last_seq <= compacted)
		drop_oldest(h);
	while (h->count > 1 && total_bytes(h) > h->opts.max_bytes) {
		counter_add(COUNTER_HEAD_EVICTED_POINTS, generation_points(h->slots[0].g));
		drop_oldest(h);
	}
}

static bool append_all(struct generation *g, const struct batch *b)
{
	for (uint32_t i = 0; i < b->point_count; i++) {
		const struct batch_point *p = &b->points[i];
		if (!generation_append(g, p->series, p->time_ns, b->values + p->first_value, p->values))
			return false;
	}
	return true;
}

/* Memory ran out within a batch: the head starts anew after it; what was here is in the spool. */
static void start_over(struct head *h, uint64_t from_seq)
{
	while (h->count) {
		counter_add(COUNTER_HEAD_EVICTED_POINTS, generation_points(h->slots[0].g));
		drop_oldest(h);
	}
	pthread_mutex_lock(&h->lock);
	h->from_seq = from_seq;
	pthread_mutex_unlock(&h->lock);
}

void head_begin_at(struct head *h, uint64_t seq)
{
	pthread_mutex_lock(&h->lock);
	h->from_seq = seq;
	pthread_mutex_unlock(&h->lock);
}

void head_append(struct head *h, const struct batch *b, uint64_t first_seq, uint64_t last_seq, int64_t now_ns)
{
	const struct slot *newest = h->count ? &h->slots[h->count - 1] : NULL;

	if (first_seq < h->from_seq) /* its row could not be kept whole: it is read from the spool */
		return;
	bool new_row = first_seq > h->last_seq; /* a row is never shared by two generations */
	h->last_seq = last_seq;
	if (!newest || newest->last_seq != UINT64_MAX ||
	    (new_row &&
		(generation_bytes(newest->g) > h->opts.max_bytes / PARTS ||
		    now_ns - newest->began_ns > h->opts.generation_age_ns))) {
		if (!begin_generation(h, first_seq, now_ns)) {
			start_over(h, last_seq + 1);
			return;
		}
		if (h->pressed && uncompacted_bytes(h) > HEAD_PRESSED(h->opts.max_bytes))
			h->pressed(h->pressed_arg);
	}
	if (!append_all(h->slots[h->count - 1].g, b)) {
		start_over(h, last_seq + 1);
		return;
	}
	make_room(h);
}

void head_leave(struct head *h, uint64_t seq)
{
	h->last_seq = seq;
	start_over(h, seq + 1);
}

void head_seal(struct head *h)
{
	pthread_mutex_lock(&h->lock);
	if (h->count && h->slots[h->count - 1].last_seq == UINT64_MAX)
		h->slots[h->count - 1].last_seq = h->last_seq;
	pthread_mutex_unlock(&h->lock);
}

void head_on_pressure(struct head *h, void (*pressed)(void *arg), void *arg)
{
	h->pressed = pressed;
	h->pressed_arg = arg;
}

bool head_is_pressed(struct head *h)
{
	pthread_mutex_lock(&h->lock);
	bool pressed = uncompacted_bytes(h) > HEAD_PRESSED(h->opts.max_bytes);
	pthread_mutex_unlock(&h->lock);
	return pressed;
}

void head_compacted(struct head *h, uint64_t seq)
{
	atomic_store_explicit(&h->compacted_seq, seq, memory_order_relaxed);
}

void head_next_run(struct head *h, uint64_t seq, struct head_run *out)
{
	*out = (struct head_run){ 0 };
	pthread_mutex_lock(&h->lock);
	for (unsigned i = 0; i < h->count && !out->generation; i++) {
		const struct slot *s = &h->slots[i];
		if (s->last_seq > seq)
			*out = (struct head_run){ generation_ref(s->g), s->first_seq, s->last_seq, s->began_ns,
				s->last_seq != UINT64_MAX };
	}
	if (!out->generation)
		out->first_seq = h->from_seq;
	pthread_mutex_unlock(&h->lock);
}

void head_pin(struct head *h, struct head_snapshot *out)
{
	pthread_mutex_lock(&h->lock);
	out->count = h->count;
	out->from_seq = h->count ? h->slots[0].first_seq : h->from_seq;
	for (unsigned i = 0; i < h->count; i++) {
		out->generations[i] = generation_ref(h->slots[i].g);
		out->last_seq[i] = h->slots[i].last_seq;
	}
	pthread_mutex_unlock(&h->lock);
}

void head_unpin(struct head_snapshot *snap)
{
	for (unsigned i = 0; i < snap->count; i++)
		generation_unref(snap->generations[i]);
	snap->count = 0;
}

void head_stats(struct head *h, struct head_stats *out)
{
	struct head_snapshot snap;

	head_pin(h, &snap);
	*out = (struct head_stats){ .max_bytes = h->opts.max_bytes, .from_seq = snap.from_seq };
	for (unsigned i = 0; i < snap.count; i++) {
		out->bytes += generation_bytes(snap.generations[i]);
		out->points += generation_points(snap.generations[i]);
	}
	head_unpin(&snap);
}
