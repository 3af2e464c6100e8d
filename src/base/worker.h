/* A thread that works through something by itself, with pauses that a stop cuts short. Embedded in its owner.
 * Threads: pause and breathe are the worker's own; the others belong to who starts and stops it, but for is_stopping. */
#ifndef BASE_WORKER_H
#define BASE_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct worker {
	pthread_t thread;
	pthread_mutex_t lock; /* stopping */
	pthread_cond_t stop;
	bool started, stopping;
	int64_t began_ns; /* the worker's: to work, since the last pause */
};

void worker_init(struct worker *w);
void worker_fini(struct worker *w); /* after worker_stop */

NODISCARD enum err worker_start(
    struct worker *w, const char *name, void *(*run)(void *), void *arg, struct errbuf *eb); /* as thread_start; once */
void worker_stop(struct worker *w); /* and waits for its end; also of one that was not started */

bool worker_is_stopping(struct worker *w); /* any thread */
bool worker_pause(struct worker *w, int64_t ns); /* false: stopping */
/* Between two steps: after 20 ms of work a pause as long, so that it takes half of a core at most. False: stopping. */
bool worker_breathe(struct worker *w);

#endif
