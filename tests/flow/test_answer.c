#include <criterion/criterion.h>

#include "flow/answer.h"

Test(answer, table_of_status_and_words)
{
	static const struct {
		int status;
		const char *body;
		enum answer want;
	} cases[] = {
		{ 204, "", ANSWER_DELIVERED },
		{ 200, "{}", ANSWER_DELIVERED },
		{ 0, "", ANSWER_RETRY },
		{ 429, "", ANSWER_RETRY },
		{ 500, "{\"error\":\"timeout\"}", ANSWER_RETRY },
		{ 503, "", ANSWER_RETRY },
		{ 401, "{\"error\":\"authorization failed\"}", ANSWER_HELD },
		{ 403, "", ANSWER_HELD },
		{ 404, "404 page not found", ANSWER_HELD },
		{ 404, "{\"error\":\"database not found: \\\"x\\\"\"}", ANSWER_NO_DATABASE },
		{ 500, "{\"error\":\"retention policy not found: zz\"}", ANSWER_HELD },
		{ 413, "", ANSWER_TOO_LARGE },
		{ 400, "{\"error\":\"unable to parse 'x'\"}", ANSWER_REFUSED },
		{ 422, "", ANSWER_REFUSED },
		{ 500, "{\"error\":\"partial write: points beyond retention policy dropped=1\"}", ANSWER_REFUSED },
		{ 302, "", ANSWER_HELD },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_eq(answer_of(cases[i].status, view_of(cases[i].body)), cases[i].want, "%d %s",
		    cases[i].status, cases[i].body);
}
