/* The values of which a target refused the points: what lies in its quarantine of a database. Who compares with the target
 * leaves them out; who sends anew from the store does not send them. Owner: one thread. Memory: 16 bytes a value, up to a
 * ceiling; values above it are taken for such as are not there, so that they are sent, and refused, once more. */
#ifndef FLOW_QUARANTINED_H
#define FLOW_QUARANTINED_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct quarantined {
	uint64_t *places; /* tally_place_hash of each; 0: free */
	uint32_t count, room, max_places; /* max_places: of room, a power of 2; 0: 4 M */
	/* as it was when it was read */
	char database[256];
	int64_t entries, last_id;
};

void quarantined_fini(struct quarantined *q); /* of a zeroed one, too */
/* Reads what lies there now, unless that is what q has already. database: as it is called here. */
NODISCARD enum err quarantined_load(
    struct quarantined *q, sqlite3 *reader, const char *target, const char *database, struct errbuf *eb);
bool quarantined_has(const struct quarantined *q, uint64_t place);

/* tally_name_hash and tally_tag_hash of a series' key as line protocol writes it. False: no such key. */
bool quarantined_series_hash(struct view key, struct buf *scratch, uint64_t *hash);
/* tally_name_hash of a field's name as line protocol writes it. */
uint64_t quarantined_field_hash(struct view name, struct buf *scratch);

#endif
