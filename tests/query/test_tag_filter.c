/* query/tag_filter: the series it chooses and the rows that then pass are those of InfluxDB 1.6.7. The table has what a real
 * server answered; random conditions are compared with a plain evaluation of each row. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "query/cell.h"
#include "query/influxql/check.h"
#include "query/influxql/parser.h"
#include "query/regex.h"
#include "query/select/eval.h"
#include "query/tag_filter.h"

enum { TAGS = 3, FIELDS = 5, ROWS = 7, V = 0, N, B, S, BOTH };

static const char *const tag_names[TAGS] = { "host", "dc", "both" };
static const char *const field_names[FIELDS] = { "v", "n", "b", "s", "both" };

struct row { /* of a series of its own, but for the last: that has the series number it says */
	const char *tags[TAGS];
	struct cell fields[FIELDS];
};

#define FLOAT(x) \
	{ \
		.type = CELL_FLOAT, .f = (x) \
	}
#define INTEGER(x) \
	{ \
		.type = CELL_INTEGER, .i = (x) \
	}
#define BOOLEAN(x) \
	{ \
		.type = CELL_BOOLEAN, .b = (x) \
	}
#define STRING(x) \
	{ \
		.type = CELL_STRING, .s = {(x), sizeof(x) - 1 } \
	}

static const struct row rows[ROWS] = {
	{ { "a", "x", "" }, { [V] = FLOAT(1), [N] = INTEGER(1), [B] = BOOLEAN(true) } },
	{ { "b", "b", "" }, { [V] = FLOAT(2), [N] = INTEGER(2), [B] = BOOLEAN(false) } },
	{ { "c", "", "" }, { [V] = FLOAT(3), [S] = STRING("c") } },
	{ { "", "", "" }, { [V] = FLOAT(4) } },
	{ { "e", "", "t" }, { [V] = FLOAT(5), [BOTH] = STRING("f") } },
	{ { "g", "", "u" }, { [V] = FLOAT(6) } },
	{ { "b", "y", "" }, { [V] = FLOAT(7), [N] = INTEGER(7) } },
};

static struct catalogue *catalogue;
static struct measurement *m;
static struct arena arena;
static struct errbuf eb;
static struct budget budget;

static void open_all(void)
{
	static const enum value_type types[FIELDS] = { VALUE_FLOAT, VALUE_INTEGER, VALUE_BOOLEAN, VALUE_STRING,
		VALUE_STRING };
	struct catalogue_refusal refusal;

	arena_init(&arena, 64 << 10, 256 << 20);
	budget = (struct budget){ .max_bytes = 64 << 20 };
	cr_assert_eq(catalogue_new(&catalogue, &(struct catalogue_opts){ 0 }, &eb), ERR_OK);
	for (unsigned i = 0; i < ROWS; i++) {
		char key[64] = "m";
		for (unsigned k = 0; k < TAGS; k++)
			if (*rows[i].tags[k])
				snprintf(key + strlen(key), sizeof key - strlen(key), ",%s=%s", tag_names[k],
				    rows[i].tags[k]);
		struct series *s = catalogue_add_series(catalogue, CATALOGUE_DEFAULT_DB, view_of(key), false, &refusal);
		cr_assert_not_null(s);
		cr_assert_eq(s->ordinal, i);
		m = s->measurement;
	}
	for (unsigned i = 0; i < FIELDS; i++)
		cr_assert_not_null(measurement_field(catalogue, m, view_of(field_names[i]), types[i], false, &refusal));
}

static void close_all(void)
{
	catalogue_free(catalogue);
	arena_fini(&arena);
}

TestSuite(tag_filter, .init = open_all, .fini = close_all);

/* ---- rows, plainly ---- */

static struct cell truth(bool b)
{
	return (struct cell){ .type = CELL_BOOLEAN, .b = b };
}

static bool is_number(const struct cell *c)
{
	return c->type >= CELL_FLOAT && c->type <= CELL_UNSIGNED;
}

