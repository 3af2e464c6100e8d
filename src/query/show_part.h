/* Shared by the files of SHOW. */
#ifndef QUERY_SHOW_PART_H
#define QUERY_SHOW_PART_H

#include "base/arena.h"
#include "query/regex.h"
#include "query/show.h"
#include "store/series_set.h"
#include "store/tags.h"

struct show_measurement {
	struct measurement *m;
	struct view name; /* plain */
	uint32_t series; /* as many as there were in the beginning */
};

struct show {
	const struct show_env *env;
	const struct iql_statement *st;
	const struct result_sink *sink;
	struct errbuf *eb;
	struct arena arena; /* names, lists; freed at the end */
	uint32_t db;
	struct show_measurement *list; /* by name */
	uint32_t count;
};

/* Memory that lives as long as the statement and counts for its budget. NULL: *e says why. */
void *show_alloc(struct show *s, size_t n, size_t align, enum err *e);
/* Plain text of a name as the catalogue has it. */
NODISCARD enum err show_plain(struct show *s, struct view raw, bool measurement, struct view *out);
/* Those of the database, or of FROM: into s->list. */
NODISCARD enum err show_collect(struct show *s);
/* Two views after each other, bytes compared unsigned; for qsort. */
int show_compare_views(const void *a, const void *b);
/* ERR_CLOSED where the sink wants no more. */
NODISCARD enum err show_series(
    struct show *s, struct view name, const char *const *columns, uint32_t count, bool undivided);
NODISCARD enum err show_row(struct show *s, const struct cell *cells);
struct cell show_text(struct view v);

/* OFFSET and LIMIT. */
struct show_window {
	uint64_t skip, left;
};
struct show_window show_window_of(const struct iql_limits *l);
/* Whether the next row is to be shown. */
bool show_window_take(struct show_window *w);
static inline bool show_window_is_over(const struct show_window *w)
{
	return w->left == 0;
}

/* show_filter.c: the series of a measurement that pass the statement's condition, into *set (to be given back with
 * series_set_fini, also after an error). strict: as a SELECT takes conditions: fields have no say. all: every series is in it. */
NODISCARD enum err show_filter(
    struct show *s, const struct show_measurement *m, bool strict, struct series_set *set, bool *all);
/* Of SHOW MEASUREMENTS: keep[i] of s->list. */
NODISCARD enum err show_filter_measurements(struct show *s, bool *keep);

/* show_names.c, show_values.c, show_series.c, show_cardinality.c */
NODISCARD enum err show_databases(struct show *s);
NODISCARD enum err show_policies(struct show *s);
NODISCARD enum err show_measurements(struct show *s);
NODISCARD enum err show_tag_keys(struct show *s);
NODISCARD enum err show_field_keys(struct show *s);
NODISCARD enum err show_tag_values(struct show *s);
NODISCARD enum err show_series_keys(struct show *s);
NODISCARD enum err show_cardinality(struct show *s);
/* Marks the tag keys that series of the set have; used: of tags_key_count. */
NODISCARD enum err show_mark_keys(struct show *s, const struct show_measurement *m, const struct series_set *set,
    bool all, bool *used, uint32_t keys);
/* Whether WITH KEY asks for this key. regex: of show_key_regex. */
bool show_wants_key(const struct show *s, struct view key, struct regex *regex, enum err *e);
NODISCARD enum err show_key_regex(struct show *s, struct regex **out); /* NULL where there is none */

#endif
