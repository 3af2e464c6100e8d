/* Regular expressions as InfluxQL has them, which are Go's (RE2 syntax), run by PCRE2.
 *
 * A pattern is first read by Go's grammar and written anew for PCRE2: what Go does not have (look-around, back-references,
 * possessive and atomic groups, recursion, verbs, \h \R \K \G \Z) is refused with Go's words, and what means something else
 * there is translated (\v, \s, `$` without (?m), octal escapes, `{` and `[` that stand for themselves). What stays different:
 *   - Go's matcher takes linear time. This one backtracks under limits, and says ERR_TOOBIG where it gives up;
 *   - parentheses nest REGEX_NESTING_MAX deep (Go: 1,000); a pattern has at most REGEX_PATTERN_MAX bytes;
 *   - Unicode classes are those of PCRE2's Unicode version; in a negated class \S takes the vertical tab for a space;
 *   - invalid UTF-8 in a subject matches nothing (Go: as U+FFFD). */
#ifndef QUERY_REGEX_H
#define QUERY_REGEX_H

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

enum { REGEX_NESTING_MAX = 30, REGEX_PATTERN_MAX = 8192 };

struct regex;

/* ERR_INVALID with Go's words: "error parsing regexp: missing closing ): `(x`". ERR_NOMEM. Owner of *out: one thread. */
NODISCARD enum err regex_compile(struct regex **out, struct view pattern, struct errbuf *eb);
void regex_free(struct regex *r); /* NULL is fine */
/* As regex_compile, without keeping the result. */
NODISCARD enum err regex_check(struct view pattern, struct errbuf *eb);

/* Whether the pattern matches anywhere in the subject. ERR_TOOBIG: the limits on steps, depth or memory were reached. */
NODISCARD enum err regex_match(struct regex *r, struct view subject, bool *matches, struct errbuf *eb);

/* regex_go.c: the pattern for PCRE2, appended to out (which may become `failed`). */
NODISCARD enum err regex_from_go(struct view pattern, struct buf *out, struct errbuf *eb);

#endif