static double number(const struct cell *c)
{
	return c->type == CELL_FLOAT ? c->f : (double)c->i;
}

static struct cell field_of(const struct row *r, struct view name, bool *is_field)
{
	for (unsigned i = 0; i < FIELDS; i++)
		if (view_is(name, field_names[i])) {
			*is_field = true;
			return r->fields[i];
		}
	*is_field = false;
	return (struct cell){ 0 };
}

static const char *tag_of(const struct row *r, struct view name)
{
	for (unsigned i = 0; i < TAGS; i++)
		if (view_is(name, tag_names[i]))
			return r->tags[i];
	return "";
}

static bool regex_is_in(struct view pattern, struct view text)
{
	struct regex *re;
	bool yes = false;

	cr_assert_eq(regex_compile(&re, pattern, &eb), ERR_OK);
	cr_assert_eq(regex_match(re, text, &yes, &eb), ERR_OK);
	regex_free(re);
	return yes;
}

static struct cell compare(enum iql_op op, int order)
{
	switch (op) {
	case IQL_EQ:
		return truth(order == 0);
	case IQL_NEQ:
		return truth(order != 0);
	case IQL_LT:
		return truth(order < 0);
	case IQL_LTE:
		return truth(order <= 0);
	case IQL_GT:
		return truth(order > 0);
	default:
		return truth(order >= 0);
	}
}

static struct cell calculate(enum iql_op op, const struct cell *l, const struct cell *r)
{
	if (op == IQL_BIT_AND && l->type == CELL_INTEGER && r->type == CELL_INTEGER)
		return (struct cell){ .type = CELL_INTEGER, .i = l->i & r->i };
	if (op == IQL_ADD && is_number(l) && is_number(r))
		return (struct cell){ .type = CELL_FLOAT, .f = number(l) + number(r) };
	return (struct cell){ 0 };
}

/* missing: a tag that is not there is missing, else "". */
static struct cell value_of(const struct iql_expr *e, const struct row *r, bool missing);

static struct cell apply(
    struct cell l, const struct iql_expr *right, enum iql_op op, const struct row *row, bool missing)
{
	if (op == IQL_MATCH || op == IQL_NOT_MATCH)
		return truth(l.type == CELL_STRING && regex_is_in(right->text, l.s) == (op == IQL_MATCH));
	const struct cell r = value_of(right, row, missing);
	if (op < IQL_AND)
		return calculate(op, &l, &r);
	if (op == IQL_AND || op == IQL_OR) {
		bool a = l.type == CELL_BOOLEAN && l.b, b = r.type == CELL_BOOLEAN && r.b;
		return truth(op == IQL_AND ? a && b : a || b);
	}
	if (is_number(&l) && is_number(&r))
		return compare(op, number(&l) < number(&r) ? -1 : number(&l) > number(&r));
	if (l.type != r.type || l.type == CELL_NULL || (op != IQL_EQ && op != IQL_NEQ))
		return truth(false);
	return compare(op, l.type == CELL_BOOLEAN ? l.b != r.b : view_cmp(l.s, r.s));
}

static struct cell value_of(const struct iql_expr *e, const struct row *r, bool missing)
{
	struct cell c = { 0 };
	bool is_field;

	switch (e->kind) {
	case IQL_PAREN:
		return value_of(e->chain.list, r, missing);
	case IQL_REF:
		c = field_of(r, e->text, &is_field);
		if (is_field)
			return c;
		c.s = view_of(tag_of(r, e->text));
		c.type = c.s.len || !missing ? CELL_STRING : CELL_NULL;
		return c;
	case IQL_STRING:
		return (struct cell){ .type = CELL_STRING, .s = e->text };
	case IQL_INTEGER:
		return (struct cell){ .type = CELL_INTEGER, .i = e->i };
	case IQL_FLOAT:
		return (struct cell){ .type = CELL_FLOAT, .f = e->f };
	case IQL_BOOLEAN:
		return truth(e->b);
	default:
		break;
	}
	cr_assert_eq(e->kind, IQL_CHAIN);
	e = e->chain.list;
	c = value_of(e, r, missing);
	for (e = e->next; e; e = e->next)
		c = apply(c, e, (enum iql_op)e->op, r, missing);
	return c;
}

