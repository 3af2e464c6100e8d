/* Every point of a range, whole and in a fixed order, for export. The order: measurements by name; within one windows of
 * two hours aligned to the epoch; within a window series by key; within a series time. So the points of a series come in
 * order of time, and the same points always come in the same order, whatever was written first and by which route.
 * Memory: a window's rows, at most local_opts.query_max_bytes; where they do not fit, fewer series at a time and then
 * shorter spans are read, which changes no order. Any thread, several at once. */
#ifndef QUERY_EXPORT_H
#define QUERY_EXPORT_H

#include "query/local.h"
#include "store/batch.h"

struct export_request {
	const char *database;
	const char *measurement; /* NULL: all */
	/* from is included, to is not. INT64_MIN: from the beginning of what there is; what retention let go before is
	 * then not missing */
	int64_t from_ns, to_ns;
};

struct export_sink {
	/* Each timestamp of a series once, of each field the last write; values in order of the fields' names, valid during
	 * the call. False: stop. */
	bool (*point)(
	    void *arg, const struct series *s, int64_t time_ns, const struct batch_value *values, uint32_t count);
	void *arg;
	/* May be NULL. Asked now and then while no point comes. False: stop. */
	bool (*go_on)(void *arg);
};

/* ERR_OK, also when the sink stopped it; *complete is false, and eb says why, where points may be missing.
 * ERR_NOTFOUND: no such database or measurement; ERR_IO, ERR_CORRUPT: the spool cannot be read; ERR_NOMEM. */
NODISCARD enum err local_export(
    struct local *l, const struct export_request *q, const struct export_sink *sink, bool *complete, struct errbuf *eb);

#endif
