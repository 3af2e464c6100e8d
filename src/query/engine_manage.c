/* Statements about the server itself. What it has none of (shards, users, subscriptions) is answered with InfluxDB's empty
 * tables; what would change something is done where it asks for what is there already, and refused with a word about what
 * to do instead. */
#include <stdio.h>

#include "base/clock.h"
#include "query/engine_part.h"
#include "wire/lp_key.h"

static enum err no_database(struct view name, struct errbuf *eb)
{
	return errbuf_set(eb, ERR_INVALID, "database not found: %.*s", (int)view_cut(name, IQL_SHOWN_MAX), name.p);
}

static enum err refuse(struct errbuf *eb, const char *what, const char *instead)
{
	return errbuf_set(eb, ERR_INVALID, "%s is not supported by Holdfast: %s", what, instead);
}

static bool has_database(const struct engine_statement *x, struct view name)
{
	return catalogue_find_database(x->opts->catalogue, name) != 0;
}

/* ---- tables ---- */

static enum err table(const struct engine_statement *x, struct view name, const char *const *columns)
{
	struct view views[16];
	struct result_series s = { .name = name, .columns = views, .undivided = true };

	while (columns[s.column_count]) {
		views[s.column_count] = view_of(columns[s.column_count]);
		s.column_count++;
	}
	return x->sink->series(x->sink->arg, &s) ? ERR_OK : ERR_CLOSED;
}

/* One table for each database. */
static enum err table_of_each(const struct engine_statement *x, const char *const *columns)
{
	enum err e = ERR_OK;
	const char *name;

	for (uint32_t id = 1; id <= CATALOGUE_DATABASES_MAX && e == ERR_OK; id++)
		if ((name = catalogue_database_name(x->opts->catalogue, id)))
			e = table(x, view_of(name), columns);
	return e;
}

static enum err diagnostics(const struct engine_statement *x)
{
	static const char *const columns[] = { "Branch", "Build Time", "Commit", "Version", NULL };
	struct cell cells[4];

	if (x->st->name.len && !view_is(x->st->name, "build"))
		return ERR_OK;
	for (int i = 0; i < 4; i++)
		cells[i] = (struct cell){ .type = CELL_STRING, .s = { "", 0 } };
	cells[3].s = view_of(x->opts->version ? x->opts->version : "");
	enum err e = table(x, view_of("build"), columns);
	if (e == ERR_OK && !x->sink->row(x->sink->arg, cells))
		e = ERR_CLOSED;
	return e;
}

/* ---- databases and policies ---- */

static bool is_database_name(struct view v)
{
	return v.len && v.len <= 255 && lp_name_is_clean(v) && !view_is(v, ".") && !view_is(v, "..") &&
	    !memchr(v.p, '/', v.len) && !memchr(v.p, '\\', v.len);
}

/* Whether the policy asked for is the one that every database has. */
static bool is_our_policy(const struct engine_statement *x, const struct iql_policy *p, struct view name)
{
	bool length = !p->has_duration || p->duration_ns == 0 || p->duration_ns == x->opts->retention_ns;

	return (name.len == 0 || engine_policy_is_known(name)) && length &&
	    (!p->has_replication || p->replication == 1);
}

static enum err create_database(const struct engine_statement *x, struct errbuf *eb)
{
	struct view name = x->st->name;

	if (!is_database_name(name))
		return errbuf_set(eb, ERR_INVALID, "invalid name");
	if (x->st->has_policy && !is_our_policy(x, &x->st->policy, x->st->policy.name)) {
		if (has_database(x, name))
			return errbuf_set(eb, ERR_INVALID, "retention policy conflicts with an existing policy");
		return refuse(eb, "a retention policy of its own",
		    "create the database without one; [retention] in holdfast.conf says how long points are kept");
	}
	if (has_database(x, name))
		return ERR_OK;
	if (!x->rq->may_write) /* else a page of any site could do it, with an image's address */
		return errbuf_set(eb, ERR_INVALID, "CREATE DATABASE needs a POST request");
	if (catalogue_database(x->opts->catalogue, name))
		return ERR_OK;
	if (!catalogue_ceilings(x->opts->catalogue)->create_databases)
		return errbuf_set(eb, ERR_INVALID,
		    "cannot create database %.*s: set [server] create_databases = yes in holdfast.conf and restart",
		    (int)view_cut(name, IQL_SHOWN_MAX), name.p);
	return errbuf_set(eb, ERR_INVALID, "cannot create database %.*s: %d exist, and no more can",
	    (int)view_cut(name, IQL_SHOWN_MAX), name.p, CATALOGUE_DATABASES_MAX);
}

static enum err create_policy(const struct engine_statement *x, struct errbuf *eb)
{
	if (!has_database(x, x->st->database))
		return no_database(x->st->database, eb);
	if (is_our_policy(x, &x->st->policy, x->st->name))
		return ERR_OK;
	if (engine_policy_is_known(x->st->name))
		return errbuf_set(eb, ERR_INVALID, "retention policy already exists");
	return refuse(eb, "another retention policy than autogen",
	    "[retention] in holdfast.conf says how long points and rollups are kept");
}

