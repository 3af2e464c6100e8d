#include "base/buf_pool.h"

#include <stdlib.h>

void buf_pool_init(struct buf_pool *pool, size_t max_bytes)
{
	*pool = (struct buf_pool){ .max_bytes = max_bytes };
	pthread_mutex_init(&pool->lock, NULL);
}

static void free_all(struct buf_pool *pool)
{
	for (unsigned i = 0; i < pool->count; i++)
		free(pool->spare[i].p);
	pool->count = 0;
	pool->bytes = 0;
}

void buf_pool_fini(struct buf_pool *pool)
{
	free_all(pool);
	pthread_mutex_destroy(&pool->lock);
}

void buf_pool_take(struct buf_pool *pool, struct buf *b, size_t need)
{
	unsigned best = BUF_POOL_SPARE;

	pthread_mutex_lock(&pool->lock);
	pool->used = true;
	for (unsigned i = 0; i < pool->count; i++)
		if (pool->spare[i].cap >= need && pool->spare[i].cap <= b->max &&
		    (best == BUF_POOL_SPARE || pool->spare[i].cap < pool->spare[best].cap))
			best = i;
	if (best < BUF_POOL_SPARE) {
		b->p = pool->spare[best].p;
		b->cap = pool->spare[best].cap;
		pool->bytes -= b->cap;
		pool->spare[best] = pool->spare[--pool->count];
	}
	pthread_mutex_unlock(&pool->lock);
}

void buf_pool_give(struct buf_pool *pool, struct buf *b)
{
	pthread_mutex_lock(&pool->lock);
	if (b->p && pool->count < BUF_POOL_SPARE && b->cap <= pool->max_bytes - pool->bytes) {
		pool->spare[pool->count].p = b->p;
		pool->spare[pool->count++].cap = b->cap;
		pool->bytes += b->cap;
		b->p = NULL;
	}
	pthread_mutex_unlock(&pool->lock);
	buf_fini(b);
}

void buf_pool_trim(struct buf_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	if (!pool->used)
		free_all(pool);
	pool->used = false;
	pthread_mutex_unlock(&pool->lock);
}
