#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "edge/http_form.h"

static struct http_params params;
static struct errbuf eb;

static enum err parse(const char *body, size_t len, const char *boundary)
{
	params.count = 0;
	arena_init(&params.arena, 4096, 1 << 16);
	return http_form_multipart(&params, (struct view){ body, len }, view_of(boundary), &eb);
}

static void end(void)
{
	http_params_fini(&params);
}

TestSuite(http_form, .fini = end);

#define PARSE(text) parse(text, sizeof(text) - 1, "B")

Test(http_form, fields_and_files_are_parameters)
{
	cr_assert_eq(
	    PARSE(
		"--B\r\nContent-Disposition: form-data; name=\"q\"; filename=\"q.txt\"\r\nContent-Type: text/plain\r\n\r\n"
		"SHOW\r\n--C\r\n--B\r\nContent-Disposition: form-data; filename=\"x\"; name=\"db\"\r\n\r\nmetrics\r\n--B--\r\n"),
	    ERR_OK);
	cr_expect_str_eq(http_params_get(&params, "q"), "SHOW\r\n--C");
	cr_expect_str_eq(http_params_get(&params, "db"), "metrics");
	cr_expect_eq(params.count, 2);
}

Test(http_form, a_part_may_be_empty)
{
	cr_assert_eq(PARSE("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--B\r\n"
			   "Content-Disposition: form-data; name=\"b\"\r\n\r\nx\r\n--B--"),
	    ERR_OK);
	cr_expect_str_eq(http_params_get(&params, "a"), "");
	cr_expect_str_eq(http_params_get(&params, "b"), "x");
}

Test(http_form, what_is_cut_short_or_malformed_is_refused)
{
	static const char whole[] = "--B\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nSHOW\r\n--B--\r\n";

	for (size_t n = 0; n < sizeof whole - 3; n++) {
		cr_expect_neq(parse(whole, n, "B"), ERR_OK, "of %zu bytes", n);
		http_params_fini(&params);
	}
	cr_expect_eq(parse(whole, sizeof whole - 1, ""), ERR_INVALID);
	cr_expect_eq(PARSE("--B\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\na\0b\r\n--B--\r\n"), ERR_INVALID);
}

Test(http_form, too_many_and_too_long_are_refused)
{
	static char many[1 << 16];
	size_t n = 0;

	for (int i = 0; i < HTTP_PARAMS_MAX + 1; i++)
		n += (size_t)snprintf(
		    many + n, sizeof many - n, "--B\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\nx\r\n");
	n += (size_t)snprintf(many + n, sizeof many - n, "--B--\r\n");
	cr_expect_eq(parse(many, n, "B"), ERR_TOOBIG);
	http_params_fini(&params);
	params.count = 0;
	arena_init(&params.arena, 4096, 16);
	static const char one[] =
	    "--B\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\n0123456789abcdef\r\n--B--\r\n";
	cr_expect_eq(http_form_multipart(&params, (struct view){ one, sizeof one - 1 }, view_of("B"), &eb), ERR_TOOBIG);
}
