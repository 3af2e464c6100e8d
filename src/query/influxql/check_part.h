/* Shared by the files of the checks. */
#ifndef QUERY_INFLUXQL_CHECK_PART_H
#define QUERY_INFLUXQL_CHECK_PART_H

#include "query/influxql/check.h"

/* What has been seen so far of the fields of one SELECT. */
struct iql_check {
	struct iql_select *select;
	struct errbuf *eb;
	enum err error;
	unsigned calls; /* functions that are not mathematical */
	bool only_selectors;
	bool has_plain; /* a field or tag by itself, a wildcard, a regex */
	bool has_distinct;
	struct view top_bottom; /* the function's name; empty: there is none */
	struct view of_tags; /* the first function of *::tag; empty: there is none */
	bool no_wildcards; /* inside an operation */
};

bool iql_check_refuse(struct iql_check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* check.c: a field's expression, or the argument of a call that takes one. */
bool iql_check_expr(struct iql_check *c, struct iql_expr *e);
/* Condition and dimensions of a statement that is no SELECT; functions: whether those of the condition are checked. */
NODISCARD enum err iql_check_scope(
    struct arena *a, struct iql_statement *s, bool functions, int64_t now_ns, struct errbuf *eb);
/* check_call.c */
bool iql_check_call(struct iql_check *c, struct iql_expr *call);
bool iql_check_distinct(struct iql_check *c, unsigned count, const struct iql_expr *args, bool nested);
bool iql_check_is_constant(const struct iql_expr *e);

#endif
