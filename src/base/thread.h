/* Named threads with signals blocked: only the main thread takes signals. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

#include "base/err.h"

/* name: at most 15 bytes, as shown by ps and gdb. Join it. */
NODISCARD enum err thread_start(pthread_t *out, const char *name, void *(*run)(void *), void *arg, struct errbuf *eb);

#endif
