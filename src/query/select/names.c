/* Names of columns, as InfluxDB gives them: the alias; the function; the names in an operation, joined by `_`. What is there
 * already gets a number. */
#include "query/select/select_part.h"

static void join_names(const struct iql_expr *e, struct buf *out)
{
	const struct iql_expr *part = NULL;

	if (e->kind == IQL_REF || e->kind == IQL_CALL) {
		if (out->len)
			buf_char(out, '_');
		buf_view(out, e->kind == IQL_REF ? e->text : e->call.name);
	} else if (e->kind == IQL_CHAIN || e->kind == IQL_PAREN) {
		part = e->chain.list;
	}
	for (; part; part = part->next)
		join_names(part, out);
}

struct view select_field_name(struct arena *a, const struct iql_field *f)
{
	const struct iql_expr *e = f->expr;
	struct buf text;
	struct view name = { "", 0 };

	if (f->alias.len)
		return f->alias;
	while (e->kind == IQL_PAREN)
		e = e->chain.list;
	if (e->kind == IQL_REF)
		return e->text;
	if (e->kind == IQL_CALL)
		return e->call.name;
	if (e->kind != IQL_CHAIN)
		return name;
	buf_init(&text, 1 << 20);
	join_names(e, &text);
	char *copy = text.failed ? NULL : arena_copy(a, (struct view){ text.p, text.len });
	if (copy)
		name = (struct view){ copy, text.len };
	buf_fini(&text);
	return name;
}

/* ---- repeats ---- */

struct known {
	struct view name;
	uint64_t count;
};

struct names { /* open addressing */
	struct known *of;
	uint32_t mask;
};

static struct known *find(const struct names *n, struct view name)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (unsigned char)name.p[i]) * UINT64_C(1099511628211);
	uint32_t at = (uint32_t)(hash >> 32) & n->mask;
	while (n->of[at].count && !view_eq(n->of[at].name, name))
		at = (at + 1) & n->mask;
	return &n->of[at];
}

static struct known *add(const struct names *n, struct view name)
{
	struct known *k = find(n, name);

	k->name = name;
	k->count++;
	return k;
}

static bool number_name(struct arena *a, const struct names *n, struct view *name)
{
	struct known *k = find(n, *name);
	size_t room = name->len + 24;

	if (k->count) {
		for (uint64_t i = k->count;; i++) {
			char *text = arena_alloc_raw(a, room, 1);
			struct buf b;
			if (!text)
				return false;
			buf_init(&b, room);
			buf_view(&b, *name);
			buf_char(&b, '_');
			buf_u64(&b, i);
			bool fine = !b.failed;
			if (fine)
				memcpy(text, b.p, b.len);
			struct view numbered = { text, b.len };
			buf_fini(&b);
			if (!fine)
				return false;
			if (!find(n, numbered)->count) {
				k->count = i + 1;
				*name = numbered;
				break;
			}
		}
	}
	add(n, *name);
	return true;
}

enum err select_name_columns(struct select_work *w, struct select_node *n)
{
	struct names names = { .mask = 7 };

	while (names.mask / 4 < n->column_count)
		names.mask = names.mask * 2 + 1;
	names.of = arena_alloc(w->arena, (names.mask + 1) * sizeof *names.of, 8);
	if (!names.of)
		return errbuf_set(w->eb, ERR_NOMEM, "the statement needs more memory than there is for it");
	for (uint32_t i = 0; i < n->column_count; i++)
		if (n->columns[i].name.len) { /* an alias stays as it is, as often as it is written */
			struct known *k = find(&names, n->columns[i].name);
			k->name = n->columns[i].name;
			k->count = 1;
		}
	for (uint32_t i = 0; i < n->column_count; i++) {
		struct select_column *c = &n->columns[i];
		if (c->name.len)
			continue;
		c->name = c->field_name;
		if (!number_name(w->arena, &names, &c->name))
			return errbuf_set(w->eb, ERR_NOMEM, "the statement needs more memory than there is for it");
	}
	return ERR_OK;
}
