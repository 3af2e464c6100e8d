/* Writes JSON into a bounded buffer; commas are put where they belong. key is NULL inside an array. Text may hold any
 * bytes: what is not UTF-8 becomes U+FFFD. Check out->failed once at the end. Owner: one thread. (The names stay clear
 * of libjansson's, which may be linked too.)
 *
 *	json_open(b, NULL, '{');
 *	json_put_text(b, "host", view_of("web-01"));
 *	json_open(b, "values", '[');
 *	json_put_double(b, NULL, NAN);	(null)
 *	json_close(b, ']');
 *	json_close(b, '}');
 */
#ifndef WIRE_JSON_WRITE_H
#define WIRE_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

void json_open(struct buf *b, const char *key, char bracket);
void json_close(struct buf *b, char bracket);
void json_put_text(struct buf *b, const char *key, struct view v);
void json_put_string(struct buf *b, const char *key, const char *s); /* NULL: null */
void json_put_string_or_null(struct buf *b, const char *key, const char *s); /* "" too: null */
void json_put_u64(struct buf *b, const char *key, uint64_t v);
void json_put_i64(struct buf *b, const char *key, int64_t v);
void json_put_double(struct buf *b, const char *key, double v); /* not finite: null */
/* Rounded to so many decimals, for figures that are estimates. */
void json_put_rounded(struct buf *b, const char *key, double v, unsigned decimals);
void json_put_bool(struct buf *b, const char *key, bool v);
void json_put_null(struct buf *b, const char *key);
/* Nanoseconds since the epoch as whole milliseconds; 0, INT64_MIN and INT64_MAX mean never: null. */
void json_put_time_ms(struct buf *b, const char *key, int64_t ns);
/* Nothing but the quoted, escaped text. */
void json_put_quoted(struct buf *b, struct view v);
/* Bytes of the well-formed UTF-8 sequence at p, of `left` bytes, or 0; p[0] is above 0x7f. */
size_t json_utf8_length(const unsigned char *p, size_t left);

#endif
