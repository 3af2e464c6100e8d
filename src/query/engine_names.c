#include "query/engine_part.h"
#include "query/show.h"

bool engine_policy_is_known(struct view policy)
{
	return policy.len == 0 || view_is(policy, "autogen") || view_is(policy, "default");
}

static enum err check_policy(struct view policy, struct errbuf *eb)
{
	if (engine_policy_is_known(policy))
		return ERR_OK;
	return errbuf_set(
	    eb, ERR_INVALID, "retention policy not found: %.*s", (int)view_cut(policy, IQL_SHOWN_MAX), policy.p);
}

static enum err check_source(const struct engine_statement *x, const struct iql_source *s, struct errbuf *eb)
{
	struct view db = s->database.len ? s->database : x->rq->database;

	if (db.len == 0)
		return errbuf_set(eb, ERR_INVALID, "database name required");
	if (!catalogue_find_database(x->opts->catalogue, db))
		return errbuf_set(eb, ERR_INVALID, "database not found: %.*s", (int)view_cut(db, IQL_SHOWN_MAX), db.p);
	return ERR_OK;
}

/* InfluxDB looks for all databases first, and for policies when it begins to read. */
static enum err check_select(
    const struct engine_statement *x, const struct iql_select *s, bool policies, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (s->into && !policies)
		e = check_source(x, s->into, eb);
	for (const struct iql_source *src = s->sources; src && e == ERR_OK; src = src->next) {
		if (src->subquery)
			e = check_select(x, src->subquery, policies, eb);
		else if (policies)
			e = check_policy(src->policy.len ? src->policy : x->rq->policy, eb);
		else
			e = check_source(x, src, eb);
	}
	return e;
}

/* What InfluxDB keeps SHOW's own results under. */
static enum err check_system(const struct iql_select *s, struct errbuf *eb)
{
	static const char *const rows[][2] = { { "_fieldKeys", "SHOW FIELD KEYS" },
		{ "_measurements", "SHOW MEASUREMENTS" }, { "_series", "SHOW SERIES" }, { "_tagKeys", "SHOW TAG KEYS" },
		{ "_tags", "SHOW TAG VALUES" } };

	for (const struct iql_source *x = s->sources; x; x = x->next)
		for (size_t i = 0; i < sizeof rows / sizeof *rows && !x->subquery && !x->is_regex; i++)
			if (view_is(x->name, rows[i][0]))
				return errbuf_set(eb, ERR_INVALID, "unable to use system source '%s': use %s instead",
				    rows[i][0], rows[i][1]);
	return ERR_OK;
}

/* SHOW that InfluxDB runs as a SELECT. */
static enum err check_show(const struct engine_statement *x, struct errbuf *eb)
{
	const struct iql_source *first = x->st->sources;
	struct view db = x->st->database.len ? x->st->database : x->rq->database;
	enum err e = ERR_OK;

	if (first && first->database.len)
		db = first->database;
	if (!catalogue_find_database(x->opts->catalogue, db))
		return ERR_OK; /* show_run tells it */
	if (!first)
		return check_policy(x->rq->policy, eb);
	for (const struct iql_source *s = x->st->sources; s && e == ERR_OK; s = s->next)
		e = check_policy(s->policy.len ? s->policy : x->rq->policy, eb);
	return e;
}

enum err engine_check_names(const struct engine_statement *x, struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (x->st->kind == IQL_SELECT)
		e = check_system(x->st->select, eb);
	if (e == ERR_OK && (x->st->kind == IQL_SELECT || x->st->kind == IQL_EXPLAIN))
		e = check_select(x, x->st->select, false, eb);
	return e;
}

enum err engine_check_policies(const struct engine_statement *x, struct errbuf *eb)
{
	switch (x->st->kind) {
	case IQL_SELECT:
	case IQL_EXPLAIN:
		return check_select(x, x->st->select, true, eb);
	case IQL_SHOW_SERIES:
	case IQL_SHOW_FIELD_KEYS:
	case IQL_SHOW_MEASUREMENT_CARDINALITY:
	case IQL_SHOW_SERIES_CARDINALITY:
	case IQL_SHOW_TAG_KEY_CARDINALITY:
	case IQL_SHOW_TAG_VALUES_CARDINALITY:
	case IQL_SHOW_FIELD_KEY_CARDINALITY:
		return show_is_estimate(x->st) ? ERR_OK : check_show(x, eb);
	default:
		return ERR_OK;
	}
}
