/* A proxy before one HTTP server on loopback that does on command what a server can't be made to do.
 *
 *	fault_server UPSTREAM_PORT [LOG]        prints "PORT CONTROL_PORT"; a line a request goes to LOG
 *	GET CONTROL/set?fault=NAME&arg=N&times=N&then=NAME&percent=N&path=/PREFIX    from the next request on
 *	GET CONTROL/counts                      JSON: what it did so far
 *
 *	pass                    everything goes through
 *	refuse                  connections are refused, those there are broken
 *	error unready busy      500; 503 and 429 with Retry-After: arg (1)
 *	denied full             401; 500 with the words of InfluxDB on a full disk
 *	reset                   half of the body is read, then the connection is reset
 *	half                    the body is read, half an answer comes, then the end
 *	html                    200 with a page, as a captive portal has it
 *	slow trickle            passes, but arg ms (500) late; passes, but the answer comes a byte each arg ms (50)
 *	hang                    says nothing until the fault is changed
 *	swallow                 passes, but the answer is lost: the client will send it again
 *	lie                     204, and nothing was done: for proving that a test sees a loss
 *
 * times: so many requests, then another (pass; 0: for ever). percent: of requests that suffer it (100); the others pass, as
 * do those to other paths.
 * One thread a connection. When the upstream is not there: 502. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fault_relay.h"

enum { CONNECTIONS_MAX = 1024 };
enum fault {
	PASS,
	REFUSE,
	ERROR,
	UNREADY,
	BUSY,
	DENIED,
	FULL,
	RESET,
	HALF,
	HTML,
	SLOW,
	TRICKLE,
	HANG,
	SWALLOW,
	LIE,
	FAULTS
};
static const char *const names[FAULTS] = { "pass", "refuse", "error", "unready", "busy", "denied", "full", "reset",
	"half", "html", "slow", "trickle", "hang", "swallow", "lie" };
static const long default_arg[FAULTS] = { [UNREADY] = 1, [BUSY] = 1, [SLOW] = 500, [TRICKLE] = 50 };

static struct {
	pthread_mutex_t lock;
	enum fault fault, then;
	long arg, times, percent;
	char path[64];
	uint64_t random;
	uint64_t count[FAULTS]; /* requests that met it */
	uint64_t writes[6]; /* answers of the upstream to writes, by the status' first digit; 0: none */
	uint64_t connections;
	int client[CONNECTIONS_MAX]; /* those there are; 0: a free place */
} now = { .lock = PTHREAD_MUTEX_INITIALIZER, .percent = 100, .random = 88172645463325252 };
static atomic_uint changes; /* of the fault */
static int upstream_port, listener;
static struct sockaddr_in listen_at;
static FILE *log_file;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Waits for so long, or for ever (-1), but not longer than the fault lasts and the client stays. */
static void wait_ms(int client, long ms)
{
	unsigned began = changes;
	struct pollfd p = { client, POLLRDHUP, 0 };

	while (ms && changes == began) {
		long step = ms < 0 || ms > 20 ? 20 : ms;
		if (poll(&p, 1, (int)step) > 0)
			return;
		ms -= ms < 0 ? 0 : step;
	}
}

struct visit { /* a client's connection */
	struct stream client, upstream;
	struct head request, reply;
	unsigned place;
};

static bool dial(struct visit *v)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)upstream_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;

	v->upstream.at = v->upstream.end = 0;
	v->upstream.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (v->upstream.fd >= 0 && connect(v->upstream.fd, (struct sockaddr *)&a, sizeof a) == 0) {
		setsockopt(v->upstream.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		return true;
	}
	close(v->upstream.fd);
	v->upstream.fd = -1;
	return false;
}

static void hang_up(struct visit *v)
{
	if (v->upstream.fd >= 0)
		close(v->upstream.fd);
	v->upstream.fd = -1;
}

