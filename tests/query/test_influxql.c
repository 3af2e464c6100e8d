#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "query/influxql/check.h"
#include "query/influxql/parser.h"
#include "query/influxql/print.h"

#define NOW INT64_C(1700000000123456789)

static struct arena arena;
static struct iql_query query;
static struct errbuf eb;

static void start(void)
{
	arena_init(&arena, 1 << 14, 1 << 26);
}

static void stop(void)
{
	arena_fini(&arena);
}

TestSuite(influxql, .init = start, .fini = stop);

static enum err parse(const char *text)
{
	eb.text[0] = 0;
	return iql_parse(&arena, view_of(text), NULL, &query, &eb);
}

static struct iql_select *select_of(const char *text)
{
	cr_assert_eq(parse(text), ERR_OK, "%s: %s", text, eb.text);
	cr_assert_eq(query.count, 1);
	return query.first->select;
}

static const char *printed(const char *text)
{
	static char out[4096];
	struct buf b;

	cr_assert_eq(parse(text), ERR_OK, "%s: %s", text, eb.text);
	buf_init(&b, sizeof out - 1);
	for (const struct iql_statement *s = query.first; s; s = s->next) {
		iql_print_statement(s, &b);
		buf_str(&b, s->next ? "; " : "");
	}
	cr_assert_not(b.failed);
	memcpy(out, b.p, b.len);
	out[b.len] = 0;
	buf_fini(&b);
	return out;
}

static void prints(const char *text, const char *want)
{
	cr_expect_str_eq(printed(text), want);
	cr_expect_str_eq(printed(want), want, "what is printed prints the same again");
}

static void refused(const char *text, const char *why)
{
	cr_expect_eq(parse(text), ERR_INVALID, "%s", text);
	cr_expect_str_eq(eb.text, why);
	cr_expect_null(query.first);
}

/* ---- the tree ---- */

Test(influxql, a_chain_of_one_precedence_is_one_node)
{
	const struct iql_expr *e = select_of("SELECT a - b + c FROM m")->fields->expr;

	cr_assert_eq(e->kind, IQL_CHAIN);
	cr_expect_eq(e->depth, 2);
	const struct iql_expr *b = e->chain.list->next, *c = b->next;
	cr_expect(view_is(e->chain.list->text, "a") && view_is(b->text, "b") && view_is(c->text, "c"));
	cr_expect_eq(b->op, IQL_SUB);
	cr_expect_eq(c->op, IQL_ADD);
	cr_expect_eq(e->chain.last, c);
}

Test(influxql, tighter_operators_are_terms_of_looser_ones)
{
	const struct iql_expr *e = select_of("SELECT v FROM m WHERE a = 1 OR b + 2 * c > 3 AND d < 4")->condition;

	cr_assert_eq(e->chain.last->op, IQL_OR);
	const struct iql_expr *and = e->chain.last;
	cr_assert_eq(and->kind, IQL_CHAIN);
	cr_expect_eq(and->chain.last->op, IQL_AND);
	const struct iql_expr *greater = and->chain.list;
	cr_expect_eq(greater->chain.last->op, IQL_GT);
	const struct iql_expr *sum = greater->chain.list;
	cr_expect_eq(sum->chain.last->op, IQL_ADD);
	cr_expect_eq(sum->chain.last->chain.last->op, IQL_MUL);
}

Test(influxql, a_minus_before_a_name_multiplies)
{
	prints("SELECT -v FROM m", "SELECT -1 * v FROM m");
	prints("SELECT a / -v FROM m", "SELECT a / (-1 * v) FROM m");
	prints("SELECT a - -(v) FROM m", "SELECT a - -1 * (v) FROM m");
	prints("SELECT -v * 2 FROM m", "SELECT -1 * v * 2 FROM m");
	cr_expect_eq(select_of("SELECT -v * 2 FROM m")->fields->expr->depth, 2, "one chain, not two");
}

