/* Accumulators: each call's values go into a few words (accumulate_number.c, accumulate_select.c) or a list (accumulate_list.c).
 * There are as many as groups, buckets and calls together, so they are small: the point they come to takes their own place. */
#include <stddef.h>
#include <stdlib.h>

#include "query/select/function_part.h"

struct accumulator {
	union {
		struct simple simple;
		struct list *list;
		struct function_point one; /* what simple comes to; its text stays behind it */
	};
};
_Static_assert(sizeof(struct accumulator) <= 48, "there are many of them");
_Static_assert(offsetof(struct simple, text) >= sizeof(struct function_point), "the point's string stays");

static bool is_number(enum function_id id)
{
	switch (id) {
	case FN_COUNT:
	case FN_SUM:
	case FN_MEAN:
	case FN_STDDEV:
	case FN_SPREAD:
	case FN_INTEGRAL:
		return true;
	default:
		return false;
	}
}

static bool is_selected(enum function_id id)
{
	return id == FN_MIN || id == FN_MAX || id == FN_FIRST || id == FN_LAST;
}

size_t accumulator_size(const struct function_call *c)
{
	(void)c;
	return sizeof(struct accumulator);
}

/* ---- adding ---- */

static enum err find_list(struct accumulator *a, struct budget *b, struct errbuf *eb)
{
	if (a->list)
		return ERR_OK;
	enum err e = budget_take(b, sizeof *a->list, eb);
	if (e != ERR_OK)
		return e;
	a->list = calloc(1, sizeof *a->list);
	if (a->list)
		return ERR_OK;
	budget_give(b, sizeof *a->list);
	return errbuf_set(eb, ERR_NOMEM, "out of memory");
}

static void add_dense(const struct function_call *c, enum function_id id, struct simple *s, const struct run *r,
    uint32_t from, uint32_t n)
{
	if (is_number(id))
		number_add(c, id, s, r->bits + from, r->times + from, n);
	else
		select_add(c, id, s, r, from, n);
}

static void add_gapped(const struct function_call *c, enum function_id id, struct simple *s, const struct run *r)
{
	for (uint32_t i = 0, from; i < r->n;) {
		while (i < r->n && !r->present[i])
			i++;
		for (from = i; i < r->n && r->present[i];)
			i++;
		if (i > from)
			add_dense(c, id, s, r, from, i - from);
	}
}

static enum err add(
    const struct function_call *c, struct accumulator *a, const struct run *r, struct budget *b, struct errbuf *eb)
{
	const enum function_id id = function_id(c->fn);

	if (r->n == 0)
		return ERR_OK;
	if (is_selected(id) && c->in == VALUE_STRING)
		return select_add_text(id, &a->simple, r, b, eb);
	if (is_number(id) || is_selected(id)) {
		if (r->present)
			add_gapped(c, id, &a->simple, r);
		else
			add_dense(c, id, &a->simple, r, 0, r->n);
		return ERR_OK;
	}
	enum err e = find_list(a, b, eb);
	return e == ERR_OK ? list_add(c, id, a->list, r, b, eb) : e;
}

enum err accumulator_add(const struct function_call *c, void *acc, uint32_t series, const int64_t *times,
    const uint64_t *bits, const uint8_t *present, uint32_t n, struct budget *b, struct errbuf *eb)
{
	const struct run r = { series, times, bits, present, n, NULL };

	return add(c, acc, &r, b, eb);
}

enum err accumulator_add_cell(const struct function_call *c, void *acc, uint32_t series, int64_t time_ns, struct cell v,
    struct budget *b, struct errbuf *eb)
{
	uint64_t bits = v.type == CELL_BOOLEAN ? v.b : v.u;
	const struct run r = { series, &time_ns, &bits, NULL, 1, v.type == CELL_STRING ? &v.s : NULL };

	return v.type == CELL_NULL ? ERR_OK : add(c, acc, &r, b, eb);
}

enum err accumulator_add_rollup(const struct function_call *c, void *acc, uint32_t series, const int64_t *times,
    const struct rows_column *const by_kind[COLUMN_KINDS], uint32_t from, uint32_t to, struct budget *b,
    struct errbuf *eb)
{
	struct accumulator *a = acc;
	const struct rows_column *counts = by_kind[COLUMN_COUNT];
	const enum function_id id = function_id(c->fn);

	(void)b, (void)eb;
	for (uint32_t i = from; counts && i < to; i++) {
		if ((counts->present && !counts->present[i]) || !counts->bits[i])
			continue;
		if (is_number(id))
			number_add_rollup(c, id, &a->simple, by_kind, i);
		else
			select_add_rollup(c, id, &a->simple, series, times[i], by_kind, i);
		a->simple.count += counts->bits[i];
	}
	return ERR_OK;
}

/* ---- the end ---- */

static bool finish_simple(const struct function_call *c, enum function_id id, struct accumulator *a, int64_t bucket_ns)
{
	const struct simple s = a->simple;

	if (s.count == 0)
		return false;
	if (is_number(id)) {
		bool at_zero = id == FN_INTEGRAL && c->in == VALUE_FLOAT; /* as InfluxDB has it */
		a->one = (struct function_point){ at_zero ? 0 : bucket_ns, number_value(c, id, &s), UINT32_MAX };
		a->simple.text = NULL;
		return true;
	}
	struct cell v = c->in == VALUE_STRING
	    ? (struct cell){ .type = CELL_STRING, .s = text_of((uint64_t)(uintptr_t)s.text) }
	    : cell_from_bits(c->in, s.bits);
	a->one = (struct function_point){ s.time_ns, v, s.series };
	return true;
}

enum err accumulator_finish(const struct function_call *c, void *acc, int64_t bucket_ns, struct function_point **out,
    uint32_t *count, struct budget *b, struct errbuf *eb)
{
	struct accumulator *a = acc;
	const enum function_id id = function_id(c->fn);

	*count = 0;
	*out = NULL;
	if (is_number(id) || is_selected(id)) {
		*count = finish_simple(c, id, a, bucket_ns);
		*out = &a->one;
		return ERR_OK;
	}
	if (!a->list || a->list->count == 0)
		return ERR_OK;
	enum err e = list_finish(c, id, a->list, bucket_ns, count, b, eb);
	*out = a->list->points;
	return e;
}

void accumulator_fini(const struct function_call *c, void *acc, struct budget *b)
{
	struct accumulator *a = acc;
	const enum function_id id = function_id(c->fn);

	if (is_selected(id)) {
		if (a->simple.text)
			text_free((uint64_t)(uintptr_t)a->simple.text, b);
		a->simple.text = NULL;
	} else if (!is_number(id) && a->list) {
		list_fini(c, a->list, b);
		free(a->list);
		budget_give(b, sizeof *a->list);
		a->list = NULL;
	}
}
