/* Each part of the condition becomes the set of the series that may pass it; it is exact if that decides, so that no row need
 * be looked at. AND cuts sets and is exact if all its parts are; OR joins them. A comparison with a field lets every series
 * pass and is not exact. Beside the set grows what rows are tried with: the parts of the outermost AND that are not exact.
 *
 * What InfluxDB 1.6 makes of a comparison (its inmem index):
 *
 *	field with anything		every series; tried on rows
 *	tag = != text, =~ !~ regex	exact; a series without the tag has ""
 *	tag with text, other operators	none
 *	tag = tag			those that have both, with the same value
 *	tag != tag			the others
 *	_name with text or regex	the measurement's name
 *	_tagKey with anything		every series
 *	a field that is not there	none
 *	anything else			every series; tried on rows
 *	arithmetic, where a truth	the same sets, but never tried on rows
 *	  would stand
 *
 * A name is a field's if the measurement has such a field, or by its type (::integer and so on); ::field of a tag is a field
 * that no row has. Else it is a tag's, which maybe no series has.
 *
 * Rows are tried with a missing tag as "". Where InfluxDB finds such a tag missing, the row's condition says so beside. */
#include "query/tag_filter.h"

#include "base/arena.h"
#include "query/regex.h"
#include "store/tags.h"
#include "wire/lp_key.h"

enum { NAME_MAX_BYTES = 128 << 10 };

struct choosing {
	const struct measurement *m;
	uint32_t size; /* of every set */
	struct arena *arena;
	struct budget *budget;
	struct errbuf *eb;
	enum err error;
	struct buf name, value; /* escaped */
};

struct part { /* what has become of a part of the condition */
	bool exact;
	const struct iql_expr *row; /* to try on rows, whether exact or not */
};

static bool fail(struct choosing *c, enum err e)
{
	c->error = e;
	return false;
}

static bool no_memory(struct choosing *c)
{
	return fail(c, errbuf_set(c->eb, ERR_NOMEM, "out of memory"));
}

static size_t set_bytes(const struct choosing *c)
{
	return ((size_t)c->size + 63) / 64 * sizeof(uint64_t);
}

static bool new_set(struct choosing *c, struct series_set *s)
{
	enum err e = budget_take(c->budget, set_bytes(c), c->eb);

	if (e != ERR_OK)
		return fail(c, e);
	if (series_set_init(s, c->size))
		return true;
	budget_give(c->budget, set_bytes(c));
	return no_memory(c);
}

static void free_set(struct choosing *c, struct series_set *s)
{
	if (!s->words)
		return;
	series_set_fini(s);
	*s = (struct series_set){ 0 };
	budget_give(c->budget, set_bytes(c));
}

static void empty(struct choosing *c, struct series_set *s)
{
	if (c->size)
		memset(s->words, 0, set_bytes(c));
}

static struct view escaped(struct buf *b, struct view plain)
{
	buf_clear(b);
	lp_escape(plain, false, b);
	return (struct view){ b->p ? b->p : "", b->len };
}

static const struct tag_key *find_key(struct choosing *c, struct view name)
{
	return tags_find_key(measurement_tags(c->m), escaped(&c->name, name));
}

/* ---- conditions for rows ---- */

static struct iql_expr *leaf(struct choosing *c, struct iql_expr of)
{
	struct iql_expr *e = arena_alloc(c->arena, sizeof *e, 16);

	if (!e) {
		(void)fail(c, budget_refuse(c->budget, c->eb));
		return NULL;
	}
	*e = of;
	e->depth = 1;
	e->next = NULL;
	return e;
}

static const struct iql_expr *truth(struct choosing *c, bool b)
{
	return leaf(c, (struct iql_expr){ .kind = IQL_BOOLEAN, .b = b });
}

/* Of the two terms, which are in no list. */
static const struct iql_expr *join(
    struct choosing *c, const struct iql_expr *left, enum iql_op op, const struct iql_expr *right)
{
	struct iql_expr *l = left ? leaf(c, *left) : NULL, *r = right ? leaf(c, *right) : NULL;
	struct iql_expr *chain = l && r ? leaf(c, (struct iql_expr){ .kind = IQL_CHAIN, .chain = { l, r } }) : NULL;

	if (!chain)
		return NULL;
	l->depth = left->depth;
	r->depth = right->depth;
	l->next = r;
	r->op = (uint8_t)op;
	chain->depth = (uint16_t)((l->depth > r->depth ? l->depth : r->depth) + 1);
	return chain;
}

