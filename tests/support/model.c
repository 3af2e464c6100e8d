#include "support/model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

static const char *const field_names[MODEL_FIELDS] = { "f", "i", "b" };
static uint64_t random_state = 88172645463325252u;
static struct errbuf eb;

uint64_t model_random(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

struct model_point { /* of one series; the last write of each field */
	int64_t t;
	bool has[MODEL_FIELDS];
	double v[MODEL_FIELDS];
};

static struct model_point model[MODEL_SERIES][MODEL_SLOTS];
static unsigned counts[MODEL_SERIES];

static struct model_point *model_at(unsigned series, int64_t t)
{
	for (unsigned i = 0; i < counts[series]; i++)
		if (model[series][i].t == t)
			return &model[series][i];
	cr_assert_lt(counts[series], MODEL_SLOTS);
	struct model_point *p = &model[series][counts[series]++];
	*p = (struct model_point){ .t = t };
	return p;
}

/* A line with some of the fields; the model gets the same. */
static void add_point(struct buf *b, unsigned series, int64_t t)
{
	struct model_point *p = model_at(series, t);
	unsigned which = 1 + (unsigned)model_random(7);
	bool first = true;

	buf_printf(b, "m,a=%u,host=h%u ", series, series % 2);
	for (unsigned f = 0; f < MODEL_FIELDS; f++) {
		if (!(which >> f & 1))
			continue;
		double v = f == 0
		    ? (model_random(3) ? (double)model_random(100000) / 100 : (double)model_random(UINT64_MAX) / 3e10)
		    : f == 1 ? (double)(int64_t)model_random(2000) - 1000
			     : (double)model_random(2);
		p->has[f] = true;
		p->v[f] = v;
		buf_str(b, first ? "" : ",");
		first = false;
		if (f == 0) {
			buf_str(b, "f=");
			buf_double(b, v);
		} else if (f == 1) {
			buf_printf(b, "i=%lldi", (long long)v);
		} else {
			buf_printf(b, "b=%s", v != 0 ? "true" : "false");
		}
	}
	buf_printf(b, " %lld\n", (long long)t);
}

void model_make(struct buf *lines, unsigned points)
{
	int64_t at = MODEL_BASE_NS + (int64_t)model_random(MODEL_SPAN_NS / NS_PER_S) * NS_PER_S;

	for (unsigned i = 0; i < points; i++) {
		if (model_random(10) == 0)
			at = MODEL_BASE_NS + (int64_t)model_random(MODEL_SPAN_NS / NS_PER_S) * NS_PER_S;
		else if (model_random(10))
			at += (int64_t)model_random(60) * NS_PER_S;
		if (at >= MODEL_BASE_NS + MODEL_SPAN_NS)
			at = MODEL_BASE_NS;
		add_point(lines, (unsigned)model_random(MODEL_SERIES), at);
	}
	buf_char(lines, 0);
	cr_assert(!lines->failed);
}

void model_write(struct stand *s, unsigned points)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	model_make(&b, points);
	stand_write(s, b.p);
	buf_fini(&b);
}

void model_begin(uint64_t seed)
{
	random_state = seed * 2654435761u + 88172645463325252u;
	memset(counts, 0, sizeof counts);
}

uint64_t model_count(void)
{
	uint64_t n = 0;

	for (unsigned k = 0; k < MODEL_SERIES; k++)
		for (unsigned f = 0; f < MODEL_FIELDS; f++)
			n += model_cell(k, f, INT64_MIN, INT64_MAX).count;
	return n;
}

struct read_cell model_cell(unsigned series, unsigned field, int64_t from, int64_t to)
{
	struct read_cell c = { 0 };

	for (unsigned i = 0; i < counts[series]; i++) {
		const struct model_point *p = &model[series][i];
		if (!p->has[field] || p->t < from || p->t >= to)
			continue;
		if (c.count++ == 0) {
			c.sum = c.min = c.max = c.first = c.last = p->v[field];
			c.first_ns = c.last_ns = p->t;
			continue;
		}
		c.sum += p->v[field];
		c.min = fmin(c.min, p->v[field]);
		c.max = fmax(c.max, p->v[field]);
		if (p->t < c.first_ns) {
			c.first = p->v[field];
			c.first_ns = p->t;
		}
		if (p->t > c.last_ns) {
			c.last = p->v[field];
			c.last_ns = p->t;
		}
	}
	return c;
}

