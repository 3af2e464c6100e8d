/* A local read in work: local.c chooses series and groups, local_plan.c which tier answers which stretch of time,
 * local_rows.c brings the rows; export.c has the files in common with them. Owner: the thread that reads. */
#ifndef QUERY_LOCAL_PART_H
#define QUERY_LOCAL_PART_H

#include <pthread.h>

#include "base/buf.h"
#include "query/local.h"
#include "query/scan.h"
#include "store/block.h"
#include "store/index.h"
#include "store/series_set.h"
#include "store/spool.h"
#include "store/store.h"
#include "wire/lp_key.h"

enum { LOCAL_SPARE = 4 };

struct local_files { /* connections, for one read at a time */
	struct spool_reader *spool;
	struct store_reader *store; /* NULL: there is no store */
	struct block_unpacker *unpacker;
};

struct local {
	struct local_opts opts;
	char *spool_path, *store_path;
	pthread_mutex_t lock; /* spare */
	struct local_files spare[LOCAL_SPARE];
	unsigned spare_count;
};

struct column { /* a read_column in the making */
	struct read_column out;
	struct digest *digests; /* of each bucket; NULL: no percentiles are wanted */
};

struct group { /* a read_group in the making */
	struct read_group out;
	struct column **by_field; /* of the layout as it was when the read began */
};

struct wanted { /* a series that passes the filters */
	const struct series *series;
	struct group *group; /* NULL: not looked up yet */
	struct rows *recent; /* from the spool and the head, in order of writing */
	uint32_t recent_count;
};

struct stretch {
	int64_t from_ns, to_ns; /* to is not included */
};

struct stretches { /* in order, apart from each other */
	struct stretch *of;
	uint32_t count, room;
};

struct stored { /* a block or piece of a window */
	struct block block;
	struct rows *rows; /* of chunks [from, to) */
	uint32_t from, to, at;
};

struct reading { /* of one read */
	struct local *local;
	const struct read_request *q;
	struct read_result *r;
	uint32_t db;
	unsigned aggregates; /* of enum read_aggregate */
	struct measurement *measurement;
	struct view measurement_name; /* escaped */
	const struct catalogue_layout *layout;
	struct local_files files;
	struct head_snapshot head;
	uint64_t compacted_seq; /* as of the store's snapshot */
	struct generation *history; /* rows of the spool that are in neither; or NULL */
	struct wanted *wanted; /* by ordinal */
	uint32_t wanted_count;
	struct arena lists; /* of the read */
	struct arena rows; /* of a window */
	struct series_set chosen; /* of the measurement's series as it was when they were chosen */
	struct index groups_index;
	struct group *group; /* of the series at hand */
	struct group **groups; /* by number */
	uint32_t group_count, group_cap;
	struct lp_key key;
	struct buf text; /* scratch for names */
	struct stretches by_tier[TIERS];
	int64_t gone_ns[TIERS]; /* rows before it were let go */
	bool *fields; /* of the layout: which are wanted */
	bool with_strings; /* their values too */
	struct digest_memory digests;
	bool used[TIERS]; /* rows of it are in the answer */
	size_t max_bytes;
	bool out_of_memory;
	bool store_damaged; /* pages that had to be read cannot be: what else there is answers */
};

/* local.c */
/* Connections, opened or taken from the spare ones. */
NODISCARD enum err local_take_files(struct local *l, struct local_files *f, struct errbuf *eb);
extern const char local_lacks_damaged[]; /* why an answer is not complete where the store has a gap */
/* The store is damaged where it was asked: from here on the read goes without it, and says so. e, or ERR_OK then. */
NODISCARD enum err local_without_store(struct reading *rd, enum err e);
bool local_has_store(const struct reading *rd);
void local_give_files(struct local *l, struct local_files *f, bool sound); /* not sound: something failed */
bool local_is_wanted(void *reading, const struct series *s);
bool local_is_field(const struct reading *rd, uint32_t field); /* is it wanted? */
bool local_is_digested(const struct reading *rd, uint32_t field); /* its percentiles too? */
bool local_target_of(void *reading, uint32_t field, struct scan_target *out);
/* Sets rd->group to that of the series. */
bool local_enter_group(struct reading *rd, struct wanted *w);

/* local_plan.c: fills by_tier, and says what the answer lacks. */
NODISCARD enum err local_plan(struct reading *rd, struct errbuf *eb);

/* local_rows.c */
/* The spool's rows that are in neither the head nor the store. ERR_UNAVAILABLE: they went meanwhile; begin again. */
NODISCARD enum err local_read_history(struct reading *rd, struct errbuf *eb);
/* Sets the wanted series' recent rows. */
NODISCARD enum err local_find_recent(struct reading *rd, struct errbuf *eb);
/* The next window with anything: of the store, or of the recent rows. ERR_NOTFOUND: none. */
NODISCARD enum err local_next_window(
    struct reading *rd, enum tier tier, int64_t from, int64_t *window, struct errbuf *eb);
/* What the store has of the window's wanted series, in rd->rows. Damaged blocks are left out and reported. */
NODISCARD enum err local_load_window(struct reading *rd, enum tier tier, int64_t window, const struct stretch *within,
    struct stored **sources, uint32_t *count, struct errbuf *eb);
/* The series' rows of this window, in order of writing; series in rising order. NULL: out of memory. */
struct rows *local_gather(struct reading *rd, const struct wanted *w, struct stored *sources, uint32_t source_count,
    const struct stretch *within, bool recent, uint32_t *count);
/* Aggregates every stretch. ERR_TOOBIG: above the read's memory. */
NODISCARD enum err local_aggregate(struct reading *rd, struct errbuf *eb);

#endif