/* tag op "" */
static const struct iql_expr *beside_nothing(struct choosing *c, const struct iql_expr *tag, enum iql_op op)
{
	return join(c, tag, op, leaf(c, (struct iql_expr){ .kind = IQL_STRING, .text = { "", 0 } }));
}

/* ---- names ---- */

static bool is_named(const struct iql_expr *e, const char *name)
{
	return e->kind == IQL_REF && e->cast == IQL_CAST_NONE && view_is(e->text, name);
}

static bool is_tag(struct choosing *c, const struct iql_expr *e)
{
	switch (e->cast) {
	case IQL_CAST_TAG:
		return true;
	case IQL_CAST_NONE:
		return !measurement_find_field(c->m, escaped(&c->name, e->text));
	case IQL_CAST_FIELD: /* a tag's name is a field that is not there; a name that nobody knows is a tag */
		return !measurement_find_field(c->m, escaped(&c->name, e->text)) && !find_key(c, e->text);
	default:
		return false;
	}
}

/* A field by its type that the measurement does not have. */
static bool is_absent(struct choosing *c, const struct iql_expr *e)
{
	return e->kind == IQL_REF && !is_tag(c, e) && !measurement_find_field(c->m, escaped(&c->name, e->text));
}

/* ---- comparisons ---- */

struct matching {
	struct regex *regex;
	enum err error;
	struct choosing *c;
};

static bool matches(void *arg, struct view plain)
{
	struct matching *m = arg;
	bool yes = false;

	if (m->error == ERR_OK)
		m->error = budget_check(m->c->budget, m->c->eb);
	if (m->error == ERR_OK)
		m->error = regex_match(m->regex, plain, &yes, m->c->eb);
	return yes;
}

static bool end_matching(struct matching *m)
{
	regex_free(m->regex);
	if (m->error == ERR_OK)
		return true;
	/* a regular expression that gave up is the statement's fault */
	return fail(m->c, m->error == ERR_TOOBIG ? ERR_INVALID : m->error);
}

static bool begin_matching(struct choosing *c, struct matching *m, struct view pattern)
{
	*m = (struct matching){ .c = c };
	enum err e = regex_compile(&m->regex, pattern, c->eb);
	return e == ERR_OK || fail(c, e);
}

static bool add_matching(struct choosing *c, struct view key, struct view pattern, struct series_set *out)
{
	struct matching m;

	if (!begin_matching(c, &m, pattern))
		return false;
	bool ok = tags_choose_matching(find_key(c, key), matches, &m, out);
	return end_matching(&m) && (ok || no_memory(c));
}

/* Those that have both tags, with the same value. */
static bool add_same(struct choosing *c, struct view one, struct view other, struct series_set *out)
{
	const struct tag_key *a = find_key(c, one), *b = find_key(c, other);
	struct series_set left = { 0 }, right = { 0 };
	bool ok = true;

	if (!a || !b)
		return true;
	ok = new_set(c, &left) && new_set(c, &right);
	for (uint32_t i = 0; ok && i < tag_key_value_count(a); i++) {
		const struct tag_value *v = tag_key_value_at(a, i), *w = tag_key_find_value(b, tag_value_text(v));
		if (!w)
			continue;
		empty(c, &left);
		empty(c, &right);
		tags_choose_value(v, &left);
		tags_choose_value(w, &right);
		series_set_and(&left, &right);
		series_set_or(out, &left);
		c->error = budget_check(c->budget, c->eb);
		ok = c->error == ERR_OK;
	}
	free_set(c, &left);
	free_set(c, &right);
	return ok;
}

/* Adds the series whose tag is what `with` says. */
static bool add_equal(
    struct choosing *c, const struct iql_expr *tag, const struct iql_expr *with, struct series_set *out)
{
	if (with->kind == IQL_REGEX)
		return add_matching(c, tag->text, with->text, out);
	if (with->kind == IQL_REF)
		return add_same(c, tag->text, with->text, out);
	tags_choose_equal(find_key(c, tag->text), escaped(&c->value, with->text), out);
	return true;
}

