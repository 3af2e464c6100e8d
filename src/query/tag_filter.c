/* Each part of the condition becomes the set of series that may pass it, and is exact if that decides: then no row need be
 * looked at. AND cuts sets and is exact if all its parts are; OR joins them. A comparison with a field passes every series
 * and is not exact. */
#include "query/tag_filter.h"

#include "base/arena.h"
#include "query/regex.h"
#include "store/tags.h"
#include "wire/lp_key.h"

enum { NAME_MAX_BYTES = 128 << 10 };

struct choosing {
	const struct measurement *m;
	uint32_t size; /* of every set */
	struct budget *budget;
	struct errbuf *eb;
	enum err error;
	struct buf name, value; /* escaped */
};

static bool fail(struct choosing *c, enum err e)
{
	c->error = e;
	return false;
}

static bool new_set(struct choosing *c, struct series_set *s)
{
	return series_set_init(s, c->size) || fail(c, errbuf_set(c->eb, ERR_NOMEM, "out of memory"));
}

static struct view escaped(struct buf *b, struct view plain)
{
	buf_clear(b);
	lp_escape(plain, false, b);
	return (struct view){ b->p ? b->p : "", b->len };
}

/* ---- comparisons ---- */

static bool is_tag(struct choosing *c, const struct iql_expr *e)
{
	if (e->kind != IQL_REF || e->cast == IQL_CAST_TAG)
		return e->kind == IQL_REF;
	return e->cast == IQL_CAST_NONE && !measurement_find_field(c->m, escaped(&c->name, e->text));
}

struct matching {
	struct regex *regex;
	enum err error;
	struct errbuf *eb;
};

static bool matches(void *arg, struct view plain)
{
	struct matching *m = arg;
	bool yes = false;

	if (m->error == ERR_OK)
		m->error = regex_match(m->regex, plain, &yes, m->eb);
	return yes;
}

static bool add_matching(struct choosing *c, struct view key, struct view pattern, struct series_set *out)
{
	struct matching m = { .eb = c->eb };
	enum err e = regex_compile(&m.regex, pattern, c->eb);

	if (e != ERR_OK)
		return fail(c, e);
	bool ok = tags_choose_matching(tags_find_key(measurement_tags(c->m), escaped(&c->name, key)), matches, &m, out);
	regex_free(m.regex);
	if (m.error != ERR_OK)
		return fail(c, ERR_INVALID);
	return ok || fail(c, errbuf_set(c->eb, ERR_NOMEM, "out of memory"));
}

/* Adds to out the series that pass. */
static bool add_comparison(
    struct choosing *c, const struct iql_expr *tag, enum iql_op op, const struct iql_expr *with, struct series_set *out)
{
	const bool negated = op == IQL_NEQ || op == IQL_NOT_MATCH;
	struct series_set part = { 0 }, *to = negated ? &part : out;

	if (negated && !new_set(c, &part))
		return false;
	bool ok = true;
	if (with->kind == IQL_REGEX)
		ok = add_matching(c, tag->text, with->text, to);
	else
		tags_choose_equal(tags_find_key(measurement_tags(c->m), escaped(&c->name, tag->text)),
		    escaped(&c->value, with->text), to);
	if (ok && negated) {
		series_set_not(&part);
		series_set_or(out, &part);
	}
	series_set_fini(&part);
	return ok;
}

/* ---- the whole ---- */

static const struct iql_expr *without_parentheses(const struct iql_expr *e)
{
	while (e->kind == IQL_PAREN)
		e = e->chain.list;
	return e;
}

static enum iql_op op_of(const struct iql_expr *chain)
{
	return (enum iql_op)chain->chain.list->next->op;
}

static bool is_chain_of(const struct iql_expr *e, enum iql_op op)
{
	return e->kind == IQL_CHAIN && op_of(e) == op;
}

/* tag op text: true, and which is which */
static bool is_tag_comparison(
    struct choosing *c, const struct iql_expr *e, const struct iql_expr **tag, const struct iql_expr **with)
{
	if (e->kind != IQL_CHAIN || e->chain.list->next->next)
		return false;
	const struct iql_expr *left = without_parentheses(e->chain.list),
			      *right = without_parentheses(e->chain.list->next);
	enum iql_op op = op_of(e);
	bool text = op == IQL_EQ || op == IQL_NEQ, pattern = op == IQL_MATCH || op == IQL_NOT_MATCH;

