/* Accumulators: each call's values go into a few words (accumulate_simple.c) or a list (accumulate_list.c). */
#include <stdlib.h>

#include "query/select/function_part.h"

struct accumulator {
	union {
		struct simple simple;
		struct list list;
	};
	union {
		struct function_point one; /* what a few words come to */
		struct function_point *several; /* what a list comes to, owned */
	};
};

static bool is_simple(enum function_id id)
{
	switch (id) {
	case FN_COUNT:
	case FN_SUM:
	case FN_MEAN:
	case FN_STDDEV:
	case FN_SPREAD:
	case FN_MIN:
	case FN_MAX:
	case FN_FIRST:
	case FN_LAST:
	case FN_INTEGRAL:
		return true;
	default:
		return false;
	}
}

size_t accumulator_size(const struct function_call *c)
{
	(void)c;
	return sizeof(struct accumulator);
}

static enum err add(
    const struct function_call *c, struct accumulator *a, const struct run *r, struct budget *b, struct errbuf *eb)
{
	const enum function_id id = function_id(c->fn);

	if (r->n == 0)
		return ERR_OK;
	if (!is_simple(id))
		return list_add(c, id, &a->list, r, b, eb);
	if (c->in == VALUE_STRING)
		return simple_add_text(c, id, &a->simple, r, b, eb);
	simple_add(c, id, &a->simple, r);
	return ERR_OK;
}

enum err accumulator_add(const struct function_call *c, void *acc, uint32_t series, const int64_t *times,
    const uint64_t *bits, const uint8_t *present, uint32_t n, struct budget *b, struct errbuf *eb)
{
	const struct run r = { series, times, bits, present, n, false };

	return add(c, acc, &r, b, eb);
}

enum err accumulator_add_cell(const struct function_call *c, void *acc, uint32_t series, int64_t time_ns, struct cell v,
    struct budget *b, struct errbuf *eb)
{
	uint64_t bits = 0;
	struct rows_string *text = NULL;

	if (v.type == CELL_NULL)
		return ERR_OK;
	if (v.type == CELL_STRING) {
		text = malloc(sizeof *text + v.s.len);
		if (!text)
			return errbuf_set(eb, ERR_NOMEM, "out of memory");
		text->len = (uint32_t)v.s.len;
		if (v.s.len)
			memcpy(text->bytes, v.s.p, v.s.len);
		bits = (uint64_t)(uintptr_t)text;
	} else if (v.type == CELL_BOOLEAN) {
		bits = v.b;
	} else {
		memcpy(&bits, &v.u, sizeof bits);
	}
	const struct run r = { series, &time_ns, &bits, NULL, 1, true };
	enum err e = add(c, acc, &r, b, eb);
	free(text);
	return e;
}

enum err accumulator_add_rollup(const struct function_call *c, void *acc, uint32_t series, const int64_t *times,
    const struct rows_column *const by_kind[COLUMN_KINDS], uint32_t from, uint32_t to, struct budget *b,
    struct errbuf *eb)
{
	struct accumulator *a = acc;

	(void)b, (void)eb;
	simple_add_rollup(c, function_id(c->fn), &a->simple, series, times, by_kind, from, to);
	return ERR_OK;
}

enum err accumulator_finish(const struct function_call *c, void *acc, int64_t bucket_ns, int64_t bucket_end_ns,
    struct function_point **out, uint32_t *count, struct budget *b, struct errbuf *eb)
{
	struct accumulator *a = acc;
	const enum function_id id = function_id(c->fn);

	(void)bucket_end_ns;
	*out = &a->one;
	if (is_simple(id)) {
		*count = simple_point(c, id, &a->simple, bucket_ns, &a->one);
		return ERR_OK;
	}
	enum err e = a->list.count ? list_thin(c, id, &a->list, b, eb) : ERR_OK;
	*count = 0;
	if (e == ERR_OK)
		e = list_points(c, id, &a->list, bucket_ns, &a->several, count, eb);
	*out = a->several;
	return e;
}

void accumulator_fini(const struct function_call *c, void *acc, struct budget *b)
{
	struct accumulator *a = acc;

	if (is_simple(function_id(c->fn))) {
		if (a->simple.text)
			budget_give(b, (size_t)a->simple.text_len + 1);
		free(a->simple.text);
		a->simple.text = NULL;
		return;
	}
	free(a->several);
	a->several = NULL;
	list_fini(c, &a->list, b);
}
