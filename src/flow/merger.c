#include "flow/merger.h"

#include "base/log.h"
#include "store/aside.h"

void merger_init(struct merger *m, struct store *s, struct compaction *c)
{
	*m = (struct merger){ .store = s, .compaction = c };
	arena_init(&m->arena, 64 << 10, (size_t)256 << 20);
}

void merger_fini(struct merger *m)
{
	arena_fini(&m->arena);
}

enum err merger_list(struct merger *m, struct store_pending **pending, uint32_t *count, struct errbuf *eb)
{
	arena_clear(&m->arena);
	return store_reader_pending(store_own_reader(m->store), &m->arena, pending, count, eb);
}

bool merger_leaves(const struct merger *m, const struct store_place *p)
{
	for (unsigned i = 0; i < m->left_count; i++) {
		const struct store_place *s = &m->left[i];
		if (s->tier == p->tier && s->window == p->window && s->measurement == p->measurement)
			return true;
	}
	return m->left_count == MERGER_LEFT_MAX;
}

enum err merger_merge(struct merger *m, const struct store_place *p, bool *left, struct errbuf *eb)
{
	*left = merger_leaves(m, p);
	if (*left)
		return ERR_OK;
	enum err e = compaction_merge(m->compaction, p, eb);
	if (e != ERR_CORRUPT && e != ERR_NOMEM)
		return e;
	log_error("compaction: %s; its place is left as it is until the next start", eb->text);
	if (e == ERR_CORRUPT)
		aside_mark(store_path(m->store), eb->text);
	m->left[m->left_count++] = *p;
	*left = true;
	return ERR_OK;
}
