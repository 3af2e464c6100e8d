/* A read: pin the head; if the range reaches below it, parse the spool rows that overlap the range into a generation of
 * their own, which then stands before the head's; filter the measurement's series by tags; put each into its group;
 * aggregate. Memory: the groups and that generation, each at most query_max_bytes / 2. */
#include "query/local.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/buf.h"
#include "base/log.h"
#include "query/local_share.h"
#include "query/scan.h"
#include "store/batch_builder.h"
#include "store/index.h"
#include "store/spool.h"
#include "wire/lp_key.h"

enum { SPARE_READERS = 4, NAME_MAX_BYTES = 64 << 10, BUILDER_KEEP = 1 << 20 };

struct local {
	struct local_opts opts;
	char *spool_path;
	pthread_mutex_t lock; /* spare */
	struct spool_reader *spare[SPARE_READERS];
	unsigned spare_count;
};

struct group { /* a read_group in the making */
	struct read_group out;
	struct read_column **by_field; /* of the layout as it was when the read began */
};

struct reading { /* of one read */
	struct local *local;
	const struct read_request *q;
	struct read_result *r;
	const struct catalogue_layout *layout;
	struct head_snapshot head;
	struct generation *history; /* from the spool, or NULL */
	uint8_t *verdicts; /* by series id */
	uint64_t verdict_count;
	struct index groups_index;
	struct group *group; /* of the series at hand */
	struct group **groups; /* by number */
	uint32_t group_count, group_cap;
	struct lp_key key;
	struct buf text; /* scratch for names */
	size_t max_bytes;
	bool out_of_memory;
};

enum err local_new(struct local **out, const struct local_opts *opts, struct errbuf *eb)
{
	struct local *l = calloc(1, sizeof *l);

	*out = l;
	if (l)
		l->spool_path = strdup(opts->spool_path);
	if (!l || !l->spool_path) {
		free(l);
		*out = NULL;
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	l->opts = *opts;
	if (!l->opts.query_max_bytes)
		l->opts.query_max_bytes = (size_t)64 << 20;
	pthread_mutex_init(&l->lock, NULL);
	return ERR_OK;
}

void local_free(struct local *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < l->spare_count; i++)
		spool_reader_close(l->spare[i]);
	pthread_mutex_destroy(&l->lock);
	free(l->spool_path);
	free(l);
}

static enum err take_reader(struct local *l, struct spool_reader **out, struct errbuf *eb)
{
	*out = NULL;
	pthread_mutex_lock(&l->lock);
	if (l->spare_count)
		*out = l->spare[--l->spare_count];
	pthread_mutex_unlock(&l->lock);
	return *out ? ERR_OK : spool_reader_open(out, l->spool_path, eb);
}

static void give_reader(struct local *l, struct spool_reader *r)
{
	pthread_mutex_lock(&l->lock);
	if (l->spare_count < SPARE_READERS) {
		l->spare[l->spare_count++] = r;
		r = NULL;
	}
	pthread_mutex_unlock(&l->lock);
	spool_reader_close(r);
}

/* ---- series and groups ---- */

static const char *plain(struct reading *rd, struct view raw)
{
	buf_clear(&rd->text);
	lp_unescape(raw, false, &rd->text);
	return arena_copy(&rd->r->arena, (struct view){ rd->text.p, rd->text.len });
}

static struct view find_tag(const struct lp_key *key, struct view name)
{
	for (unsigned i = 0; i < key->tag_count; i++)
		if (view_eq(key->tags[i].key, name))
			return key->tags[i].value;
	return (struct view){ "", 0 };
}

/* Compares with an escaped value without unescaping it into memory that must be freed. */
static bool tag_is(struct reading *rd, struct view raw, const char *value)
{
	buf_clear(&rd->text);
	lp_unescape(raw, false, &rd->text);
	return view_is((struct view){ rd->text.p, rd->text.len }, value);
}

static struct view escape(struct reading *rd, struct buf *b, const char *name)
{
	(void)rd;
	buf_clear(b);
	lp_escape(view_of(name), false, b);
	return (struct view){ b->p, b->len };
}

