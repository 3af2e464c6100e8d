#include "query/local.h"

#include <stdlib.h>

#include "query/local_part.h"
#include "store/aside.h"

enum err local_new(struct local **out, const struct local_opts *opts, struct errbuf *eb)
{
	struct local *l = calloc(1, sizeof *l);

	*out = NULL;
	if (!l)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	pthread_mutex_init(&l->lock, NULL);
	l->opts = *opts;
	if (!l->opts.query_max_bytes)
		l->opts.query_max_bytes = (size_t)64 << 20;
	l->spool_path = strdup(opts->spool_path);
	l->store_path = opts->store_path ? strdup(opts->store_path) : NULL;
	if (!l->spool_path || (opts->store_path && !l->store_path)) {
		local_free(l);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	*out = l;
	return ERR_OK;
}

static void close_files(struct local_files *f)
{
	spool_reader_close(f->spool);
	store_reader_close(f->store);
	block_unpacker_free(f->unpacker);
	*f = (struct local_files){ 0 };
}

void local_free(struct local *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < l->spare_count; i++)
		close_files(&l->spare[i]);
	pthread_mutex_destroy(&l->lock);
	free(l->spool_path);
	free(l->store_path);
	free(l);
}

enum err local_take_files(struct local *l, struct local_files *f, struct errbuf *eb)
{
	enum err e = ERR_OK;

	*f = (struct local_files){ 0 };
	pthread_mutex_lock(&l->lock);
	if (l->spare_count)
		*f = l->spare[--l->spare_count];
	pthread_mutex_unlock(&l->lock);
	if (!f->spool)
		e = spool_reader_open(&f->spool, l->spool_path, eb);
	if (e == ERR_OK && !f->store && l->store_path)
		e = store_reader_open(&f->store, l->store_path, eb);
	if (e == ERR_OK && !f->unpacker && block_unpacker_new(&f->unpacker) != ERR_OK)
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (e != ERR_OK)
		close_files(f);
	return e;
}

void local_give_files(struct local *l, struct local_files *f, bool sound)
{
	if (f->store && store_reader_met_damage(f->store)) { /* the next start sets the file aside */
		sound = false;
		aside_mark(l->store_path, "pages of the file cannot be read");
	}
	pthread_mutex_lock(&l->lock);
	if (sound && l->spare_count < LOCAL_SPARE) {
		l->spare[l->spare_count++] = *f;
		*f = (struct local_files){ 0 };
	}
	pthread_mutex_unlock(&l->lock);
	close_files(f);
}