/* A connection that was kept may have been left by the server since. */
static bool is_left(int fd)
{
	char c;

	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* The request goes on, its answer comes back. False: the connection is of no more use. */
static bool forward(struct visit *v, const struct sink *to)
{
	struct sink up = { -1, 0 };

	v->reply.status = 0;
	if (v->upstream.fd >= 0 && is_left(v->upstream.fd))
		hang_up(v);
	if (v->upstream.fd < 0 && !dial(v))
		return relay_body(&v->client, &v->request, &up) &&
		    answer(v->client.fd, "502 Bad Gateway", "", "the server behind is not there\n");
	up.fd = v->upstream.fd;
	if (!put(up.fd, v->request.text, v->request.len) || !relay_body(&v->client, &v->request, &up) ||
	    !read_head(&v->upstream, &v->reply)) {
		hang_up(v);
		return false;
	}
	bool body = v->reply.status != 204 && v->reply.status != 304 && strncmp(v->request.text, "HEAD", 4);
	bool ok = give(to, v->reply.text, v->reply.len) && (!body || relay_body(&v->upstream, &v->reply, to));
	if (!ok || v->reply.close)
		hang_up(v);
	return ok && !v->reply.close;
}

static void reset(int fd)
{
	struct linger now_ = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now_, sizeof now_);
}

/* ---- what is done to a request ---- */

static bool is_write(const struct head *request)
{
	return strstr(request->text, "/write") && !strncmp(request->text, "POST", 4);
}

static enum fault choose(const struct head *request, long *arg)
{
	enum fault f;
	const char *path = strchr(request->text, ' ');

	pthread_mutex_lock(&now.lock);
	f = now.fault;
	*arg = now.arg;
	now.random ^= now.random << 13;
	now.random ^= now.random >> 7;
	now.random ^= now.random << 17;
	if (!path || strncmp(path + 1, now.path, strlen(now.path)) || now.random % 100 >= (uint64_t)now.percent) {
		f = PASS;
	} else if (now.times && --now.times == 0) {
		now.fault = now.then;
		now.arg = default_arg[now.then];
	}
	now.count[f]++;
	pthread_mutex_unlock(&now.lock);
	return f;
}

static void note(const struct visit *v, enum fault f, bool forwarded)
{
	int digit = forwarded ? v->reply.status / 100 : 0;

	pthread_mutex_lock(&now.lock);
	if (forwarded && is_write(&v->request))
		now.writes[digit >= 0 && digit <= 5 ? digit : 0]++;
	if (log_file) {
		struct timespec t;
		clock_gettime(CLOCK_REALTIME, &t);
		fprintf(log_file, "%lld.%03ld %s %.*s %llu %d\n", (long long)t.tv_sec, t.tv_nsec / 1000000, names[f],
		    (int)strcspn(v->request.text, "?\r"), v->request.text, (unsigned long long)v->request.length,
		    forwarded ? v->reply.status : 0);
		fflush(log_file);
	}
	pthread_mutex_unlock(&now.lock);
}

static bool canned(struct visit *v, enum fault f, long arg)
{
	static const struct sink nowhere = { -1, 0 };
	int fd = v->client.fd;
	char wait[64];

	if (!relay_body(&v->client, &v->request, &nowhere))
		return false;
	snprintf(wait, sizeof wait, "Retry-After: %ld\r\n", arg);
	switch (f) {
	case ERROR:
		return answer(fd, "500 Internal Server Error", "", "{\"error\":\"timeout\"}\n");
	case UNREADY:
		return answer(
		    fd, "503 Service Unavailable", wait, "{\"error\":\"engine: cache-max-memory-size exceeded\"}\n");
	case BUSY:
		return answer(fd, "429 Too Many Requests", wait, "{\"error\":\"too many requests\"}\n");
	case DENIED:
		return answer(fd, "401 Unauthorized", "", "{\"error\":\"authorization failed\"}\n");
	case FULL:
		return answer(fd, "500 Internal Server Error", "",
		    "{\"error\":\"engine: error writing WAL entry: write /wal/metrics/autogen/1/_00001.wal: no space left on device\"}\n");
	case HTML:
		return answer(fd, "200 OK", "Content-Type: text/html\r\n", "<html><body>Please log in</body></html>\n");
	case LIE:
		return put(fd, "HTTP/1.1 204 No Content\r\n\r\n", 27);
	case HALF:
		(void)put(fd, "HTTP/1.1 204 No Cont", 20);
		return false;
	default:
		return false;
	}
}

