/* Lines of the spool's rows into parcels. Owner: one thread. */
#ifndef FLOW_PARCEL_ROWS_H
#define FLOW_PARCEL_ROWS_H

#include "flow/parcel.h"
#include "store/spool.h"
#include "wire/lp_parse.h"

/* Where rows are taken up again. */
struct parcel_rows {
	struct spool_reader *reader;
	uint64_t seq; /* the row last read */
	struct view rest; /* of it, not taken yet */
	uint32_t db; /* of it */
	bool whole; /* all its lines are wanted */
	struct lp_parser parser;
	/* a row that could not be read: stepped over once `damaged` has been told of it */
	void (*damaged)(void *arg, const struct spool_row *row, const char *why);
	void *arg;
};

/* Which of them. */
struct parcel_want {
	uint64_t to_seq; /* up to this row */
	int64_t min_ns, max_ns; /* lines with times in it */
	uint32_t db; /* of this database alone; 0: of any */
	uint64_t pass_by; /* but not of these: PARCEL_DB_BIT */
};

/* Begins again after the row seq. */
void parcel_rows_seek(struct parcel_rows *s, uint64_t seq);
/* Fills p with the next lines, p->end_seq with how far that is. ERR_NOTFOUND: there are none now. After many rows that hold
 * nothing wanted it returns ERR_OK with an empty parcel, so that others get their turn. */
NODISCARD enum err parcel_rows_fill(struct parcel *p, struct parcel_rows *s, const struct parcel_want *want,
    const struct parcel_limits *limits, struct errbuf *eb);

#endif
