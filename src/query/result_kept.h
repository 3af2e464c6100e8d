/* An answer kept in memory, under the budget of its statement. Owner: one thread. */
#ifndef QUERY_RESULT_KEPT_H
#define QUERY_RESULT_KEPT_H

#include "base/arena.h"
#include "query/budget.h"
#include "query/result.h"

struct kept_series {
	struct result_series head;
	struct cell *cells; /* row_count × head.column_count */
	uint32_t row_count, row_room;
};

struct result_kept {
	struct arena arena; /* names and strings */
	struct kept_series *series;
	uint32_t count, room;
	struct budget *budget;
	size_t taken; /* of the budget, by cells */
	enum err error;
	struct errbuf *eb;
};

void result_kept_init(struct result_kept *k, struct budget *b, struct errbuf *eb);
void result_kept_fini(struct result_kept *k); /* gives the budget back */
/* What it takes in; refuses (and sets error, eb) above the budget. */
struct result_sink result_kept_sink(struct result_kept *k);

/* By name, then by the tags' values as InfluxDB orders the series of an answer. */
int result_series_compare(const struct result_series *a, const struct result_series *b);

#endif
