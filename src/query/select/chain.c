/* Transformations behind each other. */
#include <stdlib.h>

#include "query/select/rows_out.h"

struct select_chain {
	uint32_t count;
	struct transform *of[];
};

enum err select_chain_new(
    struct select_chain **out, const struct select_call *c, uint32_t first_stage, struct budget *b, struct errbuf *eb)
{
	uint32_t n = c->stage_count - first_stage;
	struct select_chain *x = calloc(1, sizeof *x + n * sizeof(struct transform *));

	*out = x;
	if (!x)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	for (uint32_t i = 0; i < n; i++) {
		enum err e = transform_new(&x->of[i], &c->stages[first_stage + i], b, eb);
		if (e != ERR_OK) {
			select_chain_free(x);
			*out = NULL;
			return e;
		}
		x->count++;
	}
	return ERR_OK;
}

void select_chain_free(struct select_chain *c)
{
	for (uint32_t i = 0; c && i < c->count; i++)
		transform_free(c->of[i]);
	free(c);
}

void select_chain_reset(struct select_chain *c)
{
	for (uint32_t i = 0; i < c->count; i++)
		transform_reset(c->of[i]);
}

enum err select_chain_push(
    struct select_chain *c, int64_t time_ns, struct cell v, struct function_point *out, bool *has, struct errbuf *eb)
{
	*has = true;
	out->time_ns = time_ns;
	out->value = v;
	out->series = UINT32_MAX;
	for (uint32_t i = 0; i < c->count && *has; i++) {
		enum err e = transform_push(c->of[i], out->time_ns, out->value, out, has, eb);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}