static enum err alter_policy(const struct engine_statement *x, struct errbuf *eb)
{
	if (!has_database(x, x->st->database))
		return no_database(x->st->database, eb);
	if (!engine_policy_is_known(x->st->name))
		return errbuf_set(eb, ERR_INVALID, "retention policy not found: %.*s",
		    (int)view_cut(x->st->name, IQL_SHOWN_MAX), x->st->name.p);
	if (is_our_policy(x, &x->st->policy, x->st->name))
		return ERR_OK;
	return refuse(
	    eb, "ALTER RETENTION POLICY", "set [retention] raw in holdfast.conf and restart; InfluxDB keeps its own");
}

static enum err drop_policy(const struct engine_statement *x, struct errbuf *eb)
{
	if (!has_database(x, x->st->database) || !engine_policy_is_known(x->st->name))
		return ERR_OK;
	return refuse(eb, "DROP RETENTION POLICY autogen", "every database has it");
}

static const char *const by_retention = "points leave by retention alone ([retention] in holdfast.conf)";

static enum err drop_database(const struct engine_statement *x, struct errbuf *eb)
{
	return has_database(x, x->st->name) ? refuse(eb, "DROP DATABASE", by_retention) : ERR_OK;
}

/* ---- points ---- */

static bool has_measurement(const struct engine_statement *x, uint32_t db, struct view plain)
{
	struct buf b;

	buf_init(&b, 2 * plain.len + 1);
	lp_escape(plain, true, &b);
	bool found = b.failed || catalogue_find_measurement(x->opts->catalogue, db, (struct view){ b.p, b.len });
	buf_fini(&b);
	return found;
}

/* DROP MEASUREMENT, DROP SERIES and DELETE of what is not there have nothing to do. */
static enum err drop_points(const struct engine_statement *x, const char *what, struct errbuf *eb)
{
	uint32_t db = catalogue_find_database(x->opts->catalogue, x->rq->database);
	bool any = x->st->kind == IQL_DROP_MEASUREMENT ? db && has_measurement(x, db, x->st->name) : !x->st->sources;

	if (!db)
		return no_database(x->rq->database, eb);
	for (const struct iql_source *s = x->st->sources; s; s = s->next)
		any |= s->is_regex || has_measurement(x, db, s->name);
	return any ? refuse(eb, what, by_retention) : ERR_OK;
}

bool engine_is_for_post(enum iql_statement_kind k)
{
	return k >= IQL_CREATE_DATABASE && k != IQL_KILL_QUERY;
}

enum err engine_manage(const struct engine_statement *x, struct errbuf *eb)
{
	static const char *const shards[] = { "id", "database", "retention_policy", "shard_group", "start_time",
		"end_time", "expiry_time", "owners", NULL };
	static const char *const groups[] = { "id", "database", "retention_policy", "start_time", "end_time",
		"expiry_time", NULL };
	static const char *const queries[] = { "qid", "query", "database", "duration", "status", NULL };
	static const char *const users[] = { "user", "admin", NULL };
	static const char *const continuous[] = { "name", "query", NULL };
	const struct view none = { "", 0 };

	switch (x->st->kind) {
	case IQL_SHOW_SHARDS:
		return table_of_each(x, shards);
	case IQL_SHOW_SHARD_GROUPS:
		return table(x, view_of("shard groups"), groups);
	case IQL_SHOW_QUERIES:
		return table(x, none, queries);
	case IQL_SHOW_USERS:
		return table(x, none, users);
	case IQL_SHOW_GRANTS:
		return errbuf_set(eb, ERR_INVALID, "user not found");
	case IQL_SHOW_CONTINUOUS_QUERIES:
		return table_of_each(x, continuous);
	case IQL_SHOW_DIAGNOSTICS:
		return diagnostics(x);
	case IQL_SHOW_STATS:
	case IQL_SHOW_SUBSCRIPTIONS:
		return ERR_OK;
	case IQL_CREATE_DATABASE:
		return create_database(x, eb);
	case IQL_DROP_DATABASE:
		return drop_database(x, eb);
	case IQL_CREATE_POLICY:
		return create_policy(x, eb);
	case IQL_ALTER_POLICY:
		return alter_policy(x, eb);
	case IQL_DROP_POLICY:
		return drop_policy(x, eb);
	case IQL_DROP_MEASUREMENT:
		return drop_points(x, "DROP MEASUREMENT", eb);
	case IQL_DROP_SERIES:
		return drop_points(x, "DROP SERIES", eb);
	case IQL_DELETE:
		return drop_points(x, "DELETE", eb);
	case IQL_KILL_QUERY:
		return errbuf_set(eb, ERR_INVALID, "no such query id: %llu", (unsigned long long)x->st->number);
	default:
		return refuse(eb, "this statement", "docs/influxql.md says what is");
	}
}
