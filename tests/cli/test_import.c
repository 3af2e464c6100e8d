#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/import.h"

/* Everything that comes of a text: lines, and "! LINE: why" for what is bad. Fed in pieces of `step` bytes; 0: at once. */
static const char *all_of(enum import_format f, struct view text, size_t step)
{
	static struct buf got;
	struct import im;
	struct errbuf why;
	size_t at = 0, have = step ? 0 : text.len, used;

	buf_fini(&got);
	buf_init(&got, 1 << 20);
	import_init(&im, f);
	while (at < text.len) {
		bool end = have == text.len;
		/* a copy of its own, so that reading beyond it is seen */
		char *piece = malloc(have - at + 1);
		memcpy(piece, text.p + at, have - at);
		enum import_step s = import_next(&im, (struct view){ piece, have - at }, end, &used, &got, &why);
		free(piece);
		if (s == IMPORT_MORE) {
			cr_assert(!end, "asks for more at the end");
			have = have + step > text.len ? text.len : have + step;
			continue;
		}
		cr_assert(used > 0 && used <= have - at);
		at += used;
		if (s == IMPORT_BAD)
			buf_printf(&got, "! %llu: %s\n", (unsigned long long)im.line, why.text);
	}
	import_fini(&im);
	buf_char(&got, 0);
	cr_assert(!got.failed);
	return got.p;
}

static void expect_bytes(enum import_format f, const char *text, size_t n, const char *want)
{
	for (size_t step = 0; step < 8; step++)
		cr_expect_str_eq(all_of(f, (struct view){ text, n }, step), want, "step %zu: have\n%s\nwant\n%s", step,
		    all_of(f, (struct view){ text, n }, step), want);
}

static void expect(enum import_format f, const char *text, const char *want)
{
	expect_bytes(f, text, strlen(text), want);
}

