/* What the files of the parser share; included by them alone. A function that fails has set p->error, and returns false or
 * NULL, which every caller passes on at once. */
#ifndef QUERY_INFLUXQL_PARSER_PART_H
#define QUERY_INFLUXQL_PARSER_PART_H

#include "query/influxql/lexer.h"
#include "query/influxql/parser.h"

struct iql_parser {
	struct iql_lexer lexer;
	struct arena *arena;
	const struct iql_params *params;
	struct iql_token last[4]; /* what was read, newest at `newest` */
	unsigned newest, unread;
	unsigned nesting;
	struct view names[16]; /* of iql_parse_segments; more are counted, not kept */
	unsigned name_count;
	enum err error;
	struct errbuf *eb;
};

/* ---- parser.c: tokens, refusals, memory ---- */

struct iql_token iql_take(struct iql_parser *p);
struct iql_token iql_take_solid(struct iql_parser *p); /* neither space nor comment */
void iql_give_back(struct iql_parser *p); /* at most three in a row */
void iql_skip_space(struct iql_parser *p);
/* Takes the next solid token if it is of this kind. */
bool iql_take_if(struct iql_parser *p, enum iql_token_kind kind);
/* A regular expression that begins with the next character, or the token given back last. */
struct iql_token iql_take_regex(struct iql_parser *p);
/* The next solid tokens must be these. */
bool iql_expect(struct iql_parser *p, enum iql_token_kind kind);
bool iql_expect_ident(struct iql_parser *p, struct view *name);
bool iql_expect_string(struct iql_parser *p, struct view *text);
bool iql_parse_number(struct iql_parser *p, uint64_t *out);

/* "found X, expected Y at line L, char C" */
void *iql_refuse_token(struct iql_parser *p, const struct iql_token *t, const char *expected);
void *iql_refuse_at(struct iql_parser *p, struct iql_pos pos, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void *iql_refuse(struct iql_parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void *iql_refuse_memory(struct iql_parser *p);

/* One level deeper; false if that is one too many. Each success is followed by a leave. */
bool iql_enter(struct iql_parser *p);
void iql_leave(struct iql_parser *p);
void *iql_refuse_depth(struct iql_parser *p);

void *iql_new(struct iql_parser *p, size_t n);
#define IQL_NEW(p, type) ((type *)iql_new(p, sizeof(type)))

/* ---- parse_expr.c ---- */

struct iql_expr *iql_parse_expr(struct iql_parser *p);
/* A regular expression, if one comes next; else *out is NULL. False: refused. */
bool iql_parse_regex(struct iql_parser *p, struct iql_expr **out);
bool iql_parse_duration(struct iql_parser *p, struct iql_token t, int64_t *ns);
struct iql_expr *iql_new_expr(struct iql_parser *p, enum iql_kind kind);

/* ---- parse_name.c ---- */

struct iql_expr *iql_parse_ref(struct iql_parser *p); /* a.b::float */
struct iql_expr *iql_parse_wildcard(struct iql_parser *p); /* after the star */
bool iql_lower(struct iql_parser *p, struct view v, struct view *out); /* a copy in lower case */
/* name.name.name into p->names: at most three, an empty one between two points. */
bool iql_parse_segments(struct iql_parser *p);

/* An integer's digits without the zeros before them, which would count against the length of a number. */
static inline struct view iql_digits(struct view v)
{
	while (v.len > 1 && *v.p == '0') {
		v.p++;
		v.len--;
	}
	return v;
}

/* ---- parse_source.c ---- */

struct iql_source *iql_parse_sources(struct iql_parser *p, bool subqueries);
struct iql_source *iql_parse_one_source(struct iql_parser *p); /* no subquery */
/* [FROM sources]; none if the word is missing. */
bool iql_parse_from(struct iql_parser *p, struct iql_source **out);

/* ---- parse_select.c ---- */

enum iql_into { IQL_INTO_OPTIONAL, IQL_INTO_REQUIRED };
struct iql_select *iql_parse_select(struct iql_parser *p, enum iql_into into); /* after SELECT */
bool iql_parse_condition(struct iql_parser *p, struct iql_expr **out); /* [WHERE expr] */
bool iql_parse_dimensions(struct iql_parser *p, struct iql_dimension **out); /* [GROUP BY …] */
bool iql_parse_order(struct iql_parser *p, enum iql_order *out);
bool iql_parse_limit(struct iql_parser *p, enum iql_token_kind word, int64_t *out);

/* ---- parse_show.c, parse_manage.c: after the first word ---- */

bool iql_parse_show(struct iql_parser *p, struct iql_statement *s);
bool iql_parse_create(struct iql_parser *p, struct iql_statement *s);
bool iql_parse_drop(struct iql_parser *p, struct iql_statement *s);
bool iql_parse_alter(struct iql_parser *p, struct iql_statement *s);
bool iql_parse_grant(struct iql_parser *p, struct iql_statement *s);
bool iql_parse_revoke(struct iql_parser *p, struct iql_statement *s);

bool iql_parse_what_to_delete(struct iql_parser *p, struct iql_statement *s);

/* Which word of the table comes next. The words are refused with as the table has them. */
struct iql_choice {
	enum iql_token_kind kind;
	bool (*parse)(struct iql_parser *p, struct iql_statement *s);
};
bool iql_parse_choice(struct iql_parser *p, struct iql_statement *s, const struct iql_choice *choices, size_t count);

#endif
