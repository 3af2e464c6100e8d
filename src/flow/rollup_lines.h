/* Rollups of series as line protocol, for a target that has no rollups of its own: of the measurement m the tier 1h becomes
 * m_1h, with the same tags; of each field f the fields f_count, f_sum, f_min, f_max, f_first, f_last and f_mean. The time is the
 * beginning of the bucket. Owner: one thread. */
#ifndef FLOW_ROLLUP_LINES_H
#define FLOW_ROLLUP_LINES_H

#include "base/arena.h"
#include "base/buf.h"
#include "store/block.h"
#include "store/catalogue.h"
#include "store/store.h"

struct rollup_line {
	uint32_t end, key_len; /* end: in the text, its newline included */
};

struct rollup_lines {
	struct store_reader *reader; /* borrowed */
	struct block_unpacker *unpacker;
	struct arena arena;
	struct buf text;
	struct rollup_line *line;
	uint32_t count, room;
};

NODISCARD enum err rollup_lines_init(
    struct rollup_lines *l, struct store_reader *reader, size_t max_bytes, struct errbuf *eb);
void rollup_lines_fini(struct rollup_lines *l);
/* In place of what was there: the buckets of the place that begin in [from_ns, to_ns), of series from *ordinal on; *ordinal is
 * behind the last series then. At least one series, and further ones while they are few. */
NODISCARD enum err rollup_lines_read(struct rollup_lines *l, const struct store_place *place,
    const struct measurement *m, int64_t from_ns, int64_t to_ns, uint32_t *ordinal, struct errbuf *eb);

#endif
