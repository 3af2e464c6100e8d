#include <criterion/criterion.h>
#include <math.h>

#include "wire/lp_write.h"

static struct buf out;

static struct lp_writer begin(size_t max, const char *measurement)
{
	struct lp_writer w = { 0 };

	buf_init(&out, max);
	lp_begin(&w, &out, measurement);
	return w;
}

static void expect(const char *text)
{
	buf_append(&out, "", 1);
	cr_expect_str_eq(out.p, text);
	buf_fini(&out);
}

Test(lp_write, names_and_values_are_escaped_where_they_must)
{
	struct lp_writer w = begin(4096, "a, b=c");

	lp_tag(&w, "k=1, ", "v =,x");
	lp_tag(&w, "left out", "");
	lp_tag(&w, "t", "\"plain\"");
	lp_int(&w, "f ,=", INT64_MIN);
	lp_bool(&w, "b", true);
	lp_string(&w, "s", view_of("a \"b\" \\ c,="));
	lp_float(&w, "x", 1.5);
	lp_end(&w, 17);
	cr_expect(w.points == 1 && w.values == 4);
	expect("a\\,\\ b=c,k\\=1\\,\\ =v\\ \\=\\,x,t=\"plain\" f\\ \\,\\==-9223372036854775808i,b=true,"
	       "s=\"a \\\"b\\\" \\\\ c,=\",x=1.5 17\n");
}

Test(lp_write, newlines_become_spaces_and_a_last_backslash_does_not_escape_what_follows)
{
	struct lp_writer w = begin(4096, "m");

	lp_tag(&w, "t", "a\nb\rc");
	lp_tag(&w, "u", "dir\\");
	lp_int(&w, "f", 1);
	lp_end(&w, 1);
	expect("m,t=a\\ b\\ c,u=dir\\  f=1i 1\n");
}

Test(lp_write, line_without_a_finite_field_leaves_no_trace)
{
	struct lp_writer w = begin(4096, "m");

	lp_tag(&w, "t", "v");
	lp_float(&w, "f", NAN);
	lp_float(&w, "g", INFINITY);
	lp_end(&w, 1);
	cr_expect(w.points == 0 && w.values == 0 && out.len == 0);
	buf_fini(&out);
}

Test(lp_write, line_that_does_not_fit_leaves_the_ones_before)
{
	struct lp_writer w = begin(24, "m");

	lp_int(&w, "f", 1);
	lp_end(&w, 1);
	lp_begin(&w, &out, "a-longer-name");
	lp_int(&w, "f", 123456789);
	lp_end(&w, 1);
	cr_expect(w.points == 1 && out.failed);
	expect("m f=1i 1\n");
}
