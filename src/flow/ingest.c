/* A request's way: its lines become a batch (store/batch_builder), late and future points and bad lines are set aside
 * with their reason, the text that goes to the spool is cut into parts and framed, the committer makes it durable.
 *
 * Text that is good as it stands (nanosecond timestamps, no bad line in between) is not copied: parts are slices of the
 * request's body. Where a line must go or needs another timestamp, the rest is copied into `text` line by line. */
#include "flow/ingest.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"
#include "flow/ingest_part.h"

enum {
	PART_BYTES = 1 << 20,
	SMALL_BYTES = 16 << 10,
	KEEP_BYTES = 4 << 20, /* of a worker's builder, and of each of its texts */
	SPARE_BYTES = 24 << 20, /* of all spare workers */
	SPARE_MAX = 8,
	TEXTS_MAX = 32 << 10
};
#define TEXT_MAX ((size_t)256 << 20) /* stamps lengthen lines; bodies are bounded long before */

struct ingest {
	struct ingest_opts opts;
	pthread_mutex_t lock; /* spare */
	struct worker *spare;
	unsigned spare_count;
	size_t spare_bytes;
	bool used; /* since ingest_trim */
	struct refusals *refusals;
};

void ingest_result_init(struct ingest_result *r)
{
	*r = (struct ingest_result){ 0 };
	buf_init(&r->message, INGEST_MESSAGE_MAX);
}

void ingest_result_fini(struct ingest_result *r)
{
	buf_fini(&r->message);
}

/* ---- workers ---- */

static void worker_free(struct worker *w)
{
	if (!w)
		return;
	batch_builder_fini(&w->builder);
	frame_packer_free(w->packer);
	buf_fini(&w->text);
	buf_fini(&w->frames);
	buf_fini(&w->reasons);
	buf_fini(&w->alike_texts);
	free(w->parts);
	free(w);
}

static struct worker *worker_new(struct ingest *in)
{
	struct worker *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	batch_builder_init(&w->builder, in->opts.catalogue);
	w->builder.at_door = true;
	buf_init(&w->text, TEXT_MAX);
	buf_init(&w->frames, TEXT_MAX);
	buf_init(&w->reasons, INGEST_MESSAGE_MAX - 512);
	buf_init(&w->alike_texts, TEXTS_MAX);
	if (frame_packer_new(&w->packer) != ERR_OK) {
		worker_free(w);
		return NULL;
	}
	return w;
}

static size_t worker_bytes(const struct worker *w)
{
	return batch_builder_bytes(&w->builder) + w->text.cap + w->frames.cap;
}

static struct worker *worker_take(struct ingest *in)
{
	pthread_mutex_lock(&in->lock);
	struct worker *w = in->spare;
	in->used = true;
	if (w) {
		in->spare = w->next;
		in->spare_count--;
		in->spare_bytes -= worker_bytes(w);
	}
	pthread_mutex_unlock(&in->lock);
	return w ? w : worker_new(in);
}

static void clear_keeping(struct buf *b)
{
	if (b->cap > KEEP_BYTES)
		buf_fini(b);
	buf_clear(b);
}

static void worker_give(struct ingest *in, struct worker *w)
{
	clear_keeping(&w->text);
	clear_keeping(&w->frames);
	batch_builder_start(&w->builder, (struct view){ NULL, 0 }, KEEP_BYTES);
	pthread_mutex_lock(&in->lock);
	bool keep = in->spare_count < SPARE_MAX && in->spare_bytes + worker_bytes(w) <= SPARE_BYTES;
	if (keep) {
		in->spare_bytes += worker_bytes(w);
		w->next = in->spare;
		in->spare = w;
		in->spare_count++;
	}
	pthread_mutex_unlock(&in->lock);
	if (!keep)
		worker_free(w);
}

static void free_spare(struct ingest *in)
{
	while (in->spare) {
		struct worker *w = in->spare;
		in->spare = w->next;
		worker_free(w);
	}
	in->spare_count = 0;
	in->spare_bytes = 0;
}

void ingest_trim(struct ingest *in)
{
	pthread_mutex_lock(&in->lock);
	if (!in->used)
		free_spare(in);
	in->used = false;
	pthread_mutex_unlock(&in->lock);
}

enum err ingest_new(struct ingest **out, const struct ingest_opts *opts, struct errbuf *eb)
{
	struct ingest *in = calloc(1, sizeof *in);

