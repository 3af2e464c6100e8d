#include "query/budget.h"

#include "base/clock.h"

enum { LOOK_EACH = 1 << 16, CALL = 1 << 8 }; /* rows between two looks at the clock and the client: milliseconds */

enum err budget_check(struct budget *b, struct errbuf *eb)
{
	return budget_work(b, CALL, eb);
}

enum err budget_work(struct budget *b, uint64_t n, struct errbuf *eb)
{
	b->work += n;
	return b->work < LOOK_EACH ? ERR_OK : budget_check_now(b, eb);
}

enum err budget_check_now(struct budget *b, struct errbuf *eb)
{
	b->work = 0;
	if (b->deadline_ns && clock_mono_ns() >= b->deadline_ns)
		return errbuf_set(eb, ERR_UNAVAILABLE,
		    "the query took longer than %lld s; ask for a shorter range, fewer series, or a larger GROUP BY time",
		    (long long)(b->time_limit_ns / NS_PER_S));
	b->gone = b->gone || (b->is_wanted && !b->is_wanted(b->arg));
	if (b->gone)
		return errbuf_set(eb, ERR_CLOSED, "the client has gone");
	return ERR_OK;
}

enum err budget_refuse(const struct budget *b, struct errbuf *eb)
{
	return errbuf_set(eb, ERR_TOOBIG,
	    "the query needs more than the %zu MiB of memory it may take; ask for a shorter range, fewer series or "
	    "fields, or a larger GROUP BY time",
	    b->max_bytes >> 20);
}

static bool take(struct budget *b, size_t bytes)
{
	if (bytes > b->max_bytes || b->used_bytes > b->max_bytes - bytes)
		return false;
	b->used_bytes += bytes;
	return true;
}

enum err budget_take(struct budget *b, size_t bytes, struct errbuf *eb)
{
	return take(b, bytes) ? ERR_OK : budget_refuse(b, eb);
}

void budget_give(struct budget *b, size_t bytes)
{
	b->used_bytes -= bytes < b->used_bytes ? bytes : b->used_bytes;
}

static bool take_block(void *account, size_t bytes)
{
	return take(account, bytes);
}

static void give_block(void *account, size_t bytes)
{
	budget_give(account, bytes);
}

void budget_arena(struct budget *b, struct arena *a, size_t block_size)
{
	static const struct arena_meter meter = { take_block, give_block };

	arena_init_metered(a, block_size, &meter, b);
}
