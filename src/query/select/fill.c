/* fill(): the empty buckets between a call's points, and before and behind them where the range has ends. */
#include "query/select/buckets.h"

static bool can_fill(const struct function *f)
{
	if (f->kind == FUNCTION_SELECTOR)
		return true;
	return f->kind == FUNCTION_AGGREGATE && strcmp(f->name, "integral") != 0;
}

void filler_init(struct filler *f, const struct buckets *b, uint32_t slot, uint32_t stage, const struct point_list *l)
{
	const struct select_node *n = b->run->node;
	const struct window_grid *g = &n->grid;
	const struct select_call *c = n->slots[slot].call;
	const struct function_call *fc = &c->stages[stage];

	*f = (struct filler){ .b = b, .call = c, .points = l, .type = cell_type_of(fc->out) };
	f->fills = g->interval_ns && n->fill != IQL_FILL_NONE && can_fill(fc->fn);
	if (!f->fills)
		return;
	f->is_count = strcmp(fc->fn->name, "count") == 0;
	int64_t from = window_of(g, c->from_ns).from_ns, to = window_of(g, c->to_ns - 1).from_ns;
	f->first_ns = n->is_descending ? to : from;
	f->end_ns = n->is_descending ? from : to;
}

static void start(struct filler *f)
{
	const struct window_grid *g = &f->b->run->node->grid;

	f->window_ns = f->first_ns;
	if (f->first_ns == IQL_TIME_MIN)
		f->window_ns = window_of(g, f->points->of[0].time_ns).from_ns;
	f->zone_ns = window_zone_ns(g, f->window_ns);
	f->started = true;
}

static struct cell number(const struct filler *f, double value, int64_t whole, bool is_whole)
{
	struct cell c = { .type = f->type };

	switch (f->type) {
	case CELL_FLOAT:
		c.f = is_whole ? (double)whole : value;
		break;
	case CELL_INTEGER:
		c.i = is_whole ? whole : select_integer_of(value);
		break;
	case CELL_UNSIGNED:
		c.u = is_whole ? (uint64_t)whole : select_unsigned_of(value);
		break;
	case CELL_STRING:
		c.s = (struct view){ "", 0 };
		break;
	default:
		c.b = false;
		break;
	}
	return c;
}

static struct cell linear(const struct filler *f)
{
	int64_t interval = f->b->run->node->grid.interval_ns;
	struct cell missing = { .type = CELL_NULL }, c = { .type = f->type };

	if (!f->has_prev || f->at >= f->points->count)
		return missing;
	const struct select_point *next = &f->points->of[f->at];
	int64_t at = f->window_ns / interval, before = f->prev.time_ns / interval, after = next->time_ns / interval;
	if (after == before)
		return missing;
	double width = (double)(after - before), x = (double)(at - before);
	if (f->type == CELL_FLOAT) {
		c.f = (next->value.f - f->prev.value.f) / width * x + f->prev.value.f;
	} else if (f->type == CELL_INTEGER) {
		double slope = (double)(int64_t)((uint64_t)next->value.i - (uint64_t)f->prev.value.i) / width;
		c.i = select_integer_of(slope * x + (double)f->prev.value.i);
	} else if (f->type == CELL_UNSIGNED) {
		double slope = ((double)next->value.u - (double)f->prev.value.u) / width;
		c.u = select_unsigned_of(slope * x + (double)f->prev.value.u);
	} else {
		return missing;
	}
	return c;
}

static struct cell filling(const struct filler *f)
{
	const struct select_node *n = f->b->run->node;
	const struct iql_expr *v = n->select->fill_value;
	struct cell missing = { .type = CELL_NULL };

	switch (n->fill) {
	case IQL_FILL_NULL:
		return f->is_count ? number(f, 0, 0, true) : missing;
	case IQL_FILL_NUMBER:
		return v->kind == IQL_INTEGER ? number(f, 0, v->i, true) : number(f, v->f, 0, false);
	case IQL_FILL_PREVIOUS:
		return f->has_prev ? f->prev.value : missing;
	case IQL_FILL_LINEAR:
		return linear(f);
	default:
		return missing;
	}
}

/* The bucket after this one; where the clocks changed between them its beginning moves too. */
static void advance(struct filler *f)
{
	const struct select_node *n = f->b->run->node;
	const struct window_grid *g = &n->grid;
	int64_t by = n->is_descending ? -g->interval_ns : g->interval_ns;

	if (__builtin_add_overflow(f->window_ns, by, &f->window_ns)) {
		f->window_ns = n->is_descending ? IQL_TIME_MIN : IQL_TIME_MAX;
		f->end_ns = n->is_descending ? IQL_TIME_MAX : IQL_TIME_MIN; /* there is none */
		return;
	}
	if (!g->zone)
		return;
	int64_t zone = window_zone_ns(g, f->window_ns - 1), shift = f->zone_ns - zone;
	if (!shift)
		return;
	if ((shift < 0 ? -shift : shift) < g->interval_ns)
		f->window_ns += shift;
	f->zone_ns = zone;
}

static bool is_within(const struct filler *f)
{
	if (f->b->run->node->is_descending)
		return f->window_ns >= f->end_ns && f->end_ns != IQL_TIME_MIN;
	return f->window_ns <= f->end_ns;
}

bool filler_next(struct filler *f, struct select_point *out)
{
	const struct select_point *p = f->at < f->points->count ? &f->points->of[f->at] : NULL;

	if (!f->fills) {
		f->at++;
		if (p)
			*out = *p;
		return p != NULL;
	}
	if (!f->started) {
		if (!p)
			return false;
		start(f);
	}
	if (!p && !is_within(f))
		return false;
	bool falling = f->b->run->node->is_descending;
	if (p && (falling ? p->time_ns >= f->window_ns : p->time_ns <= f->window_ns)) {
		f->at++;
		f->prev = *p;
		f->has_prev = true;
		*out = *p;
	} else {
		*out = (struct select_point){ f->window_ns, f->window_ns, filling(f), UINT32_MAX, UINT32_MAX };
	}
	advance(f);
	return true;
}
