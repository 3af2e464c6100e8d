/* Cross-origin requests: off unless origins are configured. A page of a named origin may read and write, with "*" any page
 * may read. Never with credentials: the answers carry no Access-Control-Allow-Credentials, so that browsers send none. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "edge/http_internal.h"

enum { PREFLIGHT_S = 600 };

static bool lists(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p && *p;) {
		size_t len = strcspn(p, ", ");
		if (n && len == n && !strncasecmp(p, word, n))
			return true;
		p += len;
		p += strspn(p, ", ");
	}
	return false;
}

bool http_cors_may_write(const struct http_request *rq)
{
	const char *origin = http_header(rq, "Origin");

	return origin && strcmp(origin, "*") != 0 && lists(rq->http->opts.cors_origins, origin);
}

static bool any_may_read(const struct http_request *rq)
{
	return lists(rq->http->opts.cors_origins, "*");
}

void http_cors_preflight(struct http_request *rq, const char *allow)
{
	char age[16];

	if (!http_header(rq, "Access-Control-Request-Method"))
		return;
	if (http_cors_may_write(rq))
		http_add_header(rq, "Access-Control-Allow-Methods", allow);
	else if (any_may_read(rq) && http_header(rq, "Origin"))
		http_add_header(rq, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
	else
		return;
	snprintf(age, sizeof age, "%d", PREFLIGHT_S);
	http_add_header(rq, "Access-Control-Allow-Headers",
	    "Accept, Authorization, Content-Encoding, Content-Type, If-None-Match, Last-Event-ID, X-Request-Id");
	http_add_header(rq, "Access-Control-Max-Age", age);
}

void http_cors_add_headers(const struct http_request *rq, struct buf *b)
{
	const char *configured = rq->http->opts.cors_origins, *origin = http_header(rq, "Origin");

	if (!configured || !*configured)
		return;
	if (!any_may_read(rq))
		buf_str(b, "Vary: Origin\r\n"); /* also where none was sent: caches must not mix the two */
	if (!origin || (!any_may_read(rq) && !http_cors_may_write(rq)))
		return;
	buf_printf(b, "Access-Control-Allow-Origin: %s\r\n", any_may_read(rq) ? "*" : origin);
	buf_str(b,
	    "Access-Control-Expose-Headers: ETag, Retry-After, X-Holdfast-Complete, X-Holdfast-Error, X-Holdfast-Reason, "
	    "X-Holdfast-Refused, X-Holdfast-Refused-Lines, X-Holdfast-Source, X-Holdfast-Tier, "
	    "X-Influxdb-Error, X-Influxdb-Version\r\n");
}
