/* A small HTTP client on raw sockets, for tests of the server: it sends exactly what it is told. */
#ifndef TESTS_SUPPORT_CLIENT_H
#define TESTS_SUPPORT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reply {
	int status; /* 0: the connection ended without an answer */
	char *head; /* terminated */
	char *body; /* terminated; length by Content-Length */
	size_t body_len;
	bool whole; /* as much body as Content-Length says */
};

int client_connect(uint16_t port); /* aborts the test on failure */
void client_send(int fd, const void *p, size_t n);
void client_say(int fd, const char *text);
/* One answer, at most timeout_ms between bytes. no_body: it answers HEAD. */
struct reply client_receive(int fd, int timeout_ms, bool no_body);
void reply_free(struct reply *r);
/* The header's value copied into out, or "". */
const char *reply_header(const struct reply *r, const char *name, char out[256]);

/* A request on a connection of its own. headers: lines with \r\n, or "". body may be NULL. */
struct reply client_request(
    uint16_t port, const char *method, const char *target, const char *headers, const void *body, size_t len);

#endif
