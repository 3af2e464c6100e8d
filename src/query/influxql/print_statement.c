#include "query/influxql/literal.h"
#include "query/influxql/print_part.h"

/* How a statement begins, and which parts it has, in the order of their printing. */
enum part { NAME = 1, ON = 2, MODULE = 4, FLAG_IS_EXACT = 8, WITH_KEY = 16 };
static const struct form {
	const char *words;
	unsigned parts;
} forms[] = {
	[IQL_DELETE] = { "DELETE", 0 },
	[IQL_SHOW_DATABASES] = { "SHOW DATABASES", 0 },
	[IQL_SHOW_POLICIES] = { "SHOW RETENTION POLICIES", ON },
	[IQL_SHOW_MEASUREMENTS] = { "SHOW MEASUREMENTS", ON },
	[IQL_SHOW_SERIES] = { "SHOW SERIES", ON },
	[IQL_SHOW_TAG_KEYS] = { "SHOW TAG KEYS", ON },
	[IQL_SHOW_TAG_VALUES] = { "SHOW TAG VALUES", ON | WITH_KEY },
	[IQL_SHOW_FIELD_KEYS] = { "SHOW FIELD KEYS", ON },
	[IQL_SHOW_MEASUREMENT_CARDINALITY] = { "SHOW MEASUREMENT", FLAG_IS_EXACT | ON },
	[IQL_SHOW_SERIES_CARDINALITY] = { "SHOW SERIES", FLAG_IS_EXACT | ON },
	[IQL_SHOW_TAG_KEY_CARDINALITY] = { "SHOW TAG KEY", FLAG_IS_EXACT | ON },
	[IQL_SHOW_TAG_VALUES_CARDINALITY] = { "SHOW TAG VALUES", FLAG_IS_EXACT | ON | WITH_KEY },
	[IQL_SHOW_FIELD_KEY_CARDINALITY] = { "SHOW FIELD KEY", FLAG_IS_EXACT | ON },
	[IQL_SHOW_SHARDS] = { "SHOW SHARDS", 0 },
	[IQL_SHOW_SHARD_GROUPS] = { "SHOW SHARD GROUPS", 0 },
	[IQL_SHOW_STATS] = { "SHOW STATS", MODULE },
	[IQL_SHOW_DIAGNOSTICS] = { "SHOW DIAGNOSTICS", MODULE },
	[IQL_SHOW_QUERIES] = { "SHOW QUERIES", 0 },
	[IQL_SHOW_USERS] = { "SHOW USERS", 0 },
	[IQL_SHOW_GRANTS] = { "SHOW GRANTS FOR", NAME },
	[IQL_SHOW_CONTINUOUS_QUERIES] = { "SHOW CONTINUOUS QUERIES", 0 },
	[IQL_SHOW_SUBSCRIPTIONS] = { "SHOW SUBSCRIPTIONS", 0 },
	[IQL_CREATE_DATABASE] = { "CREATE DATABASE", NAME },
	[IQL_DROP_DATABASE] = { "DROP DATABASE", NAME },
	[IQL_CREATE_POLICY] = { "CREATE RETENTION POLICY", NAME | ON },
	[IQL_ALTER_POLICY] = { "ALTER RETENTION POLICY", NAME | ON },
	[IQL_DROP_POLICY] = { "DROP RETENTION POLICY", NAME | ON },
	[IQL_CREATE_CONTINUOUS_QUERY] = { "CREATE CONTINUOUS QUERY", NAME | ON },
	[IQL_DROP_CONTINUOUS_QUERY] = { "DROP CONTINUOUS QUERY", NAME | ON },
	[IQL_CREATE_SUBSCRIPTION] = { "CREATE SUBSCRIPTION", NAME | ON },
	[IQL_DROP_SUBSCRIPTION] = { "DROP SUBSCRIPTION", NAME | ON },
	[IQL_DROP_MEASUREMENT] = { "DROP MEASUREMENT", NAME },
	[IQL_DROP_SERIES] = { "DROP SERIES", 0 },
	[IQL_DROP_SHARD] = { "DROP SHARD", 0 },
	[IQL_KILL_QUERY] = { "KILL QUERY", 0 },
	[IQL_CREATE_USER] = { "CREATE USER", NAME },
	[IQL_DROP_USER] = { "DROP USER", NAME },
	[IQL_SET_PASSWORD] = { "SET PASSWORD FOR", NAME },
	[IQL_GRANT] = { "GRANT", 0 },
	[IQL_REVOKE] = { "REVOKE", 0 },
	[IQL_GRANT_ADMIN] = { "GRANT ALL PRIVILEGES TO", NAME },
	[IQL_REVOKE_ADMIN] = { "REVOKE ALL PRIVILEGES FROM", NAME },
};

static void print_span(const char *words, int64_t ns, struct buf *out)
{
	buf_str(out, words);
	if (ns)
		iql_duration_print(ns, out);
	else
		buf_str(out, "0s"); /* INF, as InfluxDB prints it */
}

static void print_policy(const struct iql_policy *r, struct buf *out)
{
	if (r->has_duration)
		print_span(" DURATION ", r->duration_ns, out);
	if (r->has_replication) {
		buf_str(out, " REPLICATION ");
		buf_i64(out, r->replication);
	}
	if (r->has_shard)
		print_span(" SHARD DURATION ", r->shard_ns, out);
	if (r->has_name) {
		buf_str(out, " NAME ");
		iql_print_name(r->name, false, out);
	}
}

