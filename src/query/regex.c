#include "query/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

/* No JIT: it needs writable and executable memory, and its own stack would not be bounded by these. */
enum { STEPS_MAX = 1000000, DEPTH_MAX = 20000, HEAP_KIB_MAX = 4096 };

struct regex {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *limits;
};

static pcre2_code *compile(const struct buf *pattern, int *code, size_t *at)
{
	pcre2_compile_context *c = pcre2_compile_context_create(NULL);
	pcre2_code *re = NULL;

	*code = PCRE2_ERROR_NOMEMORY;
	if (!c)
		return NULL;
	pcre2_set_parens_nest_limit(c, REGEX_NESTING_MAX + 2);
	pcre2_set_newline(c, PCRE2_NEWLINE_LF);
	re = pcre2_compile((PCRE2_SPTR)(pattern->len ? pattern->p : ""), pattern->len,
	    PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NO_AUTO_CAPTURE |
		PCRE2_NEVER_BACKSLASH_C,
	    code, at, c);
	pcre2_compile_context_free(c);
	return re;
}

/* What Go's grammar lets through and PCRE2 does not: names of Unicode classes, and sizes. */
static enum err refuse(struct errbuf *eb, struct view pattern, const struct buf *text, int code, size_t at)
{
	char why[256];
	struct view what = pattern;

	pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
	if (code == PCRE2_ERROR_UNKNOWN_UNICODE_PROPERTY || code == PCRE2_ERROR_MALFORMED_UNICODE_PROPERTY) {
		size_t from = at;
		while (from > 1 && !(text->p[from - 2] == '\\' && (text->p[from - 1] | 32) == 'p'))
			from--;
		from = from > 1 ? from - 2 : 0;
		what = (struct view){ text->p + from, at - from };
		snprintf(why, sizeof why, "invalid character class range");
	}
	return errbuf_set(eb, ERR_INVALID, "error parsing regexp: %s: `%.*s`", why, (int)view_cut(what, 300), what.p);
}

static enum err set_limits(struct regex *r)
{
	r->match = pcre2_match_data_create_from_pattern(r->code, NULL);
	r->limits = pcre2_match_context_create(NULL);
	if (!r->match || !r->limits)
		return ERR_NOMEM;
	pcre2_set_match_limit(r->limits, STEPS_MAX);
	pcre2_set_depth_limit(r->limits, DEPTH_MAX);
	pcre2_set_heap_limit(r->limits, HEAP_KIB_MAX);
	return ERR_OK;
}

enum err regex_compile(struct regex **out, struct view pattern, struct errbuf *eb)
{
	struct regex *r = calloc(1, sizeof *r);
	struct buf text;
	enum err e = r ? ERR_OK : errbuf_set(eb, ERR_NOMEM, "out of memory");
	int code;
	size_t at;

	*out = NULL;
	buf_init(&text, REGEX_PATTERN_MAX * 8);
	if (e == ERR_OK)
		e = regex_from_go(pattern, &text, eb);
	if (e == ERR_OK) {
		r->code = compile(&text, &code, &at);
		if (!r->code) {
			e = refuse(eb, pattern, &text, code, at);
		} else if ((e = set_limits(r)) != ERR_OK) {
			errbuf_set(eb, e, "out of memory");
		}
	}
	buf_fini(&text);
	if (e != ERR_OK) {
		regex_free(r);
		return e;
	}
	*out = r;
	return ERR_OK;
}

void regex_free(struct regex *r)
{
	if (!r)
		return;
	pcre2_match_context_free(r->limits);
	pcre2_match_data_free(r->match);
	pcre2_code_free(r->code);
	free(r);
}

enum err regex_check(struct view pattern, struct errbuf *eb)
{
	struct regex *r;
	enum err e = regex_compile(&r, pattern, eb);

	regex_free(r);
	return e;
}

enum err regex_match(struct regex *r, struct view subject, bool *matches, struct errbuf *eb)
{
	int n = pcre2_match(
	    r->code, (PCRE2_SPTR)(subject.len ? subject.p : ""), subject.len, 0, 0, r->match, r->limits);

	*matches = n >= 0;
	if (n >= 0 || n == PCRE2_ERROR_NOMATCH)
		return ERR_OK;
	return errbuf_set(eb, n == PCRE2_ERROR_NOMEMORY ? ERR_NOMEM : ERR_TOOBIG,
	    "a regular expression takes too many steps on a value of %zu bytes; write it with fewer nested repetitions",
	    subject.len);
}
