/* The sentence that tells an operator how things are, the worst matter first, and the line under it that answers the
 * next question. Pure: figures in, text out. */
#ifndef EDGE_SENTENCE_H
#define EDGE_SENTENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "edge/series_view.h"
#include "flow/check.h"
#include "flow/replicator.h"
#include "flow/salvage.h"

enum { SENTENCE_MATTERS = 24 }; /* that can be amiss */
enum sentence_state { SENTENCE_OK, SENTENCE_WARN, SENTENCE_BAD };

struct sentence_facts {
	int64_t now_ns; /* wall clock */
	bool writable;
	const char *write_error;
	bool disk_low; /* writes are refused for want of room */
	uint64_t disk_free_bytes, disk_reserve_bytes;
	const char *missing; /* a file that was not there at the start, though it had been; or NULL */
	uint64_t damaged_reads; /* blocks of the store that reads left out since the start */
	enum salvage_state salvage;
	uint64_t salvaged_points, salvage_lost_points;
	const char *salvage_file, *salvage_error;
	enum check_state check;
	bool check_pages; /* the file's structure, not only rows */
	uint64_t check_bad_rows;
	const char *check_error;
	enum salvage_state store_salvage; /* the same of the store */
	uint64_t store_salvaged_points, store_lost_points;
	const char *store_salvage_file, *store_salvage_error;
	enum check_state store_check;
	bool store_check_pages;
	uint64_t store_bad_blocks;
	const char *store_check_error;
	uint64_t store_gap_points; /* lost from the store, found in the last 24 h */
	uint64_t gap_points; /* lost in the last 24 h */
	const char *gap_cause;
	const struct replicator_stats *target; /* the record first, if there is one */
	unsigned target_count;
	const char *record_url;
	int64_t owed_before_ns, owed_overflow_ns,
	    owed_missing_ns; /* time that InfluxDB lacks, by store/owed.h's cause; 0 without one */
	uint64_t
	    verify_lost_hours; /* that the last look at InfluxDB found lacking or otherwise, and that are not sent again */
	uint64_t verify_let_go_hours; /* in which it found that the record's retention has let go of points */
	int64_t verified_until_ns; /* InfluxDB had everything up to it; 0: nobody has looked */
	uint64_t spool_bytes, spool_max_bytes;
	double spool_bytes_per_s, values_per_s;
	unsigned collectors_failing;
	const char *failing_name, *failing_error; /* the first of them */
	const struct series_near *near; /* the nearest ceiling of the catalogue; NULL: none */
	uint64_t rejected_points; /* in the last minute */
	const char *rejected_reason; /* the most frequent since the start */
	const char *quarantine_reason; /* the most frequent, in one word */
	uint64_t quarantine_dropped; /* points let go at its ceiling since the start */
};

struct sentence {
	enum sentence_state state;
	const char *name; /* of the matter, for programs; constant */
	int64_t since_ns; /* wall clock: since when it has been so; 0: not known */
	char summary[256], detail[1024];
};

const char *sentence_state_name(enum sentence_state s); /* ok, warn, bad */
void sentence_make(const struct sentence_facts *f, struct sentence *out);
/* All that is amiss, the worst first; how many. */
unsigned sentence_all(const struct sentence_facts *f, struct sentence out[SENTENCE_MATTERS]);
/* "12 minutes", "1 hour", "3 days": one unit, rounded down. */
void sentence_duration(char *out, size_t size, int64_t ns);
/* "63.5 MiB" */
void sentence_bytes(char *out, size_t size, uint64_t bytes);
/* "1,234,567" */
void sentence_count(char *out, size_t size, uint64_t n);

#endif
