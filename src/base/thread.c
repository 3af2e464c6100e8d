#include "base/thread.h"

#include <signal.h>
#include <string.h>

enum err thread_start(pthread_t *out, const char *name, void *(*run)(void *), void *arg, struct errbuf *eb)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int why = pthread_create(out, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (why)
		return errbuf_set(eb, ERR_NOMEM, "cannot start the thread %s: %s", name, strerror(why));
	pthread_setname_np(*out, name);
	return ERR_OK;
}
