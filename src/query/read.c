#include "query/read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
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
	*r = (struct read_result){ .step_ns = q->step_ns, .complete = true, .tier = "raw" };
	arena_init(&r->arena, ARENA_BLOCK, ARENA_MAX);
	r->first_bucket_ns = floor_to(q->from_ns, q->step_ns);
	r->buckets = (unsigned)((q->to_ns - r->first_bucket_ns - 1) / q->step_ns + 1);
}

void read_result_fini(struct read_result *r)
{
	arena_fini(&r->arena);
}

double *read_new_percentiles(struct read_result *r, const struct read_request *q)
{
	size_t n = (size_t)r->buckets * q->percentile_count;
	double *p = arena_alloc(&r->arena, n * sizeof *p, 16);

	for (size_t i = 0; p && i < n; i++)
		p[i] = NAN;
	return p;
}

void read_result_not_complete(struct read_result *r, const char *reason)
{
	if (!r->complete)
		return;
	r->complete = false;
	snprintf(r->reason, sizeof r->reason, "%s", reason);
}

int read_group_compare(const struct read_group *a, const struct read_group *b)
{
	for (unsigned i = 0; i < a->tag_count && i < b->tag_count; i++) {
		int c = strcmp(a->tags[i].key, b->tags[i].key);
		if (!c)
			c = strcmp(a->tags[i].value, b->tags[i].value);
		if (c)
			return c;
	}
	return (a->tag_count > b->tag_count) - (a->tag_count < b->tag_count);
}

static int by_tags(const void *a, const void *b)
{
	return read_group_compare(a, b);
}

void read_result_sort(struct read_result *r)
{
	if (r->group_count)
		qsort(r->groups, r->group_count, sizeof *r->groups, by_tags);
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
