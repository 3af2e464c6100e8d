#include "query/influxql/token.h"

#include <strings.h>

static const char *const names[TOK_KINDS] = {
	[TOK_ILLEGAL] = "ILLEGAL",
	[TOK_EOF] = "EOF",
	[TOK_SPACE] = "WS",
	[TOK_COMMENT] = "COMMENT",
	[TOK_IDENT] = "IDENT",
	[TOK_PARAM] = "BOUNDPARAM",
	[TOK_NUMBER] = "NUMBER",
	[TOK_INTEGER] = "INTEGER",
	[TOK_DURATION] = "DURATIONVAL",
	[TOK_STRING] = "STRING",
	[TOK_BAD_STRING] = "BADSTRING",
	[TOK_BAD_ESCAPE] = "BADESCAPE",
	[TOK_REGEX] = "REGEX",
	[TOK_BAD_REGEX] = "BADREGEX",
	[TOK_ADD] = "+",
	[TOK_SUB] = "-",
	[TOK_MUL] = "*",
	[TOK_DIV] = "/",
	[TOK_MOD] = "%",
	[TOK_BIT_AND] = "&",
	[TOK_BIT_OR] = "|",
	[TOK_BIT_XOR] = "^",
	[TOK_AND] = "AND",
	[TOK_OR] = "OR",
	[TOK_EQ] = "=",
	[TOK_NEQ] = "!=",
	[TOK_MATCH] = "=~",
	[TOK_NOT_MATCH] = "!~",
	[TOK_LT] = "<",
	[TOK_LTE] = "<=",
	[TOK_GT] = ">",
	[TOK_GTE] = ">=",
	[TOK_LPAREN] = "(",
	[TOK_RPAREN] = ")",
	[TOK_COMMA] = ",",
	[TOK_COLON] = ":",
	[TOK_DOUBLE_COLON] = "::",
	[TOK_SEMICOLON] = ";",
	[TOK_DOT] = ".",
	[TOK_ALL] = "ALL",
	[TOK_ALTER] = "ALTER",
	[TOK_ANALYZE] = "ANALYZE",
	[TOK_ANY] = "ANY",
	[TOK_AS] = "AS",
	[TOK_ASC] = "ASC",
	[TOK_BEGIN] = "BEGIN",
	[TOK_BY] = "BY",
	[TOK_CARDINALITY] = "CARDINALITY",
	[TOK_CONTINUOUS] = "CONTINUOUS",
	[TOK_CREATE] = "CREATE",
	[TOK_DATABASE] = "DATABASE",
	[TOK_DATABASES] = "DATABASES",
	[TOK_DEFAULT] = "DEFAULT",
	[TOK_DELETE] = "DELETE",
	[TOK_DESC] = "DESC",
	[TOK_DESTINATIONS] = "DESTINATIONS",
	[TOK_DIAGNOSTICS] = "DIAGNOSTICS",
	[TOK_DISTINCT] = "DISTINCT",
	[TOK_DROP] = "DROP",
	[TOK_DURATION_WORD] = "DURATION",
	[TOK_END] = "END",
	[TOK_EVERY] = "EVERY",
	[TOK_EXACT] = "EXACT",
	[TOK_EXPLAIN] = "EXPLAIN",
	[TOK_FALSE] = "FALSE",
	[TOK_FIELD] = "FIELD",
	[TOK_FOR] = "FOR",
	[TOK_FROM] = "FROM",
	[TOK_GRANT] = "GRANT",
	[TOK_GRANTS] = "GRANTS",
	[TOK_GROUP] = "GROUP",
	[TOK_GROUPS] = "GROUPS",
	[TOK_IN] = "IN",
	[TOK_INF] = "INF",
	[TOK_INSERT] = "INSERT",
	[TOK_INTO] = "INTO",
	[TOK_KEY] = "KEY",
	[TOK_KEYS] = "KEYS",
	[TOK_KILL] = "KILL",
	[TOK_LIMIT] = "LIMIT",
	[TOK_MEASUREMENT] = "MEASUREMENT",
	[TOK_MEASUREMENTS] = "MEASUREMENTS",
	[TOK_NAME] = "NAME",
	[TOK_OFFSET] = "OFFSET",
	[TOK_ON] = "ON",
	[TOK_ORDER] = "ORDER",
	[TOK_PASSWORD] = "PASSWORD",
	[TOK_POLICIES] = "POLICIES",
	[TOK_POLICY] = "POLICY",
	[TOK_PRIVILEGES] = "PRIVILEGES",
	[TOK_QUERIES] = "QUERIES",
	[TOK_QUERY] = "QUERY",
	[TOK_READ] = "READ",
	[TOK_REPLICATION] = "REPLICATION",
	[TOK_RESAMPLE] = "RESAMPLE",
	[TOK_RETENTION] = "RETENTION",
	[TOK_REVOKE] = "REVOKE",
	[TOK_SELECT] = "SELECT",
	[TOK_SERIES] = "SERIES",
	[TOK_SET] = "SET",
	[TOK_SHARD] = "SHARD",
	[TOK_SHARDS] = "SHARDS",
	[TOK_SHOW] = "SHOW",
	[TOK_SLIMIT] = "SLIMIT",
	[TOK_SOFFSET] = "SOFFSET",
	[TOK_STATS] = "STATS",
	[TOK_SUBSCRIPTION] = "SUBSCRIPTION",
	[TOK_SUBSCRIPTIONS] = "SUBSCRIPTIONS",
	[TOK_TAG] = "TAG",
	[TOK_TO] = "TO",
	[TOK_TRUE] = "TRUE",
	[TOK_USER] = "USER",
	[TOK_USERS] = "USERS",
	[TOK_VALUES] = "VALUES",
	[TOK_WHERE] = "WHERE",
	[TOK_WITH] = "WITH",
	[TOK_WRITE] = "WRITE",
};

const char *iql_token_name(enum iql_token_kind k)
{
	return names[k];
}

static int compare(struct view word, const char *keyword)
{
	int c = strncasecmp(word.p, keyword, word.len);

	return c ? c : -(keyword[word.len] != 0);
}

enum iql_token_kind iql_token_lookup(struct view word)
{
	int low = TOK_KEYWORDS, high = TOK_KINDS - 1;

	if (word.len == 2 && compare(word, "OR") == 0)
		return TOK_OR;
	if (word.len == 3 && compare(word, "AND") == 0)
		return TOK_AND;
	while (low <= high) {
		int middle = (low + high) / 2;
		int c = compare(word, names[middle]);
		if (c == 0)
			return (enum iql_token_kind)middle;
		if (c < 0)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return TOK_IDENT;
}
