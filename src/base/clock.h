/* The only place that asks what time it is. Intervals on the monotonic clock; the wall clock for timestamps.
 * Tests replace both with clock_fake. Any thread. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)

int64_t clock_wall_ns(void); /* since the epoch */
int64_t clock_mono_ns(void); /* since some start */

/* From now on both clocks stand at the given times until set again; clock_real ends it. */
void clock_fake(int64_t wall_ns, int64_t mono_ns);
void clock_real(void);

/* A condition that waits on the monotonic clock. */
void clock_cond_init(pthread_cond_t *cond);
/* False when deadline_ns (monotonic) has passed. Waits in real time, also while the clock is faked. */
bool clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ns);

#endif
