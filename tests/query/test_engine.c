#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "query/engine.h"
#include "support/stand.h"

static struct stand stand;
static struct engine *engine;
static struct buf text; /* what was pushed, in short */
static struct engine_request again; /* asked from within another */
static enum err inner;

static void start(void)
{
	struct engine_opts opts = { .query_timeout_ms = 1000, .query_max_rows = 100, .max_concurrent = 1 };
	struct errbuf eb;

	stand_open(&stand, NULL);
	opts.local = stand.local;
	opts.catalogue = stand.catalogue;
	cr_assert_eq(engine_new(&engine, &opts, &eb), ERR_OK);
	buf_init(&text, 1 << 20);
	again = (struct engine_request){ 0 };
	stand_write(&stand, "cpu,host=a v=1 1\ncpu,host=b v=2 1\n");
}

static void end(void)
{
	clock_real();
	engine_free(engine);
	stand_remove(&stand);
	buf_fini(&text);
}

TestSuite(engine, .init = start, .fini = end, .timeout = 60);

static bool on_begin(void *arg, uint32_t n)
{
	(void)arg;
	buf_printf(&text, "%u(", n);
	return true;
}

static bool on_end(void *arg, const struct result_report *r, const char *error, const char *message)
{
	(void)arg;
	(void)r;
	buf_printf(&text, "%s%s)", error ? error : "", message ? message : "");
	return true;
}

static bool on_series(void *arg, const struct result_series *s)
{
	struct engine_sink sink = { .begin = on_begin, .end = on_end };
	struct errbuf eb;

	buf_printf(&text, "%.*s:", (int)s->name.len, s->name.p);
	if (again.text.len)
		inner = engine_run(engine, &again, &sink, &eb);
	return arg == NULL;
}

static bool on_row(void *arg, const struct cell *cells)
{
	(void)arg;
	(void)cells;
	buf_char(&text, '.');
	return true;
}

static enum err run(const char *q, void *arg, struct errbuf *eb)
{
	struct engine_request rq = { .text = view_of(q), .database = view_of("metrics"), .may_write = true };
	struct engine_sink sink = {
		.rows = { .series = on_series, .row = on_row, .arg = arg }, .begin = on_begin, .end = on_end
	};

	buf_clear(&text);
	enum err e = engine_run(engine, &rq, &sink, eb);
	buf_char(&text, 0);
	return e;
}

static void expect(const char *q, const char *want)
{
	struct errbuf eb = { "" };

	cr_expect_eq(run(q, NULL, &eb), ERR_OK, "%s: %s", q, eb.text);
	cr_expect_str_eq(text.p, want, "%s: %s", q, text.p);
}

Test(engine, statements_run_until_one_fails)
{
	expect("SHOW SERIES; SHOW SERIES FROM x; SELECT v FROM cpu", "0(:..)1()2(cpu:..)");
	expect("SHOW SERIES; SHOW SERIES ON x", "0(:..)1(database not found: x)");
	expect("SHOW SERIES; SHOW SERIES ON x; SHOW SERIES; SHOW SERIES",
	    "0(:..)1(database not found: x)1(not executed)1(not executed)");
	expect("", "");
}

Test(engine, a_text_that_is_none_pushes_nothing)
{
	struct errbuf eb = { "" };

	cr_expect_eq(run("SHOW SERIES; SHOW FOO", NULL, &eb), ERR_INVALID);
	cr_expect_str_eq(text.p, "");
	cr_expect(strstr(eb.text, "error parsing query: found FOO"), "%s", eb.text);
}

Test(engine, no_more_than_so_many_at_a_time)
{
	again = (struct engine_request){ .text = view_of("SHOW DATABASES") };
	expect("SHOW SERIES", "0(:..)");
	cr_expect_eq(inner, ERR_FULL);
	again.text.len = 0;
	expect("SHOW SERIES", "0(:..)");
}

Test(engine, one_who_has_gone_ends_it)
{
	struct errbuf eb = { "" };
	int wants_no_more = 0;

	cr_expect_eq(run("SHOW SERIES; SHOW SERIES", &wants_no_more, &eb), ERR_CLOSED);
	cr_expect_str_eq(text.p, "0(:");
}

Test(engine, what_is_not_done_says_what_to_do)
{
	expect("DROP MEASUREMENT cpu",
	    "0(DROP MEASUREMENT is not supported by Holdfast: points leave by retention alone ([retention] "
	    "in holdfast.conf))");
	expect("DROP MEASUREMENT nothing; DELETE FROM nothing; DROP DATABASE nothing", "0()1()2()");
	expect("CREATE DATABASE other",
	    "0(cannot create database other: set [server] create_databases = yes in holdfast.conf and restart)");
	expect(
	    "CREATE DATABASE metrics; CREATE RETENTION POLICY autogen ON metrics DURATION INF REPLICATION 1", "0()1()");
	expect("ALTER RETENTION POLICY autogen ON metrics DURATION 3d",
	    "0(ALTER RETENTION POLICY is not supported by Holdfast: set [retention] raw in holdfast.conf and restart; InfluxDB "
	    "keeps its own)");
	expect("SELECT v INTO x FROM cpu",
	    "0(SELECT … INTO is not supported by Holdfast: run it in InfluxDB, or write the result "
	    "with POST /write)");
}

Test(engine, no_more_rows_than_there_may_be)
{
	struct buf lines;
	struct errbuf eb;

	buf_init(&lines, 1 << 20);
	for (unsigned i = 1; i <= 101; i++)
		buf_printf(&lines, "many,h=%s v=%u %u\n", i % 2 ? "a" : "b", i, i);
	buf_char(&lines, 0);
	stand_write(&stand, lines.p);
	buf_fini(&lines);
	cr_expect_eq(run("SELECT v FROM many; SELECT v FROM many", NULL, &eb), ERR_OK);
	cr_expect(strstr(text.p, "more than 100 rows ([query] max_rows)"), "%s", text.p);
	cr_expect_eq(run("SELECT v FROM many LIMIT 100; SELECT v FROM many LIMIT 100", NULL, &eb), ERR_OK);
	cr_expect_null(strstr(text.p, "rows"), "%s", text.p);
	/* of each series by itself they come in runs */
	cr_expect_eq(run("SELECT v FROM many GROUP BY h", NULL, &eb), ERR_OK);
	cr_expect(strstr(text.p, "more than 100 rows"), "%s", text.p);
	cr_expect_eq(run("SELECT v FROM many GROUP BY h LIMIT 50", NULL, &eb), ERR_OK);
	cr_expect_null(strstr(text.p, "rows"), "%s", text.p);
}
