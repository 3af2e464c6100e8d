/* Collects this machine's own metrics at an interval, by a table of collectors; one that fails is counted and logged
 * once, the others go on. Own thread. */
#ifndef EDGE_COLLECT_H
#define EDGE_COLLECT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/statvfs.h>

#include "base/err.h"
#include "base/view.h"

struct collect;

struct collect_opts {
	const char *proc, *sys; /* NULL: /proc and /sys; recorded trees in tests. No collector reads sys yet */
	const char *utmp; /* who is logged in; NULL: /run/utmp */
	const char *host; /* the tag; copied, as are the paths */
	int64_t interval_ns;
	int (*statvfs)(const char *path, struct statvfs *out); /* NULL: the system's */
	/* Takes a round's line protocol; false if it could not be kept, which is counted. On the collecting thread. */
	bool (*sink)(void *arg, struct view lines, uint64_t points);
	void *sink_arg;
};

#define COLLECT_MAX 32

struct collect_stats {
	int64_t last_ns; /* wall clock of the last round's timestamp; 0: none yet */
	double values_per_s;
	unsigned count;
	struct {
		const char *name;
		bool ok;
		uint32_t values, took_us; /* of the last round */
		char error[128]; /* "" when ok */
	} collector[COLLECT_MAX];
};

/* The first round comes within an interval. */
NODISCARD enum err collect_start(struct collect **out, const struct collect_opts *opts, struct errbuf *eb);
void collect_stop(struct collect *c); /* waits for a round that runs; NULL is fine */
void collect_stats(struct collect *c, struct collect_stats *out); /* any thread */

#endif
