#include "query/record_timed.h"

#include "base/clock.h"

void record_times_init(struct record_times *t)
{
	for (int i = 0; i < RECORD_TIMINGS; i++)
		timing_init(&t->timing[i]);
}

void record_times_fini(struct record_times *t)
{
	for (int i = 0; i < RECORD_TIMINGS; i++)
		timing_fini(&t->timing[i]);
}

/* took_ns: where the reply does not say it. ok: RECORD_WRITE_OK or RECORD_QUERY_OK; the failures come next to it. */
static void note(
    struct record_timed *r, enum record_timing ok, const struct record_reply *reply, int64_t took_ns, uint64_t bytes)
{
	bool failed = reply->status / 100 != 2;

	timing_add(&r->times->timing[ok + failed], reply->took_ns ? reply->took_ns : took_ns, bytes);
}

static enum err timed_write(
    void *ctx, const char *database, struct view lines, int64_t timeout_ms, struct record_reply *reply)
{
	struct record_timed *r = ctx;
	int64_t began = clock_mono_ns();

	reply->took_ns = 0; /* an answer from before */
	enum err e = r->ops->write(r->ctx, database, lines, timeout_ms, reply);

	note(r, RECORD_WRITE_OK, reply, clock_mono_ns() - began, lines.len);
	return e;
}

static enum err timed_write_many(
    void *ctx, const struct record_write *writes, unsigned n, int64_t timeout_ms, struct record_reply *replies)
{
	struct record_timed *r = ctx;
	int64_t began = clock_mono_ns();

	for (unsigned i = 0; i < n; i++)
		replies[i].took_ns = 0;
	enum err e = r->ops->write_many(r->ctx, writes, n, timeout_ms, replies);
	int64_t took_ns = clock_mono_ns() - began;

	for (unsigned i = 0; i < n; i++)
		note(r, RECORD_WRITE_OK, &replies[i], took_ns, writes[i].lines.len);
	return e;
}

static enum err timed_query(
    void *ctx, const char *database, struct view influxql, bool post, int64_t timeout_ms, struct record_reply *reply)
{
	struct record_timed *r = ctx;
	int64_t began = clock_mono_ns();

	reply->took_ns = 0; /* an answer from before */
	enum err e = r->ops->query(r->ctx, database, influxql, post, timeout_ms, reply);

	note(r, RECORD_QUERY_OK, reply, clock_mono_ns() - began, reply->body.len);
	return e;
}

struct counted {
	const struct record_stream *q;
	uint64_t bytes;
};

static bool count_and_take(void *arg, struct view bytes)
{
	struct counted *c = arg;

	c->bytes += bytes.len;
	return c->q->take(c->q->arg, bytes);
}

static bool is_wanted(void *arg)
{
	struct counted *c = arg;

	return !c->q->is_wanted || c->q->is_wanted(c->q->arg);
}

static enum err timed_stream(void *ctx, const struct record_stream *q, struct record_reply *reply)
{
	struct record_timed *r = ctx;
	struct counted c = { .q = q };
	struct record_stream counting = *q;
	int64_t began = clock_mono_ns();

	reply->took_ns = 0; /* an answer from before */
	counting.take = count_and_take;
	counting.is_wanted = is_wanted;
	counting.arg = &c;
	enum err e = r->ops->stream(r->ctx, &counting, reply);
	if (e != ERR_CLOSED)
		note(r, RECORD_QUERY_OK, reply, clock_mono_ns() - began, c.bytes);
	return e;
}

static enum err timed_ping(void *ctx, int64_t timeout_ms, struct record_reply *reply)
{
	struct record_timed *r = ctx;

	return r->ops->ping(r->ctx, timeout_ms, reply);
}

static enum err timed_find_place(
    void *ctx, const char *database, struct record_place *out, int64_t timeout_ms, struct record_reply *reply)
{
	struct record_timed *r = ctx;

	return r->ops->find_place(r->ctx, database, out, timeout_ms, reply);
}

static enum err timed_make_place(
    void *ctx, const char *database, int64_t retention_ns, int64_t timeout_ms, struct record_reply *reply)
{
	struct record_timed *r = ctx;

	return r->ops->make_place(r->ctx, database, retention_ns, timeout_ms, reply);
}

static enum err timed_set_retention(
    void *ctx, const struct record_place *place, int64_t retention_ns, int64_t timeout_ms, struct record_reply *reply)
{
	struct record_timed *r = ctx;

	return r->ops->set_retention(r->ctx, place, retention_ns, timeout_ms, reply);
}

static enum err timed_figures(void *ctx, int64_t timeout_ms, struct record_reply *reply)
{
	struct record_timed *r = ctx;

	return r->ops->figures(r->ctx, timeout_ms, reply);
}

const struct record_ops record_timed_ops = {
	.ping = timed_ping,
	.write = timed_write,
	.query = timed_query,
	.stream = timed_stream,
	.write_many = timed_write_many,
	.find_place = timed_find_place,
	.make_place = timed_make_place,
	.set_retention = timed_set_retention,
	.figures = timed_figures,
};