static bool matches(struct reading *rd)
{
	struct buf name;
	bool all = true;

	buf_init(&name, NAME_MAX_BYTES);
	for (unsigned i = 0; all && i < rd->q->filter_count; i++) {
		const struct read_filter *f = &rd->q->filters[i];
		struct view raw = find_tag(&rd->key, escape(rd, &name, f->tag));
		bool any = false;
		for (unsigned k = 0; !any && k < f->count; k++)
			any = tag_is(rd, raw, f->values[k]);
		all = any;
	}
	buf_fini(&name);
	return all;
}

/* Is the series in the filters? Remembered for those that existed when the read began. */
static bool is_wanted(void *arg, const struct series *s)
{
	struct reading *rd = arg;
	enum { UNKNOWN, YES, NO };
	enum reject why;
	const char *error;
	uint8_t known = s->id < rd->verdict_count ? rd->verdicts[s->id] : UNKNOWN;

	if (known == UNKNOWN) {
		known = lp_key_split(s->key, &rd->key, &why, &error) && matches(rd) ? YES : NO;
		if (s->id < rd->verdict_count)
			rd->verdicts[s->id] = known;
	}
	return known == YES;
}

/* ---- what has left the head ---- */

static bool append_row(struct reading *rd, struct batch_builder *bb, const struct spool_row *row)
{
	enum lp_result lr;

	batch_builder_start(bb, row->payload, BUILDER_KEEP);
	while ((lr = batch_builder_next(bb, row->db)) != LP_END) {
		if (bb->out_of_memory)
			return false;
		if (lr != LP_OK)
			continue;
		const struct batch_point *p = &bb->points[bb->point_count - 1];
		int64_t t = bb->parser.time;
		if (t >= rd->q->from_ns && t < rd->q->to_ns &&
		    !generation_append(rd->history, p->series, t, bb->values + p->first_value, p->values))
			return false;
		batch_builder_drop(bb);
	}
	return true;
}

static enum err read_rows(
    struct reading *rd, struct spool_reader *reader, uint32_t db, struct view measurement, struct errbuf *eb)
{
	struct batch_builder bb;
	struct spool_row row = { 0 };
	uint64_t seq = 0;
	enum err e = generation_new(&rd->history, 0, rd->max_bytes);

	if (e != ERR_OK)
		return errbuf_set(eb, e, "out of memory");
	batch_builder_init(&bb, rd->local->opts.catalogue);
	bb.only = measurement;
	bb.wanted = is_wanted;
	bb.wanted_arg = rd;
	for (;;) {
		e = spool_reader_next_in(reader, seq, rd->q->from_ns, rd->q->to_ns, &row, eb);
		if (e == ERR_NOTFOUND || (row.seq && row.seq >= rd->head.from_seq)) {
			e = ERR_OK;
			break;
		}
		if (e == ERR_CORRUPT && row.seq) {
			log_error("%s", eb->text);
			read_result_not_complete(rd->r, "a damaged row of the local store was left out");
		} else if (e != ERR_OK) {
			break;
		} else if (row.db == db && !append_row(rd, &bb, &row)) {
			read_result_not_complete(
			    rd->r, "the read needs more memory than it may take; ask for a shorter range");
			break;
		}
		seq = row.seq;
	}
	batch_builder_fini(&bb);
	return e;
}

/* Also says how far back the local history reaches. */
static enum err read_history(struct reading *rd, uint32_t db, struct view measurement, struct errbuf *eb)
{
	struct spool_reader *reader;
	int64_t evicted_until;
	uint64_t first_seq;
	enum err e = take_reader(rd->local, &reader, eb);

	if (e != ERR_OK)
		return e;
	e = spool_reader_begin(reader, &evicted_until, &first_seq, eb);
	if (e == ERR_OK && first_seq && first_seq < rd->head.from_seq)
		e = read_rows(rd, reader, db, measurement, eb);
	if (e == ERR_OK) /* once more: rows may have gone meanwhile */
		e = spool_reader_begin(reader, &evicted_until, &first_seq, eb);
	if (e == ERR_OK && evicted_until >= rd->q->from_ns)
		read_result_not_complete(
		    rd->r, "the local history no longer reaches back to the beginning of the range");
	if (e == ERR_OK)
		give_reader(rd->local, reader);
	else
		spool_reader_close(reader);
	return e;
}

