/* HTTP to the daemon. One thread. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include <jansson.h>
#include <signal.h>

#include "base/buf.h"
#include "base/err.h"

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

struct client {
	const char *url;
	void *curl;
	const volatile sig_atomic_t *stop; /* not 0 there: a stream is given up; or NULL */
};

struct client_answer {
	int status;
	int retry_after_s;
	struct buf body;
	/* Headers and trailers, "" where there are none. */
	char complete[8], points[24], reason[256]; /* X-Holdfast-Complete, -Points, -Reason: of an export, a query */
	char source[32], tier[8]; /* X-Holdfast-Source, -Tier: of a query */
	char size[24]; /* X-Holdfast-Size: of a backup */
	char refused[24], refused_lines[512]; /* X-Holdfast-Refused, -Refused-Lines: of a write */
};

NODISCARD enum err client_open(struct client *c, const char *url, struct errbuf *eb);
void client_close(struct client *c);
/* path with its parameters, as sent; body NULL: GET. ERR_UNAVAILABLE: no answer; eb says what to do. */
NODISCARD enum err client_ask(
    struct client *c, const char *path, const struct view *body, struct client_answer *a, struct errbuf *eb);
/* body NULL: GET; else a form is posted. The answer may be of any length: a 200's body goes piece by piece to take (false: stop), any other's to a->body.
 * ERR_UNAVAILABLE: no answer; ERR_CLOSED: take stopped it; ERR_IO: the answer broke
 * off, or the client's stop was set. */
NODISCARD enum err client_stream(struct client *c, const char *path, const struct view *body,
    bool (*take)(void *arg, struct view piece), void *arg, struct client_answer *a, struct errbuf *eb);
/* What an answer that is not 200 says, Holdfast's or InfluxDB's. EXIT_BAD, or EXIT_UNREACHABLE if it is neither. */
int client_explain(const struct client *c, const struct client_answer *a, struct errbuf *eb);
/* Tells what an answer that is not 200 says. As client_explain. */
int client_complain(const struct client *c, const struct client_answer *a);
void client_answer_fini(struct client_answer *a);
/* GET that must answer 200 with JSON; else NULL and the error's own words. *exit_code: EXIT_GOOD, or EXIT_BAD or
 * EXIT_UNREACHABLE. */
json_t *client_get(struct client *c, const char *path, int *exit_code);
/* Appends &name=value (or ? for the first), escaped. value NULL: nothing. */
void client_add_parameter(struct buf *path, const char *name, const char *value);
void client_add_escaped(struct buf *b, struct view v); /* for an address or a form */
void client_add_segment(struct buf *path, const char *segment); /* "/" and the escaped segment */

int complain(int exit_code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
