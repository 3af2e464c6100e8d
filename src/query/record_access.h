/* The way reads go to the record: connections for one thread at a time, kept for the next; the breaker; what the record's
 * database is called; what it has not got. Any thread, several at once. */
#ifndef QUERY_RECORD_ACCESS_H
#define QUERY_RECORD_ACCESS_H

#include "query/breaker.h"
#include "query/record.h"
#include "store/catalogue.h"
#include "store/owed.h"

struct record_access;

/* What the record has not got, and is not going to be sent by itself. */
struct record_absent {
	int64_t from_ns; /* the first time that lacks something; within what was asked for */
	char why[128]; /* for people */
};

struct record_access_opts { /* borrowed */
	struct breaker *breaker;
	const struct record_ops *ops;
	void *(*open)(void *arg); /* a context for one thread at a time; NULL on failure */
	void (*close)(void *context);
	void *open_arg;
	const char *database; /* what `metrics` is called in the record; others keep their names */
	int64_t timeout_ms; /* until a read's answer must be there, or for long ones begin; 0: 1000 */
	/* The smallest timestamp not yet delivered, INT64_MAX if the record has all. Any thread. */
	int64_t (*undelivered_from_ns)(void *arg);
	void *undelivered_arg;
	const struct owed *owed; /* what it is owed beside that; NULL: nothing */
	const char *target; /* its name there */
	const struct catalogue *catalogue; /* of the databases there */
	/* What it lacks of [from, to) of a database of ours beside all that: refused, or older than it keeps. False: nothing; NULL:
	 * that is so of all. Any thread. */
	bool (*find_absent)(void *arg, struct view database, int64_t from_ns, int64_t to_ns, struct record_absent *out);
	void *absent_arg;
};

/* What the record has not got of a range, as far as it is known. */
struct record_lack {
	int64_t from_ns; /* the first time that it may lack; INT64_MAX: it has all */
	int64_t undelivered_ns; /* what is from here on comes by itself; INT64_MAX: nothing */
	bool owes; /* something before that: */
	struct owed_range owed; /* where it begins first */
	struct record_absent absent; /* the same; why is "": nothing */
};

NODISCARD enum err record_access_new(
    struct record_access **out, const struct record_access_opts *opts, struct errbuf *eb);
void record_access_free(struct record_access *ra); /* NULL is fine */

const struct record_access_opts *record_access_opts(const struct record_access *ra);
/* The record's name of a database of ours. */
const char *record_access_database(const struct record_access *ra, const char *database);
/* Adds what it lacks of [from, to) of a database of ours. Before the record is asked: what is delivered in between is in both
 * answers then. */
void record_access_add_lack(
    struct record_access *ra, struct view database, int64_t from_ns, int64_t to_ns, struct record_lack *l);
#define RECORD_LACKS_NOTHING \
	{ \
		.from_ns = INT64_MAX, .undelivered_ns = INT64_MAX \
	}
/* For people: what it lacks, and why. */
void record_lack_explain(const struct record_lack *l, char out[256]);
/* A context, to be given back. NULL: none could be made. */
void *record_access_take(struct record_access *ra);
void record_access_give(struct record_access *ra, void *context);

#endif
