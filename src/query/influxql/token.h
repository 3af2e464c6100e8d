/* The words of InfluxQL: kinds of tokens, their names in messages, keywords. Any thread. */
#ifndef QUERY_INFLUXQL_TOKEN_H
#define QUERY_INFLUXQL_TOKEN_H

#include "base/view.h"

enum iql_token_kind {
	TOK_ILLEGAL, /* a character that begins nothing */
	TOK_EOF,
	TOK_SPACE,
	TOK_COMMENT,
	TOK_IDENT,
	TOK_PARAM, /* $name without a value; the text is "$name", or what is wrong with its value */
	TOK_NUMBER, /* with a point */
	TOK_INTEGER,
	TOK_DURATION,
	TOK_STRING,
	TOK_BAD_STRING, /* not closed on its line */
	TOK_BAD_ESCAPE, /* the text is the escape */
	TOK_REGEX, /* the text is what stands between the slashes, \/ made / */
	TOK_BAD_REGEX,
	/* operators: enum iql_op has the same order */
	TOK_ADD,
	TOK_SUB,
	TOK_MUL,
	TOK_DIV,
	TOK_MOD,
	TOK_BIT_AND,
	TOK_BIT_OR,
	TOK_BIT_XOR,
	TOK_AND,
	TOK_OR,
	TOK_EQ,
	TOK_NEQ,
	TOK_MATCH, /* =~ */
	TOK_NOT_MATCH, /* !~ */
	TOK_LT,
	TOK_LTE,
	TOK_GT,
	TOK_GTE,
	/* marks */
	TOK_LPAREN,
	TOK_RPAREN,
	TOK_COMMA,
	TOK_COLON,
	TOK_DOUBLE_COLON,
	TOK_SEMICOLON,
	TOK_DOT,
	/* keywords, by the alphabet; AND and OR are among the operators */
	TOK_ALL,
	TOK_ALTER,
	TOK_ANALYZE,
	TOK_ANY,
	TOK_AS,
	TOK_ASC,
	TOK_BEGIN,
	TOK_BY,
	TOK_CARDINALITY,
	TOK_CONTINUOUS,
	TOK_CREATE,
	TOK_DATABASE,
	TOK_DATABASES,
	TOK_DEFAULT,
	TOK_DELETE,
	TOK_DESC,
	TOK_DESTINATIONS,
	TOK_DIAGNOSTICS,
	TOK_DISTINCT,
	TOK_DROP,
	TOK_DURATION_WORD,
	TOK_END,
	TOK_EVERY,
	TOK_EXACT,
	TOK_EXPLAIN,
	TOK_FALSE,
	TOK_FIELD,
	TOK_FOR,
	TOK_FROM,
	TOK_GRANT,
	TOK_GRANTS,
	TOK_GROUP,
	TOK_GROUPS,
	TOK_IN,
	TOK_INF,
	TOK_INSERT,
	TOK_INTO,
	TOK_KEY,
	TOK_KEYS,
	TOK_KILL,
	TOK_LIMIT,
	TOK_MEASUREMENT,
	TOK_MEASUREMENTS,
	TOK_NAME,
	TOK_OFFSET,
	TOK_ON,
	TOK_ORDER,
	TOK_PASSWORD,
	TOK_POLICIES,
	TOK_POLICY,
	TOK_PRIVILEGES,
	TOK_QUERIES,
	TOK_QUERY,
	TOK_READ,
	TOK_REPLICATION,
	TOK_RESAMPLE,
	TOK_RETENTION,
	TOK_REVOKE,
	TOK_SELECT,
	TOK_SERIES,
	TOK_SET,
	TOK_SHARD,
	TOK_SHARDS,
	TOK_SHOW,
	TOK_SLIMIT,
	TOK_SOFFSET,
	TOK_STATS,
	TOK_SUBSCRIPTION,
	TOK_SUBSCRIPTIONS,
	TOK_TAG,
	TOK_TO,
	TOK_TRUE,
	TOK_USER,
	TOK_USERS,
	TOK_VALUES,
	TOK_WHERE,
	TOK_WITH,
	TOK_WRITE,
	TOK_KINDS,
	TOK_KEYWORDS = TOK_ALL,
};

/* As InfluxDB's messages name it: "SELECT", "=~", "EOF". */
const char *iql_token_name(enum iql_token_kind k);
/* The keyword of this word in any case, or TOK_IDENT. */
enum iql_token_kind iql_token_lookup(struct view word);

static inline bool iql_is_letter(unsigned c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool iql_is_digit(unsigned c)
{
	return c >= '0' && c <= '9';
}

static inline bool iql_is_space(unsigned c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static inline bool iql_is_ident(unsigned c)
{
	return iql_is_letter(c) || iql_is_digit(c) || c == '_';
}

#endif
