/* Transformations. Of points at one time derivative and difference see the first alone, as InfluxDB does. */
#include <stdlib.h>

#include "model/aggregate.h"
#include "query/select/function_part.h"
#include "query/select/holt_winters.h"

struct transform {
	const struct function_call *call;
	enum function_id id;
	struct budget *budget;
	bool has; /* a point was seen */
	int64_t time_ns;
	struct cell before;
	/* moving_average: the last values, in a ring */
	struct cell *ring;
	size_t ring_bytes;
	uint32_t at, count;
	double sum;
	uint64_t whole;
	/* holt_winters: all points, and what came of them */
	int64_t *times;
	double *values;
	uint32_t value_count, value_room;
	struct function_point *answer;
};

enum err transform_new(struct transform **out, const struct function_call *c, struct budget *b, struct errbuf *eb)
{
	struct transform *t = calloc(1, sizeof *t);

	*out = t;
	if (!t)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	t->call = c;
	t->id = function_id(c->fn);
	t->budget = b;
	return ERR_OK;
}

void transform_free(struct transform *t)
{
	if (!t)
		return;
	budget_give(t->budget, t->ring_bytes + t->value_room * sizeof(int64_t) * 2);
	free(t->ring);
	free(t->times);
	free(t->values);
	free(t->answer);
	free(t);
}

void transform_reset(struct transform *t)
{
	t->has = false;
	t->at = t->count = t->value_count = 0;
	t->sum = 0;
	t->whole = 0;
}

/* b - a; integers modulo 2^64, as InfluxDB has it. */
static double rise(struct cell a, struct cell b)
{
	if (b.type == CELL_FLOAT)
		return b.f - a.f;
	if (b.type == CELL_INTEGER)
		return (double)(int64_t)((uint64_t)b.i - (uint64_t)a.i);
	return b.u >= a.u ? (double)(b.u - a.u) : -(double)(a.u - b.u);
}

static struct cell subtract(struct cell a, struct cell b)
{
	struct cell out = b;

	if (b.type == CELL_FLOAT)
		out.f = b.f - a.f;
	else
		out.u = b.u - a.u;
	return out;
}

static bool is_non_negative(enum function_id id)
{
	return id == FN_NON_NEGATIVE_DERIVATIVE || id == FN_NON_NEGATIVE_DIFFERENCE;
}

static bool push_rise(struct transform *t, int64_t time_ns, struct cell v, struct cell *out)
{
	const struct function_call *c = t->call;
	bool had = t->has;
	struct cell before = t->before;
	int64_t elapsed = c->descending ? t->time_ns - time_ns : time_ns - t->time_ns;

	if (had && time_ns == t->time_ns)
		return false;
	t->has = true;
	t->time_ns = time_ns;
	t->before = v;
	if (!had || (is_non_negative(t->id) && rise(before, v) < 0))
		return false;
	if (t->id == FN_DIFFERENCE || t->id == FN_NON_NEGATIVE_DIFFERENCE)
		*out = subtract(before, v);
	else
		*out = (struct cell){ .type = CELL_FLOAT,
			.f = rise(before, v) / ((double)elapsed / (double)c->unit_ns) };
	return true;
}

static bool push_elapsed(struct transform *t, int64_t time_ns, struct cell *out)
{
	bool had = t->has;
	int64_t before = t->time_ns;

	t->has = true;
	t->time_ns = time_ns;
	*out = (struct cell){ .type = CELL_INTEGER, .i = (time_ns - before) / t->call->unit_ns };
	return had;
}

static bool push_sum(struct transform *t, struct cell v, struct cell *out)
{
	*out = v;
	if (v.type == CELL_FLOAT) {
		t->sum += v.f;
		out->f = t->sum;
	} else {
		t->whole += v.u;
		out->u = t->whole;
	}
	return true;
}

static enum err make_ring(struct transform *t, struct errbuf *eb)
{
	uint64_t n = (uint64_t)t->call->count;
	enum err e = n < UINT32_MAX ? budget_take(t->budget, n * sizeof *t->ring, eb)
				    : budget_take(t->budget, SIZE_MAX, eb);

