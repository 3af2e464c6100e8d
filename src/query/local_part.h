/* The reader of the local store's rows, and what it is made of:
 *
 *   local.c          connections, kept for the next read
 *   local_moment.c   head, store and spool as of one moment
 *   local_reader.c   a measurement's series at that moment; a read: its windows, in order of time
 *   local_plan.c     which tier answers which stretch of a read
 *   local_rows.c     the rows of a window
 *
 * Its users: local_read.c adds the rows up into cells, local_source.c hands them on; export.c has the files in common.
 * Owner: the thread that reads. */
#ifndef QUERY_LOCAL_PART_H
#define QUERY_LOCAL_PART_H

#include <pthread.h>

#include "query/budget.h"
#include "query/local_source.h"
#include "query/result.h"
#include "store/block.h"
#include "store/series_set.h"
#include "store/spool.h"
#include "store/store.h"

enum { LOCAL_SPARE = 4, LOCAL_NAME_MAX = 128 << 10 };

/* ---- connections ---- */

struct local_files { /* for one read at a time */
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

/* Opened, or taken from the spare ones. */
NODISCARD enum err local_take_files(struct local *l, struct local_files *f, struct errbuf *eb);
void local_give_files(struct local *l, struct local_files *f, bool sound); /* not sound: something failed */

/* ---- a moment ---- */

extern const char local_store_damaged[]; /* why an answer is not complete where pages cannot be read */
extern const char local_lacks_damaged[]; /* why an answer is not complete where the store has a gap */

struct local_moment {
	struct local *local;
	uint32_t db; /* 0: unknown; there are no files then */
	int64_t from_ns, to_ns;
	struct local_files files;
	struct head_snapshot head;
	uint64_t compacted_seq; /* rows up to it are in the store, as of its snapshot */
	uint64_t first_seq; /* of the spool's rows; 0: none */
	int64_t evicted_until_ns;
	bool in_store, in_spool; /* snapshots are held */
	bool store_damaged; /* pages that had to be read cannot be: what else there is answers */
	bool failed; /* the connections are not used again */
};

bool local_has_store(const struct local_moment *m);
/* The store is damaged where it was asked: from here on reads go without it, and say so. e, or ERR_OK then. */
NODISCARD enum err local_without_store(struct local_moment *m, struct result_report *report, enum err e);
/* Rows of the spool that are in neither the head nor the store. */
bool local_has_history(const struct local_moment *m);

/* ---- a measurement's series ---- */

struct local_span { /* of times, unordered ones too */
	int64_t first_ns, last_ns;
};

struct local_series {
	const struct series *series;
	struct rows *recent; /* from the spool and the head, in order of writing */
	struct local_span *spans; /* of each */
	uint32_t recent_count;
	bool looked_for; /* recent is known */
};

struct local_chooser {
	/* Adds the series that are wanted to set, which is empty and of m's size. */
	enum err (*choose)(void *arg, struct measurement *m, struct series_set *set, struct errbuf *eb);
	void *arg;
};

struct local_figures { /* of the store, about the measurement; read when they are first asked for */
	bool has_gone[TIERS], has_pieces;
	int64_t gone_ns[TIERS]; /* rows before it were let go; INT64_MIN: none */
	struct store_piece_range *pieces;
	uint32_t piece_count;
};

struct local_reader {
	struct local_moment *moment;
	struct view name; /* escaped */
	struct measurement *measurement;
	const struct catalogue_layout *layout;
	struct series_set chosen; /* of the measurement's series as it was when they were chosen */
	struct local_series *all; /* the chosen ones, by ordinal */
	uint32_t count;
	struct generation *history; /* rows of the spool that are in neither; or NULL */
	const char *history_lacks; /* why it is not whole; or NULL */
	struct local_figures figures;
	struct arena lists; /* of the reader */
	struct arena work; /* of a read */
	struct arena rows; /* of a window */
	struct arena scratch; /* of a block, where a window is read in parts */
	size_t charged; /* to the budget, for all of them */
	struct budget *budget;
};

/* ERR_NOTFOUND: no such measurement. Closes itself on failure. name: of the reader's life. rows_block: a piece of the memory
 * for rows. */
NODISCARD enum err local_reader_open(struct local_reader *r, struct local_moment *m, struct view name,
    const struct local_chooser *chooser, size_t rows_block, struct budget *b, struct errbuf *eb);
void local_reader_close(struct local_reader *r);
/* Adjusts the ceilings of the arenas to what the budget has left, after charging what they took. */
NODISCARD enum err local_charge(struct local_reader *r, struct errbuf *eb);

/* ---- a read ---- */

struct stretch {
	int64_t from_ns, to_ns; /* to is not included */
};

struct stretches { /* in order, apart from each other */
	struct stretch *of;
	uint32_t count, room;
};

struct marks { /* windows, or days; sorted once complete */
	int64_t *of;
	uint32_t count, room;
};

struct stored { /* a block or piece of a window */
	struct block block;
	struct rows *rows; /* of chunks [from, to) */
	uint32_t from, to, at;
};

struct local_window { /* or a part of one */
	enum tier tier;
	struct stretch within;
	struct stored *stored;
	uint32_t stored_count;
};

enum local_sketches {
	LOCAL_SKETCHES_NONE,
	LOCAL_SKETCHES_WHERE_GONE, /* for raw rows that have been let go */
	LOCAL_SKETCHES_ANYWHERE, /* wherever rollups answer */
};

struct reading;

struct local_request {
	const uint32_t *series; /* numbers among the reader's, rising; NULL: all */
	uint32_t series_count;
	int64_t from_ns, to_ns; /* to is not included */
	bool descending; /* the windows */
	const bool *fields; /* of the layout: which are wanted */
	bool with_strings; /* their values too */
	enum tier coarsest; /* whose buckets fit the grid of the answer: TIER_RAW, TIER_1H or TIER_1D */
	bool minutes_fit; /* those of TIER_1M fit too */
	bool only_rows; /* rollups never stand in for raw rows that have been let go */
	unsigned aggregates; /* of enum read_aggregate: which columns of rollups are read beside the counts */
	enum local_sketches sketches; /* of number fields */
	struct result_report *report;
	/* Takes a window. ERR_NOMEM with *given still false: it is tried again in parts. ERR_CLOSED with *given: enough. */
	enum err (*window)(void *arg, struct reading *rd, const struct local_window *w, bool *given, struct errbuf *eb);
	void *arg;
};

struct reading { /* a read in work */
	struct local_reader *reader;
	const struct local_request *q;
	int64_t from_ns, to_ns;
	struct local_series **wanted; /* by ordinal */
	uint32_t wanted_count;
	struct marks recent; /* raw windows with rows that only the head or the spool has */
	struct stretches by_tier[TIERS];
	unsigned halvings; /* of a window, so that it fits into the memory */
	bool enough;
};

/* ERR_TOOBIG: above the budget. ERR_OK too where the window callback had enough. */
NODISCARD enum err local_reader_read(struct local_reader *r, const struct local_request *q, struct errbuf *eb);
bool local_is_field(const struct reading *rd, uint32_t field); /* is it wanted? */
bool local_is_digested(const struct reading *rd, uint32_t field); /* its sketches too? */
void local_not_complete(const struct reading *rd, const char *reason);
void local_not_before(const struct reading *rd, int64_t ns, const char *reason); /* only what is before it lacks */

/* local_plan.c: fills by_tier, and says what the answer lacks. */
NODISCARD enum err local_plan(struct reading *rd, struct errbuf *eb);
NODISCARD enum err local_find_gone(struct reading *rd, enum tier tier, int64_t *gone_ns, struct errbuf *eb);
bool local_mark(struct arena *a, struct marks *m, int64_t number);
void local_sort_marks(struct marks *m);
int64_t local_next_mark(const struct marks *m, int64_t number); /* not below; INT64_MAX: none */
int64_t local_last_mark(const struct marks *m, int64_t number); /* not above; INT64_MIN: none */

/* local_rows.c */
/* Looks for the recent rows of the wanted series, and marks their windows. */
NODISCARD enum err local_find_recent(struct reading *rd, struct errbuf *eb);
/* What the store has of the wanted series in the window, or in the part of it that is within, in reader->rows. Damaged blocks
 * are left out and reported. in_parts: other rows than those within take no memory. */
NODISCARD enum err local_load_window(
    struct reading *rd, int64_t window, bool in_parts, struct local_window *w, struct errbuf *eb);
/* The series' rows of this window, in order of writing, some of them outside of it; series in rising order. NULL: out of
 * memory. */
struct rows *local_gather(
    struct reading *rd, const struct local_series *s, const struct local_window *w, uint32_t *count);
/* Has some row of the window values of a field whose sketches are wanted, and no sketch of them? */
bool local_lacks_sketches(const struct reading *rd, const struct local_window *w);

#endif
