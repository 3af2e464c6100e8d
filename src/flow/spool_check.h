/* After a stop that was not in order: is the spool's file whole? Looked at beside all other work, off the start's path.
 * The small tables by PRAGMA quick_check, one by one; the rows one by one, their payload's checksums too, which
 * quick_check does not look at. Each step is short, so the write-ahead log is never pinned.
 * Threads: hf-check does the work; spool_check_stats from any thread. */
#ifndef FLOW_SPOOL_CHECK_H
#define FLOW_SPOOL_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct spool_check;

enum spool_check_state {
	SPOOL_CHECK_NONE, /* the last stop was in order */
	SPOOL_CHECK_RUNNING,
	SPOOL_CHECK_OK,
	SPOOL_CHECK_DAMAGED, /* rows or pages cannot be read */
	SPOOL_CHECK_FAILED, /* the check itself could not be done */
};

struct spool_check_stats {
	enum spool_check_state state;
	uint64_t rows; /* read so far */
	uint64_t bad_rows;
	bool pages; /* the file's structure is damaged: the next start sets it aside and takes over what can be read */
	int64_t took_ns;
	char error[256]; /* what was found first */
};

/* wanted = false: nothing is done, state NONE. */
NODISCARD enum err spool_check_start(struct spool_check **out, const char *spool_path, bool wanted, struct errbuf *eb);
void spool_check_stop(struct spool_check *c); /* soon; NULL is fine */
void spool_check_stats(struct spool_check *c, struct spool_check_stats *out);
const char *spool_check_state_name(enum spool_check_state s); /* not_needed, running, ok, damaged, failed */

#endif
