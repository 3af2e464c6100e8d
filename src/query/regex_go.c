/* Go's grammar of regular expressions, read once from left to right, and written for PCRE2. Literals are written escaped, so
 * that nothing can mean more there than here. */
#include "query/regex.h"

struct go {
	const char *whole, *p, *end;
	struct buf *out;
	struct errbuf *eb;
	unsigned depth;
	bool can_repeat; /* there is something for * to repeat */
	const char *repeat; /* where the repetition just read began, or NULL */
};

static bool wrong(struct go *g, const char *why, const char *from, const char *to)
{
	int n = (int)view_cut((struct view){ from, (size_t)(to - from) }, 300);

	errbuf_set(g->eb, ERR_INVALID, "error parsing regexp: %s: `%.*s`", why, n, from);
	return false;
}

static bool is_alnum(unsigned c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0'
	    : c >= 'a' && c <= 'f'  ? c - 'a' + 10
	    : c >= 'A' && c <= 'F'  ? c - 'A' + 10
				    : -1;
}

/* The text is valid UTF-8: the lexer saw to it. */
static uint32_t take_char(struct go *g)
{
	unsigned char c = (unsigned char)*g->p++;
	uint32_t v = c < 0x80 ? c : c < 0xE0 ? c & 0x1Fu : c < 0xF0 ? c & 0x0Fu : c & 0x07u;

	while (c >= 0xC0 && g->p < g->end && ((unsigned char)*g->p & 0xC0) == 0x80)
		v = v << 6 | ((unsigned char)*g->p++ & 0x3Fu);
	return v;
}

static void write_char(struct go *g, uint32_t c)
{
	if (is_alnum(c))
		buf_char(g->out, (char)c);
	else
		buf_printf(g->out, "\\x{%x}", (unsigned)c);
}

/* PCRE2 repeats it only as a group. */
static void write_assertion(struct go *g, const char *p, size_t n)
{
	buf_str(g->out, "(?:");
	buf_append(g->out, p, n);
	buf_char(g->out, ')');
}

/* ---- escapes ---- */

/* \pN \p{Greek} \P… with \p^: as PCRE2 has them; an unknown name is found there. */
static bool read_property(struct go *g, const char *start)
{
	if (g->p == g->end)
		return wrong(g, "invalid character class range", start, g->end);
	if (*g->p != '{') {
		uint32_t c = take_char(g);
		if (c == 0 || c >= 0x80 || !strchr("CLMNPSZ", (int)c))
			return wrong(g, "invalid character class range", start, g->p);
	} else {
		const char *close = memchr(g->p, '}', (size_t)(g->end - g->p));
		if (!close)
			return wrong(g, "invalid character class range", start, g->end);
		for (g->p++; g->p < close; g->p++)
			if (!is_alnum((unsigned char)*g->p) && *g->p != '_' && *g->p != '^')
				return wrong(g, "invalid character class range", start, close + 1);
		g->p++;
	}
	buf_append(g->out, start, (size_t)(g->p - start));
	return true;
}

static bool read_hex(struct go *g, const char *start, uint32_t *c)
{
	unsigned n = 0, most = 2;
	int h;

	*c = 0;
	if (g->p < g->end && *g->p == '{') {
		g->p++;
		most = 8;
	}
	for (; n < most && g->p < g->end && (h = hex_of(*g->p)) >= 0; n++, g->p++)
		*c = *c << 4 | (uint32_t)h;
	bool closed = most == 2 ? n == 2 : n > 0 && g->p < g->end && *g->p == '}';
	if (closed && *c <= 0x10FFFF) {
		g->p += most > 2;
		return true;
	}
	/* what stands there is named as far as it was read */
	const char *to = most == 2 ? start + 4 : closed || g->p == g->end ? g->p : g->p + 1;
	return wrong(g, "invalid escape sequence", start, to < g->end ? to : g->end);
}

/* A single character written with a backslash, after it. */
static bool read_escaped_char(struct go *g, const char *start, uint32_t *c)
{
	static const char letters[] = "aftnrv", values[] = "\a\f\t\n\r\v";

	*c = take_char(g);
	if (*c >= '0' && *c <= '7' && (*c == '0' || (g->p < g->end && *g->p >= '0' && *g->p <= '7'))) {
		*c -= '0';
		for (int n = 0; n < 2 && g->p < g->end && *g->p >= '0' && *g->p <= '7'; n++)
			*c = *c * 8 + (uint32_t)(*g->p++ - '0');
		return true;
	}
	if (*c == 'x')
		return read_hex(g, start, c);
	if (*c < 0x80 && !is_alnum(*c))
		return true;
	const char *l = *c < 0x80 ? strchr(letters, (int)*c) : NULL;
	if (!l)
		return wrong(g, "invalid escape sequence", start, g->p);
	*c = (unsigned char)values[l - letters];
	return true;
}

