/* The form in a body: application/x-www-form-urlencoded, or multipart/form-data as `curl -F` sends it. Another type of body is
 * no form, as in InfluxDB. */
#ifndef EDGE_HTTP_FORM_H
#define EDGE_HTTP_FORM_H

#include "edge/http.h"
#include "edge/http_params.h"

struct http_form_parts {
	struct http_params params;
	bool multipart; /* the address has the last word then, else the body */
};

/* Reads the body. max_bytes: of decoded text. On failure the answer is sent. http_form_fini in any case. */
NODISCARD enum err http_form_read(struct http_request *rq, struct http_form_parts *f, size_t max_bytes);
void http_form_fini(struct http_form_parts *f);
/* From form and address; NULL if neither has it. */
const char *http_form_get(const struct http_request *rq, const struct http_form_parts *f, const char *name);

/* Adds the parts of a multipart body. ERR_INVALID: it is none, or has a NUL byte; ERR_TOOBIG. */
NODISCARD enum err http_form_multipart(
    struct http_params *out, struct view body, struct view boundary, struct errbuf *eb);

#endif