/* ---- the filter ---- */

static struct iql_expr *parse(const char *condition)
{
	struct iql_query q;
	struct buf text;

	buf_init(&text, 1 << 20);
	buf_printf(&text, "SELECT v FROM m WHERE %s", condition);
	cr_assert_eq(iql_parse(&arena, (struct view){ arena_copy(&arena, (struct view){ text.p, text.len }), text.len },
			 NULL, &q, &eb),
	    ERR_OK, "%s: %s", condition, eb.text);
	buf_fini(&text);
	cr_assert_eq(iql_check_select(&arena, q.first->select, 0, &eb), ERR_OK, "%s: %s", condition, eb.text);
	return q.first->select->filter;
}

/* ---- by the engine ---- */

static bool find_slot(void *arg, const struct iql_expr *leaf, unsigned *slot)
{
	(void)arg;
	for (*slot = 0; *slot < FIELDS; ++*slot)
		if (view_is(leaf->text, field_names[*slot]))
			return true;
	for (; *slot < FIELDS + TAGS; ++*slot)
		if (view_is(leaf->text, tag_names[*slot - FIELDS]))
			return true;
	return true; /* a tag that no series has */
}

/* The rest of a condition says of the row what it says to query/select/eval. */
static void check_engine(const struct iql_expr *rest, const struct row *r, bool want)
{
	const struct eval_slots slots = { .find = find_slot };
	struct cell cells[FIELDS + TAGS + 1] = { [FIELDS + TAGS] = STRING("") };
	struct eval *e;

	memcpy(cells, r->fields, sizeof r->fields);
	for (unsigned i = 0; i < TAGS; i++)
		cells[FIELDS + i] = (struct cell){ .type = CELL_STRING, .s = view_of(r->tags[i]) };
	cr_assert_eq(eval_new(&e, &arena, rest, &slots, &eb), ERR_OK, "%s", eb.text);
	cr_expect_eq(eval_is_true(e, cells), want);
	eval_free(e);
}

/* A bit for each row that passes. */
static unsigned passing(const struct iql_expr *filter, unsigned *chosen)
{
	struct series_set set;
	const struct iql_expr *rest;
	unsigned bits = 0;

	*chosen = 0;
	cr_assert(series_set_init(&set, measurement_series_count(m)));
	cr_assert_eq(tag_filter_choose(&arena, m, filter, &set, &rest, &budget, &eb), ERR_OK, "%s", eb.text);
	for (unsigned i = 0; i < ROWS; i++) {
		if (!series_set_has(&set, i))
			continue;
		struct cell c = rest ? value_of(rest, &rows[i], false) : truth(true);
		if (rest)
			check_engine(rest, &rows[i], c.type == CELL_BOOLEAN && c.b);
		*chosen |= 1u << i;
		bits |= (unsigned)(c.type == CELL_BOOLEAN && c.b) << i;
	}
	series_set_fini(&set);
	cr_assert_eq(budget.used_bytes, 0);
	return bits;
}

static unsigned bits_of(const char *numbers)
{
	unsigned bits = 0;

	for (; *numbers; numbers++)
		bits |= 1u << (*numbers - '1');
	return bits;
}

