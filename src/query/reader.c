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

/* Cells and percentiles of bucket `first` on become those of the local column, which has `skipped` before them; from NULL:
 * nothing is there. */
static void overlay_column(const struct read_request *q, struct read_column *to, unsigned first,
    const struct read_column *from, unsigned skipped, unsigned buckets)
{
	unsigned n = buckets - first, stride = n + skipped; /* of the local grid, which ends alike */

	if (from)
		memcpy(to->cells + first, from->cells + skipped, n * sizeof *to->cells);
	else
		memset(to->cells + first, 0, n * sizeof *to->cells);
	for (unsigned i = 0; to->percentiles && i < q->percentile_count; i++)
		for (unsigned b = 0; b < n; b++)
			to->percentiles[(size_t)i * buckets + first + b] = from && from->percentiles
			    ? from->percentiles[(size_t)i * stride + skipped + b]
			    : NAN;
}

/* The local groups' columns take the place of the record's from bucket `first` of the record's grid on. */
static bool overlay(
    struct read_result *r, const struct read_request *q, const struct read_result *local, unsigned first)
{
	unsigned skipped = first - (unsigned)((local->first_bucket_ns - r->first_bucket_ns) / r->step_ns);

	for (unsigned i = 0; i < local->group_count; i++) {
		const struct read_group *lg = &local->groups[i];
		struct read_group *g = own_group(r, lg);
		if (!g)
			return false;
		for (unsigned k = 0; k < g->column_count; k++)
			overlay_column(q, &g->columns[k], first, NULL, 0, r->buckets);
		for (unsigned k = 0; k < lg->column_count; k++) {
			struct read_column *col = own_column(r, q, g, &lg->columns[k]);
			if (!col)
				return false;
			overlay_column(q, col, first, &lg->columns[k], skipped, r->buckets);
		}
	}
	return true;
}

/* The first bucket that is the local store's: where the record first lacks something; or, where the local store does not reach
 * back to that, where it is whole. */
static unsigned first_local_bucket(
    const struct read_result *r, const struct read_result *local, const struct record_lack *l)
{
	int64_t begin = local->first_bucket_ns, end = r->first_bucket_ns + (int64_t)r->buckets * r->step_ns;

	if (!local->complete && local->whole_from_ns > l->from_ns) {
		int64_t undelivered = l->undelivered_ns < end ? l->undelivered_ns : end;
		int64_t at = local->whole_from_ns < undelivered ? local->whole_from_ns + r->step_ns - 1 : undelivered;
		begin = at > begin ? at : begin;
	}
	int64_t bucket = (begin - r->first_bucket_ns) / r->step_ns;
	return bucket < r->buckets ? (unsigned)bucket : r->buckets;
}

/* What lacks in the end, where the local store answers from bucket `first` on. */
static void tell_lack(
    struct read_result *r, const struct read_result *local, const struct record_lack *l, unsigned first)
{
	int64_t from_ns = r->first_bucket_ns + (int64_t)first * r->step_ns;
	char reason[256];

	if (from_ns > l->from_ns) {
		record_lack_explain(l, reason);
		read_result_not_complete(r, reason);
	}
	if (!local->complete && local->whole_from_ns > from_ns)
		read_result_not_complete(r, local->reason);
}

/* Adds to the record's answer what it has not got. */
static enum err add_lacking(struct reader *rd, const struct read_request *q, const struct record_lack *l,
    struct read_result *r, struct errbuf *eb)
{
	struct read_result local;
	struct read_request tail = *q;

	if (l->from_ns >= q->to_ns)
		return ERR_OK;
	if (l->from_ns > tail.from_ns) { /* from the beginning of the bucket that it lies in */
		int64_t begin = r->first_bucket_ns + (l->from_ns - r->first_bucket_ns) / r->step_ns * r->step_ns;
		tail.from_ns = begin > q->from_ns ? begin : q->from_ns;
	}
	read_result_init(&local, &tail);
	enum err e = local_read(rd->opts.local, &tail, &local, eb);
	if (e == ERR_OK) {
		unsigned first = first_local_bucket(r, &local, l);
		r->source = READ_SOURCE_BOTH;
		r->sketched |= local.sketched;
		tell_lack(r, &local, l, first);
		if (first < r->buckets && !overlay(r, q, &local, first))
			e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	read_result_fini(&local);
	return e;
}

static enum err read_from_record(
    struct reader *rd, const struct read_request *q, struct read_result *r, struct errbuf *eb)
{
	/* asked first: what is delivered in between is in both answers then, and the local one takes its place */
	struct record_lack lack = RECORD_LACKS_NOTHING;

	record_access_add_lack(rd->opts.record, view_of(q->database), q->from_ns, q->to_ns, &lack);
	enum err e = ask_record(rd, q, r, eb);
	return e == ERR_OK ? add_lacking(rd, q, &lack, r, eb) : e;
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
