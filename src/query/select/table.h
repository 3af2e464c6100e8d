/* The answer of a subquery, kept: by measurement the groups, of each its rows by columns. Owner: the thread of the statement. */
#ifndef QUERY_SELECT_TABLE_H
#define QUERY_SELECT_TABLE_H

#include "base/arena.h"
#include "query/select/select_part.h"

struct table_column {
	uint64_t *bits;
	uint8_t *present;
	enum value_type type;
	bool is_used; /* some row has it */
};

struct table_series {
	struct view *tags; /* as node.group_by */
	uint32_t count, room;
	int64_t *times;
	struct table_column *columns; /* as node.columns */
};

struct table { /* of a measurement */
	struct view name;
	struct table_series **series;
	uint32_t count, room;
};

struct select_tables {
	const struct select_node *node;
	struct budget *budget;
	struct errbuf *eb;
	enum err error;
	struct arena arena; /* names, tags, strings, what does not grow */
	struct table *of;
	uint32_t count, room;
	struct table_series *series; /* the one whose rows come */
};

/* The rows rising in time. */
NODISCARD enum err table_sort(struct select_tables *t, struct table_series *s);

#endif
