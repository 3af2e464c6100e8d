#include "base/worker.h"

#include "base/clock.h"
#include "base/thread.h"

#define WORK_NS (20 * NS_PER_MS)

void worker_init(struct worker *w)
{
	*w = (struct worker){ 0 };
	pthread_mutex_init(&w->lock, NULL);
	clock_cond_init(&w->stop);
}

void worker_fini(struct worker *w)
{
	pthread_cond_destroy(&w->stop);
	pthread_mutex_destroy(&w->lock);
}

enum err worker_start(struct worker *w, const char *name, void *(*run)(void *), void *arg, struct errbuf *eb)
{
	w->began_ns = clock_mono_ns();
	enum err e = thread_start(&w->thread, name, run, arg, eb);
	w->started = e == ERR_OK;
	return e;
}

void worker_stop(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	pthread_cond_broadcast(&w->stop);
	pthread_mutex_unlock(&w->lock);
	if (w->started)
		pthread_join(w->thread, NULL);
	w->started = false;
}

bool worker_is_stopping(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	bool stopping = w->stopping;
	pthread_mutex_unlock(&w->lock);
	return stopping;
}

bool worker_pause(struct worker *w, int64_t ns)
{
	int64_t until = clock_mono_ns() + ns;

	pthread_mutex_lock(&w->lock);
	while (!w->stopping && clock_cond_wait(&w->stop, &w->lock, until)) {
		/* woken for nothing */
	}
	bool stopping = w->stopping;
	pthread_mutex_unlock(&w->lock);
	w->began_ns = clock_mono_ns();
	return !stopping;
}

bool worker_breathe(struct worker *w)
{
	return clock_mono_ns() - w->began_ns >= WORK_NS ? worker_pause(w, WORK_NS) : !worker_is_stopping(w);
}
