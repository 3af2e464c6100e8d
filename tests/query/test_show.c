#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "query/influxql/check.h"
#include "query/influxql/parser.h"
#include "query/show.h"
#include "support/stand.h"

static struct catalogue *catalogue;
static struct buf text; /* series as name|columns, rows as values, a line each */
static struct budget budget;

static void start(void)
{
	struct catalogue_opts opts = { .measurement_series_max = CATALOGUE_MEASUREMENT_SERIES_MAX };
	struct errbuf eb;

	cr_assert_eq(catalogue_new(&catalogue, &opts, &eb), ERR_OK);
	buf_init(&text, 1 << 24);
	budget = (struct budget){ .max_bytes = (size_t)64 << 20 };
}

static void end(void)
{
	catalogue_free(catalogue);
	buf_fini(&text);
}

TestSuite(show, .init = start, .fini = end, .timeout = 60);

static void add(const char *key)
{
	struct catalogue_refusal why;
	struct series *s = catalogue_add_series(catalogue, CATALOGUE_DEFAULT_DB, view_of(key), true, &why);

	cr_assert(s != NULL, "%s", key);
	cr_assert(measurement_field(catalogue, s->measurement, view_of("v"), VALUE_FLOAT, true, &why) != NULL);
}

static bool on_series(void *arg, const struct result_series *s)
{
	(void)arg;
	buf_view(&text, s->name);
	for (uint32_t i = 0; i < s->tag_count; i++)
		buf_printf(&text, " %.*s=%.*s", (int)s->tags[i].key.len, s->tags[i].key.p, (int)s->tags[i].value.len,
		    s->tags[i].value.p);
	buf_str(&text, ":\n");
	return true;
}

static uint32_t columns_of(const char *q)
{
	return strstr(q, "VALUES WITH") || strstr(q, "FIELD KEYS") ? 2 : 1;
}

static bool on_row(void *arg, const struct cell *cells)
{
	for (uint32_t i = 0; i < columns_of(arg); i++) {
		if (i)
			buf_char(&text, ' ');
		if (cells[i].type == CELL_STRING)
			buf_view(&text, cells[i].s);
		else
			buf_i64(&text, cells[i].i);
	}
	buf_char(&text, '\n');
	return true;
}

static enum err ask(const char *q, struct errbuf *eb)
{
	struct show_env env = { .catalogue = catalogue, .database = view_of("metrics"), .budget = &budget };
	struct result_sink sink = { .series = on_series, .row = on_row, .arg = (void *)(uintptr_t)q };
	struct result_report report = { 0 };
	struct iql_query parsed;
	struct arena a;

	arena_init(&a, 4096, 1 << 20);
	buf_clear(&text);
	cr_assert_eq(iql_parse(&a, view_of(q), NULL, &parsed, eb), ERR_OK, "%s: %s", q, eb->text);
	enum err e = iql_check_statement(&a, parsed.first, 0, eb);
	if (e == ERR_OK)
		e = show_run(&env, parsed.first, &sink, &report, eb);
	arena_fini(&a);
	buf_char(&text, 0);
	cr_expect_eq(budget.used_bytes, 0, "%s keeps memory of the budget", q);
	return e;
}

static void expect(const char *q, const char *want)
{
	struct errbuf eb = { "" };
	enum err e = ask(q, &eb);

	cr_expect_eq(e, ERR_OK, "%s: %s", q, eb.text);
	cr_expect_str_eq(text.p, want, "%s:\n%s", q, text.p);
}

static void expect_error(const char *q, const char *want)
{
	struct errbuf eb = { "" };

	cr_expect_eq(ask(q, &eb), ERR_INVALID, "%s", q);
	cr_expect_str_eq(eb.text, want);
}

Test(show, series_are_in_the_order_of_their_tags_not_of_their_bytes)
{
	static const char *const keys[] = { "o,h=a0", "o,h=a-,x=1", "o,h=a,x=1", "o,h=a!,x=1", "o,h=a\\ b,x=1", "o,h=a",
		"o,g=1", "o", "o!,h=1", "o\\ a,h=1", "o\\,a,h=1", "o-,h=1", "p,a\\==1", "p,a=1", "p,a\\,=1",
		"p,a=1\\,b", "p,a=1\\=" };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		add(keys[i]);
	expect("SHOW SERIES",
	    ":\no\no,g=1\no,h=a\no,h=a,x=1\no,h=a\\ b,x=1\no,h=a!,x=1\no,h=a-,x=1\no,h=a0\no\\ a,h=1\no!,h=1\n"
	    "o\\,a,h=1\no-,h=1\np,a=1\np,a=1\\,b\np,a=1\\=\np,a\\,=1\np,a\\==1\n");
	expect("SHOW SERIES LIMIT 2 OFFSET 1", ":\no,g=1\no,h=a\n");
	expect("SHOW SERIES LIMIT 3 OFFSET 7", ":\no,h=a0\no\\ a,h=1\no!,h=1\n");
	expect("SHOW SERIES LIMIT 3 OFFSET 16", ":\np,a\\==1\n");
	expect("SHOW SERIES OFFSET 17", "");
	expect("SHOW SERIES FROM p WHERE \"a,\" = '1'", ":\np,a\\,=1\n");
}

