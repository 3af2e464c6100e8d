/* Results. A code says what the caller does next; the text is for people. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

#define NODISCARD __attribute__((warn_unused_result))

enum err {
	ERR_OK,
	ERR_INVALID, /* the input is wrong: refuse it */
	ERR_NOTFOUND, /* what was asked for does not exist */
	ERR_EXISTS, /* it is there already, or in use by another */
	ERR_TOOBIG, /* above a ceiling of its own: refuse it */
	ERR_FULL, /* a shared ceiling is reached: try later */
	ERR_UNAVAILABLE, /* the other side is down or too slow: try later */
	ERR_IO, /* a system call failed */
	ERR_CORRUPT, /* stored bytes are not what was stored */
	ERR_NOMEM,
	ERR_CLOSED, /* shutting down */
};

struct errbuf {
	char text[512];
};

const char *err_name(enum err e);

/* Writes the text (cut off with "…" if it is too long; eb may be NULL) and returns e. */
enum err errbuf_set(struct errbuf *eb, enum err e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
enum err errbuf_vset(struct errbuf *eb, enum err e, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));

#endif
