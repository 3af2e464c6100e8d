/* For show*.c alone: what the forms have in common. */
#ifndef CLI_SHOW_PART_H
#define CLI_SHOW_PART_H

#include "cli/grid.h"
#include "cli/show.h"
#include "cli/sparkline.h"

enum { SHOW_SPARKLINES_MAX = 64 };

struct show {
	struct show_opts o;
	struct buf out;
	uint64_t series;
	bool time_first; /* of the series at hand */
	unsigned columns;
	int64_t newest_ns;
	bool has_newest;
	/* table, line */
	struct grid *grid;
	struct buf names; /* of the columns with a sparkline, each ended by 0 */
	struct sparkline *sparklines; /* by column, the first SHOW_SPARKLINES_MAX */
	/* csv */
	struct buf head, tags; /* head: the last that was written; tags: name and values of the series, as written */
};

/* Is the cell a time to be put into words? Then scratch has them. */
bool show_time(struct show *s, unsigned column, const struct answer_cell *c, char scratch[64]);

void show_csv_series(struct show *s, const struct answer_series *series);
void show_csv_row(struct show *s, const struct answer_cell *cells);
void show_table_series(struct show *s, const struct answer_series *series);
void show_table_row(struct show *s, const struct answer_cell *cells);
void show_table_end(struct show *s);

#endif
