/* How much room the file system of the store has, and whether that is less than must stay free. Measured at most once
 * a second, by whoever asks; one figure for all. Any thread, no lock. */
#ifndef STORE_DISK_SPACE_H
#define STORE_DISK_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct disk_space;

struct disk_space_opts {
	uint64_t reserve_bytes; /* 0: none */
	/* Free bytes for this user below path; false: unknown. NULL: statvfs. */
	bool (*measure)(void *arg, const char *path, uint64_t *free_bytes);
	void *arg;
};

struct disk_space_stats {
	uint64_t free_bytes, reserve_bytes;
	bool known; /* false: it could not be measured; nothing is refused for that */
	bool low; /* less is free than must stay free: no new points */
};

NODISCARD enum err disk_space_new(
    struct disk_space **out, const char *path, const struct disk_space_opts *opts, struct errbuf *eb);
void disk_space_free(struct disk_space *d); /* NULL is fine */

void disk_space_stats(struct disk_space *d, struct disk_space_stats *out);
/* ERR_FULL, with how much is free and how much is needed: "disk_full: …". d may be NULL: there is room. */
NODISCARD enum err disk_space_check(struct disk_space *d, struct errbuf *eb);

#endif