	*out = in;
	if (!in)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (refusals_new(&in->refusals) != ERR_OK) {
		free(in);
		*out = NULL;
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	in->opts = *opts;
	pthread_mutex_init(&in->lock, NULL);
	return ERR_OK;
}

void ingest_free(struct ingest *in)
{
	if (!in)
		return;
	free_spare(in);
	refusals_free(in->refusals);
	pthread_mutex_destroy(&in->lock);
	free(in);
}

struct refusals *ingest_refusals(struct ingest *in)
{
	return in->refusals;
}

/* ---- the text that goes to the spool ---- */

/* Counts a point to the part at hand, or to a new one when that is large enough. Until the end a part's text.p is an
 * offset: the buffer may move. */
static bool add_to_part(struct worker *w, size_t start, size_t end, int64_t time_ns)
{
	struct batch_part *part = w->part_count ? &w->parts[w->part_count - 1] : NULL;

	if (!part || end - (size_t)(uintptr_t)part->text.p > PART_BYTES) {
		if (w->part_count == w->part_cap) {
			uint32_t cap = w->part_cap ? w->part_cap * 2 : 4;
			struct batch_part *p = realloc(w->parts, cap * sizeof *p);
			if (!p)
				return false;
			w->parts = p;
			w->part_cap = cap;
		}
		part = &w->parts[w->part_count++];
		*part = (struct batch_part){
			.text = { (const char *)(uintptr_t)start, 0 }, .min_ns = time_ns, .max_ns = time_ns
		};
	}
	part->text.len = end - (size_t)(uintptr_t)part->text.p;
	part->points++;
	if (time_ns < part->min_ns)
		part->min_ns = time_ns;
	if (time_ns > part->max_ns)
		part->max_ns = time_ns;
	return true;
}

/* Keeps the line at hand, with time_ns for its timestamp. */
static bool keep_line(struct worker *w, const struct ingest_request *rq, int64_t time_ns)
{
	const struct lp_parser *ps = &w->builder.parser;
	size_t start = (size_t)(ps->line.p - rq->body.p), end = start + ps->line.len;
	bool as_it_is = ps->has_time && rq->precision_ns == 1;

	if (!w->rewriting && as_it_is && start == w->covered && ps->next == rq->body.p + end + 1) {
		w->covered = end + 1;
		return add_to_part(w, start, end + 1, time_ns);
	}
	if (!w->rewriting) { /* from here on lines are copied; offsets stay what they are */
		w->rewriting = true;
		buf_append(&w->text, rq->body.p, w->covered);
	}
	start = w->text.len;
	if (as_it_is) {
		buf_view(&w->text, ps->line);
	} else {
		buf_append(&w->text, ps->line.p, (size_t)(ps->time_start - ps->line.p));
		if (!ps->has_time)
			buf_char(&w->text, ' ');
		buf_i64(&w->text, time_ns);
	}
	buf_char(&w->text, '\n');
	return !w->text.failed && add_to_part(w, start, w->text.len, time_ns);
}

/* Offsets to addresses; large texts become frames here, on the caller's thread. */
static bool finish_parts(struct worker *w, const struct ingest_request *rq)
{
	const char *base = w->rewriting ? w->text.p : rq->body.p;
	size_t total = w->rewriting ? w->text.len : w->covered;

	for (uint32_t i = 0; i < w->part_count; i++) {
		struct batch_part *part = &w->parts[i];
		part->text.p = base + (size_t)(uintptr_t)part->text.p;
		if (total <= SMALL_BYTES)
			continue;
		size_t at = w->frames.len;
		if (frame_pack(w->packer, part->text, &w->frames) != ERR_OK)
			return false;
		part->frame = (struct view){ (const char *)(uintptr_t)at, w->frames.len - at };
	}
	for (uint32_t i = 0; i < w->part_count; i++)
		if (w->parts[i].frame.len)
			w->parts[i].frame.p = w->frames.p + (size_t)(uintptr_t)w->parts[i].frame.p;
	return true;
}

/* ---- a request ---- */

struct door { /* what a request's lines are held against */
	const struct ingest_opts *opts;
	const struct ingest_request *request;
	int64_t now_ns;
};

/* The line's time; false: refused, *why and *error say why. */
static bool read_time(
    const struct door *d, const struct lp_parser *ps, int64_t *out, enum reject *why, const char **error)
{
	const struct ingest_opts *o = d->opts;
	int64_t t = d->now_ns;

	*why = REJECT_UNPARSABLE;
	*error = "time outside range -9223372036854775806 - 9223372036854775806";
	if (ps->has_time &&
	    (__builtin_mul_overflow(ps->time, d->request->precision_ns, &t) || t <= INT64_MIN + 1 || t == INT64_MAX))
		return false;
	*out = t;
	if (o->retention_ns && t < d->now_ns - o->retention_ns) {
		*why = REJECT_TOO_OLD;
		*error = "points beyond retention policy";
		return false;
	}
	if (o->max_future_ns && t > d->now_ns + o->max_future_ns) {
		*why = REJECT_IN_FUTURE;
		*error = "points too far in the future ([retention] max_future)";
		return false;
	}
	return true;
}

/* A point that is refused for its time must leave no series behind. */
static bool admit(void *arg, struct lp_parser *ps)
{
	int64_t t;

	return read_time(arg, ps, &t, &ps->why, &ps->error);
}

/* False: out of memory. */
static bool take_line(struct worker *w, const struct door *d)
{
	struct batch_point *point = &w->builder.points[w->builder.point_count - 1];
	enum reject why;
	const char *error;

	if (!read_time(d, &w->builder.parser, &point->time_ns, &why, &error)) {
		ingest_refuse_point(w, why, error);
		return true;
	}
	return keep_line(w, d->request, point->time_ns);
}

static bool parse_all(struct worker *w, const struct door *d)
{
	enum lp_result r;

	w->builder.admit = admit;
	w->builder.admit_arg = (void *)(uintptr_t)d;
	while ((r = batch_builder_next(&w->builder, w->db)) != LP_END) {
		if (w->builder.out_of_memory)
			return false;
		if (r == LP_BAD)
			ingest_refuse_line(w);
		else if (!take_line(w, d))
			return false;
	}
	return finish_parts(w, d->request);
}

static void count(const struct worker *w, const struct ingest_request *rq, const struct ingest_result *res)
{
	counter_add(COUNTER_INGEST_REQUESTS, 1);
	counter_add(COUNTER_INGEST_POINTS, res->points);
	counter_add(COUNTER_INGEST_VALUES, res->values);
	counter_add(COUNTER_INGEST_BYTES, rq->body.len);
	for (unsigned i = 0; i < REJECT_COUNT; i++)
		if (w->rejected[i])
			counter_add(reject_counter((enum reject)i), w->rejected[i]);
}

static void reset(struct worker *w, struct view body)
{
	batch_builder_start(&w->builder, body, KEEP_BYTES);
	buf_clear(&w->text);
	buf_clear(&w->frames);
	w->part_count = 0;
	w->rewriting = false;
	w->covered = 0;
	ingest_forget_refusals(w, body);
}

enum err ingest_write(struct ingest *in, const struct ingest_request *rq, struct ingest_result *res, struct errbuf *eb)
{
	uint32_t db = catalogue_database(in->opts.catalogue, view_of(rq->database));
	int64_t now_ns = clock_wall_ns();

