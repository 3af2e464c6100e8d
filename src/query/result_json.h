/* Results as the JSON of InfluxDB 1.x, byte for byte as its server writes it: order of members, escapes, numbers, chunks.
 * Values that JSON has no word for (infinite, NaN) are null. Owner: one thread.
 *
 * An error takes the place of its statement's series, as in InfluxDB, unless they have left already: then it stands
 * behind them. */
#ifndef QUERY_RESULT_JSON_H
#define QUERY_RESULT_JSON_H

#include "base/num_shortest.h"
#include "query/result_text.h"

enum { RESULT_CHUNK_ROWS = 10000, RESULT_DECIMALS = 16 };

struct result_json {
	struct result_out *out;
	enum result_epoch epoch;
	bool pretty;
	uint64_t chunk_rows; /* 0: one document; else documents of at most so many rows, one series each */

	/* its own, zeroed */
	struct result_clock clock;
	struct num_head head_of_time;
	bool begun; /* the document, or some statement */
	bool document, series, values; /* these are open */
	bool undivided, first_is_time;
	bool statement_has_series;
	uint32_t statement, columns;
	uint64_t at; /* where the statement begins, see result_out_at */
	uint64_t rows; /* of the series; of its part in this chunk */
	struct buf head; /* of the series, for its next chunk */
	uint8_t decimals[RESULT_DECIMALS]; /* see num_put_json_like; by column, in turn */
};

/* out.buf is the caller's. */
void result_json_init(struct result_json *j, struct result_out *out, enum result_epoch epoch);
void result_json_fini(struct result_json *j);
struct engine_sink result_json_sink(struct result_json *j);
/* What ends the answer. own: not NULL: what /api/v1/query says beside the results. */
void result_json_finish(struct result_json *j, const struct result_report *own);

/* {"error":"…"} and a line end. */
void result_json_error(struct buf *out, bool pretty, struct view message);
/* As Go's encoder writes a string, with its quotes. */
void result_json_quote(struct buf *out, struct view text);

#endif