Test(influxql, all_clauses_of_a_select_are_kept)
{
	const struct iql_select *s = select_of(
	    "SELECT mean(\"v\") AS x, *::tag FROM db.rp.m, /n/ WHERE h = 'a' GROUP BY time(1m), h fill(-1.5) ORDER BY DESC "
	    "LIMIT 1 OFFSET 2 SLIMIT 3 SOFFSET 4 tz('Europe/Berlin')");

	cr_expect(view_is(s->fields->alias, "x"));
	cr_expect_eq(s->fields->next->expr->cast, IQL_CAST_TAG);
	cr_expect(view_is(s->sources->database, "db") && view_is(s->sources->policy, "rp"));
	cr_expect(s->sources->next->is_regex && view_is(s->sources->next->name, "n"));
	cr_expect_eq(s->fill, IQL_FILL_NUMBER);
	cr_expect_eq(s->fill_value->f, -1.5);
	cr_expect_eq(s->order, IQL_ORDER_DESC);
	cr_expect(s->limits.limit == 1 && s->limits.offset == 2 && s->limits.slimit == 3 && s->limits.soffset == 4);
	cr_expect(view_is(s->zone, "Europe/Berlin"));
	cr_expect_not(s->is_raw);
}

Test(influxql, names_and_strings_are_decoded)
{
	const struct iql_select *s = select_of("SELECT \"a\\\"\\\\ b\" FROM m WHERE h = 'it\\'s\\n'");

	cr_expect(view_is(s->fields->expr->text, "a\"\\ b"));
	cr_expect(view_is(s->condition->chain.last->text, "it's\n"));
}

Test(influxql, bytes_that_are_no_utf8_are_replaced)
{
	cr_expect(view_is(select_of("SELECT \"a\xFF\" FROM m")->fields->expr->text, "a\xEF\xBF\xBD"));
	cr_expect(view_is(select_of("SELECT \"\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80\" FROM m")->fields->expr->text,
	    "\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80"));
}

Test(influxql, a_zero_byte_ends_the_text)
{
	static const char text[] = "SHOW DATABASES;\0 nonsense";

	cr_expect_eq(iql_parse(&arena, (struct view){ text, sizeof text - 1 }, NULL, &query, &eb), ERR_OK);
	cr_expect_eq(query.count, 1);
}

/* ---- the printer ---- */

Test(influxql, every_statement_prints_as_it_was_meant)
{
	prints("select v from m", "SELECT v FROM m");
	prints("select count(distinct v), distinct(u) from m", "SELECT count(DISTINCT v), distinct(u) FROM m");
	prints("select \"select\", \"1a\", \"a b\", a1 from \"from\"",
	    "SELECT \"select\", \"1a\", \"a b\", a1 FROM \"from\"");
	prints("select a.b from db..m", "SELECT \"a.b\" FROM db..m");
	prints(
	    "select v from (select x from m where h =~ /a\\/b/)", "SELECT v FROM (SELECT x FROM m WHERE h =~ /a\\/b/)");
	prints("select 0.1, 1.0, 100000000000000000000.0, .00001 from m",
	    "SELECT 0.1, 1.0, 100000000000000000000.0, 0.00001 FROM m");
	prints("select v from m where time > now() - 90m and v > -9223372036854775808",
	    "SELECT v FROM m WHERE time > now() - 90m AND v > -9223372036854775808");
	prints("select mean(v) into a.:measurement from m", "SELECT mean(v) INTO a.:MEASUREMENT FROM m");
	prints("show tag values on db from m with key in (a, \"b c\") where x = 1 limit 5",
	    "SHOW TAG VALUES ON db FROM m WITH KEY IN (a, \"b c\") WHERE x = 1 LIMIT 5");
	prints("show measurements with measurement =~ /a/", "SHOW MEASUREMENTS WITH MEASUREMENT =~ /a/");
	prints("show series exact cardinality from m", "SHOW SERIES EXACT CARDINALITY FROM m");
	prints("create database d with duration inf replication 1 name p",
	    "CREATE DATABASE d WITH DURATION 0s REPLICATION 1 NAME p");
	prints("alter retention policy p on d shard duration 1h default duration 2w",
	    "ALTER RETENTION POLICY p ON d DURATION 2w SHARD DURATION 1h DEFAULT");
	prints("drop series where h = 'a'; delete from m; kill query 5 on h",
	    "DROP SERIES WHERE h = 'a'; DELETE FROM m; KILL QUERY 5 ON h");
	prints("grant all on d to u; revoke all privileges from u; set password for u = 'it\\'s'",
	    "GRANT ALL PRIVILEGES ON d TO u; REVOKE ALL PRIVILEGES FROM u; SET PASSWORD FOR u = 'it\\'s'");
}

