#include "query/read.h"

#include <string.h>

enum { ARENA_BLOCK = 64 << 10 };
#define ARENA_MAX ((size_t)512 << 20)

const char *read_source_name(enum read_source s)
{
	static const char *const names[] = { "none", "local", "influxdb", "influxdb+local" };

	return names[s];
}

static int64_t floor_to(int64_t t, int64_t step)
{
	int64_t rest = t % step;

	return t - (rest < 0 ? rest + step : rest);
}

void read_result_init(struct read_result *r, const struct read_request *q)
{
	*r = (struct read_result){ .step_ns = q->step_ns, .complete = true };
	arena_init(&r->arena, ARENA_BLOCK, ARENA_MAX);
	r->first_bucket_ns = floor_to(q->from_ns, q->step_ns);
	r->buckets = (unsigned)((q->to_ns - r->first_bucket_ns + q->step_ns - 1) / q->step_ns);
}

void read_result_fini(struct read_result *r)
{
	arena_fini(&r->arena);
}

const char *read_group_tag(const struct read_group *g, const char *key)
{
	for (unsigned i = 0; i < g->tag_count; i++)
		if (!strcmp(g->tags[i].key, key))
			return g->tags[i].value;
	return "";
}

const struct read_column *read_group_column(const struct read_group *g, const char *field)
{
	for (unsigned i = 0; i < g->column_count; i++)
		if (!strcmp(g->columns[i].field, field))
			return &g->columns[i];
	return NULL;
}
