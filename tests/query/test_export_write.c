#include <criterion/criterion.h>
#include <stdio.h>

#include "query/export_write.h"

static struct buf out;
static struct field fields[] = { { .name = { "b", 1 }, .type = VALUE_BOOLEAN },
	{ .name = { "f\\ \\,\\=x", 8 }, .type = VALUE_FLOAT }, { .name = { "i", 1 }, .type = VALUE_INTEGER },
	{ .name = { "s", 1 }, .type = VALUE_STRING }, { .name = { "u", 1 }, .type = VALUE_UNSIGNED } };
enum { B, F, I, S, U };

static struct batch_value of(int f, uint64_t bits)
{
	return (struct batch_value){ &fields[f], bits, 0 };
}

static struct batch_value of_float(double d)
{
	uint64_t bits;

	memcpy(&bits, &d, sizeof bits);
	return of(F, bits);
}

static struct batch_value of_string(const char *raw)
{
	return (struct batch_value){ &fields[S], (uint64_t)(uintptr_t)raw, (uint32_t)strlen(raw) };
}

static const char *write_points(
    enum export_format f, struct series *s, int64_t time_ns, const struct batch_value *values, uint32_t count)
{
	struct export_writer *w;
	struct errbuf eb;

	buf_init(&out, 1 << 20);
	cr_assert_eq(export_writer_new(&w, f, &eb), ERR_OK);
	cr_assert(export_writer_point(w, &out, s, time_ns, values, count));
	export_writer_free(w);
	buf_char(&out, 0);
	return out.p;
}

static struct series hard = { .key = { "m\\,\\ =\"x\\y,host=a\\ \\=b,t=\xc3\xa9", 27 } };
static struct series plain = { .key = { "m", 1 } };

Test(export_write, names_keep_their_escapes_or_lose_them)
{
	struct batch_value v = of_float(1.5);

	cr_assert_eq(hard.key.len, strlen(hard.key.p));
	cr_expect_str_eq(
	    write_points(EXPORT_LP, &hard, 17, &v, 1), "m\\,\\ =\"x\\y,host=a\\ \\=b,t=\xc3\xa9 f\\ \\,\\=x=1.5 17\n");
	buf_fini(&out);
	cr_expect_str_eq(write_points(EXPORT_JSONL, &hard, 17, &v, 1),
	    "{\"measurement\":\"m, =\\\"x\\\\y\",\"tags\":{\"host\":\"a =b\",\"t\":\"\xc3\xa9\"},"
	    "\"fields\":{\"f ,=x\":1.5},\"time\":\"1970-01-01T00:00:00.000000017Z\"}\n");
	buf_fini(&out);
	cr_expect_str_eq(write_points(EXPORT_CSV, &hard, 17, &v, 1),
	    "measurement,time,tag:host,tag:t,\"float:f ,=x\"\r\n"
	    "\"m, =\"\"x\\y\",1970-01-01T00:00:00.000000017Z,a =b,\xc3\xa9,1.5\r\n");
	buf_fini(&out);
}

Test(export_write, numbers_are_exact)
{
	static const struct {
		double d;
		const char *lp, *json;
	} floats[] = { { -0.0, "-0", "-0.0" }, { 1e-320, "1e-320", "1e-320" }, { 5e-324, "5e-324", "5e-324" },
		{ 1.7976931348623157e308, "1.7976931348623157e+308", "1.7976931348623157e+308" }, { 3, "3", "3" },
		{ 0.1, "0.1", "0.1" }, { 9007199254740993.0, "9007199254740992", "9007199254740992" } };
	char want[128];

	for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
		struct batch_value v = of_float(floats[i].d);
		snprintf(want, sizeof want, "m f\\ \\,\\=x=%s 0\n", floats[i].lp);
		if (i + 1 < sizeof floats / sizeof *floats) /* how a large one is spelled is num's matter */
			cr_expect_str_eq(write_points(EXPORT_LP, &plain, 0, &v, 1), want);
		else
			write_points(EXPORT_LP, &plain, 0, &v, 1);
		buf_fini(&out);
		snprintf(want, sizeof want, "\"f ,=x\":%s}", floats[i].json);
		if (i + 1 < sizeof floats / sizeof *floats)
			cr_expect(strstr(write_points(EXPORT_JSONL, &plain, 0, &v, 1), want), "%s", want);
		buf_fini(&out);
	}
	struct batch_value whole[] = { of(I, (uint64_t)INT64_MIN), of(U, UINT64_MAX) };
	cr_expect_str_eq(
	    write_points(EXPORT_LP, &plain, 0, whole, 2), "m i=-9223372036854775808i,u=18446744073709551615u 0\n");
	buf_fini(&out);
	cr_expect_str_eq(write_points(EXPORT_JSONL, &plain, 0, whole, 2),
	    "{\"measurement\":\"m\",\"tags\":{},\"fields\":{\"i\":\"-9223372036854775808\",\"u\":\"18446744073709551615\"},"
	    "\"types\":{\"i\":\"integer\",\"u\":\"unsigned\"},\"time\":\"1970-01-01T00:00:00Z\"}\n");
	buf_fini(&out);
	struct batch_value limits[] = { of(I, (UINT64_C(1) << 53) - 1), of(U, UINT64_C(1) << 53) };
	cr_expect(strstr(
	    write_points(EXPORT_JSONL, &plain, 0, limits, 2), "{\"i\":9007199254740991,\"u\":\"9007199254740992\"}"));
	buf_fini(&out);
}