Test(import, format_is_told_by_the_beginning)
{
	static const struct {
		const char *text;
		enum import_format f;
	} rows[] = { { "m v=1 1\n", IMPORT_LP }, { "", IMPORT_LP }, { "# comment", IMPORT_LP },
		{ "\n  {\"measurement\":\"m\"}", IMPORT_JSONL }, { "\xef\xbb\xbf{", IMPORT_JSONL },
		{ "measurement,time,tag:a", IMPORT_CSV },
		{ "\xef\xbb\xbf\"measurement\";\"time\";\"tag:a\"", IMPORT_CSV },
		{ "measurement\ttime\r\n", IMPORT_CSV }, { "measurement,time=noon v=1 1\n", IMPORT_LP },
		{ "measurement v=1 1\n", IMPORT_LP }, { "measurement,timely,x", IMPORT_LP } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_expect_eq(import_detect(view_of(rows[i].text)), rows[i].f, "%s", rows[i].text);
}

Test(import, line_protocol_passes_as_it_is)
{
	expect(IMPORT_LP, "m v=1 1\r\n\n# no point\n   a\\ b,t=x\\,y  f\\ g=1,s=\"a b\" 2  \nm v=3 -3",
	    "m v=1 1\na\\ b,t=x\\,y  f\\ g=1,s=\"a b\" 2\nm v=3 -3\n");
	expect(IMPORT_LP, "m s=\"two\nlines, \\\"quoted\\\" \\\\\" 1\nm s=\"#no comment\n\n\" 2\n",
	    "m s=\"two\nlines, \\\"quoted\\\" \\\\\" 1\nm s=\"#no comment\n\n\" 2\n");
	expect(IMPORT_LP, "m x\\=\"y=1 1\nm \"q\"=1 2\n", "m x\\=\"y=1 1\nm \"q\"=1 2\n");
}

Test(import, line_without_a_timestamp_is_told_by_its_number)
{
	expect(IMPORT_LP, "m v=1 1\nm s=\"a\nb\"\n\nm v=2  \nm v=3 3\nm",
	    "m v=1 1\n! 2: no timestamp\n! 5: no timestamp\nm v=3 3\n! 7: no timestamp\n");
}

Test(import, quote_that_is_never_closed_costs_its_line_alone)
{
	static char text[200000];
	size_t n = (size_t)snprintf(text, sizeof text, "m v=1 1\nm s=\"open 2\nm v=3 3\n");

	for (size_t i = 0; i < 9000; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "m v=4 %zu\n", i + 4);
	const char *got = all_of(IMPORT_LP, (struct view){ text, n }, 65536);
	cr_expect(strstr(got, "m v=1 1\n! 2: a string without its closing quote") == got, "%.100s", got);
	cr_expect(strstr(got, "\nm v=3 3\nm v=4 4\n") != NULL);
	cr_expect(strstr(got, "\nm v=4 9003\n") != NULL);
}

Test(import, json_lines_keep_types_and_bits)
{
	expect(IMPORT_JSONL,
	    "{\"measurement\":\"m, =\\\"x\\\\y\",\"tags\":{\"host\":\"a =b\",\"t\":\"\xc3\xa9\"},\"fields\":{\"f ,=x\":1.5},"
	    "\"time\":\"1970-01-01T00:00:00.000000017Z\"}\n",
	    "m\\,\\ =\"x\\y,host=a\\ \\=b,t=\xc3\xa9 f\\ \\,\\=x=1.5 17\n");
	expect(IMPORT_JSONL,
	    "{\"measurement\":\"m\",\"tags\":{},\"fields\":{\"i\":\"-9223372036854775808\",\"j\":5,\"u\":\"18446744073709551615\","
	    "\"z\":-0.0,\"d\":1e-320,\"w\":3,\"b\":false,\"n\":null},\"types\":{\"i\":\"integer\",\"j\":\"integer\",\"u\":\"unsigned\"},"
	    "\"time\":\"1970-01-01T00:00:00Z\"}\n",
	    "m i=-9223372036854775808i,j=5i,u=18446744073709551615u,z=-0,d=1e-320,w=3,b=false 0\n");
	expect(IMPORT_JSONL,
	    "{\"measurement\":\"m\",\"fields\":{\"s\":\"a \\\"b\\\"\\n\\\\ \\u20ac\"},\"time\":1700000000000000001}\n\n  \n"
	    "{\"measurement\":\"m\",\"fields\":{\"s\":\"//4=\",\"t\":\"\",\"r\":\"Ye2ggHo5\"},"
	    "\"types\":{\"s\":\"base64\",\"t\":\"base64\",\"r\":\"base64\"},\"time\":1}",
	    "m s=\"a \\\"b\\\"\n\\\\ \xe2\x82\xac\" 1700000000000000001\nm s=\"\xff\xfe\",t=\"\",r=\"a\xed\xa0\x80z9\" 1\n");
}

Test(import, json_that_is_wrong_is_told_by_its_line)
{
	static const struct {
		const char *text, *why;
	} rows[] = { { "{\"measurement\":\"m\",\"fields\":{\"v\":1}}", "no timestamp" },
		{ "{\"measurement\":\"m\",\"fields\":{\"v\":1},\"time\":\"-1h\"}", "time is neither" },
		{ "{\"measurement\":\"m\",\"fields\":{\"v\":1},\"time\":\"now\"}", "time is neither" },
		{ "{\"measurement\":\"m\",\"fields\":{\"v\":1},\"time\":1.5}", "time is neither" },
		{ "{\"measurement\":\"m\",\"fields\":{},\"time\":1}", "a point without fields" },
		{ "{\"measurement\":\"m\",\"time\":1}", "fields is not an object" },
		{ "{\"fields\":{\"v\":1},\"time\":1}", "a measurement without a name" },
		{ "{\"measurement\":\"#m\",\"fields\":{\"v\":1},\"time\":1}", "a measurement cannot begin with #" },
		{ "{\"measurement\":\"m\\nn v=1 1\",\"fields\":{\"v\":1},\"time\":1}", "a measurement with a control" },
		{ "{\"measurement\":\"m\",\"tags\":{\"a\":\"x\\\\\"},\"fields\":{\"v\":1},\"time\":1}",
		    "the tag's value x\\" },
		{ "{\"measurement\":\"m\",\"tags\":{\"a\":1},\"fields\":{\"v\":1},\"time\":1}",
		    "the tag a is not a string" },
		{ "{\"measurement\":\"m\",\"fields\":{\"v\":[1]},\"time\":1}", "the value of v is no float" },
		{ "{\"measurement\":\"m\",\"fields\":{\"v\":-1},\"types\":{\"v\":\"unsigned\"},\"time\":1}",
		    "the value of v is no unsigned" },
		{ "{\"measurement\":\"m\",\"fields\":{\"v\":1.5},\"types\":{\"v\":\"integer\"},\"time\":1}",
		    "the value of v is no integer" },
		{ "{\"measurement\":\"m\",\"fields\":{\"v\":\"abc\"},\"types\":{\"v\":\"base64\"},\"time\":1}",
		    "the value of v is no base64" },
		{ "{\"measurement\":\"m\",\"fields\":{\"v\":\"=AAA\"},\"types\":{\"v\":\"base64\"},\"time\":1}",
		    "the value of v is no base64" },
		{ "{\"measurement\":\"m\",\"fields\":{\"v\":\"AA=A\"},\"types\":{\"v\":\"base64\"},\"time\":1}",
		    "the value of v is no base64" },
		{ "{\"measurement\":\"m\",\"fields\":{\"v\":1},\"types\":{\"v\":\"date\"},\"time\":1}",
		    "the type of v is none of" },
		{ "{\"measurement\":\"m\",\"fields\":{\"v\":1,\"v\":2},\"time\":1}", "duplicate" },
		{ "[1]", "not an object" }, { "{\"measurement\":", "" } };
	char text[512], want[512];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(text, sizeof text, "\n%s\n", rows[i].text);
		snprintf(want, sizeof want, "! 2: %s", rows[i].why);
		const char *got = all_of(IMPORT_JSONL, view_of(text), 0);
		cr_expect(strstr(got, want) == got, "%s: %s, not %s", rows[i].text, got, want);
		cr_expect_eq(strchr(got, '\n')[1], 0, "one line: %s", got);
	}
}

