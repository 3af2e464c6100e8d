/* top(v, host, 3): which series are of one host. */
#include <stdlib.h>

#include "query/budget_sort.h"
#include "query/select/buckets.h"

struct combination {
	struct view key;
	uint32_t series;
};

static int by_combination(const void *a, const void *b)
{
	const struct combination *x = a, *y = b;

	return view_cmp(x->key, y->key);
}

/* top(v, host, 3): of each host only the best; which series are of one host. */
enum err buckets_number_combinations(struct select_run *r, struct function_call *f, const struct iql_expr *call)
{
	struct source *s = r->source;
	struct arena *a = &r->groups.arena;
	uint32_t count = s->series_count, number = 0;
	struct buf text;
	bool fine = true;

	f->combination_of = NULL;
	if (f->fn->kind != FUNCTION_MULTIPLE || call->call.count < 3)
		return ERR_OK;
	struct combination *of = arena_alloc(a, (count + 1) * sizeof *of, 8);
	uint32_t *numbers = arena_alloc(a, (count + 1) * sizeof *numbers, 8);
	buf_init(&text, 1 << 20);
	for (uint32_t i = 0; of && numbers && fine && i < count; i++) {
		buf_clear(&text);
		for (const struct iql_expr *x = call->call.list->next; x && x->kind == IQL_REF; x = x->next) {
			buf_view(&text, s->ops->tag(s, i, x->text));
			buf_char(&text, 0);
		}
		char *copy = text.failed ? NULL : arena_copy(a, (struct view){ text.p, text.len });
		fine = copy != NULL;
		of[i] = (struct combination){ { copy, text.len }, i };
	}
	buf_fini(&text);
	if (!of || !numbers || !fine)
		return errbuf_set(
		    r->eb, ERR_TOOBIG, "the query has more series than fit into its memory; ask for fewer series");
	enum err e = budget_sort(r->budget, of, count, sizeof *of, by_combination, r->eb);
	if (e != ERR_OK)
		return e;
	for (uint32_t i = 0; i < count; i++) {
		number += i && !view_eq(of[i].key, of[i - 1].key);
		numbers[of[i].series] = number;
	}
	f->combination_of = numbers;
	f->combinations = number + 1;
	return ERR_OK;
}
