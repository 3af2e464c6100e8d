/* What InfluxDB 1.x's /query answers, in one document or many (chunked), as series and rows. A series that goes on in the
 * next document is one series here. Memory: one row and one head, whatever the length. Owner: one thread. */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include "cli/jstream.h"

enum answer_kind { ANSWER_NULL, ANSWER_BOOLEAN, ANSWER_NUMBER, ANSWER_STRING };

struct answer_cell {
	enum answer_kind kind;
	struct view text; /* NULL: empty */
};

struct answer_tag {
	struct view key, value;
};

struct answer_series {
	uint32_t statement;
	struct view name; /* may be empty */
	const struct answer_tag *tags;
	unsigned tag_count;
	const struct view *columns;
	unsigned column_count;
};

/* Views are good during the call; false stops the reading. */
struct answer_sink {
	bool (*series)(void *arg, const struct answer_series *s);
	bool (*row)(void *arg, const struct answer_cell *cells); /* of the series begun last */
	bool (*series_end)(void *arg);
	void (*error)(void *arg, struct view text); /* of a statement, or of the request */
	void (*warning)(void *arg, struct view text);
	void *arg;
};

struct answer;

struct answer *answer_new(const struct answer_sink *sink); /* NULL: out of memory */
void answer_free(struct answer *a);
/* ERR_INVALID: that is no such answer; ERR_CLOSED: the sink stopped it; ERR_TOOBIG: a row above 64 MiB. */
NODISCARD enum err answer_take(struct answer *a, struct view piece, struct errbuf *eb);
NODISCARD enum err answer_end(struct answer *a, struct errbuf *eb);
/* The last series was marked as cut short: the server has a ceiling of rows. Only after answer_end. */
bool answer_is_cut(const struct answer *a);

#endif
