/* After a stop that was not in order: is the store's file whole? Looked at beside all other work, off the start's path:
 * the small tables by PRAGMA quick_check, the names some at a time, then every block and piece by its own checksums, the
 * newest first. Each step is short, so the write-ahead log is never pinned; half a core's speed at most, and no more than
 * 64 GiB.
 * Threads: hf-store-check does the work; store_check_stats from any thread. */
#ifndef FLOW_STORE_CHECK_H
#define FLOW_STORE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "flow/spool_check.h"

struct store_check;

struct store_check_stats {
	enum spool_check_state state;
	uint64_t blocks, bytes; /* read so far */
	uint64_t bad_blocks; /* their bytes are not what was written: answers leave out what cannot be read of them */
	bool pages; /* the file's structure is damaged: the next start sets it aside and takes over what can be read */
	int64_t took_ns;
	char error[256]; /* what was found first */
};

/* wanted = false: nothing is done, state NONE. */
NODISCARD enum err store_check_start(struct store_check **out, const char *store_path, bool wanted, struct errbuf *eb);
void store_check_stop(struct store_check *c); /* soon; NULL is fine */
void store_check_stats(struct store_check *c, struct store_check_stats *out);

#endif
