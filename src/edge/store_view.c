#include "edge/store_view.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

#define KEEP_NS (10 * NS_PER_S)

struct store_view {
	pthread_mutex_t lock; /* all below, held while the file is read: one at a time is enough */
	struct store_reader *reader;
	struct store_tier_totals totals[TIERS];
	int64_t read_ns; /* 0: never */
};

enum err store_view_open(struct store_view **out, const char *store_path, struct errbuf *eb)
{
	struct store_view *v = calloc(1, sizeof *v);

	*out = NULL;
	if (!v)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	pthread_mutex_init(&v->lock, NULL);
	enum err e = store_reader_open(&v->reader, store_path, eb);
	if (e != ERR_OK) {
		store_view_close(v);
		return e;
	}
	*out = v;
	return ERR_OK;
}

void store_view_close(struct store_view *v)
{
	if (!v)
		return;
	store_reader_close(v->reader);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

enum err store_view_totals(struct store_view *v, bool fresh, struct store_tier_totals out[TIERS], struct errbuf *eb)
{
	enum err e = ERR_OK;

	pthread_mutex_lock(&v->lock);
	int64_t now = clock_mono_ns();
	if (fresh || v->read_ns == 0 || now - v->read_ns > KEEP_NS) {
		e = store_reader_totals(v->reader, v->totals, eb);
		v->read_ns = e == ERR_OK ? now : 0;
	}
	memcpy(out, v->totals, sizeof v->totals);
	pthread_mutex_unlock(&v->lock);
	return e;
}
