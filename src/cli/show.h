/* Answers of /query as a table, as CSV or value by value, while they arrive. Memory: a block of rows. Owner: one thread. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include "cli/answer.h"
#include "cli/terminal.h"

enum show_format { SHOW_TABLE, SHOW_CSV, SHOW_JSON, SHOW_LINE }; /* JSON is passed on as it is: not for show_new */

/* Of the column "time", which must have been asked for in nanoseconds unless it stays as it was sent. */
enum show_time { SHOW_TIME_LOCAL, SHOW_TIME_UTC, SHOW_TIME_AS_SENT };

struct show_opts {
	enum show_format format;
	enum show_time time;
	const struct terminal *terminal; /* borrowed */
	bool (*write)(void *arg, struct view text); /* false: stop */
	void *arg;
};

struct show;

bool show_format_find(const char *name, enum show_format *out);
struct show *show_new(const struct show_opts *o); /* NULL: out of memory */
void show_free(struct show *s);
/* For struct answer_sink; arg: the show. */
bool show_answer_series(void *arg, const struct answer_series *series);
bool show_answer_row(void *arg, const struct answer_cell *cells);
bool show_series_end(void *arg);
uint64_t show_series_count(const struct show *s);
/* The latest time of any row, ns since the epoch; false: none was read. */
bool show_newest(const struct show *s, int64_t *out_ns);
/* 2026-01-31 13:00:00.25+01:00 in the local zone. */
void show_local_time(char out[64], int64_t ns);

#endif
