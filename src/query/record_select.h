/* A SELECT asked of the record, its answer pushed on as it comes, never held. Any thread, a context each. */
#ifndef QUERY_RECORD_SELECT_H
#define QUERY_RECORD_SELECT_H

#include "query/budget.h"
#include "query/record.h"
#include "query/result.h"

struct record_select {
	const struct record_ops *ops;
	void *context;
	const char *database; /* as the record calls it */
	struct view influxql; /* one statement */
	int64_t begin_ms, timeout_ms; /* as in record_stream */
	struct budget *budget;
};

/* *began: whether something was pushed. ERR_UNAVAILABLE: no answer in time, or it broke off; ERR_IO: an answer that is none.
 * ERR_NOTFOUND: it does not have the database. ERR_INVALID: eb has the record's words, InfluxDB's "error" of the statement. ERR_CLOSED: the sink has enough. */
NODISCARD enum err record_select(const struct record_select *q, const struct result_sink *sink, bool *began,
    struct result_report *report, struct errbuf *eb);

/* record_select_read.c: what the above does with each document of the answer; for tests and the fuzzer. A document's first
 * series goes on with the last one of the document before if it is the same. */
struct record_select_reader;
NODISCARD enum err record_select_reader_new(struct record_select_reader **out, const struct result_sink *sink);
void record_select_reader_free(struct record_select_reader *r); /* NULL is fine */
/* ERR_CORRUPT: no such document. ERR_CLOSED: the sink has enough. */
NODISCARD enum err record_select_read(
    struct record_select_reader *r, struct view document, bool *partial, struct errbuf *eb);
bool record_select_has_begun(const struct record_select_reader *r);

#endif
