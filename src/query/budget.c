#include "query/budget.h"

#include "base/clock.h"

enum { LOOK_EACH = 256, ROWS_EACH = 1024 }; /* calls, rows between two looks at the clock and the client */

enum err budget_check(struct budget *b, struct errbuf *eb)
{
	return ++b->calls % LOOK_EACH ? ERR_OK : budget_check_now(b, eb);
}

enum err budget_check_rows(struct budget *b, uint32_t n, struct errbuf *eb)
{
	b->rows += n;
	if (b->rows < ROWS_EACH)
		return ERR_OK;
	b->rows = 0;
	return budget_check_now(b, eb);
}

enum err budget_check_now(struct budget *b, struct errbuf *eb)
{
	if (b->deadline_ns && clock_mono_ns() >= b->deadline_ns)
		return errbuf_set(eb, ERR_UNAVAILABLE,
		    "the query took longer than %lld s; ask for a shorter range, fewer series, or a larger GROUP BY time",
		    (long long)(b->time_limit_ns / NS_PER_S));
	b->gone = b->gone || (b->is_wanted && !b->is_wanted(b->arg));
	if (b->gone)
		return errbuf_set(eb, ERR_CLOSED, "the client has gone");
	return ERR_OK;
}

enum err budget_take(struct budget *b, size_t bytes, struct errbuf *eb)
{
	if (bytes > b->max_bytes || b->used_bytes > b->max_bytes - bytes)
		return errbuf_set(eb, ERR_TOOBIG,
		    "the query needs more than the %zu MiB of memory it may take; ask for a shorter range, fewer series or "
		    "fields, or a larger GROUP BY time",
		    b->max_bytes >> 20);
	b->used_bytes += bytes;
	return ERR_OK;
}

void budget_give(struct budget *b, size_t bytes)
{
	b->used_bytes -= bytes < b->used_bytes ? bytes : b->used_bytes;
}
