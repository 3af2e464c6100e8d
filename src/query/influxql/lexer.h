/* Statement text into tokens. Positions are InfluxDB's, oddities included (a string stands where the character before it
 * stands), since its messages name them. Owner: the parser. */
#ifndef QUERY_INFLUXQL_LEXER_H
#define QUERY_INFLUXQL_LEXER_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "query/influxql/token.h"

struct iql_pos {
	uint32_t line, column; /* from 0; columns are characters */
};

struct iql_token {
	enum iql_token_kind kind;
	struct iql_pos pos;
	struct view text; /* decoded, in the arena; empty for keywords, operators and marks */
};

struct iql_char {
	uint32_t c; /* 0 at the end */
	struct iql_pos pos;
};

struct iql_lexer {
	struct arena *arena;
	const unsigned char *p, *end;
	struct iql_pos pos;
	struct iql_char last[4]; /* what was read, newest at `newest` */
	unsigned newest, unread;
	bool at_end;
	struct buf text; /* of the token being read */
};

/* text is borrowed; its tokens' texts are copies in the arena. */
void iql_lexer_init(struct iql_lexer *l, struct arena *a, struct view text);
void iql_lexer_fini(struct iql_lexer *l);
/* Whether memory sufficed; tokens after it did not are worthless. */
bool iql_lexer_is_sound(const struct iql_lexer *l);

struct iql_token iql_lexer_next(struct iql_lexer *l);
/* The next characters as a regular expression between slashes. */
struct iql_token iql_lexer_next_regex(struct iql_lexer *l);
uint32_t iql_lexer_peek(struct iql_lexer *l);

#endif
