/* top, bottom, distinct: of the values kept so far, those that may be in the answer. */
#include <stdlib.h>

#include "query/budget_sort.h"
#include "query/select/function_part.h"

struct entry { /* a value with all that is known of it */
	uint64_t bits;
	int64_t time_ns;
	uint32_t series, at;
};

struct order {
	enum value_type type;
	bool by_falling_value, by_falling_time;
};

static int compare(const void *a, const void *b, void *arg)
{
	const struct entry *x = a, *y = b;
	const struct order *o = arg;
	int c = value_compare(o->type, x->bits, y->bits);

	if (c)
		return o->by_falling_value ? -c : c;
	c = (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
	if (c)
		return o->by_falling_time ? -c : c;
	return (x->at > y->at) - (x->at < y->at);
}

/* Of the same values the first to come stays: the earliest, or if points come in falling order the latest. */
static uint32_t choose_distinct(const struct function_call *c, struct entry *e, uint32_t n, struct budget *b)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (kept == 0 || value_compare(c->in, e[i].bits, e[kept - 1].bits) != 0)
			e[kept++] = e[i];
		else if (c->in == VALUE_STRING)
			text_free(e[i].bits, b);
	}
	return kept;
}

/* The first `count` of the sorted ones; of each combination of tags one. */
static uint32_t choose_best(const struct function_call *c, struct entry *e, uint32_t n, uint8_t *seen)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n && kept < (uint64_t)c->count; i++) {
		uint8_t *s = seen ? &seen[c->combination_of[e[i].series]] : NULL;
		if (!s || !*s)
			e[kept++] = e[i];
		if (s)
			*s = 1;
	}
	return kept;
}

static void read_entries(const struct list *l, struct entry *e)
{
	for (uint32_t i = 0, run = 0; i < l->count; i++) {
		while (run + 1 < l->run_count && l->runs[run + 1].from <= i)
			run++;
		e[i] = (struct entry){ l->bits[i], l->times[i], l->runs[run].series, i };
	}
}

/* The runs first: if there is no room for them the list stays as it is. */
static enum err write_entries(struct list *l, const struct entry *e, uint32_t n, struct budget *b, struct errbuf *eb)
{
	enum err err = ERR_OK;

	l->run_count = 0;
	for (uint32_t i = 0; err == ERR_OK && i < n; i++)
		if (i == 0 || e[i].series != e[i - 1].series)
			err = list_push_run(l, i, e[i].series, b, eb);
	for (uint32_t i = 0; i < n; i++) {
		l->bits[i] = e[i].bits;
		l->times[i] = e[i].time_ns;
	}
	l->count = n;
	return err;
}

enum err list_thin(
    const struct function_call *c, enum function_id id, struct list *l, struct budget *b, struct errbuf *eb)
{
	struct order o = { c->in, id == FN_TOP, id == FN_DISTINCT && c->descending };
	const bool combines = id != FN_DISTINCT && c->combination_of;
	size_t bytes = (l->count + (size_t)1) * sizeof(struct entry),
	       marks = combines ? c->combinations + (size_t)1 : 0;
	enum err err = budget_take(b, bytes + marks, eb);

	if (err != ERR_OK)
		return err;
	struct entry *e = malloc(bytes);
	uint8_t *seen = combines ? calloc(marks, 1) : NULL;
	if (!e || (combines && !seen)) {
		err = errbuf_set(eb, ERR_NOMEM, "out of memory");
	} else {
		read_entries(l, e);
		err = budget_sort_r(b, e, l->count, sizeof *e, compare, &o, eb);
	}
	if (err == ERR_OK) {
		uint32_t kept = id == FN_DISTINCT ? choose_distinct(c, e, l->count, b)
						  : choose_best(c, e, l->count, seen);
		if (id != FN_DISTINCT && kept == (uint64_t)c->count) {
			l->has_bound = true;
			l->bound = e[kept - 1].bits;
		}
		err = write_entries(l, e, kept, b, eb);
	}
	free(e);
	free(seen);
	budget_give(b, bytes + marks);
	return err;
}
