#include "query/select/merge.h"

static bool less(const struct merge *m, uint32_t i, uint32_t j)
{
	const struct merge_entry *x = m->heap[i], *y = m->heap[j];

	if (x->time_ns != y->time_ns)
		return (x->time_ns < y->time_ns) != m->descending;
	return m->before && m->before(m->arg, x, y);
}

static void swap(struct merge *m, uint32_t i, uint32_t j)
{
	struct merge_entry *t = m->heap[i];

	m->heap[i] = m->heap[j];
	m->heap[j] = t;
}

static void up(struct merge *m, uint32_t j)
{
	while (j) {
		uint32_t i = (j - 1) / 2;
		if (!less(m, j, i))
			break;
		swap(m, i, j);
		j = i;
	}
}

static void down(struct merge *m, uint32_t i, uint32_t n)
{
	for (;;) {
		uint32_t left = 2 * i + 1, right = left + 1;
		if (left >= n)
			break;
		uint32_t j = right < n && less(m, right, left) ? right : left;
		if (!less(m, j, i))
			break;
		swap(m, i, j);
		i = j;
	}
}

/* Goes to the entry's next row that passes. */
static bool advance(const struct merge *m, struct merge_entry *e)
{
	uint32_t count = e->rows->rows.count;

	while (e->done < count) {
		uint32_t row = m->descending ? count - 1 - e->done : e->done;
		e->done++;
		if (e->pass && !e->pass[row])
			continue;
		e->row = row;
		e->time_ns = e->rows->rows.times[row];
		return true;
	}
	return false;
}

int merge_by_member(const void *a, const void *b)
{
	const struct merge_entry *x = a, *y = b;

	return (x->member > y->member) - (x->member < y->member);
}

void merge_start(struct merge *m, struct merge_entry *entries, uint32_t count)
{
	m->count = 0;
	for (uint32_t i = 0; i < count; i++)
		if (advance(m, &entries[i]))
			m->heap[m->count++] = &entries[i];
	merge_order(m);
}

void merge_order(struct merge *m)
{
	for (uint32_t i = m->count / 2; i-- > 0;)
		down(m, i, m->count);
}

struct merge_entry *merge_pop(struct merge *m)
{
	if (m->count == 0)
		return NULL;
	swap(m, 0, m->count - 1);
	down(m, 0, m->count - 1);
	return m->heap[--m->count];
}

struct merge_entry *merge_next(struct merge *m, uint32_t *row)
{
	struct merge_entry *e = merge_pop(m);

	if (!e)
		return NULL;
	*row = e->row;
	if (advance(m, e)) {
		m->heap[m->count++] = e;
		up(m, m->count - 1);
	}
	return e;
}
