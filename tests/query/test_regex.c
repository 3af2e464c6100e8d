#include <criterion/criterion.h>
#include <stdlib.h>

#include "query/regex.h"

static bool matches(const char *pattern, const char *subject)
{
	struct regex *r;
	struct errbuf eb;
	bool yes = false;

	cr_assert_eq(regex_compile(&r, view_of(pattern), &eb), ERR_OK, "%s: %s", pattern, eb.text);
	cr_assert_eq(regex_match(r, view_of(subject), &yes, &eb), ERR_OK);
	regex_free(r);
	return yes;
}

static void refused(const char *pattern, const char *why)
{
	struct errbuf eb = { "" };

	cr_expect_eq(regex_check(view_of(pattern), &eb), ERR_INVALID, "%s", pattern);
	cr_expect_str_eq(eb.text, why);
}

Test(regex, matches_anywhere_unless_anchored)
{
	cr_expect(matches("b", "abc"));
	cr_expect(matches("", "abc"));
	cr_expect(matches("", ""));
	cr_expect_not(matches("^b", "abc"));
	cr_expect(matches("^(a|x)bc$", "abc"));
	cr_expect(matches("(?i)ABC", "abc"));
	cr_expect(matches("caf\xC3\xA9?$", "caf"));
	cr_expect(matches("^.$", "\xC3\xA9"), "a character, not a byte");
}

Test(regex, what_means_something_else_in_pcre_means_what_go_means)
{
	cr_expect_not(matches("a$", "a\n"), "$ is the end of the text");
	cr_expect(matches("(?m)a$", "a\nb"));
	cr_expect_not(matches("^\\s$", "\v"), "no vertical tab among the spaces");
	cr_expect(matches("^\\v$", "\v"), "one vertical tab");
	cr_expect_not(matches("^\\v$", "\n"));
	cr_expect(matches("^\\101$", "A"));
	cr_expect(matches("^a{,2}$", "a{,2}"));
	cr_expect(matches("^a{x}$", "a{x}"));
	cr_expect(matches("^[[a]$", "["));
	cr_expect(matches("^*a", "a"));
	cr_expect(matches("^\\Qa.b\\E$", "a.b"));
	cr_expect_not(matches("^\\Qa.b\\E$", "axb"));
	cr_expect(matches("^[^a]$", "\n"), "a negated class takes a newline");
	cr_expect(matches("^a#b c$", "a#b c"));
	cr_expect(matches("^[\\d-]+$", "1-2"));
	cr_expect(matches("^[a\\]b]+$", "a]b"));
}

Test(regex, what_go_does_not_have_is_refused_in_its_words)
{
	refused("(?=x)", "error parsing regexp: invalid or unsupported Perl syntax: `(?=`");
	refused("(a)\\1", "error parsing regexp: invalid escape sequence: `\\1`");
	refused("a++", "error parsing regexp: invalid nested repetition operator: `++`");
	refused("(*ACCEPT)", "error parsing regexp: missing argument to repetition operator: `*`");
	refused("(x", "error parsing regexp: missing closing ): `(x`");
	refused("a{1001}", "error parsing regexp: invalid repeat count: `{1001}`");
	refused("\\p{Nonsense}", "error parsing regexp: invalid character class range: `\\p{Nonsense}`");
	refused("\\p{Greek}\\P{Nope}x", "error parsing regexp: invalid character class range: `\\P{Nope}`");
	refused("\\p{Nonsense}x", "error parsing regexp: invalid character class range: `\\p{Nonsense}`");
}

Test(regex, nesting_and_length_have_a_ceiling)
{
	char text[REGEX_PATTERN_MAX + 2];
	struct errbuf eb;

	memset(text, '(', REGEX_NESTING_MAX + 1);
	text[REGEX_NESTING_MAX + 1] = 0;
	cr_expect_eq(regex_check(view_of(text), &eb), ERR_INVALID);
	cr_expect(strstr(eb.text, "nests too deeply"));
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = 0;
	cr_expect_eq(regex_check(view_of(text), &eb), ERR_INVALID);
	cr_expect(strstr(eb.text, "longer than"));
}

Test(regex, a_pattern_that_explodes_is_given_up)
{
	struct regex *r;
	struct errbuf eb = { "" };
	bool yes = true;
	char subject[64];

	memset(subject, 'a', 40);
	subject[40] = 0;
	cr_assert_eq(regex_compile(&r, view_of("^(a|a)*(a|a)*(a|a)*b$|^(a+a+)+$x"), &eb), ERR_OK);
	cr_expect_eq(regex_match(r, view_of(subject), &yes, &eb), ERR_TOOBIG);
	cr_expect_not(yes);
	cr_expect(strstr(eb.text, "takes too many steps"));
	regex_free(r);
}

Test(regex, a_subject_that_is_no_utf8_does_not_break_it)
{
	cr_expect(matches("a",
	    "\xFF\xFE"
	    "a"));
	cr_expect_not(matches("^.$", "\xFF"));
}