/* What InfluxDB 1.6.7 answers: the values of v. `chosen`: that no row need be tried of other series; NULL: the same. */
static const struct answer {
	const char *condition, *rows, *chosen;
} answers[] = {
	{ "host = 'a'", "1", NULL },
	{ "'a' = host", "1", NULL },
	{ "host != 'a'", "234567", NULL },
	{ "host = ''", "4", NULL },
	{ "host != ''", "123567", NULL },
	{ "host =~ /a|b/", "127", NULL },
	{ "host !~ /a|b/", "3456", NULL },
	{ "host =~ /^$/", "4", NULL },
	{ "host !~ /^$/", "123567", NULL },
	{ "host > 'a'", "", NULL },
	{ "host < 'z'", "", NULL },
	{ "host = 5", "", "1234567" },
	{ "host != 5", "", "1234567" },
	{ "host = true", "", "1234567" },
	{ "host != false", "", "1234567" },
	{ "host = dc", "2", NULL },
	{ "host != dc", "134567", NULL },
	{ "host = host", "123567", NULL },
	{ "host = nosuch", "", NULL },
	{ "host != nosuch", "1234567", NULL },
	{ "nosuch != nosuch2", "1234567", NULL },
	{ "nosuch = ''", "1234567", NULL },
	{ "nosuch != ''", "", NULL },
	{ "nosuch = 'x'", "", NULL },
	{ "nosuch = 5", "", "1234567" },
	{ "nosuch != 5", "", "1234567" },
	{ "nosuch =~ /x*/", "1234567", NULL },
	{ "nosuch::integer = 5", "", NULL },
	{ "nosuch::field != 'x'", "1234567", NULL },
	{ "nosuch::tag = ''", "1234567", NULL },
	{ "_name = 'm'", "1234567", NULL },
	{ "_name != 'm'", "", NULL },
	{ "_name =~ /m/", "1234567", NULL },
	{ "_name !~ /m/", "", NULL },
	{ "_name = 5", "", "1234567" },
	{ "_name > 'a'", "", NULL },
	{ "_name != host", "1234567", NULL },
	{ "_name = _name or v > 6", "7", "1234567" },
	{ "host = _name", "", NULL },
	{ "_tagKey = 'x'", "1234567", NULL },
	{ "v > 5 and _tagKey = 'x'", "67", "1234567" },
	{ "true", "1234567", NULL },
	{ "false", "", NULL },
	{ "host = 'a' or true", "1234567", NULL },
	{ "host = 'a' and false", "", NULL },
	{ "v > 2 and true", "34567", "1234567" },
	{ "v > 2 and false", "", NULL },
	{ "n + 1", "1234567", NULL },
	{ "host + 'a'", "", NULL },
	{ "host + dc", "", NULL },
	{ "host * 2", "1234567", NULL },
	{ "host = 'a' and v + 1", "1", NULL },
	{ "host = 'a' or v + 1", "1234567", NULL },
	{ "b = true", "1", "1234567" },
	{ "host = 'a' or v > 4", "1567", "1234567" },
	{ "host = 'a' and v > 4", "", "1" },
	{ "(host = 'a' or v > 4) and dc = 'x'", "1", "1" },
	{ "(host = 'a' or v > 4) and host != 'a'", "567", "234567" },
	{ "host = 'a' or (host = 'b' and v > 4)", "17", "127" },
	{ "host = 'b' and v > 4 or host = 'a'", "17", "127" },
	{ "host = 'a' or (v > 4 and (dc = '' or n = 7))", "1567", "1234567" },
	{ "(host = 'a' and v > 0) or (host = 'b' and v > 2)", "17", "127" },
	{ "v > 5 or host = ''", "467", "1234567" },
	{ "v > 5 or host != ''", "123567", "1234567" },
	{ "v > 5 or host =~ /^$/", "467", "1234567" },
	{ "v > 5 or dc = host", "267", "1234567" },
	{ "v > 5 or host != dc", "134567", "1234567" },
	{ "v > 5 or dc !~ /x/", "234567", "1234567" },
	{ "v > 100 or nosuch != 'x'", "1234567", NULL },
	{ "v > 100 or host > 'a'", "", "1234567" },
	{ "v > 5 or _name = 'm'", "1234567", NULL },
	{ "v > 5 or _name = 'x'", "67", "1234567" },
	{ "v > 5 or (host = 'a' and false)", "67", "1234567" },
	{ "(v > 100 or host != 'a') and (v < 3 or dc = 'b')", "2", "1234567" },
	{ "both = 't'", "", "1234567" },
	{ "both = 'f'", "5", "1234567" },
	{ "both != 'f'", "", "1234567" },
	{ "both::tag = 't'", "5", NULL },
	{ "host::field = 'a'", "", NULL },
	{ "host::string != 'a'", "", NULL },
	{ "host::string = s", "", NULL },
	{ "nosuch::boolean = false", "", NULL },
	{ "v::tag = ''", "1234567", NULL },
	{ "host = v", "", "1234567" },
	{ "v != host", "", "1234567" },
	{ "s = host", "3", "1234567" },
	{ "s != host", "", "1234567" },
	{ "host != s", "", "1234567" },
	{ "(host = 'a') = true", "1", "1234567" },
	{ "(host = 'a') = false", "234567", "1234567" },
	{ "(v > 4) = (n > 1)", "1347", "1234567" },
	{ "v > 5 = true", "67", "1234567" },
	{ "n & 1 = 1", "17", "1234567" },
	{ "v & 1 = 1", "", "1234567" },
	{ "n = v or host = 'c'", "1237", "1234567" },
	{ "s =~ /c/", "3", "1234567" },
	{ "s !~ /c/", "", "1234567" },
	{ "v = '4'", "", "1234567" },
	{ "n <= v", "127", "1234567" },
};

