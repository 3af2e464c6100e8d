#include "support/scripted.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEERS_MAX = 32, ANSWERS_MAX = 256, REQUESTS_MAX = 256, TEXT_MAX = 1 << 20 };

struct peer {
	int fd; /* -1: none */
	char *text;
	size_t len;
	char *waiting; /* a whole request that is not answered yet */
};

struct scripted {
	int fd, wake[2];
	char url[64], port[16];
	pthread_t thread;
	struct peer peers[PEERS_MAX];
	pthread_mutex_t lock; /* what follows */
	struct {
		char *begins, *raw;
	} answers[ANSWERS_MAX];
	char *requests[REQUESTS_MAX];
	unsigned answer_count, request_count, hold_until, connections;
};

/* What the head at the beginning of the text says the whole is long, 0: the head is not all there. */
static size_t promised(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n");
	size_t body = 0;

	if (!end)
		return 0;
	for (const char *p = text; p < end; p = strstr(p, "\r\n") + 2)
		if (!strncasecmp(p, "Content-Length:", 15))
			body = strtoul(p + 15, NULL, 10);
	return (size_t)(end + 4 - text) + body;
}

/* With PORT for the port. */
static char *keep(const struct scripted *s, const char *text, size_t n)
{
	char *out = calloc(1, n + 64), *w = out;
	size_t k = strlen(s->port);

	for (size_t i = 0; i < n;) {
		if (i + k <= n && i && text[i - 1] == ':' && !memcmp(text + i, s->port, k)) {
			memcpy(w, "PORT", 4);
			w += 4;
			i += k;
		} else {
			*w++ = text[i++];
		}
	}
	return out;
}

static void drop(struct peer *p)
{
	close(p->fd);
	free(p->text);
	free(p->waiting);
	*p = (struct peer){ .fd = -1 };
}

static char *take_answer(struct scripted *s, const char *request)
{
	for (unsigned i = 0; i < s->answer_count; i++) {
		char *raw = s->answers[i].raw;
		if (raw && !strncmp(request, s->answers[i].begins, strlen(s->answers[i].begins))) {
			s->answers[i].raw = NULL;
			return raw;
		}
	}
	return strdup("HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\n\r\n404 page not found\n");
}

static void answer(struct scripted *s, struct peer *p)
{
	char *raw = take_answer(s, p->waiting);
	size_t n = strlen(raw);

	free(p->waiting);
	p->waiting = NULL;
	bool sent = send(p->fd, raw, n, MSG_NOSIGNAL) == (ssize_t)n;
	bool cut = !n || promised(raw) > n;
	free(raw);
	if (!sent || cut)
		drop(p);
}

static void take_request(struct scripted *s, struct peer *p)
{
	size_t n = p->waiting ? 0 : promised(p->text);

	if (!n || n > p->len)
		return;
	cr_assert_lt(s->request_count, REQUESTS_MAX);
	s->requests[s->request_count++] = keep(s, p->text, n);
	p->waiting = calloc(1, n + 1);
	memcpy(p->waiting, p->text, n);
	memmove(p->text, p->text + n, p->len - n);
	p->len -= n;
	p->text[p->len] = 0;
}

static void take_bytes(struct peer *p)
{
	ssize_t n = recv(p->fd, p->text + p->len, TEXT_MAX - 1 - p->len, 0);

	if (n <= 0) {
		drop(p);
		return;
	}
	p->len += (size_t)n;
	p->text[p->len] = 0;
}

static void take_peer(struct scripted *s)
{
	int fd = accept(s->fd, NULL, NULL);

	for (unsigned i = 0; fd >= 0 && i < PEERS_MAX; i++)
		if (s->peers[i].fd < 0) {
			s->peers[i] = (struct peer){ .fd = fd, .text = calloc(1, TEXT_MAX) };
			s->connections++;
			return;
		}
	cr_assert_fail("too many connections");
}

