/* Answers packed with gzip for clients that take it: whole ones, and streams whose route allows it. Level 1: text of figures
 * becomes a fifth of its size at some 100 MB/s, and higher levels gain little. */
#include <stdlib.h>
#include <strings.h>
#include <zlib.h>

#include "edge/http_internal.h"

enum { LEVEL = 1, SMALLEST = 1024, PIECE = 64 << 10, GZIP_WINDOW = 15 + 16, MEMORY_LEVEL = 8 };

struct http_gzip {
	z_stream z;
	unsigned char piece[HTTP_FRAME_FRONT + PIECE + HTTP_FRAME_BACK];
};

/* "gzip;q=0" refuses it; other weights do not matter. */
static bool client_takes_it(const struct http_request *rq)
{
	const char *p = http_header(rq, "Accept-Encoding");

	while (p && *p) {
		p += strspn(p, ", \t");
		size_t n = strcspn(p, ",; \t");
		bool named = (n == 4 && !strncasecmp(p, "gzip", 4)) || (n == 1 && *p == '*');
		p += n;
		size_t rest = strcspn(p, ",");
		const char *q = memmem(p, rest, "q=", 2);
		if (named)
			return !q || strspn(q + 2, "0.") != strcspn(q + 2, ", \t");
		p += rest;
	}
	return false;
}

static bool is_text(const char *type)
{
	return type && (!strncmp(type, "text/", 5) || !strncmp(type, "application/json", 16));
}

static void tell(struct http_request *rq, bool packed)
{
	http_add_header(rq, "Vary", "Accept-Encoding");
	if (packed)
		http_add_header(rq, "Content-Encoding", "gzip");
}

static bool begin(z_stream *z)
{
	return deflateInit2(z, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
}

bool http_gzip_whole(struct http_request *rq, const char *type, struct view body, struct buf *out)
{
	z_stream z = { 0 };

	if (body.len < SMALLEST || rq->encoding_set || !is_text(type))
		return false;
	bool packed = client_takes_it(rq) && begin(&z);
	if (packed) {
		size_t bound = deflateBound(&z, (uLong)body.len);
		packed = bound <= UINT32_MAX && body.len <= UINT32_MAX && buf_reserve(out, bound);
		if (packed) {
			z.next_in = (Bytef *)(uintptr_t)body.p;
			z.avail_in = (uInt)body.len;
			z.next_out = (Bytef *)out->p;
			z.avail_out = (uInt)bound;
			packed = deflate(&z, Z_FINISH) == Z_STREAM_END;
			out->len = packed ? bound - z.avail_out : 0;
		}
		deflateEnd(&z);
	}
	tell(rq, packed);
	return packed;
}

/* ---- streams ---- */

void http_stream_allow_gzip(struct http_request *rq)
{
	if (rq->answered || rq->gzip || http_is_1_0(rq))
		return;
	if (client_takes_it(rq)) {
		rq->gzip = calloc(1, sizeof *rq->gzip);
		if (rq->gzip && !begin(&rq->gzip->z)) {
			free(rq->gzip);
			rq->gzip = NULL;
		}
	}
	tell(rq, rq->gzip);
}

bool http_gzip_stream(
    struct http_request *rq, struct view text, bool last, bool (*send)(struct http_request *rq, char *piece, size_t n))
{
	struct http_gzip *g = rq->gzip;
	unsigned char *piece = g->piece + HTTP_FRAME_FRONT;
	bool sent = true, full = true;

	g->z.next_in = (Bytef *)(uintptr_t)text.p;
	g->z.avail_in = (uInt)text.len;
	while (sent && full) {
		g->z.next_out = piece;
		g->z.avail_out = PIECE;
		(void)deflate(&g->z, last ? Z_FINISH : Z_NO_FLUSH);
		full = g->z.avail_out == 0;
		sent = send(rq, (char *)piece, PIECE - g->z.avail_out);
	}
	return sent;
}

void http_gzip_free(struct http_request *rq)
{
	if (!rq->gzip)
		return;
	deflateEnd(&rq->gzip->z);
	free(rq->gzip);
	rq->gzip = NULL;
}