Test(tag_filter, conditions_pass_what_influxdb_lets_pass)
{
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		const struct answer *a = &answers[i];
		unsigned chosen, want = bits_of(a->rows);
		unsigned have = passing(parse(a->condition), &chosen);
		cr_expect_eq(have, want, "%s: rows %x, not %x", a->condition, have, want);
		/* a series without rows that pass may be chosen only where rows decide */
		unsigned most = a->chosen ? bits_of(a->chosen) : want;
		cr_expect_eq(chosen | most, most, "%s: series %x, not %x", a->condition, chosen, most);
	}
}

/* ---- random ones ---- */

static uint64_t random_state = 88172645463325252u;

static unsigned rnd(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state % n);
}

#define ANY(list) list[rnd(sizeof list / sizeof *list)]

/* A condition, and which rows pass it, by a rule of its own: the truth of each part for each row. */
static unsigned put_condition(struct buf *b, unsigned depth);

static unsigned put_comparison(struct buf *b)
{
	static const char *const tags[] = { "host", "dc", "nosuch" }, *const texts[] = { "a", "b", "x", "" },
				 *const patterns[] = { "a|b", "^$", "x", "b?" };
	const char *tag = ANY(tags);
	unsigned bits = 0;

	if (rnd(3) == 0) {
		int limit = (int)rnd(9);
		buf_printf(b, "v > %d", limit);
		return 0x7fu & ~((1u << limit) - 1);
	}
	bool negated = rnd(2), regex = rnd(2);
	const char *what = regex ? ANY(patterns) : ANY(texts);
	buf_printf(b, regex ? "%s %s~ /%s/" : "%s %s= '%s'", tag, negated ? "!" : regex ? "=" : "", what);
	for (unsigned i = 0; i < ROWS; i++) {
		struct view have = view_of(tag_of(&rows[i], view_of(tag)));
		bool yes = regex ? regex_is_in(view_of(what), have) : view_is(have, what);
		bits |= (unsigned)(yes != negated) << i;
	}
	return bits;
}

static unsigned put_condition(struct buf *b, unsigned depth)
{
	if (depth == 0 || rnd(4) == 0)
		return put_comparison(b);
	bool all = rnd(2);
	unsigned n = 2 + rnd(3), bits = all ? 0x7f : 0;
	buf_char(b, '(');
	for (unsigned i = 0; i < n; i++) {
		if (i)
			buf_str(b, all ? " AND " : " OR ");
		unsigned part = put_condition(b, depth - 1);
		bits = all ? bits & part : bits | part;
	}
	buf_char(b, ')');
	return bits;
}

