/* Timed work, by name: calls of services, queries of databases, timers of applications. All of them have the same fields
 * (count, errors, duration_ms_sum …, or duration_ms of each) and the tag status. The groups of one name are folded into one
 * row of buckets, and those into one row of totals. Owner: one thread. */
#ifndef EDGE_ROUTES_TIMERS_H
#define EDGE_ROUTES_TIMERS_H

#include "edge/routes_internal.h"

enum { TIMERS_P50, TIMERS_P90, TIMERS_P95, TIMERS_P99, TIMERS_PERCENTILES };
enum { TIMERS_NAMES_MAX = 3 };

struct timers_wish {
	const char *measurement;
	const struct read_filter *filters;
	unsigned filter_count;
	const char *const *names; /* the tags that make a name, in order of their keys and all before "status" */
	unsigned name_count;
	struct routes_grid grid;
};

struct timers_figures { /* NAN where unknown */
	/* timed: requests behind sum; own: those of them whose durations are there one by one */
	double count, errors, timed, own, sum, min, max, percentile[TIMERS_PERCENTILES];
};

struct timers_line { /* one name: neighbouring groups of the result */
	const char *name[TIMERS_NAMES_MAX];
	const struct read_group *groups;
	unsigned group_count;
	const struct read_column *timed, *whole; /* of duration_ms: over time, of the range; NULL: there is none */
	bool bounds; /* some percentiles are the intervals' own */
	struct timers_figures total;
};

struct timers {
	struct timers_wish wish;
	struct read_result result, timed, whole;
	struct timers_line *lines; /* in order of their names */
	unsigned line_count;
	struct timers_figures *buckets; /* scratch, of one line */
};

/* The wish's pointers stay in use until timers_fini, which is due in any case. ERR_NOMEM too. */
NODISCARD enum err timers_read(
    const struct services *s, const struct timers_wish *w, struct timers *t, struct errbuf *eb);
void timers_fini(struct timers *t);
void timers_sort_busiest(struct timers *t);
/* Whether the line's groups have any of the fields of timed work. */
bool timers_is_timed(const struct timers_line *l);
/* The field is one of timed work. */
bool timers_has_field(const char *field);
/* upper_bound, exact, sketch: what can be said of every line's percentiles. */
const char *timers_kind(const struct timers *t);
/* The line's figures as members of an object, without its name; series: those over time too. */
void timers_put_line(struct buf *b, struct timers *t, struct timers_line *l, bool series);

#endif
