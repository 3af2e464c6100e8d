#include "fault_relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

static void sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* ---- bytes ---- */

bool put(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

static bool more(struct stream *s)
{
	if (s->at == s->end)
		s->at = s->end = 0;
	ssize_t k = s->end < STREAM_BYTES ? recv(s->fd, s->bytes + s->end, STREAM_BYTES - s->end, 0) : -1;
	s->end += k > 0 ? (size_t)k : 0;
	return k > 0;
}

bool give(const struct sink *to, const char *p, size_t n)
{
	if (to->fd < 0)
		return true;
	for (; to->trickle_ms && n; p++, n--) {
		if (!put(to->fd, p, 1))
			return false;
		sleep_ms(to->trickle_ms);
	}
	return put(to->fd, p, n);
}

bool relay(struct stream *from, const struct sink *to, uint64_t n)
{
	while (n) {
		if (from->at == from->end && !more(from))
			return false;
		size_t k = from->end - from->at < n ? from->end - from->at : (size_t)n;
		if (!give(to, from->bytes + from->at, k))
			return false;
		from->at += k;
		n -= k;
	}
	return true;
}

/* A line with its end; NULL: there is none. It stays until more is read. */
static char *read_line(struct stream *s, size_t *n)
{
	char *end;

	if (s->at && s->end > STREAM_BYTES / 2) {
		memmove(s->bytes, s->bytes + s->at, s->end - s->at);
		s->end -= s->at;
		s->at = 0;
	}
	while (!(end = memchr(s->bytes + s->at, '\n', s->end - s->at)))
		if (!more(s))
			return NULL;
	char *line = s->bytes + s->at;
	*n = (size_t)(end + 1 - line);
	s->at += *n;
	return line;
}

/* ---- requests and answers ---- */

bool read_head(struct stream *s, struct head *h)
{
	size_t n;
	char *line;

	h->len = 0;
	h->length = 0;
	h->chunked = h->close = false;
	while ((line = read_line(s, &n))) {
		if (h->len + n > HEAD_MAX)
			return false;
		memcpy(h->text + h->len, line, n);
		line = h->text + h->len;
		h->len += n;
		h->text[h->len] = 0;
		if (!strncasecmp(line, "content-length:", 15))
			h->length = strtoull(line + 15, NULL, 10);
		h->chunked |= !strncasecmp(line, "transfer-encoding: chunked", 26);
		h->close |= !strncasecmp(line, "connection: close", 17);
		if (n <= 2) {
			h->status = h->len > 12 ? (int)strtol(h->text + 9, NULL, 10) : 0;
			return true;
		}
	}
	return false;
}

bool relay_body(struct stream *from, const struct head *h, const struct sink *to)
{
	size_t n;
	char *line;

	if (!h->chunked)
		return relay(from, to, h->length);
	while ((line = read_line(from, &n))) {
		uint64_t chunk = strtoull(line, NULL, 16);
		if (!give(to, line, n) || !relay(from, to, chunk + 2))
			return false;
		if (!chunk)
			return true;
	}
	return false;
}

bool answer(int fd, const char *status, const char *headers, const char *body)
{
	char text[1024];
	int n = snprintf(
	    text, sizeof text, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n%s", status, headers, strlen(body), body);

	return put(fd, text, (size_t)n);
}
