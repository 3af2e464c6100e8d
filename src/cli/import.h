/* Files of points, record by record, into line protocol with explicit timestamps. docs/api.md (export) has the formats;
 * beyond what export writes they take what a spreadsheet or a script makes of them. One thread. */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "base/buf.h"

enum import_format { IMPORT_LP, IMPORT_CSV, IMPORT_JSONL };

enum import_step {
	IMPORT_MORE, /* the text ends within a record: come back with more of it */
	IMPORT_POINT, /* a line was appended */
	IMPORT_NOTHING, /* a comment, a header, an empty line */
	IMPORT_BAD /* this record is left out, and why */
};

enum { IMPORT_RECORD_MAX = 64 << 20 };

struct csv_column {
	char kind; /* t tag, f float, i integer, u unsigned, b boolean, s string */
	struct view name; /* in import.header */
};

struct import {
	enum import_format format;
	uint64_t line; /* of the file, from 1: the first of the record at hand */
	uint64_t next_line;
	/* csv */
	char separator;
	struct buf header; /* the cells of the last header */
	struct csv_column *columns; /* NULL: no header yet */
	unsigned column_count;
	struct buf cells; /* scratch */
	struct view *cell;
	bool *quoted;
	unsigned cell_count, cell_cap;
};

bool import_format_find(const char *name, enum import_format *out);
const char *import_format_name(enum import_format f);
/* By the first bytes of a file: an object is JSON lines, a header of ours is CSV, all else line protocol. */
enum import_format import_detect(struct view text);

void import_init(struct import *im, enum import_format f);
void import_fini(struct import *im);
/* The next record at the beginning of text; end: no more text will come. *used: how much of it was taken; 0 with end: no
 * record is left. Appends at most one line to out. */
enum import_step import_next(
    struct import *im, struct view text, bool end, size_t *used, struct buf *out, struct errbuf *why);

/* The formats, for import.c alone. *used is set by all but IMPORT_MORE. */
enum import_step import_next_lp(
    struct import *im, struct view text, bool end, size_t *used, struct buf *out, struct errbuf *why);
enum import_step import_next_csv(
    struct import *im, struct view text, bool end, size_t *used, struct buf *out, struct errbuf *why);
enum import_step import_next_jsonl(
    struct import *im, struct view text, bool end, size_t *used, struct buf *out, struct errbuf *why);
/* RFC 3339, or whole nanoseconds since the epoch. */
bool import_time(struct view v, int64_t *out_ns);

#endif