static bool read_quoted(struct go *g)
{
	while (g->p < g->end && !(g->end - g->p >= 2 && g->p[0] == '\\' && g->p[1] == 'E'))
		write_char(g, take_char(g));
	if (g->p < g->end)
		g->p += 2;
	return true;
}

static bool read_escape(struct go *g)
{
	const char *start = g->p++;
	uint32_t c;

	g->can_repeat = true;
	if (g->p == g->end)
		return wrong(g, "trailing backslash at end of expression", g->end, g->end);
	switch (*g->p) {
	case 'A':
	case 'b':
	case 'B':
	case 'z':
		write_assertion(g, start, 2);
		g->p++;
		return true;
	case 'd':
	case 'D':
	case 'w':
	case 'W':
		buf_append(g->out, start, 2);
		g->p++;
		return true;
	case 's':
	case 'S':
		buf_str(g->out, *g->p++ == 's' ? "[\\t\\n\\f\\r ]" : "[^\\t\\n\\f\\r ]");
		return true;
	case 'p':
	case 'P':
		g->p++;
		return read_property(g, start);
	case 'Q':
		g->p++;
		return read_quoted(g);
	default:
		if (!read_escaped_char(g, start, &c))
			return false;
		write_char(g, c);
		return true;
	}
}

/* ---- classes ---- */

static bool read_posix_class(struct go *g, bool *was)
{
	static const char *const names[] = { "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower",
		"print", "punct", "space", "upper", "word", "xdigit" };
	const char *start = g->p, *close;

	*was = false;
	if (g->end - g->p < 2 || g->p[1] != ':')
		return true;
	for (close = g->p + 2; close + 1 < g->end && !(close[0] == ':' && close[1] == ']'); close++)
		;
	if (close + 1 >= g->end)
		return true;
	struct view name = { start + 2, (size_t)(close - start - 2) };
	if (name.len && *name.p == '^')
		name = (struct view){ name.p + 1, name.len - 1 };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		*was |= view_is(name, names[i]);
	g->p = close + 2;
	if (!*was)
		return wrong(g, "invalid character class range", start, g->p);
	buf_append(g->out, start, (size_t)(g->p - start));
	return true;
}

/* \d and the like inside a class. */
static bool read_class_escape(struct go *g, bool *was)
{
	const char *start = g->p;

	*was = true;
	switch (g->end - g->p > 1 ? g->p[1] : 0) {
	case 'd':
	case 'D':
	case 'w':
	case 'W':
	case 'S':
		buf_append(g->out, start, 2);
		g->p += 2;
		return true;
	case 's':
		buf_str(g->out, "\\t\\n\\f\\r ");
		g->p += 2;
		return true;
	case 'p':
	case 'P':
		g->p += 2;
		return read_property(g, start);
	default:
		*was = false;
		return true;
	}
}

static bool read_class_char(struct go *g, const char *class, uint32_t *c)
{
	const char *start = g->p;

	if (g->p == g->end)
		return wrong(g, "missing closing ]", class, g->end);
	if (*g->p != '\\') {
		*c = take_char(g);
		return true;
	}
	if (++g->p == g->end)
		return wrong(g, "trailing backslash at end of expression", g->end, g->end);
	return read_escaped_char(g, start, c);
}

static bool read_range(struct go *g, const char *class)
{
	const char *start = g->p;
	uint32_t low, high;

	if (!read_class_char(g, class, &low))
		return false;
	high = low;
	if (g->end - g->p >= 2 && g->p[0] == '-' && g->p[1] != ']') {
		g->p++;
		if (!read_class_char(g, class, &high))
			return false;
		if (high < low)
			return wrong(g, "invalid character class range", start, g->p);
	}
	buf_printf(g->out, "\\x{%x}", (unsigned)low);
	if (high != low)
		buf_printf(g->out, "-\\x{%x}", (unsigned)high);
	return true;
}

static bool read_class(struct go *g)
{
	const char *start = g->p++;
	bool first = true, was;

	g->can_repeat = true;
	buf_char(g->out, '[');
	if (g->p < g->end && *g->p == '^') {
		buf_char(g->out, '^');
		g->p++;
	}
	for (; g->p < g->end && (*g->p != ']' || first); first = false) {
		/* Go: a dash that is neither first nor last needs a backslash, unless after a class */
		was = false;
		if (*g->p == '[' && !read_posix_class(g, &was))
			return false;
		if (!was && *g->p == '\\' && !read_class_escape(g, &was))
			return false;
		if (!was && !read_range(g, start))
			return false;
	}
	if (g->p == g->end)
		return wrong(g, "missing closing ]", start, g->end);
	g->p++;
	buf_char(g->out, ']');
	return true;
}

/* ---- groups and repetition ---- */

static bool read_flags(struct go *g, const char *start)
{
	bool any = false, minus = false;

	for (; g->p < g->end; g->p++) {
		if (*g->p == ':' || *g->p == ')') {
			if (minus && !any)
				break;
			return true;
		}
		if (*g->p == '-' && !minus) {
			minus = true;
			any = false;
		} else if (strchr("imsU", *g->p)) {
			any = true;
		} else {
			break;
		}
	}
	if (g->p < g->end)
		take_char(g);
	return wrong(g, "invalid or unsupported Perl syntax", start, g->p);
}

