/* The rows of one series in a span of time, from several strips, in order of time, each time once: a part of
 * query/export.c. Owner: one thread; reuse it, it keeps its memory. */
#ifndef QUERY_EXPORT_ROWS_H
#define QUERY_EXPORT_ROWS_H

#include "query/export.h"
#include "store/generation.h"

struct export_row {
	int64_t time_ns;
	const struct segment *segment;
	uint32_t at, order;
};

struct export_rows {
	const struct export_sink *sink;
	size_t max_bytes; /* of rows */
	bool stopped; /* the sink said so */
	/* its own */
	struct export_row *rows;
	uint32_t count, cap;
	struct batch_value *values;
	uint32_t *columns; /* of the segment below, by name */
	uint64_t *seen; /* by field index: the stamp of the point that had it */
	uint32_t field_cap;
	uint64_t stamp;
	const struct segment *columns_of;
};

void export_rows_init(struct export_rows *er, const struct export_sink *sink, size_t max_bytes);
void export_rows_fini(struct export_rows *er);
/* strips: oldest first, of one time the later row wins. Forget them before their memory goes: export_rows_forget.
 * ERR_TOOBIG: the rows do not fit, none was given out; ERR_NOMEM. */
NODISCARD enum err export_rows_emit(struct export_rows *er, const struct series *s,
    const struct head_strip *const *strips, unsigned count, int64_t from_ns, int64_t to_ns);
void export_rows_forget(struct export_rows *er);

/* What is published of a generation. */
static inline uint32_t segment_rows(const struct segment *seg)
{
	return atomic_load_explicit(&((struct segment *)seg)->count, memory_order_acquire);
}

static inline const struct segment *strip_first(const struct head_strip *strip)
{
	return strip ? atomic_load_explicit(&((struct head_strip *)strip)->first, memory_order_acquire) : NULL;
}

static inline const struct segment *segment_next(const struct segment *seg)
{
	return atomic_load_explicit(&((struct segment *)seg)->next, memory_order_acquire);
}

#endif