static void *run(void *arg)
{
	struct scripted *s = arg;

	for (;;) {
		struct pollfd fds[PEERS_MAX + 2] = { { s->fd, POLLIN, 0 }, { s->wake[0], POLLIN, 0 } };
		for (unsigned i = 0; i < PEERS_MAX; i++)
			fds[i + 2] = (struct pollfd){ s->peers[i].fd, POLLIN, 0 };
		poll(fds, PEERS_MAX + 2, -1);
		if (fds[1].revents)
			return NULL;
		pthread_mutex_lock(&s->lock);
		for (unsigned i = 0; i < PEERS_MAX; i++) {
			if (fds[i + 2].revents && s->peers[i].fd >= 0)
				take_bytes(&s->peers[i]);
			if (s->peers[i].fd >= 0)
				take_request(s, &s->peers[i]);
		}
		for (unsigned i = 0; i < PEERS_MAX && s->request_count >= s->hold_until; i++)
			if (s->peers[i].waiting)
				answer(s, &s->peers[i]);
		if (fds[0].revents)
			take_peer(s);
		pthread_mutex_unlock(&s->lock);
	}
}

struct scripted *scripted_start(void)
{
	struct scripted *s = calloc(1, sizeof *s);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert(s->fd >= 0 && !bind(s->fd, (struct sockaddr *)&a, n) && !listen(s->fd, 64));
	cr_assert(!getsockname(s->fd, (struct sockaddr *)&a, &n) && !pipe(s->wake));
	snprintf(s->port, sizeof s->port, "%u", (unsigned)ntohs(a.sin_port));
	snprintf(s->url, sizeof s->url, "http://127.0.0.1:%s", s->port);
	for (unsigned i = 0; i < PEERS_MAX; i++)
		s->peers[i].fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	cr_assert_eq(pthread_create(&s->thread, NULL, run, s), 0);
	return s;
}

void scripted_stop(struct scripted *s)
{
	if (!s)
		return;
	cr_assert_eq(write(s->wake[1], "x", 1), 1);
	pthread_join(s->thread, NULL);
	scripted_clear(s);
	for (unsigned i = 0; i < PEERS_MAX; i++)
		if (s->peers[i].fd >= 0)
			drop(&s->peers[i]);
	close(s->fd);
	close(s->wake[0]);
	close(s->wake[1]);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

const char *scripted_url(const struct scripted *s)
{
	return s->url;
}

void scripted_answer(struct scripted *s, const char *begins, const char *raw)
{
	pthread_mutex_lock(&s->lock);
	cr_assert_lt(s->answer_count, ANSWERS_MAX);
	s->answers[s->answer_count].begins = strdup(begins);
	s->answers[s->answer_count++].raw = strdup(raw);
	pthread_mutex_unlock(&s->lock);
}

void scripted_hold_until(struct scripted *s, unsigned requests)
{
	pthread_mutex_lock(&s->lock);
	s->hold_until = requests;
	pthread_mutex_unlock(&s->lock);
}

unsigned scripted_count(struct scripted *s)
{
	pthread_mutex_lock(&s->lock);
	unsigned n = s->request_count;
	pthread_mutex_unlock(&s->lock);
	return n;
}

const char *scripted_request(struct scripted *s, unsigned n)
{
	pthread_mutex_lock(&s->lock);
	const char *text = n < s->request_count ? s->requests[n] : "(no such request)";
	pthread_mutex_unlock(&s->lock);
	return text;
}

unsigned scripted_connections(struct scripted *s)
{
	pthread_mutex_lock(&s->lock);
	unsigned n = s->connections;
	pthread_mutex_unlock(&s->lock);
	return n;
}

void scripted_clear(struct scripted *s)
{
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->request_count; i++)
		free(s->requests[i]);
	for (unsigned i = 0; i < s->answer_count; i++) {
		free(s->answers[i].begins);
		free(s->answers[i].raw);
	}
	s->request_count = s->answer_count = s->hold_until = 0;
	pthread_mutex_unlock(&s->lock);
}
