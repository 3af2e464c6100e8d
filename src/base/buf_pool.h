/* Spare memory of buffers, bounded together: a buffer that takes its memory from here and gives it back costs no page
 * faults, as memory fresh from the kernel does. Threads: any. */
#ifndef BASE_BUF_POOL_H
#define BASE_BUF_POOL_H

#include <pthread.h>

#include "base/buf.h"

enum { BUF_POOL_SPARE = 8 };

struct buf_pool {
	pthread_mutex_t lock; /* what follows */
	size_t bytes, max_bytes; /* of all spare ones */
	unsigned count;
	bool used; /* since buf_pool_trim */
	struct {
		char *p;
		size_t cap;
	} spare[BUF_POOL_SPARE];
};

void buf_pool_init(struct buf_pool *pool, size_t max_bytes);
void buf_pool_fini(struct buf_pool *pool);
/* b: empty, without memory. Gives it the smallest spare memory of at least `need` bytes, if there is any. */
void buf_pool_take(struct buf_pool *pool, struct buf *b, size_t need);
/* Like buf_fini; its memory becomes spare where the ceiling allows. */
void buf_pool_give(struct buf_pool *pool, struct buf *b);
/* Called now and then: frees what nobody took since the call before. */
void buf_pool_trim(struct buf_pool *pool);

#endif