	if (!db) {
		counter_add(COUNTER_REFUSED_NO_DATABASE, 1);
		return errbuf_set(eb, ERR_NOTFOUND, "database not found: \"%s\"", rq->database);
	}
	struct worker *w = worker_take(in);
	if (!w)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	reset(w, rq->body);
	w->db = db;
	const struct door door = { &in->opts, rq, now_ns };
	enum err e = parse_all(w, &door) ? ERR_OK : errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (e == ERR_OK && w->builder.point_count) {
		struct batch b = { .db = db,
			.received_ns = now_ns,
			.points = w->builder.points,
			.values = w->builder.values,
			.parts = w->parts,
			.point_count = w->builder.point_count,
			.value_count = w->builder.value_count,
			.part_count = w->part_count };
		e = committer_submit(in->opts.committer, &b, eb);
	}
	if (e == ERR_OK) {
		res->points = w->builder.point_count;
		res->values = w->builder.value_count;
		for (unsigned i = 0; i < REJECT_COUNT; i++)
			res->rejected += w->rejected[i];
		if (res->rejected) {
			ingest_compose_message(w, res);
			ingest_tell_refusals(w, in->refusals, now_ns);
		}
		memcpy(res->refused, w->refused, sizeof res->refused);
		res->refused_count = w->refused_count;
		count(w, rq, res);
	}
	worker_give(in, w);
	return e;
}