/* tag with a text, regex or tag. */
static bool add_tag(struct choosing *c, const struct iql_expr *e, const struct iql_expr *tag, enum iql_op op,
    const struct iql_expr *with, struct series_set *out, struct part *p)
{
	const bool negated = op == IQL_NEQ || op == IQL_NOT_MATCH;
	struct series_set part = { 0 };

	if (!negated && op != IQL_EQ && op != IQL_MATCH) {
		p->row = truth(c, false);
		return p->row;
	}
	p->row = with->kind != IQL_REF ? e
	    : negated		       ? join(c, e, IQL_OR, beside_nothing(c, tag, IQL_EQ))
				       : join(c, e, IQL_AND, beside_nothing(c, tag, IQL_NEQ));
	if (!p->row)
		return false;
	if (!negated)
		return add_equal(c, tag, with, out);
	bool ok = new_set(c, &part) && add_equal(c, tag, with, &part);
	if (ok) {
		series_set_not(&part);
		series_set_or(out, &part);
	}
	free_set(c, &part);
	return ok;
}

static bool add_name(
    struct choosing *c, enum iql_op op, const struct iql_expr *with, struct series_set *out, struct part *p)
{
	bool yes = false;

	buf_clear(&c->value);
	lp_unescape(measurement_name(c->m), true, &c->value);
	const struct view name = { c->value.p ? c->value.p : "", c->value.len };
	if (with->kind == IQL_REGEX) {
		struct matching m;
		if (!begin_matching(c, &m, with->text))
			return false;
		yes = matches(&m, name) == (op == IQL_MATCH);
		if (!end_matching(&m))
			return false;
	} else {
		yes = (op == IQL_EQ && view_eq(name, with->text)) || (op == IQL_NEQ && !view_eq(name, with->text));
	}
	if (yes)
		series_set_fill(out);
	p->row = truth(c, yes);
	return p->row;
}

/* Every series, and rows are tried; of a name beside a name, the one that is a tag must be there. */
static bool add_tried(struct choosing *c, const struct iql_expr *e, const struct iql_expr *left,
    const struct iql_expr *right, struct series_set *out, struct part *p)
{
	series_set_fill(out);
	p->exact = false;
	p->row = e;
	if (left && left->kind == IQL_REF && right->kind == IQL_REF) {
		if (is_tag(c, left))
			p->row = join(c, p->row, IQL_AND, beside_nothing(c, left, IQL_NEQ));
		if (p->row && is_tag(c, right))
			p->row = join(c, p->row, IQL_AND, beside_nothing(c, right, IQL_NEQ));
	}
	return p->row;
}

static const struct iql_expr *without_parentheses(const struct iql_expr *e)
{
	while (e->kind == IQL_PAREN)
		e = e->chain.list;
	return e;
}

static bool add_comparison(struct choosing *c, const struct iql_expr *e, struct series_set *out, struct part *p)
{
	const struct iql_expr *left = e->chain.list, *right = left->next;
	const enum iql_op op = (enum iql_op)right->op;

	if (right->next) /* (left op right) op … */
		return add_tried(c, e, NULL, NULL, out, p);
	left = without_parentheses(left);
	right = without_parentheses(right);
	const struct iql_expr *name = left->kind == IQL_REF ? left : right, *with = name == left ? right : left;
	if (name->kind != IQL_REF || with->kind == IQL_CHAIN)
		return add_tried(c, e, NULL, NULL, out, p);
	if (is_named(name, "_tagKey")) {
		series_set_fill(out);
		p->row = truth(c, true);
		return p->row;
	}
	const bool is_text = with->kind == IQL_STRING || with->kind == IQL_REGEX;
	if (is_named(name, "_name") && is_text)
		return add_name(c, op, with, out, p);
	if (is_tag(c, name) && (is_text || (with->kind == IQL_REF && is_tag(c, with))))
		return add_tag(c, e, name, op, with, out, p);
	if (op >= IQL_EQ && (is_absent(c, name) || is_absent(c, with))) {
		p->row = truth(c, false);
		return p->row;
	}
	return add_tried(c, e, left, right, out, p);
}

/* ---- the whole ---- */

static enum iql_op last_op(const struct iql_expr *chain)
{
	const struct iql_expr *e = chain->chain.list;

	while (e->next)
		e = e->next;
	return (enum iql_op)e->op;
}

static bool is_chain_of(const struct iql_expr *e, enum iql_op op)
{
	return e->kind == IQL_CHAIN && e->chain.list->next->op == op;
}

static bool add_passing(struct choosing *c, const struct iql_expr *e, struct series_set *out, struct part *p);

struct terms { /* a chain in the making */
	struct iql_expr *list, *last;
	unsigned count, depth;
};

