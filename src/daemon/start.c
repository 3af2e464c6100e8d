#include "daemon/start.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum err start_find_host(const struct config *c, char *out, size_t size, struct errbuf *eb)
{
	if (*c->collect.host) {
		snprintf(out, size, "%s", c->collect.host);
		return ERR_OK;
	}
	if (gethostname(out, size - 1))
		return errbuf_set(
		    eb, ERR_IO, "cannot tell this machine's name: %s; set [collect] host", strerror(errno));
	return ERR_OK;
}

enum err start_try_port(const struct config *c, struct errbuf *eb)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)c->server.listen_port) };
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	enum err e = ERR_OK;

	if (fd < 0)
		return errbuf_set(eb, ERR_IO, "cannot make a socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (inet_pton(AF_INET, c->server.listen_host, &a.sin_addr) != 1)
		e = errbuf_set(eb, ERR_INVALID, "%s is not an IPv4 address", c->server.listen_host);
	else if (bind(fd, (struct sockaddr *)&a, sizeof a))
		e = errbuf_set(eb, ERR_INVALID,
		    "cannot listen on %s:%u: %s; stop what listens there or set [server] listen", c->server.listen_host,
		    (unsigned)c->server.listen_port, strerror(errno));
	close(fd);
	return e;
}
