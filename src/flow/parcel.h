/* One request's worth of the spool: lines of one namespace from one or more neighbouring rows, with where each line
 * ends. Owner: one thread. */
#ifndef FLOW_PARCEL_H
#define FLOW_PARCEL_H

#include "base/buf.h"
#include "store/spool.h"
#include "wire/lp_parse.h"

struct parcel {
	uint32_t db;
	struct buf text;
	uint32_t *ends; /* of each line, its newline included */
	uint32_t count, cap;
	uint64_t end_seq; /* every row up to it is wholly in this parcel or an earlier one */
};

struct parcel_limits {
	uint32_t points, bytes; /* one line may be above bytes */
};

/* Where a row is taken up again. */
struct parcel_source {
	struct spool_reader *reader;
	uint64_t seq; /* the row last read */
	struct view rest; /* of it, not taken yet */
	uint32_t db;
	struct lp_parser parser;
	/* a row that could not be read: stepped over once `damaged` has been told of it */
	void (*damaged)(void *arg, const struct spool_row *row, const char *why);
	void *arg;
};

void parcel_init(struct parcel *p);
void parcel_fini(struct parcel *p);
/* Begins again after the row seq. */
void parcel_source_seek(struct parcel_source *s, uint64_t seq);
/* Fills p with the next lines. ERR_NOTFOUND: there are none now. */
NODISCARD enum err parcel_fill(
    struct parcel *p, struct parcel_source *s, const struct parcel_limits *limits, struct errbuf *eb);
/* Lines [from, to) as text. */
struct view parcel_lines(const struct parcel *p, uint32_t from, uint32_t to);
/* Unsigned values that fit become integers, which InfluxDB 1.x takes. True if any line was changed. */
bool parcel_make_signed(struct parcel *p);

#endif
