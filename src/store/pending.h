/* What the live cursor of a target left behind, in the order in which it is to be sent.
 *
 * A target gets new rows (live) beside older ones (pending). Of two values that were written to the same series, field and
 * time the target keeps the one that came last, so a row that was sent live must be sent again after any older row that may
 * hold the same points. Hence two kinds of parts, in order of their rows:
 *
 *	whole    rows that were not sent yet; [min, max] holds all their times
 *	again    rows that were sent live while the parts before them waited: of them only the lines with times in
 *	         [min, max], a span that holds the times of all parts before it
 *
 * Parts follow each other without a hole, and the last is open: it ends at the live cursor, wherever that is. An open part
 * that is `again` stands for the rows that are sent live meanwhile; one that is whole says that none are: its database is
 * held.
 *
 * A list is for one database that is held or was, or (db 0) for all that have none of their own; while a database has one,
 * the others pass its rows by. When a list is made it copies that of db 0, which holds the database's rows as well.
 *
 *	rows      1 … 900      901 … 1400     1401 … 1800    1801 … live cursor
 *	part      delivered    whole          again          (open)
 *
 * There are at most PENDING_PARTS_MAX parts; neighbours with the fewest rows already sent are joined then. Of any part only
 * lines in its span are sent, so that nothing is sent again that a later part does not send again, too. */
#ifndef STORE_PENDING_H
#define STORE_PENDING_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { PENDING_PARTS_MAX = 16, PENDING_LISTS_MAX = 65 };
#define PENDING_OPEN ((uint64_t)INT64_MAX)

struct pending_part {
	uint64_t from_seq, to_seq; /* both included; PENDING_OPEN: to the live cursor */
	int64_t min_ns, max_ns; /* both included */
	bool again; /* all of its rows were sent already */
};

struct pending {
	uint32_t db; /* 0: those without a list of their own */
	uint32_t count; /* 0: nothing is pending */
	struct pending_part part[PENDING_PARTS_MAX];
};

struct pending_set {
	uint32_t count;
	struct pending list[PENDING_LISTS_MAX]; /* that of db 0 first, always there */
};

/* Rows (live_seq, to_seq], whose times lie in [min_ns, max_ns], become pending; the live cursor is at to_seq from now on. */
void pending_jump(struct pending *p, uint64_t live_seq, uint64_t to_seq, int64_t min_ns, int64_t max_ns);
/* No row above live_seq is sent live until pending_release, which says what times those up to its live_seq have. */
void pending_hold(struct pending *p, uint64_t live_seq);
void pending_release(struct pending *p, uint64_t live_seq, int64_t min_ns, int64_t max_ns);
bool pending_is_held(const struct pending *p);
/* Lines with times in [min_ns, max_ns] of rows above after_seq are to be sent again. */
void pending_send_again(struct pending *p, uint64_t after_seq, int64_t min_ns, int64_t max_ns);
/* Every row up to seq is done with. */
void pending_done(struct pending *p, uint64_t seq, uint64_t live_seq);
/* The first row that is pending; PENDING_OPEN: none. */
uint64_t pending_first(const struct pending *p);

void pending_set_init(struct pending_set *s);
struct pending *pending_set_find(struct pending_set *s, uint32_t db); /* NULL: it has no list of its own */
/* A list for the database, a copy of db 0's; its own, if there is one. NULL: there are too many. */
struct pending *pending_set_add(struct pending_set *s, uint32_t db);
void pending_set_remove(struct pending_set *s, const struct pending *p);
uint64_t pending_set_first(const struct pending_set *s);

/* The table `pending`. The writer, inside a transaction; a reader's connection. */
NODISCARD enum err pending_store(sqlite3 *writer, const char *target, const struct pending_set *s, struct errbuf *eb);
NODISCARD enum err pending_load(sqlite3 *reader, const char *target, struct pending_set *out, struct errbuf *eb);

#endif