Test(influxql, floats_print_so_that_they_read_back_the_same)
{
	static const char *const texts[] = { "0.1", "3.141592653589793", "123456789012345680.0",
		"0.30000000000000004" };

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char text[100];
		snprintf(text, sizeof text, "SELECT %s FROM m", texts[i]);
		prints(text, text);
	}
}

/* ---- refusals ---- */

Test(influxql, refusals_name_place_and_expectation)
{
	refused("SELECT v FRM m", "error parsing query: found FRM, expected FROM at line 1, char 10");
	refused("SELECT v\nFROM m\n  WHERE h = 'a",
	    "error parsing query: found a, expected identifier, string, number, bool "
	    "at line 3, char 12");
	refused("SELECT v FROM m WHERE h =~ /(/",
	    "error parsing query: error parsing regexp: missing closing ): `(` at line 1, char 27");
}

Test(influxql, leading_zeros_make_no_number_too_large)
{
	prints("SELECT v FROM m WHERE v > 0000000000000000000000000007 LIMIT 0000000000000000000000000001",
	    "SELECT v FROM m WHERE v > 7 LIMIT 1");
}

Test(influxql, a_long_word_loses_its_end_in_the_refusal_and_not_the_place)
{
	char *text = malloc(100100);

	memset(text, 'x', 100000);
	text[100000] = 0;
	cr_expect_eq(parse(text), ERR_INVALID);
	cr_expect(strstr(eb.text, "KILL at line 1, char 1"));
	free(text);
}

Test(influxql, what_is_nested_too_deeply_is_refused)
{
	char text[1000] = "SELECT v FROM m WHERE ";
	size_t n = strlen(text);

	memset(text + n, '(', 65);
	text[n + 65] = 'v';
	cr_expect_eq(parse(text), ERR_TOOBIG);
	cr_expect(strstr(eb.text, "nested more than 64 deep"));
}

Test(influxql, the_arena_bounds_the_tree)
{
	struct arena small;
	char *text = malloc(400000), *at = text;

	at += sprintf(at, "SELECT v FROM m WHERE h = 1");
	for (int i = 0; i < 20000; i++)
		at += sprintf(at, " OR h = %d", i);
	arena_init(&small, 1 << 14, 1 << 20);
	cr_expect_eq(iql_parse(&small, view_of(text), NULL, &query, &eb), ERR_TOOBIG);
	cr_expect(strstr(eb.text, "need more than the 1048576 bytes"));
	arena_fini(&small);
	cr_expect_eq(parse(text), ERR_OK, "%s", eb.text);
	cr_expect_eq(query.first->select->condition->depth, 3, "a long chain is not deep");
	free(text);
}