static bool read_name(struct go *g, const char *start)
{
	const char *name = g->p, *close = memchr(g->p, '>', (size_t)(g->end - g->p));

	if (!close)
		return wrong(g, "invalid named capture", start, g->end);
	for (const char *q = name; q < close; q++)
		if (!is_alnum((unsigned char)*q) && *q != '_')
			return wrong(g, "invalid named capture", start, close + 1);
	if (close == name)
		return wrong(g, "invalid named capture", start, close + 1);
	g->p = close + 1;
	buf_char(g->out, '('); /* nothing refers to a name */
	return true;
}

static bool open_group(struct go *g)
{
	const char *start = g->p++;

	if (++g->depth > REGEX_NESTING_MAX)
		return wrong(g, "expression nests too deeply", g->whole, g->end);
	g->can_repeat = false;
	if (g->p == g->end || *g->p != '?') {
		buf_char(g->out, '(');
		return true;
	}
	g->p++;
	if (g->end - g->p >= 2 && g->p[0] == 'P' && g->p[1] == '<') {
		g->p += 2;
		return read_name(g, start);
	}
	if (!read_flags(g, start))
		return false;
	if (*g->p == ')')
		g->depth--;
	g->p++;
	buf_append(g->out, start, (size_t)(g->p - start));
	return true;
}

/* {n}, {n,}, {n,m}; anything else is a brace. */
static const char *scan_count(const char *p, const char *end, bool *too_many)
{
	long n[2] = { 0, -1 };

	for (int i = 0; i < 2; i++) {
		const char *digits = ++p;
		long v = 0;
		for (; p < end && *p >= '0' && *p <= '9'; p++)
			v = v > 10000 ? v : v * 10 + (*p - '0');
		if (p == digits && i == 0)
			return NULL;
		if (p > digits)
			n[i] = v;
		if (p < end && *p == '}') {
			*too_many = n[0] > 1000 || n[1] > 1000 || (n[1] >= 0 && n[1] < n[0]);
			return p + 1;
		}
		if (p >= end || *p != ',')
			return NULL;
	}
	return NULL;
}

static bool repeat(struct go *g, const char *start, const char *after)
{
	if (!g->can_repeat)
		return wrong(g, "missing argument to repetition operator", start, after);
	if (after < g->end && *after == '?')
		after++;
	if (g->repeat)
		return wrong(g, "invalid nested repetition operator", g->repeat, after);
	buf_append(g->out, start, (size_t)(after - start));
	g->p = after;
	g->repeat = start;
	return true;
}

static bool read_brace(struct go *g)
{
	bool too_many = false;
	const char *after = scan_count(g->p, g->end, &too_many);

	if (!after) {
		write_char(g, take_char(g));
		g->can_repeat = true;
		g->repeat = NULL;
		return true;
	}
	if (too_many)
		return wrong(g, "invalid repeat count", g->p, after);
	return repeat(g, g->p, after);
}

static bool close_group(struct go *g)
{
	if (g->depth == 0)
		return wrong(g, "unexpected )", g->whole, g->end);
	g->depth--;
	g->can_repeat = true;
	buf_char(g->out, ')');
	g->p++;
	return true;
}

static bool read_one(struct go *g)
{
	char c = *g->p;

	if (c == '*' || c == '+' || c == '?')
		return repeat(g, g->p, g->p + 1);
	if (c == '{')
		return read_brace(g);
	g->repeat = NULL;
	switch (c) {
	case '(':
		return open_group(g);
	case ')':
		return close_group(g);
	case '[':
		return read_class(g);
	case '\\':
		return read_escape(g);
	case '^':
	case '$':
		write_assertion(g, g->p++, 1);
		g->can_repeat = true;
		return true;
	case '|':
	case '.':
		buf_char(g->out, c);
		g->p++;
		g->can_repeat = c != '|';
		return true;
	default:
		write_char(g, take_char(g));
		g->can_repeat = true;
		return true;
	}
}

enum err regex_from_go(struct view pattern, struct buf *out, struct errbuf *eb)
{
	struct go g = { pattern.p, pattern.p, pattern.p + pattern.len, out, eb, 0, false, NULL };

	if (pattern.len > REGEX_PATTERN_MAX)
		return errbuf_set(
		    eb, ERR_INVALID, "error parsing regexp: it is longer than %d bytes", REGEX_PATTERN_MAX);
	while (g.p < g.end)
		if (!read_one(&g))
			return ERR_INVALID;
	if (g.depth) {
		wrong(&g, "missing closing )", pattern.p, g.end);
		return ERR_INVALID;
	}
	return out->failed ? errbuf_set(eb, ERR_NOMEM, "out of memory") : ERR_OK;
}