/* A measurement with many series, of which few are asked for: every LIMIT and OFFSET as from the sorted whole. */
Test(show, limit_and_offset_pick_from_the_sorted_whole)
{
	static char all[100][32];
	char key[64], q[64];
	size_t n = 0;

	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof key, "m,h=%d", i * 37 % 100 + 100);
		add(key);
	}
	struct errbuf eb;
	cr_assert_eq(ask("SHOW SERIES", &eb), ERR_OK);
	for (char *save, *l = strtok_r(text.p, "\n", &save); l && n < 100; l = strtok_r(NULL, "\n", &save))
		if (*l != ':')
			snprintf(all[n++], sizeof *all, "%s\n", l);
	cr_assert_eq(n, 100);
	for (size_t limit = 1; limit < 101; limit += 9)
		for (size_t offset = 0; offset < 101; offset += 11) {
			struct buf want;
			buf_init(&want, 1 << 16);
			for (size_t i = offset; i < offset + limit && i < 100; i++) {
				buf_str(&want, i == offset ? ":\n" : "");
				buf_str(&want, all[i]);
			}
			buf_char(&want, 0);
			snprintf(q, sizeof q, "SHOW SERIES LIMIT %zu OFFSET %zu", limit, offset);
			expect(q, want.p);
			buf_fini(&want);
		}
}

Test(show, tag_keys_and_values_are_those_of_the_chosen_series)
{
	add("cpu,host=a,region=eu");
	add("cpu,host=b,region=us");
	add("cpu,host=c");
	add("disk,host=a,path=/var\\ x");
	expect("SHOW TAG KEYS", "cpu:\nhost\nregion\ndisk:\nhost\npath\n");
	expect("SHOW TAG KEYS WHERE host = 'c'", "cpu:\nhost\n");
	expect("SHOW TAG KEYS LIMIT 1 OFFSET 1", "cpu:\nregion\ndisk:\npath\n");
	expect(
	    "SHOW TAG VALUES WITH KEY IN (host, path)", "cpu:\nhost a\nhost b\nhost c\ndisk:\nhost a\npath /var x\n");
	expect("SHOW TAG VALUES WITH KEY = host WHERE region != ''", "cpu:\nhost a\nhost b\n");
	expect("SHOW TAG VALUES WITH KEY !~ /o/ WHERE host =~ /[ab]/", "disk:\npath /var x\n");
	expect("SHOW TAG VALUES WITH KEY = host LIMIT 1 OFFSET 2", "cpu:\nhost c\n");
	expect("SHOW FIELD KEYS FROM disk", "disk:\nv float\n");
	expect("SHOW MEASUREMENTS WHERE host != 'b'", "measurements:\ndisk\n");
	expect("SHOW MEASUREMENTS WHERE region = 'eu' OR _name = 'disk'", "measurements:\ncpu\ndisk\n");
	expect("SHOW SERIES WHERE region = host", ":\ncpu,host=a,region=eu\ncpu,host=b,region=us\n");
	expect("SHOW SERIES WHERE host = 'a' AND (region = 'eu' OR path =~ /x$/)",
	    ":\ncpu,host=a,region=eu\ndisk,host=a,path=/var\\ x\n");
}

Test(show, cardinalities_count_once)
{
	add("tv,a=x,b=x,c=y");
	add("tv,a=y,b=x,c=y");
	add("u,a=x");
	expect("SHOW SERIES CARDINALITY", ":\n3\n");
	expect("SHOW SERIES EXACT CARDINALITY", "tv:\n2\nu:\n1\n");
	expect("SHOW SERIES EXACT CARDINALITY FROM tv, tv", "tv:\n2\n");
	expect("SHOW TAG VALUES CARDINALITY WITH KEY IN (a, b, c)", "tv:\n2\nu:\n1\n");
	expect("SHOW TAG VALUES CARDINALITY FROM tv WITH KEY IN (a,b,c) GROUP BY a", "tv a=x:\n2\ntv a=y:\n2\n");
	expect("SHOW MEASUREMENT EXACT CARDINALITY GROUP BY a", " a=x:\n2\n a=y:\n1\n");
	expect("SHOW TAG KEY CARDINALITY", "tv:\n3\nu:\n1\n");
	expect("SHOW SERIES EXACT CARDINALITY WHERE v = 1", "");
	expect("SHOW SERIES EXACT CARDINALITY OFFSET 1", "");
	expect_error("SHOW SERIES EXACT CARDINALITY GROUP BY time(1m)",
	    "GROUP BY time of a cardinality is not supported by Holdfast: names have no time; group by tags");
}

Test(show, what_makes_no_sense_is_told_in_influxdbs_words)
{
	add("cpu,host=a");
	expect_error("SHOW SERIES WHERE v > 2", "invalid tag comparison operator");
	expect_error("SHOW SERIES WHERE host", "invalid condition expression: host");
	expect_error("SHOW SERIES ON nope", "database not found: nope");
	expect_error("SHOW MEASUREMENTS WHERE 'a' = host", "left side of '=' must be a tag key");
	expect_error("SHOW MEASUREMENTS WHERE host = 1", "right side of '=' must be a tag value string");
	expect("SHOW MEASUREMENTS ON nope", "");
}

Test(show, no_more_memory_or_time_than_the_budget_has)
{
	char key[64];
	struct errbuf eb = { "" };

	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof key, "m,h=%d", i);
		add(key);
	}
	budget.max_bytes = 80000;
	cr_expect_eq(ask("SHOW SERIES", &eb), ERR_TOOBIG);
	cr_expect(strstr(eb.text, "memory"), "%s", eb.text);
	expect("SHOW SERIES LIMIT 1", ":\nm,h=0\n");
	budget.max_bytes = (size_t)64 << 20;
	budget.deadline_ns = 1;
	cr_expect_eq(ask("SHOW SERIES", &eb), ERR_UNAVAILABLE);
	cr_expect_eq(ask("SHOW TAG VALUES WITH KEY = h", &eb), ERR_UNAVAILABLE);
	cr_expect_eq(ask("SHOW SERIES EXACT CARDINALITY GROUP BY h", &eb), ERR_UNAVAILABLE);
}
