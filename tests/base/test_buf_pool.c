#include "base/buf_pool.h"

#include <criterion/criterion.h>

enum { MAX = 1 << 20 };

static struct buf with_memory(size_t bytes)
{
	struct buf b;

	buf_init(&b, MAX);
	cr_assert(buf_reserve(&b, bytes));
	return b;
}

Test(buf_pool, gives_the_smallest_spare_memory_that_is_large_enough)
{
	struct buf_pool pool;
	struct buf small = with_memory(1024), large = with_memory(65536), b;
	const char *p = small.p;

	buf_pool_init(&pool, MAX);
	buf_pool_give(&pool, &large);
	buf_pool_give(&pool, &small);
	cr_assert_null(small.p);
	buf_init(&b, MAX);
	buf_pool_take(&pool, &b, 1000);
	cr_assert_eq(b.p, p);
	cr_assert_eq(b.cap, 1024);
	cr_assert_eq(b.len, 0);
	buf_fini(&b);
	buf_pool_take(&pool, &b, 65537);
	cr_assert_null(b.p);
	buf_pool_fini(&pool);
}

Test(buf_pool, memory_above_the_buffer_s_own_ceiling_is_not_given)
{
	struct buf_pool pool;
	struct buf large = with_memory(65536), b;

	buf_pool_init(&pool, MAX);
	buf_pool_give(&pool, &large);
	buf_init(&b, 1000);
	buf_pool_take(&pool, &b, 10);
	cr_assert_null(b.p);
	buf_pool_fini(&pool);
}

Test(buf_pool, never_keeps_more_than_its_ceilings)
{
	struct buf_pool pool;

	buf_pool_init(&pool, 3000);
	for (int i = 0; i < 4; i++) {
		struct buf b = with_memory(1024);
		buf_pool_give(&pool, &b);
		cr_assert_null(b.p);
		cr_assert_leq(pool.bytes, 3000);
	}
	cr_assert_eq(pool.count, 2);
	buf_pool_fini(&pool);
	buf_pool_init(&pool, MAX);
	for (int i = 0; i < BUF_POOL_SPARE + 3; i++) {
		struct buf b = with_memory(1024);
		buf_pool_give(&pool, &b);
	}
	cr_assert_eq(pool.count, BUF_POOL_SPARE);
	buf_pool_fini(&pool);
}

Test(buf_pool, trim_frees_what_nobody_took_since_the_last_trim)
{
	struct buf_pool pool;
	struct buf b = with_memory(1024);

	buf_pool_init(&pool, MAX);
	buf_pool_give(&pool, &b);
	buf_pool_take(&pool, &b, 1);
	buf_pool_give(&pool, &b);
	buf_pool_trim(&pool);
	cr_assert_eq(pool.count, 1);
	buf_pool_trim(&pool);
	cr_assert_eq(pool.count, 0);
	cr_assert_eq(pool.bytes, 0);
	buf_pool_fini(&pool);
}
