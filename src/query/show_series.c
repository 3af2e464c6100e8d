/* SHOW SERIES: keys as line protocol writes them, by measurement, then tag by tag. Measurement after measurement, so that no
 * more than one's keys are sorted; and of those, where OFFSET and LIMIT leave few, only the few smallest are kept (a heap). */
#include <stdlib.h>

#include "query/budget_sort.h"
#include "query/show_part.h"

struct entry {
	const char *tags; /* of the key, behind the measurement */
	uint32_t len, ordinal;
};

/* ---- the order ---- */

/* The byte that stands at i, decoded; *step: how many bytes it takes. A separator comes before any byte, as the end does. */
static int element(const struct entry *e, uint32_t i, uint32_t *step)
{
	*step = 1;
	if (i >= e->len)
		return -2;
	if (e->tags[i] == ',' || e->tags[i] == '=')
		return -1;
	if (e->tags[i] == '\\' && i + 1 < e->len && strchr(",= ", e->tags[i + 1])) {
		*step = 2;
		return (unsigned char)e->tags[i + 1];
	}
	return (unsigned char)e->tags[i];
}

/* Where both begin to differ the bytes before are the same; the place must not be inside an escape. */
static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	uint32_t n = x->len < y->len ? x->len : y->len, i = 0, sx, sy;

	while (i < n && x->tags[i] == y->tags[i])
		i++;
	if (i > 0 && x->tags[i - 1] == '\\')
		i--;
	for (uint32_t j = i, k = i;; j += sx, k += sy) {
		int ex = element(x, j, &sx), ey = element(y, k, &sy);
		if (ex != ey || ex == -2)
			return (ex > ey) - (ex < ey);
	}
}

/* ---- the few smallest ---- */

static void sift_down(struct entry *heap, size_t n, size_t i)
{
	for (;;) {
		size_t child = 2 * i + 1;
		if (child >= n)
			return;
		if (child + 1 < n && compare_entries(&heap[child], &heap[child + 1]) < 0)
			child++;
		if (compare_entries(&heap[i], &heap[child]) >= 0)
			return;
		struct entry t = heap[i];
		heap[i] = heap[child];
		heap[child] = t;
		i = child;
	}
}

/* The largest of those kept is on top. */
static void keep_smaller(struct entry *heap, size_t room, const struct entry *e)
{
	if (compare_entries(e, &heap[0]) < 0) {
		heap[0] = *e;
		sift_down(heap, room, 0);
	}
}

/* Fills list with the `room` smallest of the set, in any order; *n: how many there are. */
static enum err gather(struct show *s, const struct show_measurement *m, const struct series_set *set,
    struct entry *list, size_t room, size_t *n)
{
	size_t name_len = measurement_name(m->m).len;
	enum err e = ERR_OK;

	*n = 0;
	for (uint32_t at = 0; e == ERR_OK && series_set_next(set, &at); at++) {
		struct view key = measurement_series(m->m, at)->key;
		struct entry x = { key.p + name_len, (uint32_t)(key.len - name_len), at };
		if (*n < room) {
			list[(*n)++] = x;
			if (*n == room)
				for (size_t i = room / 2; i-- > 0;)
					sift_down(list, room, i);
		} else {
			keep_smaller(list, room, &x);
		}
		e = budget_check(s->env->budget, s->eb);
	}
	return e;
}

static enum err show_keys(struct show *s, const struct show_measurement *m, const struct entry *list, size_t n,
    struct show_window *w, bool *begun)
{
	static const char *const columns[] = { "key" };
	enum err e = ERR_OK;

	for (size_t i = 0; i < n && e == ERR_OK && !show_window_is_over(w); i++) {
		struct cell c = show_text(measurement_series(m->m, list[i].ordinal)->key);
		if (!show_window_take(w))
			continue;
		if (!*begun)
			e = show_series(s, (struct view){ "", 0 }, columns, 1, false);
		*begun = true;
		if (e == ERR_OK)
			e = show_row(s, &c);
	}
	return e;
}

static enum err series_of(struct show *s, const struct show_measurement *m, struct show_window *w, bool *begun)
{
	struct series_set set;
	struct entry *list = NULL;
	bool all;
	enum err e = show_filter(s, m, false, &set, &all);
	size_t count = e == ERR_OK ? series_set_count(&set) : 0, room = count, n = 0;

	if (w->skip >= count) { /* none of them is shown */
		w->skip -= count;
		count = 0;
	}
	if (w->left < count && w->skip + w->left < count)
		room = (size_t)(w->skip + w->left);
	if (e == ERR_OK && count)
		e = budget_take(s->env->budget, room * sizeof *list, s->eb);
	if (e == ERR_OK && count) {
		list = malloc(room * sizeof *list);
		e = list ? gather(s, m, &set, list, room, &n) : errbuf_set(s->eb, ERR_NOMEM, "out of memory");
		if (e == ERR_OK)
			e = budget_sort(s->env->budget, list, n, sizeof *list, compare_entries, s->eb);
		if (e == ERR_OK)
			e = show_keys(s, m, list, n, w, begun);
		free(list);
		budget_give(s->env->budget, room * sizeof *list);
	}
	series_set_fini(&set);
	return e;
}

enum err show_series_keys(struct show *s)
{
	struct show_window w = show_window_of(&s->st->limits);
	bool begun = false;
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < s->count && e == ERR_OK && !show_window_is_over(&w); i++)
		e = series_of(s, &s->list[i], &w, &begun);
	return e;
}
