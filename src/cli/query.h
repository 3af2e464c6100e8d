/* One request to /query and its answer, in any format. One thread. */
#ifndef CLI_QUERY_H
#define CLI_QUERY_H

#include "cli/client.h"
#include "cli/show.h"

enum { QUERY_TEXT_MAX = 1 << 20 };

struct query_opts {
	const char *db; /* NULL: metrics */
	const char *epoch; /* NULL: times as text */
	const char *from; /* local, record; NULL: as the daemon chooses */
	bool utc;
	enum show_format format;
};

/* Where the answer goes. */
struct query_output {
	const struct terminal *terminal;
	bool (*write)(void *arg, struct view text); /* false: stop; exit status 1 */
	void (*complain)(void *arg, const char *text); /* errors and warnings, one by one, without a line's end */
	void *arg;
};

/* What is known at the end of a whole answer; "" where the server is not a Holdfast. */
struct query_report {
	char source[32], complete[8], tier[8], reason[256];
	uint64_t series;
	int64_t newest_ns;
	bool has_newest;
};

bool query_epoch_is_known(const char *unit);
/* text: statements. EXIT_GOOD, EXIT_BAD, EXIT_UNREACHABLE; complain has been told why. */
int query_run(struct client *c, const struct query_opts *o, struct view text, const struct query_output *out,
    struct query_report *report);
/* "local, complete, tier 1m"; nothing where nothing is known. */
void query_describe(const struct query_report *r, struct buf *out);
/* To standard output and standard error, as a command does it: with what is known of the source on the last line. */
int query_print(struct client *c, const struct query_opts *o, const struct terminal *t, struct view text);
/* The same, again and again until a signal ends it; on a terminal always in the same place. Returns only if the first answer
 * is not good, or standard output is gone. */
int query_watch(struct client *c, const struct query_opts *o, struct view text, double seconds);

#endif
