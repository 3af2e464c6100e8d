#include <criterion/criterion.h>
#include <stdio.h>

#include "base/buf.h"
#include "wire/lp_key.h"
#include "wire/lp_parse.h"

/* One word a line: the fields as type:value, the time, or the refusal. */
static const char *read_all(const char *text)
{
	static char out[4096];
	struct lp_parser ps;
	static struct lp_key key;
	const char *error = NULL;
	enum reject why;
	size_t n = 0;

	out[0] = 0;
	lp_init(&ps, view_of(text));
	for (;;) {
		enum lp_result r = lp_next_key(&ps);
		if (r == LP_END)
			break;
		if (r == LP_OK)
			r = lp_rest(&ps, NULL);
		if (r == LP_OK && !lp_key_split(ps.key, &key, &why, &error)) {
			ps.error = error;
			r = LP_BAD;
		}
		if (r == LP_BAD) {
			n += (size_t)snprintf(out + n, sizeof out - n, "!%s|", ps.error);
			continue;
		}
		n += (size_t)snprintf(out + n, sizeof out - n, "%.*s", (int)ps.key.len, ps.key.p);
		for (uint32_t i = 0; i < ps.field_count; i++) {
			const struct lp_field *f = &ps.fields[i];
			n += (size_t)snprintf(out + n, sizeof out - n, " %.*s=", (int)f->name.len, f->name.p);
			switch (f->value.type) {
			case VALUE_FLOAT:
				n += (size_t)snprintf(out + n, sizeof out - n, "f%g", f->value.f);
				break;
			case VALUE_INTEGER:
				n += (size_t)snprintf(out + n, sizeof out - n, "i%lld", (long long)f->value.i);
				break;
			case VALUE_UNSIGNED:
				n += (size_t)snprintf(out + n, sizeof out - n, "u%llu", (unsigned long long)f->value.u);
				break;
			case VALUE_BOOLEAN:
				n += (size_t)snprintf(out + n, sizeof out - n, "b%d", f->value.b);
				break;
			case VALUE_STRING:
				n += (size_t)snprintf(
				    out + n, sizeof out - n, "s%.*s", (int)f->value.s.len, f->value.s.p);
				break;
			}
		}
		if (ps.has_time)
			n += (size_t)snprintf(out + n, sizeof out - n, " @%lld", (long long)ps.time);
		n += (size_t)snprintf(out + n, sizeof out - n, "|");
	}
	lp_fini(&ps);
	return out;
}

static const struct {
	const char *text, *want;
} cases[] = {
	{ "", "" },
	{ "\n\n  \n# a comment\n", "" },
	{ "m v=1", "m v=f1|" },
	{ "m v=1 1700000000", "m v=f1 @1700000000|" },
	{ "m v=1 -5\n", "m v=f1 @-5|" },
	{ "m v=1\r\nn v=2 7\r\n", "m v=f1|n v=f2 @7|" },
	{ " m v=1 2", "m v=f1 @2|" },
	{ "m  v=1  2  \n", "m v=f1 @2|" },
	{ "m,a=b,c=d x=1i,y=2u,z=t,s=\"hi\" 9", "m,a=b,c=d x=i1 y=u2 z=b1 s=shi @9|" },
	{ "m v=-1.5e3,w=+2,x=.5,y=5.", "m v=f-1500 w=f2 x=f0.5 y=f5|" },
	{ "m v=-9223372036854775808i", "m v=i-9223372036854775808|" },
	{ "m v=18446744073709551615u", "m v=u18446744073709551615|" },
	{ "m v=9223372036854775808i", "!invalid number|" },
	{ "m v=18446744073709551616u", "!invalid number|" },
	{ "m v=-1u", "!invalid number|" },
	{ "m v=1.5i", "!invalid number|" },
	{ "m v=1x", "!invalid number|" },
	{ "m v=1e999", "!invalid number|" },
	{ "m v=NaN", "!invalid number|" },
	{ "m v=-inf", "!invalid number|" },
	{ "m v=tru", "!invalid boolean|" },
	{ "m v=T,w=False", "m v=b1 w=b0|" },
	{ "m", "!missing fields|" },
	{ "m ", "!missing fields|" },
	{ "m\nn v=1", "!missing fields|n v=f1|" },
	{ "m,a=b\nn v=1", "!missing fields|n v=f1|" },
	{ ",a=b v=1", "!missing measurement|" },
	{ "m,a v=1", "!missing tag value|" },
	{ "m,a= v=1", "!missing tag value|" },
	{ "m,=b v=1", "!missing tag key|" },
	{ "m,a=b=c v=1", "!invalid tag format|" },
	{ "m, v=1", "!missing tag key|" },
	{ "m v", "!invalid field format|" },
	{ "m v=", "!missing field value|" },
	{ "m =1", "!missing field key|" },
	{ "m v=1,", "!invalid field format|" },
	{ "m v=1,,w=2", "!invalid field format|" },
	{ "m v=\"open\nn w=1", "!unbalanced quotes|" },
	{ "m v=1 x", "!invalid timestamp|" },
	{ "m v=1 1 2", "!bad timestamp|" },
	{ "m v=1 99999999999999999999", "!time outside range -9223372036854775806 - 9223372036854775806|" },
	{ "m v=\"a\nb\" 1\nn v=2 2", "m v=sa\nb @1|n v=f2 @2|" },
	{ "m v=\"a\\\"b\" 1", "m v=sa\\\"b @1|" },
	{ "m v=\"a\\\\\" 1", "m v=sa\\\\ @1|" },
	{ "m v=\"a,b=c d\" 1", "m v=sa,b=c d @1|" },
	{ "m\\ x,a\\,b=c\\ d,e\\=f=g v\\ w=1 1", "m\\ x,a\\,b=c\\ d,e\\=f=g v\\ w=f1 @1|" },
	{ "m=x v=1", "m=x v=f1|" },
	{ "m,a=\\b v=1", "m,a=\\b v=f1|" },
	{ "m\\\\,a=b v=1", "m\\\\,a=b v=f1|" }, /* the comma is escaped: all is the measurement */
	{ "a \\\\=\"=\"", "!unbalanced quotes|" },
	{ "m b\\\\=\"x=y\"", "!invalid boolean|" },
	{ "m\tx v=1", "!names must be UTF-8 without control characters|" },
	{ "m,a=\xff v=1", "!names must be UTF-8 without control characters|" },
	{ "m,a=\xc3\xa4 v=1", "m,a=\xc3\xa4 v=f1|" },
	{ "m v=1\nbad\nn v=2", "m v=f1|!missing fields|n v=f2|" },
};

