/* Results as InfluxDB 1.x's CSV: a header of each statement, or where the columns change, an empty line between them; name and
 * tags in front of each row, times as numbers. A statement without series leaves no trace, nor does an error: it is told in a
 * header of the answer. Owner: one thread. */
#ifndef QUERY_RESULT_CSV_H
#define QUERY_RESULT_CSV_H

#include "query/result_text.h"

enum { RESULT_CSV_DECIMALS = 16 };

struct result_csv {
	struct result_out *out;
	enum result_epoch epoch; /* TEXT means ns here */

	/* its own, zeroed */
	uint32_t statement, header_of, columns;
	bool begun, begun_before, first_is_time;
	uint64_t at; /* where the statement begins, see result_out_at */
	struct buf head; /* the columns of the last header */
	struct buf prefix; /* name and tags of the series, and a comma */
	struct buf scratch;
	uint8_t decimals[RESULT_CSV_DECIMALS]; /* see num_put_plain_like; by column, in turn */
};

void result_csv_init(struct result_csv *c, struct result_out *out, enum result_epoch epoch);
void result_csv_fini(struct result_csv *c);
struct engine_sink result_csv_sink(struct result_csv *c);
/* "error" and the message, a line each. */
void result_csv_error(struct buf *out, struct view message);

#endif