static void check_cell(const struct read_cell *got, const struct read_cell *want, const char *where)
{
	cr_assert_eq(got->count, want->count, "%s: count %llu, not %llu", where, (unsigned long long)got->count,
	    (unsigned long long)want->count);
	if (want->count == 0)
		return;
	cr_assert_eq(got->min, want->min, "%s: min %.17g, not %.17g", where, got->min, want->min);
	cr_assert_eq(got->max, want->max, "%s: max %.17g, not %.17g", where, got->max, want->max);
	cr_assert_eq(got->first, want->first, "%s: first %.17g, not %.17g", where, got->first, want->first);
	cr_assert_eq(got->last, want->last, "%s: last %.17g, not %.17g", where, got->last, want->last);
	cr_assert_eq(got->first_ns, want->first_ns, "%s: time of first", where);
	cr_assert_eq(got->last_ns, want->last_ns, "%s: time of last", where);
	cr_assert_leq(fabs(got->sum - want->sum), 1e-12 * (fabs(want->sum) + fabs(want->max)) + 1e-300,
	    "%s: sum %.17g, not %.17g", where, got->sum, want->sum);
}

void model_check_read(struct stand *s, int64_t from, int64_t to, int64_t step, const char *stage)
{
	struct read_request q = {
		.database = "metrics", .measurement = "m", .from_ns = from, .to_ns = to, .step_ns = step
	};
	struct read_result r;
	const struct read_cell none = { 0 };

	read_result_init(&r, &q);
	cr_assert_eq(local_read(s->local, &q, &r, &eb), ERR_OK, "%s", eb.text);
	cr_assert(r.complete, "%s: %s", stage, r.reason);
	for (unsigned k = 0; k < MODEL_SERIES; k++) {
		const struct read_group *g = NULL;
		char a[4];
		snprintf(a, sizeof a, "%u", k);
		for (unsigned i = 0; i < r.group_count; i++)
			if (!strcmp(read_group_tag(&r.groups[i], "a"), a))
				g = &r.groups[i];
		for (unsigned f = 0; f < MODEL_FIELDS; f++) {
			const struct read_column *col = g ? read_group_column(g, field_names[f]) : NULL;
			for (unsigned i = 0; i < r.buckets; i++) {
				int64_t begin = r.first_bucket_ns + i * step, end = begin + step;
				char where[160];
				struct read_cell want = model_cell(
				    k, f, begin > from ? begin : from, end < to ? end : to);
				snprintf(where, sizeof where, "%s: a=%u %s bucket %u of %lld s from %lld", stage, k,
				    field_names[f], i, (long long)(step / NS_PER_S), (long long)(from / NS_PER_S));
				check_cell(col ? &col->cells[i] : &none, &want, where);
			}
		}
	}
	read_result_fini(&r);
}

void model_check(struct stand *s, const char *stage)
{
	int64_t whole = MODEL_BASE_NS + MODEL_SPAN_NS, odd = 1234567891;

	model_check_read(s, MODEL_BASE_NS, whole, TIER_HOUR_NS, stage);
	model_check_read(s, MODEL_BASE_NS, whole, TIER_DAY_NS, stage);
	model_check_read(s, MODEL_BASE_NS + odd * 7000, whole - odd * 5000, TIER_HOUR_NS, stage);
	model_check_read(s, MODEL_BASE_NS + odd, whole - odd, TIER_DAY_NS, stage);
	model_check_read(s, MODEL_BASE_NS + odd * 3000, MODEL_BASE_NS + odd * 20000, 600 * NS_PER_S, stage);
	model_check_read(s, MODEL_BASE_NS, whole, 7 * TIER_HOUR_NS, stage);
}

uint64_t model_check_subset(struct stand *s, const char *stage)
{
	/* a second a bucket: one timestamp each */
	int64_t part = 7200 * NS_PER_S;
	uint64_t n = 0;

	for (int64_t from = MODEL_BASE_NS; from < MODEL_BASE_NS + MODEL_SPAN_NS; from += part) {
		struct read_request q = { .database = "metrics",
			.measurement = "m",
			.from_ns = from,
			.to_ns = from + part,
			.step_ns = NS_PER_S };
		struct read_result r;
		read_result_init(&r, &q);
		cr_assert_eq(local_read(s->local, &q, &r, &eb), ERR_OK, "%s: %s", stage, eb.text);
		for (unsigned g = 0; g < r.group_count; g++) {
			unsigned k = (unsigned)strtoul(read_group_tag(&r.groups[g], "a"), NULL, 10);
			for (unsigned f = 0; f < MODEL_FIELDS; f++) {
				const struct read_column *col = read_group_column(&r.groups[g], field_names[f]);
				for (unsigned i = 0; col && i < r.buckets; i++) {
					int64_t at = r.first_bucket_ns + i * NS_PER_S;
					if (col->cells[i].count == 0)
						continue;
					struct read_cell want = model_cell(k, f, at, at + NS_PER_S);
					check_cell(&col->cells[i], &want, stage);
					n++;
				}
			}
		}
		read_result_fini(&r);
	}
	return n;
}
