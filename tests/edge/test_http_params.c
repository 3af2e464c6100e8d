#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "edge/http_params.h"

static struct http_params p;
static struct errbuf eb;

static void start(void)
{
	http_params_init(&p);
}

static void end(void)
{
	http_params_fini(&p);
}

TestSuite(http_params, .init = start, .fini = end);

Test(http_params, decodes_names_and_values)
{
	cr_assert_eq(http_params_parse(&p, view_of("a=1&b%20c=d%2Be+f&empty=&bare&=x&&a=2"), &eb), ERR_OK);
	cr_expect_str_eq(http_params_get(&p, "a"), "1");
	cr_expect_str_eq(http_params_get(&p, "b c"), "d+e f");
	cr_expect_str_eq(http_params_get(&p, "empty"), "");
	cr_expect_str_eq(http_params_get(&p, "bare"), "");
	cr_expect_null(http_params_get(&p, "x"));
	cr_expect_eq(p.count, 5);
}

Test(http_params, nothing_is_nothing)
{
	cr_expect_eq(http_params_parse(&p, view_of(""), &eb), ERR_OK);
	cr_expect_eq(http_params_parse(&p, view_of("&&&"), &eb), ERR_OK);
	cr_expect_eq(p.count, 0);
}

Test(http_params, bad_escapes_are_refused)
{
	static const char *const bad[] = { "a=%", "a=%4", "a=%zz", "a=%0", "a=%00", "%G0=a", "a=b%2" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(http_params_parse(&p, view_of(bad[i]), &eb), ERR_INVALID, "%s", bad[i]);
}

Test(http_params, count_and_length_have_ceilings)
{
	char text[4 * HTTP_PARAMS_MAX + 8] = "";
	static char large[HTTP_PARAMS_BYTES + 16] = "a=";

	for (int i = 0; i < HTTP_PARAMS_MAX; i++)
		strcat(text, "a=1&");
	cr_expect_eq(http_params_parse(&p, view_of(text), &eb), ERR_OK);
	cr_expect_eq(http_params_parse(&p, view_of("a=1"), &eb), ERR_TOOBIG);
	http_params_fini(&p);
	http_params_init(&p);
	memset(large + 2, 'x', sizeof large - 3);
	cr_expect_eq(http_params_parse(&p, view_of(large), &eb), ERR_TOOBIG);
}
