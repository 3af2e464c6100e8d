#include <criterion/criterion.h>

#include "cli/statement.h"

Test(statement, is_whole_at_a_semicolon_at_the_end)
{
	static const char *const whole[] = { ";", "SELECT 1;", "SELECT 1 ; \n", "a;b;", "SELECT \"a;b\" FROM m;",
		"'a\\';';", "\"\\\\\";", "a -- b;\n;", "a; -- b", "a /* ; */;", "/**/;", "a;/* b\n */" };
	static const char *const open[] = { "", " ", "SELECT 1", "a;b", "';", "\"a;", "'a\\';", "a -- b;", "/* a;",
		"/*;*", "a;/*", "a;\n b", "\"a\\" };

	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
		cr_expect(statement_is_whole(view_of(whole[i])), "%s", whole[i]);
	for (size_t i = 0; i < sizeof open / sizeof *open; i++)
		cr_expect(!statement_is_whole(view_of(open[i])), "%s", open[i]);
}

static void words(const char *text, const char *first, const char *rest)
{
	struct view v = view_of(text), word = statement_word(&v);

	cr_expect(view_is(word, first), "%s: %.*s", text, (int)word.len, word.p);
	cr_expect(view_is(v, rest), "%s: rest %.*s", text, (int)v.len, v.p);
}

Test(statement, words_are_parted_by_blanks_and_quotes)
{
	words("use db", "use", "db");
	words(" \t use\n db  x ", "use", "db  x");
	words("\"my db\" x", "my db", "x");
	words("\"my db", "\"my db", "");
	words("\"", "\"", "");
	words("\"\"", "", "");
	words("", "", "");
	words("  ", "", "");
}

Test(statement, passwords_are_secret)
{
	cr_expect(statement_is_secret(view_of("CREATE USER a WITH PASSWORD 'b'")));
	cr_expect(statement_is_secret(view_of("set password for a = 'b'")));
	cr_expect(!statement_is_secret(view_of("SELECT passwort FROM m")));
	cr_expect(!statement_is_secret(view_of("")));
}
