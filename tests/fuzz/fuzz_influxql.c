/* InfluxQL of any bytes through everything that is done with it before it runs. What it holds true: what is accepted prints
 * to text that is accepted and prints the same, its expressions are equal, and the checks and the printer take the tree as
 * it is then. The first line may be parameters, if it begins with a brace. */
#include <stdint.h>
#include <stdlib.h>

#include "query/influxql/check.h"
#include "query/influxql/parser.h"
#include "query/influxql/print.h"
#include "query/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA_MAX = 1 << 24, PRINT_MAX = 1 << 22 };

static void hold(bool truth)
{
	if (!truth)
		abort();
}

static void print_all(const struct iql_query *q, struct buf *out)
{
	for (const struct iql_statement *s = q->first; s; s = s->next) {
		iql_print_statement(s, out);
		buf_char(out, ';');
	}
}

static void compare_selects(const struct iql_select *a, const struct iql_select *b)
{
	const struct iql_field *g = b->fields;

	for (const struct iql_field *f = a->fields; f; f = f->next, g = g->next)
		hold(g && iql_expr_equal(f->expr, g->expr));
	hold(!g && !a->condition == !b->condition);
	hold(!a->condition || iql_expr_equal(a->condition, b->condition));
}

static void check_printed(const struct iql_query *q)
{
	struct arena a;
	struct buf one, two;
	struct iql_query again;
	struct errbuf eb;

	arena_init(&a, 1 << 14, ARENA_MAX);
	buf_init(&one, PRINT_MAX);
	buf_init(&two, PRINT_MAX);
	print_all(q, &one);
	if (!one.failed && one.len <= IQL_TEXT_MAX) {
		hold(iql_parse(&a, (struct view){ one.p, one.len }, NULL, &again, &eb) == ERR_OK);
		hold(again.count == q->count);
		print_all(&again, &two);
		hold(one.len == two.len && (one.len == 0 || memcmp(one.p, two.p, one.len) == 0));
		const struct iql_statement *t = again.first;
		for (const struct iql_statement *s = q->first; s; s = s->next, t = t->next)
			if (s->select)
				compare_selects(s->select, t->select);
	}
	buf_fini(&one);
	buf_fini(&two);
	arena_fini(&a);
}

static void match_something(struct view pattern)
{
	struct regex *r;
	struct errbuf eb;
	bool matches;

	if (regex_compile(&r, pattern, &eb) != ERR_OK)
		return;
	if (regex_match(r, view_of("server01.example.org, aaaaaaaaaaaaaaaa"), &matches, &eb) != ERR_OK)
		hold(!matches);
	regex_free(r);
}

static void run(struct view text, struct view json)
{
	struct arena a;
	struct iql_params params;
	struct iql_query q;
	struct errbuf eb;
	struct buf out;

	arena_init(&a, 1 << 14, ARENA_MAX);
	buf_init(&out, PRINT_MAX);
	if (iql_params_read(&a, json, &params, &eb) == ERR_OK && iql_parse(&a, text, &params, &q, &eb) == ERR_OK) {
		check_printed(&q);
		for (struct iql_statement *s = q.first; s; s = s->next) {
			if (iql_check_statement(&a, s, INT64_C(1700000000000000000), &eb) == ERR_OK && s->select) {
				hold(s->select->range.from_ns != 0 || s->select->range.has_from);
				if (s->select->filter)
					iql_print_expr(s->select->filter, &out);
			}
			iql_print_statement(s, &out);
		}
		for (const struct iql_statement *s = q.first; s; s = s->next)
			if (s->select && s->select->sources->is_regex)
				match_something(s->select->sources->name);
	}
	buf_fini(&out);
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view text = { (const char *)data, size }, json = { "", 0 };
	const char *newline = size && data[0] == '{' ? memchr(data, '\n', size) : NULL;

	if (newline) {
		json = (struct view){ text.p, (size_t)(newline - text.p) };
		text = (struct view){ newline + 1, size - json.len - 1 };
	}
	run(text, json);
	return 0;
}