/* False: the connection ends. */
static bool suffer(struct visit *v, enum fault f, long arg)
{
	struct sink to = { v->client.fd, 0 }, nowhere = { -1, 0 };
	bool ok;

	switch (f) {
	case PASS:
	case SLOW:
	case TRICKLE:
	case SWALLOW:
		if (f == SLOW)
			wait_ms(v->client.fd, arg);
		to.trickle_ms = f == TRICKLE ? arg : 0;
		ok = forward(v, f == SWALLOW ? &nowhere : &to);
		note(v, f, true);
		if (f == SWALLOW)
			reset(v->client.fd);
		return ok && f != SWALLOW;
	case RESET:
		(void)relay(&v->client, &nowhere, v->request.length / 2);
		reset(v->client.fd);
		break;
	case HANG:
		wait_ms(v->client.fd, -1);
		break;
	case REFUSE:
		reset(v->client.fd);
		break;
	default:
		ok = canned(v, f, arg);
		note(v, f, false);
		return ok;
	}
	note(v, f, false);
	return false;
}

static void *serve(void *arg)
{
	struct visit *v = arg;
	long fault_arg;

	while (read_head(&v->client, &v->request)) {
		enum fault f = choose(&v->request, &fault_arg);
		if (strcasestr(v->request.text, "\nexpect: 100") &&
		    !put(v->client.fd, "HTTP/1.1 100 Continue\r\n\r\n", 25))
			break;
		if (!suffer(v, f, fault_arg) || v->request.close)
			break;
	}
	hang_up(v);
	pthread_mutex_lock(&now.lock);
	now.client[v->place] = 0;
	pthread_mutex_unlock(&now.lock);
	close(v->client.fd);
	free(v);
	return NULL;
}

/* ---- listening ---- */

static int open_listener(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	socklen_t n = sizeof *at;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
	    bind(fd, (struct sockaddr *)at, sizeof *at) || listen(fd, 128) ||
	    getsockname(fd, (struct sockaddr *)at, &n))
		die("listen");
	return fd;
}

/* A socket that keeps its port and does not listen refuses. */
static void stop_listening(void)
{
	shutdown(listener, SHUT_RDWR);
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
		if (now.client[i]) {
			reset(now.client[i]);
			shutdown(now.client[i], SHUT_RDWR);
		}
}

static void visit_begins(int fd)
{
	struct visit *v = calloc(1, sizeof *v);
	pthread_t t;
	int one = 1;

	if (!v)
		die("memory");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	v->client.fd = fd;
	v->upstream.fd = -1;
	pthread_mutex_lock(&now.lock);
	while (v->place < CONNECTIONS_MAX && now.client[v->place])
		v->place++;
	if (v->place < CONNECTIONS_MAX)
		now.client[v->place] = fd;
	now.connections++;
	pthread_mutex_unlock(&now.lock);
	if (v->place == CONNECTIONS_MAX || pthread_create(&t, NULL, serve, v)) {
		close(fd);
		free(v);
		return;
	}
	pthread_detach(t);
}

static void *accept_all(void *arg)
{
	(void)arg;
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0) {
			usleep(5000); /* it refuses at the moment */
			continue;
		}
		visit_begins(fd);
	}
	return NULL;
}

/* ---- control ---- */

static bool parameter(const char *query, const char *name, char *out, size_t size)
{
	size_t n = strlen(name);

	for (const char *p = query; p && *p; p = strpbrk(p, "&")) {
		p += *p == '&' || *p == '?';
		if (!strncmp(p, name, n) && p[n] == '=') {
			snprintf(out, size, "%.*s", (int)strcspn(p + n + 1, "& "), p + n + 1);
			return true;
		}
	}
	return false;
}

