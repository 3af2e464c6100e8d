/* Series by the tags that GROUP BY names, in InfluxDB's order: by the tags' values; within a group by the series' keys.
 * Falling in time means falling in both. */
#include <stdlib.h>

#include "query/budget_sort.h"
#include "query/select/resolve.h"

struct entry {
	struct view key; /* the values, each with a zero behind it; then the series' own key */
	uint32_t prefix; /* length of the first part */
	uint32_t series;
};

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = view_cmp(x->key, y->key);

	return c ? c : (x->series > y->series) - (x->series < y->series);
}

static void write_key(const struct select_run *r, struct entry *e, bool with_keys, struct buf *text)
{
	struct source *s = r->source;
	const struct select_node *n = r->node;

	buf_clear(text);
	for (uint32_t i = 0; i < n->group_by_count; i++) {
		buf_view(text, s->ops->tag(s, e->series, n->group_by[i]));
		buf_char(text, 0);
	}
	e->prefix = (uint32_t)text->len;
	for (uint32_t i = 0; with_keys && i < s->tag_key_count; i++) {
		struct view value = s->ops->tag(s, e->series, s->tag_keys[i].name);
		if (value.len == 0)
			continue;
		buf_char(text, ',');
		buf_view(text, s->tag_keys[i].name);
		buf_char(text, '=');
		buf_view(text, value);
	}
}

static enum err read_keys(struct select_run *r, struct entry *of, uint32_t count, bool with_keys)
{
	struct buf text;
	enum err e = ERR_OK;

	buf_init(&text, 1 << 20);
	for (uint32_t i = 0; e == ERR_OK && i < count; i++) {
		of[i].series = i;
		e = budget_check(r->budget, r->eb);
		if (!r->node->group_by_count && !with_keys)
			continue;
		write_key(r, &of[i], with_keys, &text);
		char *copy = text.failed ? NULL : arena_alloc_raw(&r->groups.arena, text.len + 1, 1);
		if (!copy)
			e = errbuf_set(r->eb, ERR_TOOBIG,
			    "the query has more series than fit into its memory; ask for fewer series");
		else
			memcpy(copy, text.p ? text.p : "", text.len);
		of[i].key = (struct view){ copy, text.len };
	}
	buf_fini(&text);
	return e;
}

static bool same_group(const struct entry *a, const struct entry *b)
{
	return a->prefix == b->prefix && (a->prefix == 0 || memcmp(a->key.p, b->key.p, a->prefix) == 0);
}

static bool split_tags(struct select_run *r, const struct entry *e, struct select_group *g)
{
	uint32_t n = r->node->group_by_count;
	struct view *tags = arena_alloc(&r->groups.arena, (n + 1) * sizeof *tags, 8);
	const char *p = e->key.p;

	if (!tags)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		const char *end = memchr(p, 0, (size_t)(e->key.p + e->prefix - p));
		tags[i] = (struct view){ p, (size_t)(end - p) };
		p = end + 1;
	}
	g->tags = tags;
	return true;
}

/* As InfluxDB: an offset without a limit leaves nothing. */
static void limit_groups(const struct select_node *n, uint32_t *first, uint32_t *last)
{
	uint64_t count = *last, from = (uint64_t)n->soffset, most = (uint64_t)n->slimit;

	if (!from && !most)
		return;
	if (from > count)
		from = count;
	*first = (uint32_t)from;
	*last = (uint32_t)(most < count - from ? from + most : count);
}

static void reverse(struct select_groups *gs, bool is_table)
{
	for (uint32_t i = 0; i < gs->count / 2; i++) {
		struct select_group t = gs->of[i];
		gs->of[i] = gs->of[gs->count - 1 - i];
		gs->of[gs->count - 1 - i] = t;
	}
	for (uint32_t i = 0; i < gs->count && !is_table; i++) {
		struct select_group *g = &gs->of[i];
		for (uint32_t k = 0; k < g->member_count / 2; k++) {
			struct select_member t = g->members[k];
			g->members[k] = g->members[g->member_count - 1 - k];
			g->members[g->member_count - 1 - k] = t;
		}
	}
}

static enum err cut(struct select_run *r, const struct entry *of, uint32_t count)
{
	struct select_groups *gs = &r->groups;
	uint32_t groups = 0, first = 0;

	for (uint32_t i = 0; i < count; i++)
		groups += i == 0 || !same_group(&of[i - 1], &of[i]);
	uint32_t last = groups;
	if (!r->is_table)
		limit_groups(r->node, &first, &last);
	gs->of = arena_alloc(&gs->arena, (groups + 1) * sizeof *gs->of, 8);
	struct select_member *members = arena_alloc(&gs->arena, (count + 1) * sizeof *members, 8);
	if (!gs->of || !members)
		return ERR_TOOBIG;
	for (uint32_t i = 0, number = 0; i < count; number++) {
		uint32_t end = i + 1;
		while (end < count && same_group(&of[i], &of[end]))
			end++;
		if (number >= first && number < last) {
			struct select_group *g = &gs->of[gs->count++];
			if (!split_tags(r, &of[i], g))
				return ERR_TOOBIG;
			g->members = members + i;
			g->member_count = end - i;
			for (uint32_t k = i; k < end; k++)
				members[k] = (struct select_member){ of[k].series, of[k].key };
		}
		i = end;
	}
	if (r->node->is_descending)
		reverse(gs, r->is_table);
	return ERR_OK;
}

static void number(struct select_groups *gs, uint32_t series)
{
	for (uint32_t i = 0; i < series; i++)
		gs->group_of[i] = UINT32_MAX;
	for (uint32_t i = 0; i < gs->count; i++)
		for (uint32_t k = 0; k < gs->of[i].member_count; k++) {
			gs->group_of[gs->of[i].members[k].series] = i;
			gs->member_of[gs->of[i].members[k].series] = k;
		}
}

enum err select_groups_make(struct select_run *r, bool with_keys)
{
	struct select_groups *gs = &r->groups;
	uint32_t count = r->source->series_count;
	size_t bytes = (count + 1) * sizeof(struct entry);

	budget_arena(r->budget, &gs->arena, 64 << 10);
	struct entry *of = select_take(r->budget, bytes, r->eb);
	if (!of)
		return ERR_TOOBIG;
	enum err e = read_keys(r, of, count, with_keys);
	if (e == ERR_OK && (r->node->group_by_count || with_keys))
		e = budget_sort(r->budget, of, count, sizeof *of, by_key, r->eb);
	gs->group_of = arena_alloc(&gs->arena, (count + 1) * sizeof *gs->group_of, 8);
	gs->member_of = arena_alloc(&gs->arena, (count + 1) * sizeof *gs->member_of, 8);
	if (e == ERR_OK && (!gs->group_of || !gs->member_of || cut(r, of, count) != ERR_OK))
		e = errbuf_set(
		    r->eb, ERR_TOOBIG, "the query has more series than fit into its memory; ask for fewer series");
	if (e == ERR_OK)
		number(gs, count);
	select_give(r->budget, of, bytes);
	return e;
}

void select_groups_free(struct select_run *r)
{
	arena_fini(&r->groups.arena);
}
