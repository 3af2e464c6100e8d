#include "support/client.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MAX = 65536, BODY_MAX = 64 << 20, TIMEOUT_MS = 20000 };

int client_connect(uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = { htonl(INADDR_LOOPBACK) }
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0, "cannot connect to port %u", port);
	return fd;
}

void client_send(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) { /* the server may have hung up already: its answer is what counts */
		ssize_t k = send(fd, at, n, MSG_NOSIGNAL);
		if (k <= 0)
			return;
		at += k;
		n -= (size_t)k;
	}
}

void client_say(int fd, const char *text)
{
	client_send(fd, text, strlen(text));
}

static ssize_t receive(int fd, void *p, size_t n, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, timeout_ms) == 1 ? recv(fd, p, n, 0) : -1;
}

/* Byte by byte, so that nothing of a next answer is taken. */
static bool receive_head(int fd, struct reply *r, int timeout_ms)
{
	size_t n = 0;

	r->head = calloc(1, HEAD_MAX);
	while (n + 1 < HEAD_MAX && receive(fd, r->head + n, 1, timeout_ms) == 1) {
		n++;
		if (n >= 4 && !memcmp(r->head + n - 4, "\r\n\r\n", 4))
			return sscanf(r->head, "HTTP/1.1 %d", &r->status) == 1;
	}
	return false;
}

struct reply client_receive(int fd, int timeout_ms, bool no_body)
{
	struct reply r = { 0 };
	char text[256];

	if (!receive_head(fd, &r, timeout_ms)) {
		r.status = 0;
		return r;
	}
	size_t length = strtoul(reply_header(&r, "Content-Length", text), NULL, 10);
	if (no_body || r.status == 204 || r.status == 304 || r.status == 100)
		length = 0;
	cr_assert(length < BODY_MAX);
	r.body = calloc(1, length + 1);
	while (r.body_len < length) {
		ssize_t k = receive(fd, r.body + r.body_len, length - r.body_len, timeout_ms);
		if (k <= 0)
			break;
		r.body_len += (size_t)k;
	}
	r.whole = r.body_len == length;
	return r;
}

void reply_free(struct reply *r)
{
	free(r->head);
	free(r->body);
	*r = (struct reply){ 0 };
}

const char *reply_header(const struct reply *r, const char *name, char out[256])
{
	size_t n = strlen(name);

	out[0] = 0;
	for (const char *p = r->head ? strstr(r->head, "\r\n") : NULL; p && p[2]; p = strstr(p + 2, "\r\n")) {
		if (strncasecmp(p + 2, name, n) != 0 || p[2 + n] != ':')
			continue;
		const char *value = p + 2 + n + 1 + strspn(p + 2 + n + 1, " "), *end = strstr(value, "\r\n");
		snprintf(out, 256, "%.*s", (int)(end - value), value);
		break;
	}
	return out;
}

struct reply client_request(
    uint16_t port, const char *method, const char *target, const char *headers, const void *body, size_t len)
{
	int fd = client_connect(port);
	char length[64] = "";

	client_say(fd, method);
	client_say(fd, " ");
	client_say(fd, target);
	client_say(fd, " HTTP/1.1\r\nHost: localhost\r\n");
	client_say(fd, headers);
	if (body)
		snprintf(length, sizeof length, "Content-Length: %zu\r\n", len);
	client_say(fd, length);
	client_say(fd, "\r\n");
	client_send(fd, body, body ? len : 0);
	struct reply r = client_receive(fd, TIMEOUT_MS, !strcmp(method, "HEAD"));
	close(fd);
	return r;
}