Test(lp_parse, table_of_lines)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_str_eq(read_all(cases[i].text), cases[i].want, "%s\n gives %s\n not   %s", cases[i].text,
		    read_all(cases[i].text), cases[i].want);
}

/* Whatever is cut off, nothing outside the text is read (the sanitizers watch) and all of it is consumed. */
Test(lp_parse, every_truncation_ends)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t n = strlen(cases[i].text);
		for (size_t cut = 0; cut <= n; cut++) {
			char *copy = malloc(cut ? cut : 1);
			struct lp_parser ps;
			unsigned lines = 0;
			memcpy(copy, cases[i].text, cut);
			lp_init(&ps, (struct view){ copy, cut });
			enum lp_result r;
			while ((r = lp_next_key(&ps)) != LP_END && lines++ < 100)
				if (r == LP_OK)
					(void)lp_rest(&ps, NULL);
			cr_assert(lines < 100);
			lp_fini(&ps);
			free(copy);
		}
	}
}

Test(lp_parse, expected_names_are_recognised_in_place)
{
	static const struct view names[] = { { "a", 1 }, { "bb", 2 }, { "c", 1 } };
	struct lp_expect expect = { names, 3 };
	struct lp_parser ps;

	lp_init(&ps, view_of("m a=1,bb=2,c=3\nm bb=1,a=2\nm ab=1,bb=2"));
	static const int want[3][3] = { { 0, 1, 2 }, { -1, -1, 0 }, { -1, 1, 0 } };
	for (int line = 0; line < 3; line++) {
		cr_assert_eq(lp_next_key(&ps), LP_OK);
		cr_assert_eq(lp_rest(&ps, &expect), LP_OK);
		for (uint32_t i = 0; i < ps.field_count; i++)
			cr_assert_eq(ps.fields[i].expected, want[line][i], "line %d field %u", line, i);
	}
	lp_fini(&ps);
}

Test(lp_key, sorting_makes_one_series_of_any_order)
{
	static struct lp_key key;
	enum reject why;
	const char *error;
	struct buf out;

	buf_init(&out, 1000);
	cr_assert(lp_key_split(view_of("m,b=2,a=1,c=3"), &key, &why, &error));
	cr_assert_not(key.sorted);
	cr_assert(lp_key_sort(&key));
	lp_key_write(&key, &out);
	cr_assert(view_is((struct view){ out.p, out.len }, "m,a=1,b=2,c=3"));
	cr_assert(lp_key_split(view_of("m,a=1,a=2"), &key, &why, &error));
	cr_assert_not(lp_key_sort(&key));
	buf_fini(&out);
}

Test(lp_key, escapes_go_and_come_back)
{
	struct buf plain, again;

	buf_init(&plain, 1000);
	buf_init(&again, 1000);
	struct view raw = view_of("a\\,b\\ c\\=d\\e\\\\");
	lp_unescape(raw, false, &plain);
	cr_assert(view_is((struct view){ plain.p, plain.len }, "a,b c=d\\e\\\\"));
	lp_escape((struct view){ plain.p, plain.len }, false, &again);
	cr_assert(view_eq((struct view){ again.p, again.len }, raw));
	buf_fini(&plain);
	buf_fini(&again);
}
