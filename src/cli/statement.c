#include "cli/statement.h"

#include <strings.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Behind the quoted text that begins at i. */
static size_t skip_quoted(struct view t, size_t i)
{
	char quote = t.p[i++];

	while (i < t.len && t.p[i] != quote)
		i += t.p[i] == '\\' && i + 1 < t.len ? 2 : 1;
	return i + 1;
}

static size_t skip_comment(struct view t, size_t i)
{
	bool line = t.p[i] == '-';

	for (i += 2; i < t.len; i++) {
		if (line && t.p[i] == '\n')
			return i + 1;
		if (!line && t.p[i] == '*' && i + 1 < t.len && t.p[i + 1] == '/')
			return i + 2;
	}
	return line ? t.len : t.len + 1; /* the other kind is not over yet */
}

bool statement_is_whole(struct view t)
{
	bool whole = false;
	size_t i = 0;

	while (i < t.len) {
		char c = t.p[i], next = i + 1 < t.len ? t.p[i + 1] : 0;
		if ((c == '-' && next == '-') || (c == '/' && next == '*')) {
			i = skip_comment(t, i);
			continue;
		}
		if (!is_blank(c))
			whole = c == ';';
		i = c == '"' || c == '\'' ? skip_quoted(t, i) : i + 1;
	}
	return whole && i == t.len;
}

struct view statement_word(struct view *v)
{
	struct view word;
	size_t n = 0;

	while (v->len && is_blank(*v->p))
		*v = (struct view){ v->p + 1, v->len - 1 };
	while (v->len && is_blank(v->p[v->len - 1]))
		v->len--;
	bool quoted = v->len && *v->p == '"';
	if (quoted)
		n = skip_quoted(*v, 0);
	while (!quoted && n < v->len && !is_blank(v->p[n]))
		n++;
	n = n < v->len ? n : v->len;
	word = (struct view){ v->p, n };
	*v = (struct view){ v->p + n, v->len - n };
	while (v->len && is_blank(*v->p))
		*v = (struct view){ v->p + 1, v->len - 1 };
	if (quoted && word.len > 1 && word.p[word.len - 1] == '"')
		word = (struct view){ word.p + 1, word.len - 2 };
	return word;
}

bool statement_is_secret(struct view t)
{
	static const char word[] = "password";
	const size_t n = sizeof word - 1;

	for (size_t i = 0; i + n <= t.len; i++)
		if (!strncasecmp(t.p + i, word, n))
			return true;
	return false;
}
