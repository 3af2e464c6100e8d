/* The three formats of export: a point as text. Whatever reads it back gets the same point, bit for bit.
 *
 * lp     line protocol with nanosecond timestamps; strings in their canonical form (only \" and \\ are escapes)
 * jsonl  {"measurement":"m","tags":{"host":"a"},"fields":{"n":1,"v":0.5},"types":{"n":"integer"},"time":"…Z"}
 *        a number is a float unless `types` says integer or unsigned; whole numbers above 2^53 in size stand in quotes,
 *        so that no reader rounds them; a string that is not UTF-8 is "base64" in `types`; no types, no member
 * csv    rows of `measurement,time,<tags>,<fields>` under a header that names them: tag:host, float:v, integer:n,
 *        unsigned:u, boolean:b, string:s. A new header comes where the columns change. An empty cell is no value; strings
 *        are always quoted, so that "" is an empty one. RFC 4180.
 *
 * Owner: one thread. */
#ifndef QUERY_EXPORT_WRITE_H
#define QUERY_EXPORT_WRITE_H

#include "base/buf.h"
#include "store/batch.h"

enum export_format { EXPORT_LP, EXPORT_CSV, EXPORT_JSONL };

struct export_writer;

bool export_format_find(const char *name, enum export_format *out); /* lp, csv, jsonl */
const char *export_format_name(enum export_format f);
const char *export_format_media_type(enum export_format f);

NODISCARD enum err export_writer_new(struct export_writer **out, enum export_format format, struct errbuf *eb);
void export_writer_free(struct export_writer *w); /* NULL is fine */
/* Appends the point to out; values in order of their names, strings escaped as in a batch. False: out has failed, or
 * memory ran out. */
NODISCARD bool export_writer_point(struct export_writer *w, struct buf *out, const struct series *s, int64_t time_ns,
    const struct batch_value *values, uint32_t count);

/* The value alone, as line protocol. */
void export_lp_value(struct buf *out, const struct batch_value *v);

#endif
