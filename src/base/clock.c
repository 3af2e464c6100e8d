#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

static atomic_bool faked;
static _Atomic int64_t fake_wall_ns, fake_mono_ns;

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_wall_ns(void)
{
	return atomic_load_explicit(&faked, memory_order_relaxed) ? atomic_load(&fake_wall_ns)
								  : read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_ns(void)
{
	return atomic_load_explicit(&faked, memory_order_relaxed) ? atomic_load(&fake_mono_ns)
								  : read_clock(CLOCK_MONOTONIC);
}

void clock_fake(int64_t wall_ns, int64_t mono_ns)
{
	atomic_store(&fake_wall_ns, wall_ns);
	atomic_store(&fake_mono_ns, mono_ns);
	atomic_store(&faked, true);
}

void clock_real(void)
{
	atomic_store(&faked, false);
}

void clock_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

bool clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ns)
{
	struct timespec t = { .tv_sec = deadline_ns / NS_PER_S, .tv_nsec = deadline_ns % NS_PER_S };

	return pthread_cond_timedwait(cond, lock, &t) != ETIMEDOUT;
}
