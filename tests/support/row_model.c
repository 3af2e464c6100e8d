#include "support/row_model.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "base/clock.h"

const char *const row_model_fields[FIELDS] = { "b", "f x", "i", "s" };
struct row_model model;

void row_model_begin(uint64_t seed, int64_t base_ns)
{
	model.random_state = seed;
	model.base_ns = base_ns;
	memset(model.count, 0, sizeof model.count);
}

uint64_t row_model_random(uint64_t n)
{
	uint64_t x = model.random_state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	model.random_state = x;
	return x % n;
}

struct row_point *row_model_find(unsigned series, int64_t t)
{
	for (unsigned i = 0; i < model.count[series]; i++)
		if (model.points[series][i].t == t)
			return &model.points[series][i];
	return NULL;
}

static void put_value(struct buf *b, struct row_point *p, unsigned field)
{
	double d = (double)(int64_t)(row_model_random(200001) - 100000) / 8;

	p->has[field] = true;
	p->v[field] = field == BOOL ? row_model_random(2) : row_model_random(1000);
	if (field == FLOAT) {
		memcpy(&p->v[field], &d, sizeof d);
		buf_str(b, "f\\ x=");
		buf_double(b, d);
	} else if (field == INT) {
		buf_printf(b, "i=%llui", (unsigned long long)p->v[field]);
	} else if (field == BOOL) {
		buf_printf(b, "b=%s", p->v[field] ? "true" : "false");
	} else {
		buf_printf(b, "s=\"\\\"%llu\\\\\"", (unsigned long long)p->v[field]);
	}
}

static void add_point(struct buf *b, unsigned series, int64_t t)
{
	struct row_point *p = row_model_find(series, t);
	unsigned which = 1 + (unsigned)row_model_random((1u << FIELDS) - 1);
	bool any = false;

	if (!p) {
		cr_assert_lt(model.count[series], SLOTS);
		p = &model.points[series][model.count[series]++];
		*p = (struct row_point){ .t = t };
	}
	buf_printf(b, "m\\ 1,a=%u,host=h\\ %u ", series, series % 2);
	for (unsigned f = 0; f < FIELDS; f++) {
		if (!(which >> f & 1))
			continue;
		if (any)
			buf_char(b, ',');
		put_value(b, p, f);
		any = true;
	}
	buf_printf(b, " %lld\n", (long long)t);
}

void row_model_write_some(struct stand *st, unsigned count)
{
	struct buf b;
	int64_t at = model.base_ns + (int64_t)row_model_random(SPAN_NS),
		step = row_model_random(2) ? 60 * NS_PER_S : 700 * NS_PER_MS;

	buf_init(&b, 4 << 20);
	for (unsigned i = 0; i < count; i++) {
		unsigned series = (unsigned)row_model_random(SERIES);
		if (row_model_random(20) == 0)
			at = model.base_ns + (int64_t)row_model_random(SPAN_NS);
		else if (row_model_random(10) == 0 && model.count[series]) /* the same again */
			at = model.points[series][row_model_random(model.count[series])].t;
		else if (row_model_random(10))
			at += (int64_t)row_model_random((uint64_t)step);
		if (at >= model.base_ns + SPAN_NS)
			at = model.base_ns;
		add_point(&b, series, at);
	}
	buf_char(&b, 0);
	cr_assert(!b.failed);
	stand_write(st, b.p);
	buf_fini(&b);
}

void row_model_write_first(struct stand *st)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < SERIES; i++)
		add_point(&b, i, model.base_ns + i);
	buf_char(&b, 0);
	stand_write(st, b.p);
	buf_fini(&b);
}

void row_model_write_dense(struct stand *st, unsigned rows)
{
	struct buf b;

	buf_init(&b, 64 << 20);
	for (unsigned i = 0; i < rows; i++)
		for (unsigned s = 0; s < SERIES; s++)
			add_point(&b, s, model.base_ns + (int64_t)(i + 1) * (TIER_HOUR_NS / rows));
	buf_char(&b, 0);
	stand_write(st, b.p);
	buf_fini(&b);
}
