/* The tree of InfluxQL statements: what the parser makes, and what the checks, the printer, the planner and the executor
 * read. `iql` stands for InfluxQL throughout.
 *
 * Everything lies in the arena given to iql_parse and lives as long as that: nodes, and the bytes of every view. Names and
 * strings are decoded (no quotes, no escapes), valid UTF-8, and may hold any character but a newline escape's own.
 *
 * A node is in one list only: `next` links the terms of a chain, the arguments of a call, the fields of a SELECT. Nodes are
 * changed in place by folding; share none between trees.
 *
 * Expressions of one precedence are one node, a chain, taken from left to right: `a - b + c` is { a, -b, +c }. So a long
 * `a OR b OR c …` is wide, not deep, and walking a tree by recursion needs at most IQL_DEPTH_MAX levels; frames stay small,
 * since worker threads have 100 KiB of stack. Precedence, loosest first: OR; AND; comparisons; + - | ^; * / % &. */
#ifndef QUERY_INFLUXQL_TREE_H
#define QUERY_INFLUXQL_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

enum {
	IQL_NESTING_MAX = 64, /* parentheses, calls and subqueries inside each other */
	IQL_DEPTH_MAX = 200, /* levels of an expression's tree */
	IQL_SHOWN_MAX = 300, /* bytes of a name or text in a message */
};

/* ---- expressions ---- */

/* In the order of the tokens. */
enum iql_op {
	IQL_ADD,
	IQL_SUB,
	IQL_MUL,
	IQL_DIV,
	IQL_MOD,
	IQL_BIT_AND,
	IQL_BIT_OR,
	IQL_BIT_XOR,
	IQL_AND,
	IQL_OR,
	IQL_EQ,
	IQL_NEQ,
	IQL_MATCH, /* =~ ; the right side is a regex, and only there */
	IQL_NOT_MATCH,
	IQL_LT,
	IQL_LTE,
	IQL_GT,
	IQL_GTE,
};

enum iql_kind {
	IQL_REF, /* a field or tag: name, cast */
	IQL_WILDCARD, /* cast: none, field or tag */
	IQL_CALL, /* name in lower case, list, count */
	IQL_DISTINCT, /* DISTINCT name, without parentheses */
	IQL_PAREN, /* list: the one inside. It is printed, so it is kept */
	IQL_CHAIN, /* list of at least two terms; each but the first has its operator */
	/* literals from here on */
	IQL_REGEX, /* text: as between the slashes, \/ already / */
	IQL_INTEGER,
	IQL_UNSIGNED, /* above the largest integer */
	IQL_FLOAT,
	IQL_STRING, /* text. Beside `time` it may mean a point in time: see time_range.h */
	IQL_BOOLEAN,
	IQL_DURATION, /* i: ns */
	IQL_TIME, /* by folding only: i seconds since the epoch, and nanos */
	IQL_LITERALS = IQL_REGEX,
};

/* ::float and so on */
enum iql_cast {
	IQL_CAST_NONE,
	IQL_CAST_FLOAT,
	IQL_CAST_INTEGER,
	IQL_CAST_UNSIGNED,
	IQL_CAST_STRING,
	IQL_CAST_BOOLEAN,
	IQL_CAST_FIELD, /* any field */
	IQL_CAST_TAG,
};

struct iql_expr {
	uint8_t kind; /* enum iql_kind */
	uint8_t op; /* enum iql_op: stands before this term of its chain; meaningless in the first and outside chains */
	uint8_t cast; /* enum iql_cast */
	uint16_t depth; /* levels below and with this node; a leaf has 1 */
	uint32_t nanos; /* IQL_TIME: 0 to 999,999,999 */
	struct iql_expr *next; /* the term, argument that follows */
	union {
		struct view text; /* REF, DISTINCT, REGEX, STRING */
		struct {
			struct view name;
			struct iql_expr *list; /* NULL if there is no argument */
			uint32_t count;
		} call;
		struct {
			struct iql_expr *list, *last;
		} chain; /* CHAIN; PAREN has list alone */
		int64_t i; /* INTEGER, DURATION, TIME */
		uint64_t u;
		double f;
		bool b;
	};
};

/* ---- SELECT ---- */