/* The group's tags of the series at hand, in r's arena. */
static bool fill_tags(struct reading *rd, struct read_group *g)
{
	unsigned n = rd->q->group_by ? rd->q->group_count : rd->key.tag_count;
	struct buf name;
	bool ok = true;

	g->tags = arena_alloc(&rd->r->arena, (n + 1) * sizeof *g->tags, 16);
	g->tag_count = n;
	if (!g->tags)
		return false;
	buf_init(&name, NAME_MAX_BYTES);
	for (unsigned i = 0; ok && i < n; i++) {
		if (rd->q->group_by) {
			g->tags[i].key = arena_copy(&rd->r->arena, view_of(rd->q->group_by[i]));
			g->tags[i].value = plain(rd, find_tag(&rd->key, escape(rd, &name, rd->q->group_by[i])));
		} else {
			g->tags[i].key = plain(rd, rd->key.tags[i].key);
			g->tags[i].value = plain(rd, rd->key.tags[i].value);
		}
		ok = g->tags[i].key && g->tags[i].value;
	}
	buf_fini(&name);
	return ok;
}

static uint64_t hash_tags(const struct read_group *g)
{
	uint64_t h = 0;

	for (unsigned i = 0; i < g->tag_count; i++)
		h = XXH3_64bits_withSeed(g->tags[i].value, strlen(g->tags[i].value) + 1,
		    h ^ XXH3_64bits(g->tags[i].key, strlen(g->tags[i].key)));
	return h;
}

static uint64_t group_hash(const void *owner, uint32_t number)
{
	return hash_tags(&((const struct reading *)owner)->groups[number]->out);
}

static struct group *find_group(struct reading *rd)
{
	struct read_group probe = { 0 };
	uint32_t i;

	if (!fill_tags(rd, &probe))
		return NULL;
	uint64_t hash = hash_tags(&probe);
	struct index_probe p = index_probe(&rd->groups_index, hash);
	while (index_next(&p, &i))
		if (read_group_compare(&rd->groups[i]->out, &probe) == 0)
			return rd->groups[i];
	if (rd->group_count == rd->group_cap) {
		uint32_t cap = rd->group_cap ? rd->group_cap * 2 : 64;
		struct group **list = realloc(rd->groups, cap * sizeof *list);
		if (!list)
			return NULL;
		rd->groups = list;
		rd->group_cap = cap;
	}
	struct group *g = arena_alloc(&rd->r->arena, sizeof *g, 16);
	if (!g)
		return NULL;
	g->out = probe;
	g->by_field = arena_alloc(&rd->r->arena, rd->layout->count * sizeof *g->by_field, 16);
	rd->groups[rd->group_count] = g;
	if (!g->by_field || !index_add(&rd->groups_index, &rd->r->arena, hash, rd->group_count, group_hash, rd))
		return NULL;
	rd->group_count++;
	return g;
}

static struct read_cell *cells_of(void *arg, const struct field *f)
{
	struct reading *rd = arg;

	if (f->index >= rd->layout->count) /* newer than this read */
		return NULL;
	struct read_column **slot = &rd->group->by_field[f->index];
	if (!*slot) {
		struct read_column *col = arena_alloc(&rd->r->arena, sizeof *col, 16);
		struct read_cell *cells = arena_alloc(&rd->r->arena, rd->r->buckets * sizeof *cells, 16);
		if (!col || !cells || !(col->field = plain(rd, f->name))) {
			rd->out_of_memory = true;
			return NULL;
		}
		col->type = f->type;
		col->cells = cells;
		*slot = col;
	}
	return (*slot)->cells;
}

/* ---- the read ---- */

static enum err read_series(struct reading *rd, const struct series *s)
{
	const struct head_strip *strips[HEAD_GENERATIONS_MAX + 1];
	unsigned n = 0;
	enum reject why;
	const char *error;