Test(influxql, ninety_six_bytes_of_arena_for_a_byte_of_text_suffice)
{
	static const struct {
		const char *start, *again, *end;
	} forms[] = {
		{ "SELECT a", ",-a", " FROM m" },
		{ "SELECT a", "/-a", " FROM m" },
		{ "SELECT*", ",*", "FROM m" },
		{ "SELECT f(1", ",1", ") FROM m" },
		{ "SELECT a FROM m", ",m", "" },
		{ "SELECT a FROM m", ",a..m", "" },
		{ "SELECT a FROM m WHERE 1=1", "|\"\xFF\"", "" },
		{ "SELECT a FROM m GROUP BY a", ",a", "" },
		{ "", "SELECT*FROM a;", "" },
		{ "", "SHOW QUERIES;", "" },
		{ "", "DROP USER a;", "" },
		{ "SHOW TAG VALUES WITH KEY IN(a", ",a", ")" },
	};

	for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
		struct arena exact;
		struct buf text;
		buf_init(&text, 1 << 20);
		buf_str(&text, forms[f].start);
		for (int i = 0; i < 40000; i++)
			buf_str(&text, forms[f].again);
		buf_str(&text, forms[f].end);
		arena_init(&exact, 1 << 14, text.len * 96);
		cr_expect_eq(iql_parse(&exact, (struct view){ text.p, text.len }, NULL, &query, &eb), ERR_OK, "%s: %s",
		    forms[f].again, eb.text);
		buf_fini(&text);
		arena_fini(&exact);
	}
}

Test(influxql, a_text_above_its_ceiling_is_refused)
{
	char *text = calloc(1, IQL_TEXT_MAX + 2);

	memset(text, ';', IQL_TEXT_MAX + 1);
	cr_expect_eq(parse(text), ERR_TOOBIG);
	free(text);
}

/* ---- small stacks ---- */

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { STACK = 1 << 20 }; /* the sanitizers' frames are larger */
#else
enum { STACK = 64 << 10 };
#endif

static void *run_deepest(void *arg)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	if (iql_parse(&arena, view_of(arg), NULL, &query, &eb) == ERR_OK &&
	    iql_check_statement(&arena, query.first, NOW, &eb) != ERR_NOMEM)
		iql_print_statement(query.first, &out);
	else
		out.failed = true;
	bool done = !out.failed;
	buf_fini(&out);
	return done ? arg : NULL;
}

static void fits_a_small_stack(const char *text)
{
	pthread_attr_t attr;
	pthread_t thread;
	void *done = NULL;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	cr_assert_eq(pthread_create(&thread, &attr, run_deepest, (void *)text), 0);
	pthread_join(thread, &done);
	pthread_attr_destroy(&attr);
	cr_expect_eq(done, text, "%s", eb.text);
}

Test(influxql, the_deepest_statements_fit_a_worker_threads_stack)
{
	char text[8000], *at = text;

	/* each pair of parentheses holds all five precedences */
	at += sprintf(at, "SELECT v FROM m WHERE ");
	for (int i = 0; i < 39; i++)
		at += sprintf(at, "a OR b AND c = d + e * (");
	at += sprintf(at, "f");
	for (int i = 0; i < 39; i++)
		at += sprintf(at, ")");
	cr_expect_eq(parse(text), ERR_TOOBIG, "234 levels");
	at = text +
	    sprintf(text,
		"SELECT v FROM m WHERE h =~ /((((((((((((((((((((((((((((((a))))))))))))))))))))))))))))))/ AND ");
	for (int i = 0; i < 30; i++)
		at += sprintf(at, "x = 1 OR y = 2 AND c = d + e * (");
	at += sprintf(at, "f = 1");
	for (int i = 0; i < 30; i++)
		at += sprintf(at, ")");
	fits_a_small_stack(text);
	at = text + sprintf(text, "SELECT ");
	for (int i = 0; i < 60; i++)
		at += sprintf(at, "abs(-");
	at += sprintf(at, "(v)");
	for (int i = 0; i < 60; i++)
		at += sprintf(at, ")");
	at += sprintf(at, " FROM m");
	fits_a_small_stack(text);
	at = text;
	for (int i = 0; i < 60; i++)
		at += sprintf(at, "SELECT v FROM (");
	at += sprintf(at, "SELECT v FROM m");
	for (int i = 0; i < 60; i++)
		at += sprintf(at, ") WHERE (v > 1) LIMIT 1");
	fits_a_small_stack(text);
}

