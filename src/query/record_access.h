/* The way reads go to the record: connections for one thread at a time, kept for the next; the breaker; what the record's
 * database is called; what has not been delivered yet. Any thread, several at once. */
#ifndef QUERY_RECORD_ACCESS_H
#define QUERY_RECORD_ACCESS_H

#include "query/breaker.h"
#include "query/record.h"

struct record_access;

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
};

NODISCARD enum err record_access_new(
    struct record_access **out, const struct record_access_opts *opts, struct errbuf *eb);
void record_access_free(struct record_access *ra); /* NULL is fine */

const struct record_access_opts *record_access_opts(const struct record_access *ra);
/* The record's name of a database of ours. */
const char *record_access_database(const struct record_access *ra, const char *database);
/* A context, to be given back. NULL: none could be made. */
void *record_access_take(struct record_access *ra);
void record_access_give(struct record_access *ra, void *context);

#endif
