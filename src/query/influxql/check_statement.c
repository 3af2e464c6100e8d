#include "query/influxql/check.h"

#include <strings.h>

#include "query/influxql/check_part.h"

static enum err refuse(struct errbuf *eb, const char *what, const char *instead)
{
	return errbuf_set(eb, ERR_INVALID, "%s is not supported by Holdfast: %s", what, instead);
}

static enum err check_unsupported(const struct iql_statement *s, struct errbuf *eb)
{
	switch (s->kind) {
	case IQL_CREATE_CONTINUOUS_QUERY:
	case IQL_DROP_CONTINUOUS_QUERY:
		return refuse(eb, "a continuous query", "its store keeps rollups by itself; create it in InfluxDB");
	case IQL_CREATE_SUBSCRIPTION:
	case IQL_DROP_SUBSCRIPTION:
		return refuse(eb, "a subscription", "create it in InfluxDB");
	case IQL_CREATE_USER:
	case IQL_DROP_USER:
	case IQL_SET_PASSWORD:
	case IQL_GRANT:
	case IQL_REVOKE:
	case IQL_GRANT_ADMIN:
	case IQL_REVOKE_ADMIN:
		return refuse(eb, "a statement about users", "manage them in InfluxDB");
	case IQL_DROP_SHARD:
		return refuse(eb, "DROP SHARD", "it has no shards; retention takes old data away");
	default:
		return ERR_OK;
	}
}

/* Whether a comparison begins with `time`. */
static bool compares_time(const struct iql_expr *e)
{
	if (e->kind == IQL_PAREN)
		return compares_time(e->chain.list);
	if (e->kind != IQL_CHAIN)
		return false;
	const struct iql_expr *first = e->chain.list;
	if (e->chain.last->op != IQL_AND && e->chain.last->op != IQL_OR)
		return first->kind == IQL_REF && first->text.len == 4 && strncasecmp(first->text.p, "time", 4) == 0;
	for (; first; first = first->next)
		if (compares_time(first))
			return true;
	return false;
}

/* What InfluxDB looks at in the conditions of statements other than SELECT, which is not the same for all. */
static const struct scope {
	enum iql_statement_kind kind;
	const char *no_time; /* the name under which it refuses times; NULL: it takes them */
	bool conditions, functions;
} scopes[] = {
	{ IQL_DELETE, NULL, true, false },
	{ IQL_DROP_SERIES, "DROP SERIES", true, false },
	{ IQL_SHOW_MEASUREMENTS, "SHOW MEASUREMENTS", false, false },
	{ IQL_SHOW_SERIES, NULL, true, true },
	{ IQL_SHOW_TAG_KEYS, NULL, true, false },
	{ IQL_SHOW_TAG_VALUES, NULL, true, false },
	{ IQL_SHOW_MEASUREMENT_CARDINALITY, "SHOW MEASUREMENT EXACT CARDINALITY", true, true },
	{ IQL_SHOW_SERIES_CARDINALITY, "SHOW SERIES EXACT CARDINALITY", true, true },
	{ IQL_SHOW_TAG_KEY_CARDINALITY, "SHOW TAG KEY EXACT CARDINALITY", true, true },
	{ IQL_SHOW_TAG_VALUES_CARDINALITY, NULL, true, false },
	{ IQL_SHOW_FIELD_KEY_CARDINALITY, "SHOW FIELD KEY CARDINALITY", true, true },
};

static enum err check_scope(struct arena *a, struct iql_statement *s, int64_t now_ns, struct errbuf *eb)
{
	for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++) {
		const struct scope *x = &scopes[i];
		if (x->kind != s->kind)
			continue;
		if (x->no_time && s->condition && compares_time(s->condition))
			return errbuf_set(eb, ERR_INVALID, "%s doesn't support time in WHERE clause", x->no_time);
		return x->conditions ? iql_check_scope(a, s, x->functions, now_ns, eb) : ERR_OK;
	}
	return ERR_OK;
}

static enum err check_sources(const struct iql_select *s, struct errbuf *eb)
{
	if (s->into)
		return refuse(eb, "SELECT … INTO", "run it in InfluxDB, or write the result with POST /write");
	for (const struct iql_source *x = s->sources; x; x = x->next) {
		enum err e = ERR_OK;
		if (x->subquery)
			e = check_sources(x->subquery, eb);
		else if (x->name.len == 0 && !x->is_regex)
			e = errbuf_set(eb, ERR_INVALID, "invalid measurement");
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

enum err iql_check_statement(struct arena *a, struct iql_statement *s, int64_t now_ns, struct errbuf *eb)
{
	enum err e = check_unsupported(s, eb);

	if (e != ERR_OK)
		return e;
	if (s->kind != IQL_SELECT && s->kind != IQL_EXPLAIN)
		return check_scope(a, s, now_ns, eb);
	e = check_sources(s->select, eb);
	if (e != ERR_OK)
		return e;
	return iql_check_select(a, s->select, now_ns, eb);
}