	if (!is_wanted(rd, s))
		return ERR_OK;
	if (rd->history && (strips[n] = generation_strip(rd->history, s)))
		n++;
	for (unsigned i = 0; i < rd->head.count; i++)
		if ((strips[n] = generation_strip(rd->head.generations[i], s)))
			n++;
	if (n == 0 || !lp_key_split(s->key, &rd->key, &why, &error))
		return ERR_OK;
	rd->group = find_group(rd);
	if (!rd->group)
		return ERR_TOOBIG;
	struct scan sc = { rd->q->from_ns, rd->q->to_ns, rd->r->first_bucket_ns, rd->r->step_ns, cells_of, rd,
		rd->max_bytes };
	enum err e = scan_series(&sc, strips, n);
	return rd->out_of_memory ? ERR_TOOBIG : e;
}

static int by_field_name(const void *a, const void *b)
{
	return strcmp(((const struct read_column *)a)->field, ((const struct read_column *)b)->field);
}

/* The groups that have anything, sorted, into the result. */
static bool finish(struct reading *rd)
{
	struct read_result *r = rd->r;

	r->groups = arena_alloc(&r->arena, (rd->group_count + 1) * sizeof *r->groups, 16);
	if (!r->groups)
		return false;
	for (uint32_t i = 0; i < rd->group_count; i++) {
		struct group *g = rd->groups[i];
		unsigned n = 0;
		for (uint32_t k = 0; k < rd->layout->count; k++)
			n += g->by_field[k] != NULL;
		if (n == 0)
			continue;
		g->out.columns = arena_alloc(&r->arena, n * sizeof *g->out.columns, 16);
		if (!g->out.columns)
			return false;
		for (uint32_t k = 0; k < rd->layout->count; k++)
			if (g->by_field[k])
				g->out.columns[g->out.column_count++] = *g->by_field[k];
		qsort(g->out.columns, n, sizeof *g->out.columns, by_field_name);
		r->groups[r->group_count++] = g->out;
	}
	read_result_sort(r);
	return true;
}

static enum err read_measurement(struct reading *rd, struct measurement *m)
{
	uint32_t n = measurement_series_count(m);
	enum err e = ERR_OK;

	rd->layout = measurement_layout(m);
	for (uint32_t i = 0; e == ERR_OK && i < n; i++)
		e = read_series(rd, measurement_series(m, i));
	if (e == ERR_TOOBIG || !finish(rd)) {
		read_result_not_complete(rd->r,
		    "the read needs more memory than it may take; ask for fewer series, a shorter range or a larger step");
		return rd->r->groups || finish(rd) ? ERR_OK : ERR_TOOBIG;
	}
	return e;
}

enum err local_read(struct local *l, const struct read_request *q, struct read_result *r, struct errbuf *eb)
{
	struct buf name;
	uint32_t db = catalogue_find_database(l->opts.catalogue, view_of(q->database));
	struct reading *rd = calloc(1, sizeof *rd);

	if (!rd)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	r->source = READ_SOURCE_LOCAL;
	*rd = (struct reading){ .local = l, .q = q, .r = r, .max_bytes = l->opts.query_max_bytes / 2 };
	r->arena.max = rd->max_bytes;
	buf_init(&rd->text, NAME_MAX_BYTES);
	buf_init(&name, NAME_MAX_BYTES);
	lp_escape(view_of(q->measurement), true, &name);
	rd->verdict_count = catalogue_series_count(l->opts.catalogue);
	rd->verdicts = calloc(rd->verdict_count + 1, 1);
	if (!rd->verdicts)
		rd->verdict_count = 0;
	head_pin(l->opts.head, &rd->head);
	enum err e = db ? read_history(rd, db, (struct view){ name.p, name.len }, eb) : ERR_OK;
	/* after the history: reading it may have made the measurement known */
	struct measurement *m = db
	    ? catalogue_find_measurement(l->opts.catalogue, db, (struct view){ name.p, name.len })
	    : NULL;
	if (e == ERR_OK && m)
		e = read_measurement(rd, m);
	generation_unref(rd->history);
	head_unpin(&rd->head);
	free(rd->groups);
	free(rd->verdicts);
	buf_fini(&rd->text);
	buf_fini(&name);
	free(rd);
	return e;
}

/* ---- for query/export.c ---- */

const struct local_opts *local_opts_of(const struct local *l)
{
	return &l->opts;
}

enum err local_take_reader(struct local *l, struct spool_reader **out, struct errbuf *eb)
{
	return take_reader(l, out, eb);
}

void local_give_reader(struct local *l, struct spool_reader *r)
{
	give_reader(l, r);
}
