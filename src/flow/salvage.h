/* Takes over what can be read of files that were set aside (store/aside), one after the other; they stay until a human
 * removes them. What is the same for every file is here; flow/spool_salvage and flow/store_salvage know what is in them,
 * and start one.
 * Threads: one of its own does the work, started only if there is some; salvage_stats from any. */
#ifndef FLOW_SALVAGE_H
#define FLOW_SALVAGE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/worker.h"
#include "store/aside.h"

struct salvage;

enum salvage_state { SALVAGE_NONE, SALVAGE_RUNNING, SALVAGE_DONE, SALVAGE_FAILED };

struct salvage_figures { /* items: rows of a spool; blocks and pieces of a store, all tiers */
	uint64_t items, points; /* taken over, of all files */
	uint64_t lost_items,
	    lost_points; /* could not be read, or not whole; points of what is lost as a whole: about */
	uint64_t old_items; /* older than retention: left */
	uint64_t at, end; /* of the file in work: numbers of rows; bytes, about */
};

struct salvage_stats {
	enum salvage_state state; /* at the end FAILED if one of the files could not be taken over */
	char file[256]; /* the one in work or done last, without its folder */
	struct salvage_figures figures;
	int64_t started_ns, ended_ns; /* wall clock; 0: not yet */
	bool over; /* all files were looked at, if only to find that they are done with */
	char error[256]; /* why it failed */
};

void salvage_stop(struct salvage *s); /* after the item at hand; NULL is fine */
void salvage_stats(struct salvage *s, struct salvage_stats *out);
const char *salvage_state_name(enum salvage_state s); /* none, running, done, failed */

/* ---- for those who know a file; the thread, but for new and begin ---- */

struct salvage_kind {
	const char *thread; /* its name */
	const char *name, *items, *points; /* for the log: "recovery", "rows", "points" */
	bool newest_first; /* else the oldest */
	/* All of a file; nothing if that was done before. ERR_CLOSED: stopping. Other errors: it is given up until the next
	 * start. */
	enum err (*take_over)(void *arg, const struct aside_file *file, struct errbuf *eb);
	/* Takes note of one given up, and of the end (all: none was). ERR_CLOSED: stopping. Either may be NULL. */
	enum err (*given_up)(void *arg, const struct aside_file *file);
	enum err (*ended)(void *arg, bool all);
	void (*free)(void *arg);
};

/* Takes arg, also where it fails: it is gone then. retry_ns: the pause when nothing can be written; 0: 1 s. */
NODISCARD enum err salvage_new(struct salvage **out, const struct salvage_kind *kind, void *arg, const char *path,
    int64_t retry_ns, struct errbuf *eb);
NODISCARD enum err salvage_begin(struct salvage **out, struct salvage *s, struct errbuf *eb); /* takes s, likewise */

const char *salvage_path(const struct salvage *s); /* of the file in use */
struct worker *salvage_worker(struct salvage *s); /* for pauses */
bool salvage_wait(struct salvage *s); /* the pause of retry_ns; false: stopping */
void salvage_tell_file(struct salvage *s, const struct aside_file *file); /* this one is in work */
void salvage_tell(struct salvage *s, const struct salvage_figures *f);
/* Copies what can be read of some rows; one that breaks a constraint is damaged. */
void salvage_copy_rows(sqlite3 *from, sqlite3 *to, const char *select, const char *insert);

#endif