Test(import, csv_reads_what_export_writes)
{
	expect(IMPORT_CSV,
	    "measurement,time,tag:host,tag:t,\"float:f ,=x\"\r\n"
	    "\"m, =\"\"x\\y\",1970-01-01T00:00:00.000000017Z,a =b,\xc3\xa9,1.5\r\n"
	    "measurement,time,boolean:b,integer:i,string:s,unsigned:u,float:v\r\n"
	    "m,1970-01-01T00:00:00Z,true,-9223372036854775808,\"a \"\"b\"\"\r\n\\ c\",18446744073709551615,-0\r\n"
	    "m,1970-01-01T00:00:00Z,,,\"\",,1e-320\r\nm,1970-01-01T00:00:01Z,,,,,2\r\n",
	    "m\\,\\ =\"x\\y,host=a\\ \\=b,t=\xc3\xa9 f\\ \\,\\=x=1.5 17\n"
	    "m b=true,i=-9223372036854775808i,s=\"a \\\"b\\\"\r\n\\\\ c\",u=18446744073709551615u,v=-0 0\n"
	    "m s=\"\",v=1e-320 0\nm v=2 1000000000\n");
}

Test(import, csv_of_a_spreadsheet_is_read)
{
	expect(IMPORT_CSV,
	    "\xef\xbb\xbf\"measurement\";\"time\";\"tag:h\";\"boolean:b\";\"string:s\"\n"
	    "\"m\";\"1970-01-01T00:00:01Z\";\"x,y\";TRUE;plain text\n\nm;5;;F;",
	    "m,h=x\\,y b=true,s=\"plain text\" 1000000000\nm b=false 5\n");
	expect(IMPORT_CSV, "measurement\ttime\tfloat:v\nm\t1\t2\n", "m v=2 1\n");
	expect_bytes(IMPORT_CSV, "measurement,time,string:s\nm,1,\"a\0b\"\n", 37, "m s=\"a");
}

Test(import, csv_that_is_wrong_is_told_by_its_line)
{
	expect(IMPORT_CSV,
	    "m,1,2\nmeasurement,time,float:v,string:s\nm,,1,x\nm,yesterday,1,x\nm,1,abc,\"two\nlines\"\nm,1,2\n"
	    "m,1,,\nm,1,3,\"a\"b\nm,1,4,z\nm,1,1e999,\n",
	    "! 1: a row without a header above it (measurement,time,tag:…,float:…)\n! 3: no timestamp\n"
	    "! 4: yesterday is not a time as 2026-01-31T12:00:00Z or nanoseconds since the epoch\n"
	    "! 5: abc is no float (column 3)\n! 7: 3 cells under a header of 4\n! 8: a point without fields\n"
	    "! 9: a quote within a cell, or one that is not closed\nm v=4,s=\"z\" 1\n! 11: 1e999 is no float (column 3)\n");
	expect(IMPORT_CSV, "measurement,time,what:v\nm,1,2\n",
	    "! 1: column 3 of the header, what:v, is none of tag:, float:, integer:, unsigned:, boolean:, string:\n"
	    "! 2: a row without a header above it (measurement,time,tag:…,float:…)\n");
	expect(IMPORT_CSV, "measurement,time,string:s\nm,1,\"open\nm,2,x\n",
	    "! 2: a quote within a cell, or one that is not closed\nm s=\"x\" 2\n");
}
