/* Runs short enough to be sorted at one go, then merged: two runs to one of twice the length, from one memory into the other
 * and back. */
#include "query/budget_sort.h"

#include <stdlib.h>
#include <string.h>

enum { RUN = 1 << 12, RUN_BITS = 12, LOOK = 1 << 10 };

struct sorting {
	struct budget *budget;
	struct errbuf *eb;
	size_t size;
	int (*compare)(const void *, const void *, void *);
	void *arg;
};

static enum err merge(struct sorting *s, const char *left, const char *right, const char *end, char *to)
{
	const char *middle = right;
	unsigned n = 0;
	enum err e = ERR_OK;

	while (e == ERR_OK && left < middle && right < end) {
		const char **from = s->compare(left, right, s->arg) <= 0 ? &left : &right;
		memcpy(to, *from, s->size);
		*from += s->size;
		to += s->size;
		if (++n % LOOK == 0)
			e = budget_work(s->budget, LOOK, s->eb);
	}
	memcpy(to, left, (size_t)(middle - left));
	memcpy(to + (middle - left), right, (size_t)(end - right));
	return e;
}

static enum err merge_all(struct sorting *s, const char *from, char *to, size_t bytes, size_t width)
{
	enum err e = ERR_OK;

	for (size_t at = 0; at < bytes; at += 2 * width) {
		size_t middle = bytes - at > width ? at + width : bytes,
		       end = bytes - at > 2 * width ? at + 2 * width : bytes;
		if (e == ERR_OK)
			e = merge(s, from + at, from + middle, from + end, to + at);
		else
			memcpy(to + at, from + at, end - at);
	}
	return e;
}

static enum err sort_runs(struct sorting *s, char *of, size_t count)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < count; i += RUN) {
		size_t n = count - i > RUN ? RUN : count - i;
		qsort_r(of + i * s->size, n, s->size, s->compare, s->arg);
		e = budget_work(s->budget, n * RUN_BITS, s->eb);
	}
	return e;
}

enum err budget_sort_r(struct budget *b, void *of, size_t count, size_t size,
    int (*compare)(const void *, const void *, void *), void *arg, struct errbuf *eb)
{
	struct sorting s = { b, eb, size, compare, arg };
	size_t bytes = count * size;

	if (count < 2)
		return ERR_OK;
	enum err e = sort_runs(&s, of, count);
	if (e != ERR_OK || count <= RUN)
		return e;
	e = budget_take(b, bytes, eb);
	if (e != ERR_OK)
		return e;
	char *other = malloc(bytes), *from = of, *to = other;
	if (!other)
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	for (size_t width = RUN * size; e == ERR_OK && width < bytes; width *= 2) {
		e = merge_all(&s, from, to, bytes, width);
		char *t = from;
		from = to;
		to = t;
	}
	if (from != (char *)of)
		memcpy(of, from, bytes);
	free(other);
	budget_give(b, bytes);
	return e;
}

static int compare_plain(const void *a, const void *b, void *arg)
{
	int (*const *compare)(const void *, const void *) = arg;

	return (*compare)(a, b);
}

enum err budget_sort(struct budget *b, void *of, size_t count, size_t size, int (*compare)(const void *, const void *),
    struct errbuf *eb)
{
	return budget_sort_r(b, of, count, size, compare_plain, &compare, eb);
}