Test(tag_filter, random_conditions_pass_what_each_row_says)
{
	for (unsigned i = 0; i < 3000; i++) {
		struct buf b;
		unsigned chosen;
		buf_init(&b, 1 << 20);
		unsigned want = put_condition(&b, 1 + rnd(5));
		buf_char(&b, 0);
		unsigned have = passing(parse(b.p), &chosen);
		cr_assert_eq(have, want, "%s: %x, not %x", b.p, have, want);
		buf_fini(&b);
		arena_clear(&arena);
	}
}

Test(tag_filter, ten_thousand_alternatives_are_one_pass)
{
	struct buf b;
	unsigned chosen;

	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < 10000; i++)
		buf_printf(&b, "%shost = 'h%u'", i ? " OR " : "", i);
	buf_str(&b, " OR host = 'c' OR v = 6");
	buf_char(&b, 0);
	cr_assert_eq(passing(parse(b.p), &chosen), bits_of("36"));
	buf_fini(&b);
}

Test(tag_filter, parentheses_to_the_deepest_tree)
{
	struct buf b;
	unsigned chosen;

	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < IQL_NESTING_MAX - 2; i++)
		buf_str(&b, i % 2 ? "(host = 'x' OR " : "(host != 'a' AND ");
	buf_str(&b, "v > 2");
	for (unsigned i = 0; i < IQL_NESTING_MAX - 2; i++)
		buf_char(&b, ')');
	buf_char(&b, 0);
	cr_assert_eq(passing(parse(b.p), &chosen), bits_of("34567"));
	buf_fini(&b);
}

static enum err try(const struct iql_expr *filter, struct budget *of)
{
	struct series_set set;
	const struct iql_expr *rest;

	cr_assert(series_set_init(&set, measurement_series_count(m)));
	enum err e = tag_filter_choose(&arena, m, filter, &set, &rest, of, &eb);
	series_set_fini(&set);
	return e;
}

Test(tag_filter, a_regular_expression_that_gives_up_is_told)
{
	struct catalogue_refusal refusal;
	struct buf key;

	buf_init(&key, 1 << 16);
	buf_str(&key, "m,host=");
	for (unsigned i = 0; i < 4000; i++)
		buf_char(&key, 'a');
	cr_assert_not_null(
	    catalogue_add_series(catalogue, CATALOGUE_DEFAULT_DB, (struct view){ key.p, key.len }, false, &refusal));
	buf_fini(&key);
	const struct iql_expr *filter = parse("host =~ /^(a|a)*(a|a)*(a|a)*b$|^(a+a+)+$x/");
	cr_assert_eq(try(filter, &budget), ERR_INVALID);
	cr_assert(strlen(eb.text) > 0);
}

Test(tag_filter, sets_are_of_the_budget)
{
	struct budget small = { .max_bytes = 8 }; /* one set; a NOT beside an AND takes three */

	cr_assert_eq(try(parse("host != 'a' AND dc != 'x'"), &small), ERR_TOOBIG);
	cr_assert_eq(small.used_bytes, 0);
	cr_assert_eq(try(parse("host = 'a'"), &small), ERR_OK);
}

static bool nobody(void *arg)
{
	(void)arg;
	return false;
}

Test(tag_filter, a_client_that_has_gone_ends_it)
{
	struct budget gone = { .max_bytes = 1 << 20, .is_wanted = nobody };
	struct buf b;

	buf_init(&b, 1 << 20);
	for (unsigned i = 0; i < 1000; i++)
		buf_printf(&b, "%shost = 'h%u'", i ? " OR " : "", i);
	buf_char(&b, 0);
	cr_assert_eq(try(parse(b.p), &gone), ERR_CLOSED);
	buf_fini(&b);
}
