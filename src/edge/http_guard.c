/* civetweb keeps its sockets to itself, so a connection that must end is found by its two addresses among this
 * process's descriptors and shut down; its worker then sees the end of the stream and closes it in the usual way.
 * The lock is held while cutting: a worker ends its slot before civetweb closes the connection, so the descriptor that
 * is found is the one that was meant. */
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/num.h"
#include "base/thread.h"
#include "edge/http_internal.h"

struct slot {
	int64_t deadline_ns; /* monotonic; 0: none */
	int peer_port, own_port;
	char peer[48];
};

struct http_guard {
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t wake;
	pthread_t thread;
	bool stop;
	unsigned slot_count, taken;
	void (*each_second)(void *arg);
	void *arg;
	struct slot slots[];
};

static bool is_connection(int fd, const struct slot *s)
{
	struct sockaddr_in peer = { 0 }, own = { 0 };
	socklen_t n = sizeof peer, m = sizeof own;
	char text[INET_ADDRSTRLEN];

	return getpeername(fd, (struct sockaddr *)&peer, &n) == 0 && peer.sin_family == AF_INET &&
	    ntohs(peer.sin_port) == s->peer_port && getsockname(fd, (struct sockaddr *)&own, &m) == 0 &&
	    ntohs(own.sin_port) == s->own_port && inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text) &&
	    !strcmp(text, s->peer);
}

static int find(const struct slot *s)
{
	DIR *fds = opendir("/proc/self/fd");
	int found = -1;
	struct dirent *d;
	uint64_t fd;

	while (fds && found < 0 && (d = readdir(fds)) != NULL)
		if (num_parse_u64(view_of(d->d_name), &fd) && is_connection((int)fd, s))
			found = (int)fd;
	if (fds)
		closedir(fds);
	return found;
}

static void tell(const struct slot *s)
{
	counter_add(COUNTER_HTTP_CUT_OFF, 1);
	log_info("http: a request of %s:%d took too long and was ended", s->peer, s->peer_port);
}

static void cut_off(const struct slot *s)
{
	int fd = find(s);

	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	tell(s);
}

static void *run(void *arg)
{
	struct http_guard *g = arg;

	pthread_mutex_lock(&g->lock);
	while (!g->stop) {
		int64_t now = clock_mono_ns();
		for (unsigned i = 0; i < g->taken; i++) {
			struct slot *s = &g->slots[i];
			if (s->deadline_ns && s->deadline_ns <= now) {
				cut_off(s);
				s->deadline_ns = 0;
			}
		}
		pthread_mutex_unlock(&g->lock);
		if (g->each_second)
			g->each_second(g->arg);
		pthread_mutex_lock(&g->lock);
		int64_t until = clock_mono_ns() + NS_PER_S;
		while (!g->stop && clock_cond_wait(&g->wake, &g->lock, until))
			;
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

enum err http_guard_start(
    struct http_guard **out, unsigned slots, void (*each_second)(void *), void *arg, struct errbuf *eb)
{
	struct http_guard *g = calloc(1, sizeof *g + slots * sizeof g->slots[0]);

	*out = NULL;
	if (!g)
		return errbuf_set(eb, ERR_NOMEM, "no memory for the HTTP server");
	g->slot_count = slots;
	g->each_second = each_second;
	g->arg = arg;
	pthread_mutex_init(&g->lock, NULL);
	clock_cond_init(&g->wake);
	enum err e = thread_start(&g->thread, "http-guard", run, g, eb);
	if (e) {
		pthread_cond_destroy(&g->wake);
		pthread_mutex_destroy(&g->lock);
		free(g);
		return e;
	}
	*out = g;
	return ERR_OK;
}

void http_guard_stop(struct http_guard *g)
{
	if (!g)
		return;
	pthread_mutex_lock(&g->lock);
	g->stop = true;
	pthread_cond_signal(&g->wake);
	pthread_mutex_unlock(&g->lock);
	pthread_join(g->thread, NULL);
	pthread_cond_destroy(&g->wake);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

int http_guard_take(struct http_guard *g)
{
	int slot = -1;

	pthread_mutex_lock(&g->lock);
	if (g->taken < g->slot_count)
		slot = (int)g->taken++;
	pthread_mutex_unlock(&g->lock);
	return slot;
}

static void name_connection(struct slot *s, const struct mg_request_info *info)
{
	s->peer_port = info->remote_port;
	s->own_port = info->server_port;
	memcpy(s->peer, info->remote_addr, sizeof s->peer);
	s->peer[sizeof s->peer - 1] = 0;
}

int http_guard_find(const struct mg_request_info *info)
{
	struct slot s = { 0 };

	name_connection(&s, info);
	return find(&s);
}

void http_guard_set(struct http_guard *g, int slot, const struct mg_request_info *info, int64_t timeout_ns)
{
	if (slot < 0)
		return;
	struct slot *s = &g->slots[slot];
	int64_t deadline = timeout_ns ? clock_mono_ns() + timeout_ns : 0;

	pthread_mutex_lock(&g->lock);
	s->deadline_ns = deadline;
	if (deadline)
		name_connection(s, info);
	pthread_mutex_unlock(&g->lock);
}

void http_guard_gave_up(struct http_guard *g, int slot, int64_t began_ns, int64_t silence_ns)
{
	if (slot < 0 || clock_mono_ns() - began_ns < silence_ns - silence_ns / 10)
		return;
	struct slot *s = &g->slots[slot];
	pthread_mutex_lock(&g->lock);
	if (s->deadline_ns) /* else it was the guard */
		tell(s);
	s->deadline_ns = 0;
	pthread_mutex_unlock(&g->lock);
}
