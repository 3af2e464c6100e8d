/* InfluxDB line protocol, line by line, in one pass: lp_next_key finds a line and its key, lp_rest its fields and time.
 * Between the two the caller looks the series up and may say which field names to expect.
 * Nothing is copied: every view points into the text. Owner: one thread; reuse it, it keeps its memory. */
#ifndef WIRE_LP_PARSE_H
#define WIRE_LP_PARSE_H

#include "base/err.h"
#include "model/reject.h"
#include "model/value.h"

#define LP_FIELDS_MAX 4096
#define LP_STRING_MAX 65536

struct lp_field {
	struct view name; /* escaped */
	struct value value;
	int32_t expected; /* its place among the expected names, or -1 */
};

struct lp_expect { /* names, escaped, in the order in which they are likely to come */
	const struct view *names;
	uint32_t count;
};

struct lp_parser {
	const char *p, *end;
	/* of the line at hand */
	const char *start; /* its first byte, after leading spaces */
	struct view key; /* not checked yet: lp_key_split does that for a new series */
	struct view line; /* after lp_rest: without line end and trailing spaces */
	const char *time_start; /* after lp_rest: the timestamp's first byte, or the line's end */
	const char *next; /* after lp_rest: the next line's first byte */
	struct lp_field *fields;
	uint32_t field_count, field_cap;
	bool has_time;
	int64_t time; /* as written, in the caller's unit */
	/* of the last refusal */
	enum reject why;
	const char *error; /* InfluxDB's words */
	bool out_of_memory; /* since lp_restart: a line was refused that nothing is wrong with */
};

enum lp_result { LP_OK, LP_BAD, LP_END };

void lp_init(struct lp_parser *ps, struct view text);
void lp_restart(struct lp_parser *ps, struct view text); /* keeps the memory */
void lp_fini(struct lp_parser *ps);

/* LP_BAD: `line` is the refused line, which is stepped over. Comments and blank lines are passed by. */
enum lp_result lp_next_key(struct lp_parser *ps);
/* LP_BAD as above. */
enum lp_result lp_rest(struct lp_parser *ps, const struct lp_expect *expect);
/* Refuses the line at hand for a reason of the caller's: sets `line`, steps over it. */
void lp_skip(struct lp_parser *ps);

/* The contents of a string value without its escapes (\" and \\). */
struct buf;
void lp_unescape_string(struct view raw, struct buf *out);

#endif
