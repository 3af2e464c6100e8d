/* A whole store in a temporary folder, for tests: spool, catalogue, head, committer, ingest, local reads. */
#ifndef TESTS_SUPPORT_STAND_H
#define TESTS_SUPPORT_STAND_H

#include "flow/compactor.h"
#include "flow/ingest.h"
#include "query/local.h"

struct stand {
	char dir[64], path[96], store_path[96];
	struct store *store;
	struct compactor *compactor; /* NULL unless opts.compactor */
	struct spool *spool;
	struct catalogue *catalogue;
	struct head *head;
	struct committer *committer;
	struct ingest *ingest;
	struct local *local;
	uint64_t recovered;
};

struct stand_opts {
	size_t head_bytes;
	uint64_t spool_max_bytes, queue_max_bytes;
	int64_t retention_ns, max_future_ns;
	bool create_databases;
	bool compactor; /* runs one; it acts by itself only when forced */
	int64_t keep_ns[TIERS]; /* of its retention; 0: for ever */
	const char *exception; /* a measurement with a retention of its own */
	int64_t exception_ns[TIERS]; /* 0: as for all */
	uint64_t max_bytes; /* of store and spool; 0: no ceiling */
	bool sketches; /* of all fields */
	struct catalogue_opts catalogue;
	struct disk_space *disk;
	int64_t probe_ns;
};

/* Aborts the test on any failure. */
void stand_open(struct stand *s, const struct stand_opts *opts); /* a new folder */
void stand_reopen(struct stand *s, const struct stand_opts *opts); /* the same folder, after stand_close */
void stand_close(struct stand *s);
void stand_remove(struct stand *s); /* closes, and removes the folder */

/* Forces the compactor and waits. */
void stand_compact(struct stand *s);

/* Writes and expects that nothing is refused; the points kept. */
uint64_t stand_write(struct stand *s, const char *lines);
/* Writes to a database; the message (or the error's text) is copied into out. */
enum err stand_try(struct stand *s, const char *database, int64_t precision_ns, const char *lines, char out[1024]);

/* The sum over all groups and buckets of one field: how often, and the total. */
struct stand_total {
	uint64_t count;
	double sum, last;
	unsigned groups;
	bool complete;
};
struct stand_total stand_total(
    struct stand *s, const char *measurement, const char *field, int64_t from_ns, int64_t to_ns);

#endif