static bool add_term(struct choosing *c, struct terms *t, const struct iql_expr *row, enum iql_op op)
{
	struct iql_expr *e = leaf(c, *row);

	if (!e)
		return false;
	e->depth = row->depth;
	e->op = (uint8_t)op;
	if (t->last)
		t->last->next = e;
	else
		t->list = e;
	t->last = e;
	t->count++;
	t->depth = e->depth > t->depth ? e->depth : t->depth;
	return true;
}

/* NULL: no terms, or no memory. */
static const struct iql_expr *chain_of(struct choosing *c, const struct terms *t)
{
	if (t->count < 2)
		return t->list;
	struct iql_expr *e = leaf(c, (struct iql_expr){ .kind = IQL_CHAIN, .chain = { t->list, t->last } });
	if (e)
		e->depth = (uint16_t)(t->depth + 1);
	return e;
}

static bool add_disjunction(struct choosing *c, const struct iql_expr *chain, struct series_set *out, struct part *p)
{
	struct terms terms = { 0 };
	bool ok = true;

	for (const struct iql_expr *e = chain->chain.list; ok && e; e = e->next) {
		struct part part = { .exact = true };
		ok = add_passing(c, e, out, &part) && add_term(c, &terms, part.row, IQL_OR);
		p->exact &= part.exact;
	}
	p->row = ok ? chain_of(c, &terms) : NULL;
	return p->row;
}

/* outermost: the row's condition is of the parts that are not exact, and none if there are none. */
static bool add_conjunction(
    struct choosing *c, const struct iql_expr *chain, bool outermost, struct series_set *out, struct part *p)
{
	struct series_set all = { 0 }, set = { 0 };
	struct terms terms = { 0 };
	bool ok = new_set(c, &all) && new_set(c, &set);

	if (ok)
		series_set_fill(&all);
	for (const struct iql_expr *e = chain->chain.list; ok && e; e = e->next) {
		struct part part = { .exact = true };
		empty(c, &set);
		ok = add_passing(c, e, &set, &part);
		series_set_and(&all, &set);
		if (ok && !(outermost && part.exact))
			ok = add_term(c, &terms, part.row, IQL_AND);
		p->exact &= part.exact;
	}
	if (ok)
		series_set_or(out, &all);
	free_set(c, &all);
	free_set(c, &set);
	p->row = ok ? chain_of(c, &terms) : NULL;
	return ok && (p->row || terms.count == 0);
}

/* Adds the series that may pass e, where its truth is asked. As deep as the tree at most. */
static bool add_passing(struct choosing *c, const struct iql_expr *e, struct series_set *out, struct part *p)
{
	e = without_parentheses(e);
	if ((c->error = budget_check(c->budget, c->eb)) != ERR_OK)
		return false;
	if (is_chain_of(e, IQL_AND))
		return add_conjunction(c, e, false, out, p);
	if (is_chain_of(e, IQL_OR))
		return add_disjunction(c, e, out, p);
	if (e->kind == IQL_CHAIN) {
		bool ok = add_comparison(c, e, out, p);
		if (ok && last_op(e) < IQL_AND) { /* arithmetic, and all is true that may be */
			p->row = p->exact ? p->row : truth(c, true);
			p->exact = true;
		}
		return ok && p->row;
	}
	bool yes = e->kind == IQL_BOOLEAN && e->b; /* the checks let nothing else through */
	if (yes)
		series_set_fill(out);
	p->row = truth(c, yes);
	return p->row;
}

enum err tag_filter_choose(struct arena *a, const struct measurement *m, const struct iql_expr *filter,
    struct series_set *chosen, const struct iql_expr **rest, struct budget *b, struct errbuf *eb)
{
	struct choosing c = { .m = m, .size = chosen->size, .arena = a, .budget = b, .eb = eb };
	struct part p = { .exact = true };

	*rest = NULL;
	empty(&c, chosen);
	if (!filter) {
		series_set_fill(chosen);
		return ERR_OK;
	}
	buf_init(&c.name, NAME_MAX_BYTES);
	buf_init(&c.value, NAME_MAX_BYTES);
	filter = without_parentheses(filter);
	bool ok = is_chain_of(filter, IQL_AND) ? add_conjunction(&c, filter, true, chosen, &p)
					       : add_passing(&c, filter, chosen, &p);
	if (ok && !p.exact)
		*rest = p.row;
	buf_fini(&c.name);
	buf_fini(&c.value);
	return c.error;
}
