#include "base/word.h"

#include <criterion/criterion.h>
#include <string.h>

Test(word, distance_counts_single_changes)
{
	cr_expect_eq(word_distance("", ""), 0);
	cr_expect_eq(word_distance("from", "from"), 0);
	cr_expect_eq(word_distance("form", "from"), 2);
	cr_expect_eq(word_distance("fro", "from"), 1);
	cr_expect_eq(word_distance("", "from"), 4);
	cr_expect_eq(word_distance("kitten", "sitting"), 3);
}

Test(word, distance_of_long_words_looks_at_their_beginnings)
{
	char a[200], b[200];

	memset(a, 'x', sizeof a);
	memset(b, 'x', sizeof b);
	a[199] = b[150] = 0;
	cr_expect_eq(word_distance(a, b), 0);
}

Test(word, list_holds_whole_words_alone)
{
	cr_expect(word_is_in("from to step", "from"));
	cr_expect(word_is_in("from to step", "step"));
	cr_expect_not(word_is_in("from to step", "ste"));
	cr_expect_not(word_is_in("from to step", "from to"));
	cr_expect_not(word_is_in("from to step", ""));
	cr_expect_not(word_is_in("", "from"));
	cr_expect_not(word_is_in("", ""));
}

Test(word, nearest_is_one_that_can_be_meant)
{
	char out[WORD_BYTES + 1];

	cr_expect(word_nearest("from to step limit", "form", out, sizeof out));
	cr_expect_str_eq(out, "from");
	cr_expect(word_nearest("from to step limit", "limits", out, sizeof out));
	cr_expect_str_eq(out, "limit");
	cr_expect_not(word_nearest("from to step limit", "database", out, sizeof out));
	cr_expect_str_eq(out, "");
	cr_expect_not(word_nearest("to", "xy", out, sizeof out), "not every letter may be another");
	cr_expect_not(word_nearest("", "x", out, sizeof out));
}
