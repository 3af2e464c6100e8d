#include <criterion/criterion.h>
#include <string.h>

#include "edge/collect_scan.h"

static struct scan scan_of(const char *s)
{
	return (struct scan){ s, s + strlen(s) };
}

Test(collect_scan, lines_end_with_newlines_and_a_cut_one_is_none)
{
	struct scan text = scan_of("a\n\nbc\ncut"), line;

	cr_expect(scan_line(&text, &line) && line.end - line.at == 1);
	cr_expect(scan_line(&text, &line) && line.end == line.at);
	cr_expect(scan_line(&text, &line) && line.end - line.at == 2);
	cr_expect_not(scan_line(&text, &line));
	text = scan_of("");
	cr_expect_not(scan_line(&text, &line));
}

Test(collect_scan, words_stand_between_blanks)
{
	struct scan s = scan_of("  a\tbb ");
	struct view w;

	cr_expect(scan_word(&s, &w) && view_is(w, "a"));
	cr_expect(scan_word(&s, &w) && view_is(w, "bb"));
	cr_expect_not(scan_word(&s, &w));
}

Test(collect_scan, until_skips_the_mark_and_leading_blanks)
{
	struct scan s = scan_of(" eth0:12");
	struct view w;

	cr_expect(scan_until(&s, ':', &w) && view_is(w, "eth0"));
	cr_expect_not(scan_until(&s, ':', &w));
	cr_expect_eq(*s.at, '1', "what was not found moves nothing");
}

Test(collect_scan, numbers_are_whole_words_within_range)
{
	static const char *const bad[] = { "", " ", "x", "1x", "-1", "+1", "1.5", "18446744073709551616",
		"99999999999999999999" };
	struct scan s = scan_of(" 0 18446744073709551615 007");
	uint64_t n[4] = { 9, 9, 9, 9 };

	cr_expect_eq(scan_u64s(&s, n, 4), 3);
	cr_expect(n[0] == 0 && n[1] == UINT64_MAX && n[2] == 7 && n[3] == 9);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		s = scan_of(bad[i]);
		const char *at = s.at;
		cr_expect_not(scan_u64(&s, n), "%s", bad[i]);
		cr_expect_eq(s.at, at);
	}
	s = scan_of("1 2 3");
	cr_expect_eq(scan_u64s(&s, n, 2), 2);
}

Test(collect_scan, copy_refuses_what_does_not_fit)
{
	char out[4];

	cr_expect(scan_copy(view_of("abc"), out, sizeof out));
	cr_expect_str_eq(out, "abc");
	cr_expect_not(scan_copy(view_of("abcd"), out, sizeof out));
	cr_expect_not(scan_copy(view_of(""), out, sizeof out));
	cr_expect_not(scan_copy((struct view){ "a\0b", 3 }, out, sizeof out));
}