	if (text && left->kind == IQL_STRING) {
		const struct iql_expr *swap = left;
		left = right;
		right = swap;
	}
	*tag = left;
	*with = right;
	return ((text && right->kind == IQL_STRING) || (pattern && right->kind == IQL_REGEX)) && is_tag(c, left);
}

static bool add_passing(struct choosing *c, const struct iql_expr *e, struct series_set *out, bool *exact);

static bool add_conjunction(struct choosing *c, const struct iql_expr *chain, struct series_set *out, bool *exact)
{
	struct series_set all = { 0 }, part = { 0 };
	bool ok = new_set(c, &all) && new_set(c, &part);

	if (ok)
		series_set_fill(&all);
	for (const struct iql_expr *e = chain->chain.list; ok && e; e = e->next) {
		memset(part.words, 0, ((size_t)c->size + 63) / 64 * sizeof *part.words);
		ok = add_passing(c, e, &part, exact);
		series_set_and(&all, &part);
	}
	if (ok)
		series_set_or(out, &all);
	series_set_fini(&all);
	series_set_fini(&part);
	return ok;
}

/* Adds the series that may pass e; *exact becomes false where rows must be looked at. Deep as the tree at most. */
static bool add_passing(struct choosing *c, const struct iql_expr *e, struct series_set *out, bool *exact)
{
	const struct iql_expr *tag, *with;

	e = without_parentheses(e);
	if ((c->error = budget_check(c->budget, c->eb)) != ERR_OK)
		return false;
	if (is_chain_of(e, IQL_AND))
		return add_conjunction(c, e, out, exact);
	if (is_chain_of(e, IQL_OR)) {
		bool ok = true;
		for (const struct iql_expr *part = e->chain.list; ok && part; part = part->next)
			ok = add_passing(c, part, out, exact);
		return ok;
	}
	if (is_tag_comparison(c, e, &tag, &with))
		return add_comparison(c, tag, op_of(e), with, out);
	if (e->kind != IQL_BOOLEAN)
		*exact = false;
	if (e->kind != IQL_BOOLEAN || e->b)
		series_set_fill(out);
	return true;
}

/* The parts of an AND that are not exact, each by itself. */
static bool choose_parts(struct choosing *c, struct arena *a, const struct iql_expr *e, struct series_set *chosen,
    const struct iql_expr **rest)
{
	struct series_set part = { 0 };
	struct iql_expr *kept = NULL, *last = NULL;
	unsigned count = 0;
	bool ok = new_set(c, &part);

	for (; ok && e; e = e->next) {
		bool exact = true;
		memset(part.words, 0, ((size_t)c->size + 63) / 64 * sizeof *part.words);
		ok = add_passing(c, e, &part, &exact);
		series_set_and(chosen, &part);
		if (!ok || exact)
			continue;
		struct iql_expr *copy = iql_clone(a, e);
		if (!copy) {
			ok = fail(c, errbuf_set(c->eb, ERR_NOMEM, "out of memory"));
			continue;
		}
		copy->op = IQL_AND;
		if (last)
			last->next = copy;
		else
			kept = copy;
		last = copy;
		count++;
	}
	series_set_fini(&part);
	if (ok && count > 1) {
		struct iql_expr *chain = arena_alloc(a, sizeof *chain, 16);
		if (!chain)
			return fail(c, errbuf_set(c->eb, ERR_NOMEM, "out of memory"));
		*chain = (struct iql_expr){ .kind = IQL_CHAIN, .depth = IQL_DEPTH_MAX, .chain = { kept, last } };
		kept = chain;
	}
	*rest = kept;
	return ok;
}

enum err tag_filter_choose(struct arena *a, const struct measurement *m, const struct iql_expr *filter,
    struct series_set *chosen, const struct iql_expr **rest, struct budget *b, struct errbuf *eb)
{
	struct choosing c = { .m = m, .size = chosen->size, .budget = b, .eb = eb };

	*rest = NULL;
	series_set_fill(chosen);
	if (!filter)
		return ERR_OK;
	buf_init(&c.name, NAME_MAX_BYTES);
	buf_init(&c.value, NAME_MAX_BYTES);
	filter = without_parentheses(filter);
	if (is_chain_of(filter, IQL_AND)) {
		(void)choose_parts(&c, a, filter->chain.list, chosen, rest);
	} else {
		struct iql_expr one = *filter;
		one.next = NULL;
		(void)choose_parts(&c, a, &one, chosen, rest);
	}
	buf_fini(&c.name);
	buf_fini(&c.value);
	return c.error;
}
