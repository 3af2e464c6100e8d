/* Parameters of a query string or a form, decoded by us under our own limits. Owner: one thread. */
#ifndef EDGE_HTTP_PARAMS_H
#define EDGE_HTTP_PARAMS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

#define HTTP_PARAMS_MAX 64
#define HTTP_PARAMS_BYTES 65536 /* of decoded text */

struct http_params {
	struct arena arena;
	unsigned count;
	struct {
		const char *name, *value; /* terminated; hold no NUL of their own */
	} item[HTTP_PARAMS_MAX];
};

/* Percent decoding of src into dst, which has room for src.len + 1; plus: '+' means a space. False: a bad escape, or a
 * NUL byte. */
bool http_percent_decode(char *dst, struct view src, bool plus);

void http_params_init(struct http_params *p);
void http_params_fini(struct http_params *p);
/* Adds those of text. ERR_INVALID: a bad escape; ERR_TOOBIG: too many or too long. */
NODISCARD enum err http_params_parse(struct http_params *p, struct view text, struct errbuf *eb);
/* The first of that name, or NULL. */
const char *http_params_get(const struct http_params *p, const char *name);

#endif