struct iql_field {
	struct iql_field *next;
	struct iql_expr *expr;
	struct view alias; /* empty: none */
	bool is_time; /* set by the checks: the column `time`, which is always there; the alias renames it */
};

struct iql_select;

struct iql_source {
	struct iql_source *next;
	struct iql_select *subquery; /* else a measurement: */
	struct view database, policy; /* empty: the request's, and the default policy */
	struct view name; /* or, if is_regex, the expression */
	bool is_regex;
	bool has_policy_gap; /* written db..name: the policy was left out on purpose */
};

struct iql_dimension {
	struct iql_dimension *next;
	struct iql_expr *expr; /* REF, WILDCARD, REGEX, or the call time(…), after the checks */
};

enum iql_fill { IQL_FILL_NULL, IQL_FILL_NONE, IQL_FILL_NUMBER, IQL_FILL_PREVIOUS, IQL_FILL_LINEAR };

/* ORDER BY time, which is all there is: several fields are refused by the parser. */
enum iql_order { IQL_ORDER_NONE, IQL_ORDER_ASC, IQL_ORDER_DESC, IQL_ORDER_TIME_ASC, IQL_ORDER_TIME_DESC };

/* 0 means: none. */
struct iql_limits {
	int64_t limit, offset, slimit, soffset;
};

/* from_ns <= t < to_ns. What is not bounded reaches to IQL_TIME_MIN and IQL_TIME_MAX, InfluxDB's ends of time. */
struct iql_range {
	int64_t from_ns, to_ns;
	bool has_from, has_to;
};
#define IQL_TIME_MIN (INT64_MIN + 2)
#define IQL_TIME_MAX (INT64_MAX - 1) /* the last instant there is; a range's to_ns is one more */

struct iql_select {
	struct iql_field *fields;
	struct iql_source *into; /* NULL: none. name empty with backreference */
	bool into_backreference; /* INTO db.policy.:MEASUREMENT */
	struct iql_source *sources;
	struct iql_expr *condition; /* NULL: none */
	struct iql_dimension *dimensions;
	enum iql_fill fill;
	struct iql_expr *fill_value; /* IQL_FILL_NUMBER: INTEGER or FLOAT */
	bool fill_is_set; /* fill(null) was written */
	enum iql_order order; /* NONE and DESC without time are printed as they were written */
	struct iql_limits limits;
	struct view zone; /* tz('…'), an existing zone; empty: UTC */
	bool is_raw; /* no call anywhere among the fields */

	/* Set by iql_check_select (check.h); before that they are 0. */
	struct iql_expr *filter; /* the condition without its times, constants folded; NULL: all */
	struct iql_range range; /* of the condition; in a subquery within that of the query around it */
	int64_t interval_ns, offset_ns; /* GROUP BY time(…); 0: none */
	bool interval_is_inherited; /* from the query around this one */
	bool is_descending;
};

static inline bool iql_order_is_descending(enum iql_order o)
{
	return o == IQL_ORDER_DESC || o == IQL_ORDER_TIME_DESC;
}

/* ---- statements ---- */