/* ---- parameters ---- */

static enum err parse_with(const char *text, const char *json)
{
	struct iql_params params;
	enum err e = iql_params_read(&arena, view_of(json), &params, &eb);

	return e == ERR_OK ? iql_parse(&arena, view_of(text), &params, &query, &eb) : e;
}

Test(influxql, a_parameter_is_one_token)
{
	cr_assert_eq(parse_with("SELECT v FROM m WHERE h = $h", "{\"h\": \"' OR 1 = 1 --\"}"), ERR_OK);
	cr_expect(view_is(query.first->select->condition->chain.last->text, "' OR 1 = 1 --"));
	cr_assert_eq(
	    parse_with("SELECT $f FROM $m", "{\"f\": {\"identifier\": \"a b\"}, \"m\": {\"regex\": \"x/y\"}}"), ERR_OK);
	cr_expect(view_is(query.first->select->fields->expr->text, "a b"));
	cr_expect(query.first->select->sources->is_regex && view_is(query.first->select->sources->name, "x/y"));
}

Test(influxql, a_parameter_that_is_missing_or_wrong_is_named)
{
	cr_expect_eq(parse_with("SELECT v FROM m WHERE h = $h", ""), ERR_INVALID);
	cr_expect_str_eq(eb.text, "error parsing query: missing parameter: h");
	cr_expect_eq(parse_with("SELECT v FROM m WHERE h = $h", "{\"h\": [1]}"), ERR_INVALID);
	cr_expect_str_eq(
	    eb.text, "error parsing query: missing parameter: unable to bind parameter with type []interface {}");
	cr_expect_eq(parse_with("SELECT v FROM m", "{\"h\""), ERR_INVALID);
}

/* ---- the checks ---- */

static struct iql_select *checked(const char *text)
{
	struct iql_select *s = select_of(text);

	cr_assert_eq(iql_check_statement(&arena, query.first, NOW, &eb), ERR_OK, "%s: %s", text, eb.text);
	return s;
}

static void check_refused(const char *text, const char *why)
{
	cr_assert_eq(parse(text), ERR_OK, "%s: %s", text, eb.text);
	cr_expect_eq(iql_check_statement(&arena, query.first, NOW, &eb), ERR_INVALID);
	cr_expect_str_eq(eb.text, why);
}

static const char *filter_of(const struct iql_select *s)
{
	static char out[1000];
	struct buf b;

	if (!s->filter)
		return "";
	buf_init(&b, sizeof out - 1);
	iql_print_expr(s->filter, &b);
	memcpy(out, b.p, b.len);
	out[b.len] = 0;
	buf_fini(&b);
	return out;
}

Test(influxql, times_leave_the_condition)
{
	const struct iql_select *s = checked(
	    "SELECT v FROM m WHERE h = 'a' AND time >= now() - 1h AND (x > 1 OR time < '2023-11-14T22:13:20Z')");

	cr_expect_eq(s->range.from_ns, NOW - INT64_C(3600000000000));
	cr_expect_eq(s->range.to_ns, INT64_C(1700000000000000000));
	cr_expect(s->range.has_from && s->range.has_to);
	cr_expect_str_eq(filter_of(s), "h = 'a' AND (x > 1)");
	struct buf b;
	buf_init(&b, 1000);
	iql_print_expr(s->condition, &b);
	cr_expect_eq(b.len, strlen("h = 'a' AND time >= now() - 1h AND (x > 1 OR time < '2023-11-14T22:13:20Z')"));
	buf_fini(&b);
}

