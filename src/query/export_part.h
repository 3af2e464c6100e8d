/* An export in work: export.c has the order, export_store.c brings the rows of the store. Owner: the thread that exports. */
#ifndef QUERY_EXPORT_PART_H
#define QUERY_EXPORT_PART_H

#include "query/export.h"
#include "query/export_rows.h"
#include "query/local_part.h"

enum { EXPORT_SPAN_WINDOWS_MAX = 1024 };

struct position { /* right before or after a key; without one: the end */
	struct view key;
	bool after;
};

struct span { /* of times; empty where max < min */
	int64_t min_ns, max_ns;
};

struct exporting {
	const struct local_opts *opts;
	const struct export_request *q;
	const struct export_sink *sink;
	struct errbuf *eb;
	struct local_files files;
	uint64_t compacted_seq; /* rows up to it are in the store, as of its snapshot */
	struct arena blocks; /* of the store, while they are read */
	size_t max_bytes; /* of the history, and of the rows */
	const char *lack; /* what may be missing, or NULL */
	/* the measurement at hand */
	struct measurement *measurement;
	struct series **series; /* by key */
	uint32_t series_count, series_cap;
	struct head_snapshot head;
	struct span head_spans[HEAD_GENERATIONS_MAX];
	int64_t pinned_ns;
	/* the part of the window at hand */
	int64_t from_ns, to_ns;
	struct position low, high;
	struct generation *history; /* or NULL */
	bool present[EXPORT_SPAN_WINDOWS_MAX + 1]; /* windows of the span read with points in the history */
	struct export_rows rows;
};

void export_not_complete(struct exporting *x, const char *why);
enum err export_out_of_memory(struct exporting *x);
/* Pages of the store cannot be read: what there is besides is given out. e, or `otherwise` then. */
NODISCARD enum err export_without_store(struct exporting *x, enum err e, enum err otherwise);
void export_go_on(struct exporting *x); /* is the answer still wanted? */
bool export_in_range(struct exporting *x, const struct series *s);
/* The rows of the part at hand that the store has, into x->history. ERR_TOOBIG: they do not fit. */
NODISCARD enum err export_read_store(struct exporting *x);

#endif
