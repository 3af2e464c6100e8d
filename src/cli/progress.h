/* A line on standard error that says how far a long command has got; nothing if that is not a terminal. One thread. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool shown, drawn;
	int64_t began_ns, next_ns; /* monotonic */
};

void progress_init(struct progress *p);
/* At most twice a second. total: 0 if it is not known; what: "points" and so on, with their count, or NULL. */
void progress_show(struct progress *p, uint64_t bytes, uint64_t total, const char *what, uint64_t count);
void progress_clear(struct progress *p); /* before any other line */

#endif