static void print_with_key(const struct iql_statement *s, struct buf *out)
{
	buf_str(out, " WITH KEY ");
	buf_str(out, s->keys_are_list ? "IN" : iql_op_name(s->key_op));
	buf_str(out, s->keys_are_list ? " (" : " ");
	for (const struct iql_word *w = s->keys; w; w = w->next) {
		if (s->key_op == IQL_MATCH || s->key_op == IQL_NOT_MATCH)
			iql_print_regex(w->text, out);
		else
			iql_print_name(w->text, false, out);
		if (w->next)
			buf_str(out, ", ");
	}
	if (s->keys_are_list)
		buf_char(out, ')');
}

static void print_measurement_filter(const struct iql_statement *s, struct buf *out)
{
	struct buf source;

	buf_init(&source, out->max);
	iql_print_sources(s->sources, &source);
	buf_str(out, s->source_is_equality ? " WITH MEASUREMENT = " : " WITH MEASUREMENT =~ ");
	if (source.failed)
		out->failed = true;
	else
		buf_append(out, source.p + strlen(" FROM "), source.len - strlen(" FROM "));
	buf_fini(&source);
}

/* What only one kind has. */
static void print_rest(const struct iql_statement *s, struct buf *out)
{
	static const char *const privileges[] = { " READ", " WRITE", " ALL PRIVILEGES" };

	switch (s->kind) {
	case IQL_CREATE_DATABASE:
		if (s->has_policy)
			buf_str(out, " WITH");
		print_policy(&s->policy, out);
		break;
	case IQL_CREATE_POLICY:
	case IQL_ALTER_POLICY:
		print_policy(&s->policy, out);
		buf_str(out, s->flag ? " DEFAULT" : "");
		break;
	case IQL_CREATE_CONTINUOUS_QUERY:
		if (s->every_ns || s->resample_for_ns)
			buf_str(out, " RESAMPLE");
		if (s->every_ns)
			print_span(" EVERY ", s->every_ns, out);
		if (s->resample_for_ns)
			print_span(" FOR ", s->resample_for_ns, out);
		buf_str(out, " BEGIN ");
		iql_print_select(s->select, out);
		buf_str(out, " END");
		break;
	case IQL_CREATE_SUBSCRIPTION:
	case IQL_DROP_SUBSCRIPTION:
		buf_char(out, '.');
		iql_print_name(s->policy_name, false, out);
		if (s->kind == IQL_DROP_SUBSCRIPTION)
			break;
		buf_str(out, " DESTINATIONS ");
		buf_view(out, s->host);
		for (const struct iql_word *w = s->keys; w; w = w->next) {
			buf_str(out, w == s->keys ? " " : ", ");
			iql_print_string(w->text, out);
		}
		break;
	case IQL_DROP_SHARD:
	case IQL_KILL_QUERY:
		buf_char(out, ' ');
		buf_u64(out, s->number);
		if (s->host.p) {
			buf_str(out, " ON ");
			iql_print_name(s->host, false, out);
		}
		break;
	case IQL_CREATE_USER:
	case IQL_SET_PASSWORD:
		buf_str(out, s->kind == IQL_CREATE_USER ? " WITH PASSWORD " : " = ");
		iql_print_string(s->secret, out);
		buf_str(out, s->flag ? " WITH ALL PRIVILEGES" : "");
		break;
	case IQL_GRANT:
	case IQL_REVOKE:
		buf_str(out, privileges[s->privilege]);
		buf_str(out, " ON ");
		iql_print_name(s->database, false, out);
		buf_str(out, s->kind == IQL_GRANT ? " TO " : " FROM ");
		iql_print_name(s->name, false, out);
		break;
	default:
		break;
	}
}

void iql_print_statement(const struct iql_statement *s, struct buf *out)
{
	if (s->kind == IQL_SELECT || s->kind == IQL_EXPLAIN) {
		if (s->kind == IQL_EXPLAIN)
			buf_str(out, s->flag ? "EXPLAIN ANALYZE " : "EXPLAIN ");
		iql_print_select(s->select, out);
		return;
	}
	const struct form *f = &forms[s->kind];
	buf_str(out, f->words);
	if (f->parts & NAME) {
		buf_char(out, ' ');
		iql_print_name(s->name, false, out);
	}
	if (f->parts & FLAG_IS_EXACT)
		buf_str(out, s->flag ? " EXACT CARDINALITY" : " CARDINALITY");
	if (f->parts & ON && s->database.p) {
		buf_str(out, " ON ");
		iql_print_name(s->database, false, out);
	}
	if (f->parts & MODULE && s->name.p) {
		buf_str(out, " FOR ");
		iql_print_string(s->name, out);
	}
	print_rest(s, out);
	if (s->kind == IQL_SHOW_MEASUREMENTS && s->sources)
		print_measurement_filter(s, out);
	else
		iql_print_sources(s->sources, out);
	if (f->parts & WITH_KEY)
		print_with_key(s, out);
	iql_print_condition(s->condition, out);
	iql_print_dimensions(s->dimensions, out);
	iql_print_order(s->order, out);
	iql_print_limits(&s->limits, out);
}
