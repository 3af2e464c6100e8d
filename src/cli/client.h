/* HTTP to the daemon. One thread. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

struct client {
	const char *url;
	void *curl;
};

struct client_answer {
	int status;
	int retry_after_s;
	struct buf body;
};

NODISCARD enum err client_open(struct client *c, const char *url, struct errbuf *eb);
void client_close(struct client *c);
/* path with its parameters, as sent; body NULL: GET. ERR_UNAVAILABLE: no answer; eb says what to do. */
NODISCARD enum err client_ask(
    struct client *c, const char *path, const struct view *body, struct client_answer *a, struct errbuf *eb);
void client_answer_fini(struct client_answer *a);
/* GET that must answer 200 with JSON; the error's own words otherwise. *exit_code: EXIT_BAD or EXIT_UNREACHABLE then. */
json_t *client_get(struct client *c, const char *path, int *exit_code);
/* Appends &name=value (or ? for the first), escaped. value NULL: nothing. */
void client_add_parameter(struct buf *path, const char *name, const char *value);
void client_add_segment(struct buf *path, const char *segment); /* "/" and the escaped segment */

int complain(int exit_code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
