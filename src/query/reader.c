#include "query/reader.h"

#include <math.h>
#include <stdlib.h>

#include "base/counter.h"
#include "base/log.h"
#include "query/record_read.h"

struct reader {
	struct reader_opts opts;
};

enum err reader_new(struct reader **out, const struct reader_opts *opts, struct errbuf *eb)
{
	struct reader *rd = calloc(1, sizeof *rd);

	*out = rd;
	if (!rd)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	rd->opts = *opts;
	return ERR_OK;
}

void reader_free(struct reader *rd)
{
	free(rd);
}

static enum err ask_record(struct reader *rd, const struct read_request *q, struct read_result *r, struct errbuf *eb)
{
	const struct record_access_opts *opts = record_access_opts(rd->opts.record);
	void *record = record_access_take(rd->opts.record);

	if (!record)
		return errbuf_set(eb, ERR_NOMEM, "no connection to InfluxDB could be made");
	enum err e = record_read(
	    opts->ops, record, record_access_database(rd->opts.record, q->database), opts->timeout_ms, q, r, eb);
	record_access_give(rd->opts.record, record);
	if (e == ERR_UNAVAILABLE)
		breaker_failed(opts->breaker);
	return e;
}

/* ---- the undelivered tail ---- */

static struct read_group *find_group(struct read_result *r, const struct read_group *like)
{
	for (unsigned i = 0; i < r->group_count; i++)
		if (read_group_compare(&r->groups[i], like) == 0)
			return &r->groups[i];
	return NULL;
}

/* The column of g, made if missing; NULL: out of memory. */
static struct read_column *own_column(
    struct read_result *r, const struct read_request *q, struct read_group *g, const struct read_column *like)
{
	struct read_column *have = (struct read_column *)read_group_column(g, like->field);

	if (have)
		return have;
	struct read_column *list = arena_alloc(&r->arena, (g->column_count + 1) * sizeof *list, 16);
	char *field = arena_copy(&r->arena, view_of(like->field));
	struct read_cell *cells = arena_alloc(&r->arena, r->buckets * sizeof *cells, 16);
	double *percentiles = like->percentiles ? read_new_percentiles(r, q) : NULL;
	if (!list || !field || !cells || (like->percentiles && !percentiles))
		return NULL;
	unsigned at = 0;
	while (at < g->column_count && strcmp(g->columns[at].field, field) < 0)
		at++;
	if (at)
		memcpy(list, g->columns, at * sizeof *list);
	list[at] = (struct read_column){ field, like->type, cells, percentiles };
	if (at < g->column_count)
		memcpy(list + at + 1, g->columns + at, (g->column_count - at) * sizeof *list);
	g->columns = list;
	g->column_count++;
	return &list[at];
}

static struct read_group *own_group(struct read_result *r, const struct read_group *like)
{
	struct read_group *have = find_group(r, like);

	if (have)
		return have;
	struct read_group *list = arena_alloc(&r->arena, (r->group_count + 1) * sizeof *list, 16);
	struct read_group g = { .tag_count = like->tag_count };
	g.tags = arena_alloc(&r->arena, (like->tag_count + 1) * sizeof *g.tags, 16);
	if (!list || !g.tags)
		return NULL;
	for (unsigned i = 0; i < like->tag_count; i++) {
		g.tags[i].key = arena_copy(&r->arena, view_of(like->tags[i].key));
		g.tags[i].value = arena_copy(&r->arena, view_of(like->tags[i].value));
		if (!g.tags[i].key || !g.tags[i].value)
			return NULL;
	}
	unsigned at = 0;
	while (at < r->group_count && read_group_compare(&r->groups[at], &g) < 0)
		at++;
	if (at)
		memcpy(list, r->groups, at * sizeof *list);
	list[at] = g;
	if (at < r->group_count)
		memcpy(list + at + 1, r->groups + at, (r->group_count - at) * sizeof *list);
	r->groups = list;
	r->group_count++;
	return &list[at];
}

/* The local column's cells and percentiles take the place of the record's from bucket `first` on; from NULL: nothing is
 * there. */
