/* What the verifier's files share. hf-verify alone, where nothing else is said.
 *
 *	verifier.c         the thread, jobs, the walk over databases, days and measurements
 *	verifier_local.c   the tally of this side, what is not to be compared yet
 *	verifier_record.c  the tally of the record, one question at a time
 *	verifier_judge.c   what of two tallies is a difference; the list, repair, how far all was equal */
#ifndef FLOW_VERIFIER_PART_H
#define FLOW_VERIFIER_PART_H

#include <pthread.h>

#include "flow/quarantined.h"
#include "flow/tally.h"
#include "flow/verifier.h"
#include "store/catalogue.h"

enum { VERIFIER_REPLY_MAX = 16 << 20, VERIFIER_STATEMENT_MAX = 512 << 10, VERIFIER_TEXT_MAX = 1 << 20 };

struct verifier_names { /* plain, in no order */
	char **of;
	uint32_t count, room;
};

struct verifier_field { /* as the record has it */
	char *name;
	enum value_type type;
};

struct verifier {
	struct verifier_opts opts;
	pthread_t thread;
	pthread_mutex_t lock; /* all down to verified_count */
	pthread_cond_t wake;
	bool stopping, cancelled, asked; /* asked: a job is to begin */
	struct verifier_stats stats;
	struct verifier_difference *differences; /* room for VERIFIER_DIFFERENCES_MAX */
	struct verified verified[CATALOGUE_DATABASES_MAX];
	uint32_t verified_count;

	/* the thread alone, down to the end */
	void *connection;
	struct record_reply reply;
	struct buf statement, text, scratch;
	struct spool_reader *reader;
	int64_t took_ns; /* the last answer */
	int64_t best_ping_ns; /* of the job; 0: none yet */
	struct verifier_request rq;
	bool all; /* from where raw retention begins */
	/* the database at hand */
	uint32_t db;
	const char *name, *record_name; /* here, and in the record */
	bool there; /* the record has it */
	int64_t record_keeps_ns; /* 0: for ever */
	struct verifier_names measurements;
	struct quarantined quarantined;
	struct verified known_before; /* the job; until_ns 0: nothing */
	int64_t good_until_ns; /* all before it, and from the job's begin on, was equal */
	/* the measurement and day at hand */
	const char *measurement; /* plain */
	const struct measurement *known; /* NULL: not here */
	int64_t keeps_ns; /* here */
	int64_t from_ns, to_ns; /* within a day that begins with an hour */
	int64_t day_ns;
	uint64_t before_seq; /* the newest row before either side was looked at */
	bool waiting[TALLY_HOURS_MAX]; /* not to be compared yet */
	uint64_t left_out[TALLY_HOURS_MAX]; /* values in quarantine */
	bool sums; /* both tallies have checksums */
	bool lacks; /* the local store does not have all of the day any more */
	struct tally here, record;
	struct verifier_field *fields;
	uint32_t field_count, field_room;
};

/* ---- the thread ---- */

bool verifier_goes_on(struct verifier *v); /* false: the job is to end */
bool verifier_pause(struct verifier *v, int64_t ns); /* false: likewise */
bool verifier_add_name(struct verifier_names *l, struct view name); /* unless it is there; false: no memory */
int64_t verifier_hour_end(const struct verifier *v, unsigned hour); /* within [from_ns, to_ns) */
int64_t verifier_hour_begin(const struct verifier *v, unsigned hour);
unsigned verifier_hours(const struct verifier *v); /* of the day at hand, up to to_ns */

/* ---- this side ---- */

NODISCARD enum err verifier_tally_here(struct verifier *v, struct errbuf *eb);
/* Does the local store have all of [from, to) of the measurement? */
NODISCARD enum err verifier_is_whole(
    struct verifier *v, int64_t from_ns, int64_t to_ns, bool *whole, struct errbuf *eb);
/* Sets v->waiting of each hour: rows that are not delivered, or owed. Waits a little for those that are on their way. */
NODISCARD enum err verifier_look_at_lag(struct verifier *v, struct errbuf *eb);
/* Rows above v->before_seq have points of the hour. */
NODISCARD enum err verifier_was_written(struct verifier *v, unsigned hour, bool *written, struct errbuf *eb);

/* ---- the record ---- */

NODISCARD enum err verifier_find_place(struct verifier *v, struct errbuf *eb); /* v->there, v->record_keeps_ns */
NODISCARD enum err verifier_list_measurements(struct verifier *v, struct errbuf *eb); /* adds those of the record */
/* whole: value for value, without what is in quarantine; else by count, and v->record's times stay unknown. */
NODISCARD enum err verifier_tally_record(struct verifier *v, bool whole, struct errbuf *eb);
/* First and last times of the hours that both sides have values in. */
NODISCARD enum err verifier_find_times(struct verifier *v, struct errbuf *eb);

/* ---- judgement ---- */

NODISCARD enum err verifier_judge(struct verifier *v, struct errbuf *eb); /* of v->here and v->record */
NODISCARD enum err verifier_note_day(
    struct verifier *v, int64_t to_ns, struct errbuf *eb); /* of the database, up to to_ns */

#endif
