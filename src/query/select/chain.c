/* Transformations behind each other; before them perhaps integral() with GROUP BY time, whose areas end between two points:
 * there the line from one to the other is cut. */
#include <stdlib.h>

#include "query/select/rows_out.h"

struct area {
	const struct window_grid *grid; /* NULL: there is no integral */
	double unit, sum, value;
	int64_t time_ns, begin_ns, end_ns; /* of the last point; of its bucket, in the direction of reading */
	bool falls, has;
	bool whole; /* values are integers: see area_push */
};

struct select_chain {
	struct area area;
	uint32_t count;
	struct transform *of[];
};

static void enter(struct area *a, int64_t time_ns)
{
	struct window w = window_of(a->grid, time_ns);

	a->begin_ns = a->falls ? w.to_ns : w.from_ns;
	a->end_ns = a->falls ? w.from_ns : w.to_ns;
	a->sum = 0;
}

static void add_strip(struct area *a, int64_t time_ns, double value)
{
	a->sum += 0.5 * (value + a->value) * ((double)(time_ns - a->time_ns) / a->unit);
	a->time_ns = time_ns;
	a->value = value;
}

static struct function_point area_point(const struct area *a)
{
	return (struct function_point){ a->begin_ns, { .type = CELL_FLOAT, .f = a->sum }, UINT32_MAX };
}

/* The bucket before this point's, if it ends with it. Of integers InfluxDB takes the area behind the edge to be that between the
 * values at the edge and before it. */
static bool area_push(struct area *a, int64_t time_ns, double value, struct function_point *out)
{
	double end = value;
	bool ends = false;

	if (!a->has)
		enter(a, time_ns);
	if (a->has && a->time_ns != time_ns) {
		ends = a->falls ? time_ns <= a->end_ns : time_ns >= a->end_ns;
		if (ends) {
			double width = (double)(time_ns - a->time_ns), x = (double)(a->end_ns - a->time_ns);
			if (a->time_ns != a->end_ns) {
				double before = a->value, at_edge = (value - before) / width * x + before;
				add_strip(a, a->end_ns, at_edge);
				end = a->whole ? at_edge : end;
				a->value = a->whole ? before : at_edge;
			}
			*out = area_point(a);
			enter(a, time_ns);
		}
		add_strip(a, time_ns, end);
	}
	a->time_ns = time_ns;
	a->value = value;
	a->has = true;
	return ends;
}

enum err select_chain_new(struct select_chain **out, const struct select_node *n, const struct select_call *c,
    struct budget *b, struct errbuf *eb)
{
	struct select_chain *x = calloc(1, sizeof *x + c->stage_count * sizeof(struct transform *));
	uint32_t first = 0;

	*out = x;
	if (!x)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (c->is_area) {
		x->area = (struct area){ .grid = &n->grid,
			.unit = (double)c->stages[0].unit_ns,
			.falls = n->is_descending,
			.whole = c->stages[0].in != VALUE_FLOAT };
		first = 1;
	}
	for (uint32_t i = first; i < c->stage_count; i++) {
		enum err e = transform_new(&x->of[x->count], &c->stages[i], b, eb);
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
	c->area.has = false;
	for (uint32_t i = 0; i < c->count; i++)
		transform_reset(c->of[i]);
}

static enum err transform_point(struct select_chain *c, struct function_point *p, bool *has, struct errbuf *eb)
{
	for (uint32_t i = 0; i < c->count && *has; i++) {
		enum err e = transform_push(c->of[i], p->time_ns, p->value, p, has, eb);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

enum err select_chain_push(
    struct select_chain *c, int64_t time_ns, struct cell v, struct function_point *out, bool *has, struct errbuf *eb)
{
	*has = true;
	*out = (struct function_point){ time_ns, v, UINT32_MAX };
	if (c->area.grid)
		*has = area_push(&c->area, time_ns, cell_number(v), out);
	return transform_point(c, out, has, eb);
}

enum err select_chain_finish(struct select_chain *c, struct function_point *out, bool *has, struct errbuf *eb)
{
	*has = c->area.grid && c->area.has && c->area.time_ns != c->area.begin_ns;
	if (*has)
		*out = area_point(&c->area);
	return transform_point(c, out, has, eb);
}

enum err select_chain_rest(struct select_chain *c, struct function_point **out, uint32_t *count, struct errbuf *eb)
{
	*out = NULL;
	*count = 0;
	return c->count ? transform_finish(c->of[c->count - 1], out, count, eb) : ERR_OK;
}
