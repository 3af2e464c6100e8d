#include "query/influxql/parser_part.h"

/* (SELECT …), after the opening parenthesis. */
static struct iql_select *parse_subquery(struct iql_parser *p)
{
	struct iql_select *s = NULL;

	if (!iql_expect(p, TOK_SELECT) || !iql_enter(p))
		return NULL;
	s = iql_parse_select(p, IQL_INTO_OPTIONAL);
	iql_leave(p);
	return s && iql_expect(p, TOK_RPAREN) ? s : NULL;
}

/* The names that were read, with or without a regular expression in the last place. */
static void place_names(struct iql_parser *p, struct iql_source *s, bool name_is_last)
{
	unsigned n = p->name_count;

	if (name_is_last)
		s->name = p->names[--n];
	s->has_policy_gap = n == 2 && p->names[1].len == 0;
	if (n == 2)
		s->database = p->names[0];
	if (n >= 1)
		s->policy = p->names[n - 1];
}

static struct iql_source *parse_source(struct iql_parser *p, bool subqueries)
{
	struct iql_source *s = IQL_NEW(p, struct iql_source);
	struct iql_expr *regex;

	if (!s || !iql_parse_regex(p, &regex))
		return NULL;
	if (!regex) {
		if (subqueries && iql_take_if(p, TOK_LPAREN)) {
			s->subquery = parse_subquery(p);
			return s->subquery ? s : NULL;
		}
		if (!iql_parse_segments(p))
			return NULL;
		if (p->name_count == 3) {
			place_names(p, s, true);
			return s;
		}
		if (!iql_parse_regex(p, &regex))
			return NULL;
		place_names(p, s, !regex);
	}
	if (regex) {
		s->is_regex = true;
		s->name = regex->text;
	}
	return s;
}

struct iql_source *iql_parse_sources(struct iql_parser *p, bool subqueries)
{
	struct iql_source *first = NULL, **end = &first;

	do {
		struct iql_source *s = parse_source(p, subqueries);
		if (!s)
			return NULL;
		*end = s;
		end = &s->next;
	} while (iql_take_if(p, TOK_COMMA));
	return first;
}

struct iql_source *iql_parse_one_source(struct iql_parser *p)
{
	return parse_source(p, false);
}

bool iql_parse_from(struct iql_parser *p, struct iql_source **out)
{
	if (!iql_take_if(p, TOK_FROM))
		return true;
	*out = iql_parse_sources(p, false);
	return *out;
}