	if (e != ERR_OK)
		return e;
	t->ring_bytes = n * sizeof *t->ring;
	t->ring = calloc(n, sizeof *t->ring);
	return t->ring ? ERR_OK : errbuf_set(eb, ERR_NOMEM, "out of memory");
}

static bool push_average(struct transform *t, struct cell v, struct cell *out)
{
	const uint32_t n = (uint32_t)t->call->count;
	const struct cell old = t->ring[t->at];

	if (v.type == CELL_FLOAT) /* in this order, as InfluxDB rounds */
		t->sum = (t->count == n ? t->sum - old.f : t->sum) + v.f;
	else
		t->whole += v.u - (t->count == n ? old.u : 0);
	t->ring[t->at] = v;
	t->at = t->at + 1 == n ? 0 : t->at + 1;
	t->count += t->count < n;
	struct cell whole = { .type = v.type, .u = t->whole };
	*out = (struct cell){ .type = CELL_FLOAT,
		.f = (v.type == CELL_FLOAT ? t->sum : cell_number(whole)) / (double)n };
	return t->count == n;
}

static enum err keep_value(struct transform *t, int64_t time_ns, struct cell v, struct errbuf *eb)
{
	if (t->value_count == t->value_room) {
		uint32_t room = t->value_room ? t->value_room * 2 : 64;
		size_t more = (room - t->value_room) * sizeof(int64_t) * 2;
		enum err e = budget_take(t->budget, more, eb);
		if (e != ERR_OK)
			return e;
		int64_t *times = realloc(t->times, room * sizeof *times);
		t->times = times ? times : t->times;
		double *values = realloc(t->values, room * sizeof *values);
		t->values = values ? values : t->values;
		if (!times || !values) {
			budget_give(t->budget, more);
			return errbuf_set(eb, ERR_NOMEM, "out of memory");
		}
		t->value_room = room;
	}
	t->times[t->value_count] = time_ns;
	t->values[t->value_count++] = cell_number(v);
	return ERR_OK;
}

enum err transform_push(
    struct transform *t, int64_t time_ns, struct cell v, struct function_point *out, bool *has, struct errbuf *eb)
{
	enum err e = ERR_OK;

	*out = (struct function_point){ .time_ns = time_ns, .series = UINT32_MAX };
	*has = false;
	switch (t->id) {
	case FN_ELAPSED:
		*has = push_elapsed(t, time_ns, &out->value);
		break;
	case FN_CUMULATIVE_SUM:
		*has = push_sum(t, v, &out->value);
		break;
	case FN_HOLT_WINTERS:
		e = keep_value(t, time_ns, v, eb);
		break;
	case FN_MOVING_AVERAGE:
		if (!t->ring)
			e = make_ring(t, eb);
		*has = e == ERR_OK && push_average(t, v, &out->value);
		break;
	default:
		*has = push_rise(t, time_ns, v, &out->value);
		break;
	}
	return e;
}

enum err transform_finish(struct transform *t, struct function_point **out, uint32_t *count, struct errbuf *eb)
{
	const struct function_call *c = t->call;
	const struct holt_winters hw = { .times = t->times,
		.values = t->values,
		.count = t->value_count,
		.interval_ns = c->interval_ns,
		.horizon = c->count > UINT32_MAX ? UINT32_MAX : (uint32_t)c->count,
		.season = c->seasonal > UINT32_MAX ? UINT32_MAX : (uint32_t)c->seasonal,
		.with_fit = !strcmp(c->fn->name, "holt_winters_with_fit") };
	int64_t *times;
	double *values;

	*out = NULL;
	*count = 0;
	if (t->id != FN_HOLT_WINTERS || c->interval_ns <= 0)
		return ERR_OK;
	enum err e = holt_winters(&hw, &times, &values, count, t->budget, eb);
	free(t->answer);
	t->answer = e == ERR_OK ? calloc((size_t)*count + 1, sizeof *t->answer) : NULL;
	if (e == ERR_OK && !t->answer)
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	for (uint32_t i = 0; e == ERR_OK && i < *count; i++)
		t->answer[i] = (struct function_point){
			.time_ns = times[i], .value = { .type = CELL_FLOAT, .f = values[i] }, .series = UINT32_MAX
		};
	free(times);
	free(values);
	*out = t->answer;
	return e;
}