static void overlay_column(const struct read_request *q, struct read_column *to, const struct read_column *from,
    unsigned first, unsigned buckets)
{
	unsigned n = buckets - first;

	if (from)
		memcpy(to->cells + first, from->cells, n * sizeof *to->cells);
	else
		memset(to->cells + first, 0, n * sizeof *to->cells);
	for (unsigned i = 0; to->percentiles && i < q->percentile_count; i++)
		for (unsigned b = 0; b < n; b++)
			to->percentiles[(size_t)i * buckets + first + b] = from && from->percentiles
			    ? from->percentiles[(size_t)i * n + b]
			    : NAN;
}

/* The local groups' columns take the place of the record's from where the local grid begins. */
static bool overlay(struct read_result *r, const struct read_request *q, const struct read_result *local)
{
	unsigned first = (unsigned)((local->first_bucket_ns - r->first_bucket_ns) / r->step_ns);

	for (unsigned i = 0; i < local->group_count; i++) {
		const struct read_group *lg = &local->groups[i];
		struct read_group *g = own_group(r, lg);
		if (!g)
			return false;
		for (unsigned k = 0; k < g->column_count; k++)
			overlay_column(q, &g->columns[k], NULL, first, r->buckets);
		for (unsigned k = 0; k < lg->column_count; k++) {
			struct read_column *col = own_column(r, q, g, &lg->columns[k]);
			if (!col)
				return false;
			overlay_column(q, col, &lg->columns[k], first, r->buckets);
		}
	}
	return true;
}

/* Adds to the record's answer what it has not got yet. */
static enum err add_tail(
    struct reader *rd, const struct read_request *q, int64_t undelivered_ns, struct read_result *r, struct errbuf *eb)
{
	struct read_result local;
	struct read_request tail = *q;

	if (undelivered_ns >= q->to_ns)
		return ERR_OK;
	if (undelivered_ns > tail.from_ns) { /* from the beginning of the bucket that it lies in */
		int64_t begin = r->first_bucket_ns + (undelivered_ns - r->first_bucket_ns) / r->step_ns * r->step_ns;
		tail.from_ns = begin > q->from_ns ? begin : q->from_ns;
	}
	read_result_init(&local, &tail);
	enum err e = local_read(rd->opts.local, &tail, &local, eb);
	if (e == ERR_OK && !overlay(r, q, &local))
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	r->source = READ_SOURCE_BOTH;
	r->sketched |= local.sketched;
	if (!local.complete)
		read_result_not_complete(r, local.reason);
	read_result_fini(&local);
	return e;
}

static enum err read_from_record(
    struct reader *rd, const struct read_request *q, struct read_result *r, struct errbuf *eb)
{
	/* asked first: what is delivered in between is in both answers then, and the local one takes its place */
	const struct record_access_opts *opts = record_access_opts(rd->opts.record);
	int64_t undelivered_ns = opts->undelivered_from_ns(opts->undelivered_arg);
	enum err e = ask_record(rd, q, r, eb);

	return e == ERR_OK ? add_tail(rd, q, undelivered_ns, r, eb) : e;
}

static enum err answer(struct reader *rd, const struct read_request *q, struct read_result *r, struct errbuf *eb)
{
	bool wanted = rd->opts.policy != READ_LOCAL && rd->opts.record;

	if (wanted &&
	    (rd->opts.policy == READ_RECORD || breaker_allows(record_access_opts(rd->opts.record)->breaker))) {
		if (read_from_record(rd, q, r, eb) == ERR_OK)
			return ERR_OK;
		log_warn("a read is answered from the local store: %s", eb->text);
		counter_add(COUNTER_READ_FALLBACK, 1);
		read_result_fini(r);
		read_result_init(r, q);
		if (rd->opts.policy == READ_RECORD)
			read_result_not_complete(r, "InfluxDB did not answer; this is what the local store has");
	}
	return local_read(rd->opts.local, q, r, eb);
}

enum err reader_read(struct reader *rd, const struct read_request *q, struct read_result *r, struct errbuf *eb)
{
	enum err e = answer(rd, q, r, eb);

	if (e != ERR_OK)
		return e;
	counter_add(r->source == READ_SOURCE_LOCAL ? COUNTER_READ_LOCAL
		: r->source == READ_SOURCE_RECORD  ? COUNTER_READ_RECORD
						   : COUNTER_READ_MERGED,
	    1);
	if (!r->complete)
		counter_add(COUNTER_READ_INCOMPLETE, 1);
	return ERR_OK;
}