Test(export_write, strings_survive_in_every_format)
{
	static const struct {
		const char *raw, *lp, *json, *csv;
	} rows[] = {
		{ "", "\"\"", "\"s\":\"\"}", "\"\"\r\n" },
		{ "a \\\"b\\\" \\\\ c", "\"a \\\"b\\\" \\\\ c\"", "\"s\":\"a \\\"b\\\" \\\\ c\"}",
		    "\"a \"\"b\"\" \\ c\"\r\n" },
		/* a backslash before anything else is one backslash, and is written as two: one string has one form */
		{ "a\\n\\,", "\"a\\\\n\\\\,\"", "\"s\":\"a\\\\n\\\\,\"}", "\"a\\n\\,\"\r\n" },
		{ "1,2;3\r\n4\t", "\"1,2;3\r\n4\t\"", "\"s\":\"1,2;3\\r\\n4\\t\"}", "\"1,2;3\r\n4\t\"\r\n" },
		{ "\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xe2\x82\xac\xf0\x9f\x98\x80\"",
		    "\"s\":\"\xe2\x82\xac\xf0\x9f\x98\x80\"}", "\"\xe2\x82\xac\xf0\x9f\x98\x80\"\r\n" },
		{ "\xff\xfe", "\"\xff\xfe\"", "\"s\":\"//4=\"},\"types\":{\"s\":\"base64\"}", "\"\xff\xfe\"\r\n" },
		{ "ab\xc0\x80!", "\"ab\xc0\x80!\"", "\"s\":\"YWLAgCE=\"},\"types\"", "\"ab\xc0\x80!\"\r\n" },
		{ "a\xed\xa0\x80z9", "\"a\xed\xa0\x80z9\"", "\"s\":\"Ye2ggHo5\"},\"types\"",
		    "\"a\xed\xa0\x80z9\"\r\n" },
	};
	char want[128];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct batch_value v = of_string(rows[i].raw);
		snprintf(want, sizeof want, "m s=%s 0\n", rows[i].lp);
		cr_expect_str_eq(write_points(EXPORT_LP, &plain, 0, &v, 1), want);
		buf_fini(&out);
		cr_expect(strstr(write_points(EXPORT_JSONL, &plain, 0, &v, 1), rows[i].json), "%s in %s", rows[i].json,
		    out.p);
		buf_fini(&out);
		snprintf(want, sizeof want, "measurement,time,string:s\r\nm,1970-01-01T00:00:00Z,%s", rows[i].csv);
		cr_expect_str_eq(write_points(EXPORT_CSV, &plain, 0, &v, 1), want);
		buf_fini(&out);
	}
}

Test(export_write, csv_has_a_new_header_only_where_columns_change)
{
	static struct series a = { .key = { "m,h=a", 5 } }, b = { .key = { "m,h=b", 5 } },
			     other = { .key = { "n,h=a", 5 } };
	struct batch_value i1 = of(I, 1), both[] = { of(B, 1), of(I, 2) }, s[] = { of_string("x") };
	struct export_writer *w;
	struct errbuf eb;

	buf_init(&out, 1 << 20);
	cr_assert_eq(export_writer_new(&w, EXPORT_CSV, &eb), ERR_OK);
	cr_assert(export_writer_point(w, &out, &a, 0, &i1, 1));
	cr_assert(export_writer_point(w, &out, &a, 1, both, 2));
	cr_assert(export_writer_point(w, &out, &b, 0, &i1, 1));
	cr_assert(export_writer_point(w, &out, &b, 1, s, 1));
	cr_assert(export_writer_point(w, &out, &plain, 0, &i1, 1));
	cr_assert(export_writer_point(w, &out, &other, 0, &i1, 1));
	export_writer_free(w);
	buf_char(&out, 0);
	cr_expect_str_eq(out.p,
	    "measurement,time,tag:h,integer:i\r\nm,1970-01-01T00:00:00Z,a,1\r\n"
	    "measurement,time,tag:h,boolean:b,integer:i\r\nm,1970-01-01T00:00:00.000000001Z,a,true,2\r\n"
	    "m,1970-01-01T00:00:00Z,b,,1\r\n"
	    "measurement,time,tag:h,boolean:b,integer:i,string:s\r\n"
	    "m,1970-01-01T00:00:00.000000001Z,b,,,\"x\"\r\n"
	    "measurement,time,integer:i\r\nm,1970-01-01T00:00:00Z,1\r\n"
	    "measurement,time,tag:h,integer:i\r\nn,1970-01-01T00:00:00Z,a,1\r\n");
	buf_fini(&out);
}

Test(export_write, buffer_that_is_full_is_told)
{
	struct batch_value v = of_string("a longer string");
	struct export_writer *w;
	struct errbuf eb;

	for (int f = EXPORT_LP; f <= EXPORT_JSONL; f++) {
		buf_init(&out, 12);
		cr_assert_eq(export_writer_new(&w, (enum export_format)f, &eb), ERR_OK);
		cr_expect_not(export_writer_point(w, &out, &plain, 0, &v, 1));
		export_writer_free(w);
		buf_fini(&out);
	}
}
