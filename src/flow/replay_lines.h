/* Lines as they are to be sent now: with the values that the local store has for their times. Owner: one thread. */
#ifndef FLOW_REPLAY_LINES_H
#define FLOW_REPLAY_LINES_H

#include "base/buf.h"
#include "query/local_points.h"
#include "wire/lp_parse.h"

enum { REPLAY_LINES_MAX = 500, REPLAY_BYTES_MAX = 8 << 20 }; /* one line may be above it */

struct replay_line {
	uint64_t id; /* of the entry */
	struct view key; /* which begins it */
	struct view line; /* to be sent */
	int64_t time_ns;
	/* in work: */
	size_t start, len; /* in `given` */
	size_t now_start, now_len; /* in `now`; len 0: as given */
};

struct replay_lines {
	struct buf given, now;
	struct replay_line line[REPLAY_LINES_MAX];
	uint32_t count;
	struct lp_parser parser;
	struct lp_key *key; /* scratch */
	struct buf text; /* likewise */
	struct local_point points[REPLAY_LINES_MAX];
	uint32_t line_of[REPLAY_LINES_MAX], point_count;
};

NODISCARD bool replay_lines_init(struct replay_lines *r); /* false: no memory; fini is fine */
void replay_lines_fini(struct replay_lines *r);
void replay_lines_clear(struct replay_lines *r);
/* Copies the line. False: no room, or no memory. */
NODISCARD bool replay_lines_add(struct replay_lines *r, uint64_t id, struct view line);
/* Makes all of them what they are now. As local_points_read. */
NODISCARD enum err replay_lines_renew(
    struct replay_lines *r, struct catalogue *c, uint32_t db, struct local *l, struct errbuf *eb);

#endif
