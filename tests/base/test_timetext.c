#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/timetext.h"

#define NOW (INT64_C(1700000000) * NS_PER_S)

static int64_t at(const char *text)
{
	int64_t ns = -1;

	cr_assert(timetext_parse(view_of(text), NOW, &ns), "%s", text);
	return ns;
}

Test(timetext, every_form_means_the_same)
{
	cr_assert_eq(at("2023-11-14T22:13:20Z"), NOW);
	cr_assert_eq(at("2023-11-14T23:13:20+01:00"), NOW);
	cr_assert_eq(at("1700000000"), NOW);
	cr_assert_eq(at("1700000000000"), NOW);
	cr_assert_eq(at("1700000000000000"), NOW);
	cr_assert_eq(at("1700000000000000000"), NOW);
	cr_assert_eq(at("now"), NOW);
	cr_assert_eq(at("-1h"), NOW - 3600 * NS_PER_S);
	cr_assert_eq(at("2023-11-14T22:13:20.5Z"), NOW + NS_PER_S / 2);
}

Test(timetext, nonsense_is_refused)
{
	static const char *const bad[] = { "", "yesterday", "2023-13-01T00:00:00Z", "2023-02-29T00:00:00Z",
		"2023-11-14", "2023-11-14T22:13:20", "-1q", "1.5", "2023-11-14T24:00:00Z" };
	int64_t ns;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_assert_not(timetext_parse(view_of(bad[i]), NOW, &ns), "'%s'", bad[i]);
}

Test(timetext, format_reads_back)
{
	static const int64_t times[] = { 0, 1, -1, NOW, INT64_C(951782400000000000), INT64_C(-62135596800) * 100000,
		INT64_C(4102444800123456789), INT64_MIN, INT64_MIN + 2, INT64_MAX };
	char text[32];

	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		timetext_format(text, times[i]);
		cr_assert_eq(at(text), times[i], "%s", text);
	}
	timetext_format(text, NOW);
	cr_assert_str_eq(text, "2023-11-14T22:13:20Z");
}