Test(influxql, a_range_without_bounds_reaches_to_the_ends_of_time)
{
	const struct iql_select *s = checked("SELECT v FROM m");

	cr_expect_eq(s->range.from_ns, IQL_TIME_MIN);
	cr_expect_eq(s->range.to_ns, INT64_MAX);
	cr_expect(!s->range.has_from && !s->range.has_to);
	cr_expect_null(s->filter);
}

Test(influxql, constants_fold_from_the_left)
{
	cr_expect_str_eq(filter_of(checked("SELECT v FROM m WHERE v > 1 + 2 + u + 3 + 4")), "v > 3 + u + 3 + 4");
	cr_expect_str_eq(filter_of(checked("SELECT v FROM m WHERE v > 7 / 2")), "v > 3.5");
	cr_expect_str_eq(filter_of(checked("SELECT v FROM m WHERE h = 'a' + 'b'")), "h = 'ab'");
	cr_expect_str_eq(filter_of(checked("SELECT v FROM m WHERE v > (2 * (3 + 4))")), "v > 14");
	cr_expect_str_eq(filter_of(checked("SELECT v FROM m WHERE v > 5.0 % 0.0")), "v > 5.0 % 0.0");
	cr_expect_str_eq(
	    filter_of(checked("SELECT v FROM m WHERE v > -9223372036854775808 / -1")), "v > 9223372036854775808.0");
	cr_expect_str_eq(filter_of(checked("SELECT v FROM m WHERE v > -9223372036854775808 % -1")), "v > 0");
}

Test(influxql, group_by_time_is_taken_apart)
{
	const struct iql_select *s = checked("SELECT mean(v) FROM m GROUP BY time(1m, 90s), h");

	cr_expect_eq(s->interval_ns, INT64_C(60000000000));
	cr_expect_eq(s->offset_ns, INT64_C(30000000000));
	s = checked("SELECT mean(v) FROM m GROUP BY time(1m, now())");
	cr_expect_eq(s->offset_ns, NOW % INT64_C(60000000000));
}

Test(influxql, a_subquery_takes_over_range_interval_and_order)
{
	const struct iql_select *s = checked(
	    "SELECT max(x) FROM (SELECT mean(v) AS x FROM m WHERE time < 500) WHERE time >= 100 "
	    "GROUP BY time(10s) ORDER BY time DESC");
	const struct iql_select *inner = s->sources->subquery;

	cr_expect_eq(inner->range.from_ns, 100);
	cr_expect_eq(inner->range.to_ns, 500);
	cr_expect_eq(inner->interval_ns, INT64_C(10000000000));
	cr_expect(inner->interval_is_inherited && inner->is_descending);
}

Test(influxql, time_among_the_fields_is_not_a_field)
{
	const struct iql_select *s = checked("SELECT time AS t, v FROM m");

	cr_expect(s->fields->is_time && !s->fields->next->is_time);
	check_refused("SELECT time FROM m", "at least 1 non-time field must be queried");
}

Test(influxql, what_does_not_go_together_is_refused)
{
	check_refused("SELECT mean(v), u FROM m", "mixing aggregate and non-aggregate queries is not supported");
	check_refused("SELECT v FROM m GROUP BY time(1m)", "GROUP BY requires at least one aggregate function");
	check_refused("SELECT percentile(v) FROM m", "invalid number of arguments for percentile, expected 2, got 1");
	check_refused("SELECT max(x) FROM (SELECT foo(v) AS x FROM m)", "undefined function foo()");
	check_refused("SELECT v FROM m WHERE mean(v) > 1", "invalid function call in condition: mean(v)");
}

Test(influxql, what_this_server_does_not_do_is_said)
{
	check_refused("SELECT v INTO x FROM m",
	    "SELECT … INTO is not supported by Holdfast: run it in InfluxDB, or write the result with POST /write");
	check_refused(
	    "DROP SHARD 1", "DROP SHARD is not supported by Holdfast: it has no shards; retention takes old data away");
}