enum iql_statement_kind {
	IQL_SELECT,
	IQL_EXPLAIN, /* flag: ANALYZE */
	IQL_DELETE, /* sources, condition */
	IQL_SHOW_DATABASES,
	IQL_SHOW_POLICIES, /* database */
	IQL_SHOW_MEASUREMENTS, /* database, sources (WITH MEASUREMENT), condition, order, limits */
	IQL_SHOW_SERIES,
	IQL_SHOW_TAG_KEYS,
	IQL_SHOW_TAG_VALUES, /* + key_op, keys */
	IQL_SHOW_FIELD_KEYS,
	/* …CARDINALITY: flag is EXACT; + dimensions. InfluxDB treats MEASUREMENT and SERIES without EXACT as estimates */
	IQL_SHOW_MEASUREMENT_CARDINALITY,
	IQL_SHOW_SERIES_CARDINALITY,
	IQL_SHOW_TAG_KEY_CARDINALITY,
	IQL_SHOW_TAG_VALUES_CARDINALITY,
	IQL_SHOW_FIELD_KEY_CARDINALITY,
	IQL_SHOW_SHARDS,
	IQL_SHOW_SHARD_GROUPS,
	IQL_SHOW_STATS, /* name: FOR 'module' */
	IQL_SHOW_DIAGNOSTICS,
	IQL_SHOW_QUERIES,
	IQL_SHOW_USERS,
	IQL_SHOW_GRANTS, /* name: the user */
	IQL_SHOW_CONTINUOUS_QUERIES,
	IQL_SHOW_SUBSCRIPTIONS,
	IQL_CREATE_DATABASE, /* name, policy (has_policy: WITH …, its name may be empty) */
	IQL_DROP_DATABASE, /* name */
	IQL_CREATE_POLICY, /* name, database, policy, flag: DEFAULT */
	IQL_ALTER_POLICY,
	IQL_DROP_POLICY, /* name, database */
	IQL_CREATE_CONTINUOUS_QUERY, /* name, database, select; every, resample_for */
	IQL_DROP_CONTINUOUS_QUERY,
	IQL_CREATE_SUBSCRIPTION, /* name, database, policy_name, key: mode, keys: destinations */
	IQL_DROP_SUBSCRIPTION,
	IQL_DROP_MEASUREMENT, /* name */
	IQL_DROP_SERIES, /* sources, condition */
	IQL_DROP_SHARD, /* number */
	IQL_KILL_QUERY, /* number, host */
	IQL_CREATE_USER, /* name, secret, flag: WITH ALL PRIVILEGES */
	IQL_DROP_USER,
	IQL_SET_PASSWORD, /* name, secret */
	IQL_GRANT, /* name: the user, privilege, database */
	IQL_REVOKE,
	IQL_GRANT_ADMIN, /* name */
	IQL_REVOKE_ADMIN,
};

enum iql_privilege { IQL_READ, IQL_WRITE, IQL_ALL };

/* A part that was not given has its has_ flag unset. Durations are ns; 0 is INF. */
struct iql_policy {
	struct view name;
	int64_t duration_ns, shard_ns;
	int64_t replication;
	bool has_name, has_duration, has_shard, has_replication;
};

/* A tag key or destination, in the order of the text. */
struct iql_word {
	struct iql_word *next;
	struct view text;
};

struct iql_statement {
	struct iql_statement *next;
	enum iql_statement_kind kind;
	bool flag; /* EXACT, ANALYZE, DEFAULT, ALL PRIVILEGES: see the kinds */
	bool has_policy;
	struct iql_select *select; /* SELECT, EXPLAIN, CREATE CONTINUOUS QUERY */
	struct view name, database; /* database: ON …, or empty */
	struct view policy_name, secret, host;
	uint64_t number;
	/* SHOW, DELETE, DROP SERIES */
	struct iql_source *sources;
	struct iql_expr *condition;
	struct iql_dimension *dimensions;
	enum iql_order order;
	struct iql_limits limits;
	enum iql_op key_op; /* SHOW TAG VALUES WITH KEY: EQ, NEQ, MATCH, NOT_MATCH with key; or keys_are_list */
	struct iql_word *keys; /* one; IN (…): several */
	bool keys_are_list;
	bool source_is_equality; /* SHOW MEASUREMENTS WITH MEASUREMENT = */
	/* policies */
	struct iql_policy policy;
	int64_t every_ns, resample_for_ns;
	enum iql_privilege privilege;

	/* Set by iql_check_statement for SHOW (not MEASUREMENTS), DELETE and DROP SERIES: as in struct iql_select. */
	struct iql_expr *filter;
	struct iql_range range;
};

struct iql_query {
	struct iql_statement *first;
	uint32_t count;
};

struct arena;
/* A copy with its parts, not in a list; the bytes of its names and texts are shared. NULL without memory. */
struct iql_expr *iql_clone(struct arena *a, const struct iql_expr *e);
/* The first of a call's arguments, of a chain's operands, of what stands in parentheses; NULL: it has no parts. */
struct iql_expr *iql_parts(const struct iql_expr *e);
bool iql_expr_equal(const struct iql_expr *a, const struct iql_expr *b);
/* As InfluxDB's messages call it: "IntegerLiteral". */
const char *iql_kind_name(const struct iql_expr *e);

static inline bool iql_is_literal(const struct iql_expr *e)
{
	return e->kind >= IQL_LITERALS;
}

#endif