static enum fault find(const char *query, const char *name)
{
	char text[64];
	enum fault f = 0;

	if (!parameter(query, name, text, sizeof text))
		return FAULTS;
	while (f < FAULTS && strcmp(names[f], text))
		f++;
	return f;
}

static bool set(const char *query)
{
	char text[64];
	enum fault f = find(query, "fault"), then = find(query, "then");

	if (f == FAULTS || then == REFUSE)
		return false;
	pthread_mutex_lock(&now.lock);
	bool refused = now.fault == REFUSE;
	now.fault = f;
	now.then = then == FAULTS ? PASS : then;
	now.arg = parameter(query, "arg", text, sizeof text) ? strtol(text, NULL, 10) : default_arg[f];
	now.times = parameter(query, "times", text, sizeof text) ? strtol(text, NULL, 10) : 0;
	now.percent = parameter(query, "percent", text, sizeof text) ? strtol(text, NULL, 10) : 100;
	if (!parameter(query, "path", now.path, sizeof now.path))
		now.path[0] = 0;
	if (parameter(query, "seed", text, sizeof text))
		now.random ^= strtoull(text, NULL, 10) * 0x9E3779B97F4A7C15;
	if (f == REFUSE && !refused)
		stop_listening();
	else if (f != REFUSE && refused && listen(listener, 128))
		die("listen again");
	changes++;
	pthread_mutex_unlock(&now.lock);
	return true;
}

static void counts(char *out, size_t size)
{
	size_t n = 0;

	pthread_mutex_lock(&now.lock);
	n += (size_t)snprintf(out + n, size - n, "{\"fault\":\"%s\",\"connections\":%llu,\"requests\":{",
	    names[now.fault], (unsigned long long)now.connections);
	for (int i = 0; i < FAULTS; i++)
		n += (size_t)snprintf(
		    out + n, size - n, "%s\"%s\":%llu", i ? "," : "", names[i], (unsigned long long)now.count[i]);
	n += (size_t)snprintf(out + n, size - n,
	    "},\"writes\":{\"2xx\":%llu,\"4xx\":%llu,\"5xx\":%llu,\"none\":%llu}}\n", (unsigned long long)now.writes[2],
	    (unsigned long long)now.writes[4], (unsigned long long)now.writes[5], (unsigned long long)now.writes[0]);
	pthread_mutex_unlock(&now.lock);
}

static void control(int fd)
{
	static struct stream s;
	static struct head h;
	char text[1024];

	s = (struct stream){ .fd = fd };
	if (!read_head(&s, &h))
		return;
	char *path = strchr(h.text, ' ');
	char *query = path ? strchr(path, '?') : NULL;
	if (path && !strncmp(path, " /counts", 8)) {
		counts(text, sizeof text);
		(void)answer(fd, "200 OK", "Connection: close\r\n", text);
	} else if (query && !strncmp(path, " /set?", 6) && set(query)) {
		(void)answer(fd, "200 OK", "Connection: close\r\n", "");
	} else {
		(void)answer(fd, "400 Bad Request", "Connection: close\r\n", "see the head of fault_server.c\n");
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in control_at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	pthread_t t;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: fault_server UPSTREAM_PORT [LOG]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	upstream_port = (int)strtol(argv[1], NULL, 10);
	if (argc > 2 && !(log_file = fopen(argv[2], "w")))
		die(argv[2]);
	listen_at = control_at;
	int control_fd = open_listener(&control_at);
	/* bound once more by its number: a port that the system chose is lost when listening ends */
	close(open_listener(&listen_at));
	listener = open_listener(&listen_at);
	printf("%u %u\n", ntohs(listen_at.sin_port), ntohs(control_at.sin_port));
	fflush(stdout);
	if (pthread_create(&t, NULL, accept_all, NULL))
		die("thread");
	for (;;) {
		int fd = accept4(control_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		control(fd);
		close(fd);
	}
}
