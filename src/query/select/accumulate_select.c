/* min, max, first, last: one of the points. Of equal ones min and max take the earliest; at equal times first and last take the
 * larger value. */
#include <stdlib.h>

#include "query/select/function_part.h"
#include "query/source.h"

enum { TEXT_MAX = 1 << 24 };

/* ---- the ends of a run ---- */

/* The number of the largest (sign 1) or least (sign -1), the first of equal ones. The loops ask nothing per value, so that the
 * processor takes several at once. */
static uint32_t find_float(const uint64_t *bits, uint32_t n, bool largest)
{
	double best = value_float(bits[0]);
	uint32_t i;

	if (largest)
		for (i = 1; i < n; i++)
			best = value_float(bits[i]) > best ? value_float(bits[i]) : best;
	else
		for (i = 1; i < n; i++)
			best = value_float(bits[i]) < best ? value_float(bits[i]) : best;
	for (i = 0; i + 1 < n && value_float(bits[i]) != best; i++) {
	}
	return i;
}

static uint32_t find_whole(const uint64_t *bits, uint32_t n, uint64_t turn)
{
	int64_t best = INT64_MIN;
	uint32_t i;

	for (i = 0; i < n; i++)
		best = (int64_t)(bits[i] ^ turn) > best ? (int64_t)(bits[i] ^ turn) : best;
	for (i = 0; i + 1 < n && (int64_t)(bits[i] ^ turn) != best; i++) {
	}
	return i;
}

/* What turns a type's order into that of integers, or into the opposite. */
static uint64_t turn_of(enum value_type t, bool largest)
{
	return (t == VALUE_INTEGER ? 0 : UINT64_C(1) << 63) ^ (largest ? 0 : UINT64_MAX);
}

static uint32_t find_end(enum value_type t, const uint64_t *bits, uint32_t n, bool largest)
{
	return t == VALUE_FLOAT ? find_float(bits, n, largest) : find_whole(bits, n, turn_of(t, largest));
}

static bool is_less(enum value_type t, uint64_t a, uint64_t b)
{
	if (t == VALUE_FLOAT)
		return value_float(a) < value_float(b);
	return (int64_t)(a ^ turn_of(t, true)) < (int64_t)(b ^ turn_of(t, true));
}

/* ---- offers ---- */

static bool is_nearer(enum function_id id, const struct simple *s, int64_t t)
{
	return id == FN_FIRST ? t < s->time_ns : t > s->time_ns;
}

static bool is_better(
    const struct function_call *c, enum function_id id, const struct simple *s, uint64_t bits, int64_t t)
{
	if (s->count == 0)
		return true;
	if (id == FN_MIN || id == FN_MAX) {
		bool below = is_less(c->in, bits, s->bits), above = is_less(c->in, s->bits, bits);
		return id == FN_MIN ? below || (!above && t < s->time_ns) : above || (!below && t < s->time_ns);
	}
	return is_nearer(id, s, t) || (t == s->time_ns && is_less(c->in, s->bits, bits));
}

static void offer(
    const struct function_call *c, enum function_id id, struct simple *s, uint64_t bits, int64_t t, uint32_t series)
{
	if (!is_better(c, id, s, bits, t))
		return;
	s->bits = bits;
	s->time_ns = t;
	s->series = series;
}

void select_add(const struct function_call *c, enum function_id id, struct simple *s, const struct run *r,
    uint32_t from, uint32_t n)
{
	uint32_t i = from;

	if (id == FN_LAST)
		i += n - 1;
	else if (id != FN_FIRST)
		i += find_end(c->in, r->bits + from, n, id == FN_MAX);
	offer(c, id, s, r->bits[i], r->times[i], r->series);
	s->count += n;
}

void select_add_rollup(const struct function_call *c, enum function_id id, struct simple *s, uint32_t series,
    int64_t time_ns, const struct rows_column *const of[COLUMN_KINDS], uint32_t row)
{
	switch (id) {
	case FN_MIN:
		offer(c, id, s, of[COLUMN_MIN]->bits[row], time_ns, series);
		break;
	case FN_MAX:
		offer(c, id, s, of[COLUMN_MAX]->bits[row], time_ns, series);
		break;
	case FN_FIRST:
		offer(c, id, s, of[COLUMN_FIRST]->bits[row], time_ns + (int64_t)of[COLUMN_FIRST_AT]->bits[row], series);
		break;
	default:
		offer(c, id, s, of[COLUMN_LAST]->bits[row], time_ns + (int64_t)of[COLUMN_LAST_AT]->bits[row], series);
		break;
	}
}

/* ---- strings: first, last ---- */

static enum err keep_text(struct simple *s, struct view v, struct budget *b, struct errbuf *eb)
{
	struct rows_string *copy = NULL;
	enum err e = text_copy(v, &copy, b, eb);

	if (e != ERR_OK)
		return e;
	if (s->text)
		text_free((uint64_t)(uintptr_t)s->text, b);
	s->text = copy;
	return ERR_OK;
}

enum err select_add_text(
    enum function_id id, struct simple *s, const struct run *r, struct budget *b, struct errbuf *eb)
{
	struct buf scratch;
	enum err e = ERR_OK;

	buf_init(&scratch, TEXT_MAX);
	for (uint32_t i = 0; e == ERR_OK && i < r->n; i++) {
		bool nearer = s->count == 0 || is_nearer(id, s, r->times[i]);
		if (r->present && !r->present[i])
			continue;
		s->count++;
		if (!nearer && r->times[i] != s->time_ns)
			continue;
		struct view v = run_text(r, i, &scratch);
		if (!nearer && view_cmp(text_of((uint64_t)(uintptr_t)s->text), v) >= 0)
			continue;
		e = keep_text(s, v, b, eb);
		s->time_ns = r->times[i];
		s->series = r->series;
	}
	buf_fini(&scratch);
	return e;
}
