/* A read: pin the head; take a snapshot of the store; parse the spool's rows between the two, if any; choose the series
 * and the tier for each stretch of time; window after window put each series' rows together and aggregate them into
 * the cells of its group. The order matters: what leaves the head is in the store before it goes, and what leaves the
 * spool too, so nothing falls between them, and a row is never seen in two places (compacted_seq divides them).
 * Memory: groups, and the rows of a window, each at most query_max_bytes / 2; with percentiles groups, rows and digests,
 * each at most a third. */
#include "query/local.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/log.h"
#include "query/local_part.h"
#include "store/aside.h"
#include "store/tags.h"

enum { NAME_MAX_BYTES = 64 << 10, FILTER_MAX_BYTES = 1 << 20, TRIES = 3, FINISH_BYTES = 1 << 20 };

enum err local_new(struct local **out, const struct local_opts *opts, struct errbuf *eb)
{
	struct local *l = calloc(1, sizeof *l);

	*out = NULL;
	if (!l)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	pthread_mutex_init(&l->lock, NULL);
	l->opts = *opts;
	if (!l->opts.query_max_bytes)
		l->opts.query_max_bytes = (size_t)64 << 20;
	l->spool_path = strdup(opts->spool_path);
	l->store_path = opts->store_path ? strdup(opts->store_path) : NULL;
	if (!l->spool_path || (opts->store_path && !l->store_path)) {
		local_free(l);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	*out = l;
	return ERR_OK;
}

static void close_files(struct local_files *f)
{
	spool_reader_close(f->spool);
	store_reader_close(f->store);
	block_unpacker_free(f->unpacker);
	*f = (struct local_files){ 0 };
}

void local_free(struct local *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < l->spare_count; i++)
		close_files(&l->spare[i]);
	pthread_mutex_destroy(&l->lock);
	free(l->spool_path);
	free(l->store_path);
	free(l);
}

enum err local_take_files(struct local *l, struct local_files *f, struct errbuf *eb)
{
	enum err e = ERR_OK;

	*f = (struct local_files){ 0 };
	pthread_mutex_lock(&l->lock);
	if (l->spare_count)
		*f = l->spare[--l->spare_count];
	pthread_mutex_unlock(&l->lock);
	if (!f->spool)
		e = spool_reader_open(&f->spool, l->spool_path, eb);
	if (e == ERR_OK && !f->store && l->store_path)
		e = store_reader_open(&f->store, l->store_path, eb);
	if (e == ERR_OK && !f->unpacker && block_unpacker_new(&f->unpacker) != ERR_OK)
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (e != ERR_OK)
		close_files(f);
	return e;
}

const char local_lacks_damaged[] = "the local store was damaged: of this range some is lost or still being taken over";

bool local_has_store(const struct reading *rd)
{
	return rd->files.store && !rd->store_damaged;
}

enum err local_without_store(struct reading *rd, enum err e)
{
	if (e != ERR_CORRUPT)
		return e;
	rd->store_damaged = true;
	read_result_not_complete(rd->r, "the local store is damaged: restart holdfastd to have it mended");
	return ERR_OK;
}

void local_give_files(struct local *l, struct local_files *f, bool sound)
{
	struct errbuf eb;

	if (f->store && store_reader_met_damage(f->store)) { /* the next start sets the file aside */
		sound = false;
		if (aside_mark(l->store_path, "pages of the file cannot be read", &eb) != ERR_OK)
			log_error("%s", eb.text);
	}
	pthread_mutex_lock(&l->lock);
	if (sound && l->spare_count < LOCAL_SPARE) {
		l->spare[l->spare_count++] = *f;
		*f = (struct local_files){ 0 };
	}
	pthread_mutex_unlock(&l->lock);
	close_files(f);
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

static struct view escape(struct buf *b, const char *name)
{
	buf_clear(b);
	lp_escape(view_of(name), false, b);
	return (struct view){ b->p, b->len };
}

/* Keeps the series whose tag equals one of the filter's values. */
static bool keep_values(const struct tag_key *key, const struct read_filter *f, struct series_set *set)
{
	struct view *texts = calloc(f->count + 1, sizeof *texts);
	struct buf all; /* the escaped texts; offsets until all are there */
	bool ok = texts != NULL;

	buf_init(&all, FILTER_MAX_BYTES);
	for (unsigned i = 0; ok && i < f->count; i++) {
		size_t at = all.len;
		lp_escape(view_of(f->values[i]), false, &all);
		texts[i].len = all.len - at;
		ok = !all.failed;
	}
	size_t at = 0;
	for (unsigned i = 0; ok && i < f->count; at += texts[i++].len)
		texts[i].p = all.p ? all.p + at : "";
	ok = ok && tags_keep_equal(key, texts, f->count, set);
	buf_fini(&all);
	free(texts);
	return ok;
}

/* The series in the filters, of those that there are now. False: out of memory. */
static bool choose(struct reading *rd)
{
	const struct tags *tags = measurement_tags(rd->measurement);
	struct series_set set;
	struct buf name;
	bool ok = series_set_init(&set, measurement_series_count(rd->measurement));

	if (ok)
		series_set_fill(&set);
	buf_init(&name, NAME_MAX_BYTES);
	for (unsigned i = 0; ok && i < rd->q->filter_count; i++) {
		const struct tag_key *key = tags_find_key(tags, escape(&name, rd->q->filters[i].tag));
		ok = !name.failed && keep_values(key, &rd->q->filters[i], &set);
	}
	buf_fini(&name);
	series_set_fini(&rd->chosen);
	rd->chosen = set;
	return ok;
}

/* The same for a series that came later, by its key. */
static bool matches(struct reading *rd)
{
	struct buf name;
	bool all = true;

	buf_init(&name, NAME_MAX_BYTES);
	for (unsigned i = 0; all && i < rd->q->filter_count; i++) {
		const struct read_filter *f = &rd->q->filters[i];
		struct view raw = find_tag(&rd->key, escape(&name, f->tag));
		bool any = false;
		for (unsigned k = 0; !any && k < f->count; k++)
			any = tag_is(rd, raw, f->values[k]);
		all = any;
	}
	buf_fini(&name);
	return all;
}

bool local_is_wanted(void *arg, const struct series *s)
{
	struct reading *rd = arg;
	enum reject why;
	const char *error;

	if (s->measurement == rd->measurement && s->ordinal < rd->chosen.size)
		return series_set_has(&rd->chosen, s->ordinal);
	return lp_key_split(s->key, &rd->key, &why, &error) && matches(rd);
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
			g->tags[i].value = plain(rd, find_tag(&rd->key, escape(&name, rd->q->group_by[i])));
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

bool local_enter_group(struct reading *rd, struct wanted *w)
{
	enum reject why;
	const char *error;

	if (!w->group && lp_key_split(w->series->key, &rd->key, &why, &error))
		w->group = find_group(rd);
	rd->group = w->group;
	return w->group;
}

bool local_is_field(const struct reading *rd, uint32_t field)
{
	return field < rd->layout->count && rd->fields[field]; /* else it is newer than this read */
}

bool local_is_digested(const struct reading *rd, uint32_t field)
{
	/* InfluxDB has no percentiles of booleans */
	return rd->q->percentile_count && local_is_field(rd, field) &&
	    rd->layout->fields[field]->type <= VALUE_UNSIGNED;
}

static bool add_digests(struct reading *rd, struct column *col)
{
	size_t bytes = rd->r->buckets * sizeof *col->digests;

	col->out.percentiles = read_new_percentiles(rd->r, rd->q);
	if (!col->out.percentiles || rd->digests.used + bytes > rd->digests.max)
		return false;
	col->digests = calloc(rd->r->buckets, sizeof *col->digests);
	rd->digests.used += bytes;
	return col->digests;
}

static struct column *new_column(struct reading *rd, uint32_t field)
{
	struct column *col = arena_alloc(&rd->r->arena, sizeof *col, 16);

	if (!col)
		return NULL;
	col->out.type = rd->layout->fields[field]->type;
	col->out.field = plain(rd, rd->layout->fields[field]->name);
	col->out.cells = arena_alloc(&rd->r->arena, rd->r->buckets * sizeof *col->out.cells, 16);
	if (!col->out.field || !col->out.cells)
		return NULL;
	return !local_is_digested(rd, field) || add_digests(rd, col) ? col : NULL;
}

bool local_target_of(void *arg, uint32_t field, struct scan_target *out)
{
	struct reading *rd = arg;

	if (!local_is_field(rd, field))
		return false;
	struct column **slot = &rd->group->by_field[field];
	if (!*slot)
		*slot = new_column(rd, field);
	if (!*slot) {
		rd->out_of_memory = true;
		return false;
	}
	*out = (struct scan_target){ (*slot)->out.cells, (*slot)->digests };
	return true;
}

static bool choose_fields(struct reading *rd)
{
	rd->fields = arena_alloc(&rd->lists, rd->layout->count + 1, 1);
	for (uint32_t i = 0; rd->fields && i < rd->layout->count; i++)
		rd->fields[i] = !rd->q->field || tag_is(rd, rd->layout->fields[i]->name, rd->q->field);
	return rd->fields;
}

/* What is wanted, by ordinal. */
static bool choose_series(struct reading *rd)
{
	if (!choose(rd)) /* anew: reading the spool may have made series known */
		return false;
	uint32_t count = series_set_count(&rd->chosen);
	rd->wanted = arena_alloc(&rd->lists, (count + 1) * sizeof *rd->wanted, 16);
	if (!rd->wanted)
		return false;
	rd->wanted_count = 0;
	for (uint32_t i = 0; series_set_next(&rd->chosen, &i); i++)
		rd->wanted[rd->wanted_count++].series = measurement_series(rd->measurement, i);
	return true;
}

static int by_field_name(const void *a, const void *b)
{
	return strcmp(((const struct read_column *)a)->field, ((const struct read_column *)b)->field);
}

/* Sums and percentiles of a column. A bucket with values that no digest has seen has no percentiles. */
static void settle(struct reading *rd, struct column *col, struct digest_selector *sel)
{
	unsigned buckets = rd->r->buckets, n = rd->q->percentile_count;
	double found[READ_PERCENTILES_MAX];

	for (unsigned b = 0; b < buckets; b++) {
		struct read_cell *c = &col->out.cells[b];
		const struct digest *d = col->digests ? &col->digests[b] : NULL;
		scan_settle(c, col->out.type);
		if (!d)
			continue;
		digest_percentiles(d, sel, rd->q->percentiles, n, found);
		for (unsigned i = 0; i < n; i++) {
			double v = c->count == d->count ? found[i] : NAN;
			/* a sketch's value may lie beyond the ends, which are known */
			v = v < c->min ? c->min : v > c->max ? c->max : v;
			col->out.percentiles[(size_t)i * buckets + b] = v;
			rd->r->sketched |= d->sketch && !isnan(v);
		}
	}
}

static bool settle_all(struct reading *rd)
{
	struct digest_selector *sel = NULL;

	if (rd->q->percentile_count && digest_selector_new(&sel) != ERR_OK)
		return false;
	for (uint32_t i = 0; i < rd->group_count; i++)
		for (uint32_t k = 0; k < rd->layout->count; k++)
			if (rd->groups[i]->by_field[k])
				settle(rd, rd->groups[i]->by_field[k], sel);
	digest_selector_free(sel);
	return true;
}

static void free_digests(struct reading *rd)
{
	for (uint32_t i = 0; rd->q->percentile_count && i < rd->group_count; i++)
		for (uint32_t k = 0; k < rd->layout->count; k++) {
			struct column *col = rd->groups[i]->by_field[k];
			for (unsigned b = 0; col && col->digests && b < rd->r->buckets; b++)
				digest_fini(&col->digests[b], &rd->digests);
			if (col)
				free(col->digests);
		}
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
				g->out.columns[g->out.column_count++] = g->by_field[k]->out;
		qsort(g->out.columns, n, sizeof *g->out.columns, by_field_name);
		r->groups[r->group_count++] = g->out;
	}
	read_result_sort(r);
	return true;
}

static const char too_big[] =
    "the read needs more memory than it may take; ask for fewer series, a shorter range or a larger step";

/* A measurement that nobody knows: its name may have been lost with the rest. */
static enum err read_unknown(struct reading *rd, struct errbuf *eb)
{
	bool any = false;
	enum err e = ERR_OK;

	if (local_has_store(rd))
		e = store_reader_gap(rd->files.store, TIER_RAW, rd->q->from_ns, rd->q->to_ns, &any, eb);
	if (any)
		read_result_not_complete(rd->r, local_lacks_damaged);
	return local_without_store(rd, e);
}

static void find_measurement(struct reading *rd)
{
	rd->measurement = catalogue_find_measurement(rd->local->opts.catalogue, rd->db, rd->measurement_name);
}

static enum err read_measurement(struct reading *rd, struct errbuf *eb)
{
	find_measurement(rd);
	if (!rd->measurement)
		return read_unknown(rd, eb);
	rd->layout = measurement_layout(rd->measurement);
	enum err e = choose_series(rd) && choose_fields(rd) ? local_find_recent(rd, eb) : ERR_TOOBIG;
	if (e == ERR_OK)
		e = local_plan(rd, eb);
	if (e == ERR_CORRUPT) {
		memset(rd->by_tier, 0, sizeof rd->by_tier);
		e = local_without_store(rd, e);
		if (e == ERR_OK)
			e = local_plan(rd, eb);
	}
	if (e == ERR_OK)
		e = local_aggregate(rd, eb);
	if (e == ERR_TOOBIG || e == ERR_NOMEM) {
		read_result_not_complete(rd->r, too_big);
		e = ERR_OK;
	}
	rd->r->arena.max += rd->group_count * (sizeof *rd->r->groups + rd->layout->count * sizeof(struct read_column)) +
	    FINISH_BYTES; /* what has been read is shown in any case */
	if (e == ERR_OK && (!settle_all(rd) || !finish(rd)))
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	free_digests(rd);
	return e;
}

/* Pins one moment of head, store and spool. ERR_UNAVAILABLE: it passed. */
static enum err read_moment(struct reading *rd, struct errbuf *eb)
{
	enum err e = ERR_OK;

	head_pin(rd->local->opts.head, &rd->head);
	rd->compacted_seq = 0;
	if (rd->files.store)
		e = local_without_store(rd, store_reader_begin(rd->files.store, &rd->compacted_seq, eb));
	if (e == ERR_OK)
		e = local_read_history(rd, eb);
	if (e == ERR_OK)
		e = read_measurement(rd, eb);
	if (rd->files.store)
		store_reader_end(rd->files.store);
	generation_unref(rd->history);
	rd->history = NULL;
	head_unpin(&rd->head);
	return e;
}

static enum err read_database(struct reading *rd, struct errbuf *eb)
{
	enum err e = local_take_files(rd->local, &rd->files, eb);

	if (e != ERR_OK)
		return e;
	find_measurement(rd);
	if (rd->measurement && !choose(rd))
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	else
		for (int i = 0; (e = read_moment(rd, eb)) == ERR_UNAVAILABLE && i < TRIES; i++) {
		}
	local_give_files(rd->local, &rd->files, e == ERR_OK);
	return e;
}

enum err local_read(struct local *l, const struct read_request *q, struct read_result *r, struct errbuf *eb)
{
	struct reading *rd = calloc(1, sizeof *rd); /* on the heap: worker stacks are small */
	struct buf name;
	enum err e = ERR_OK;

	if (!rd)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	r->source = READ_SOURCE_LOCAL;
	*rd = (struct reading){ .local = l, .q = q, .r = r, .aggregates = q->aggregates ? q->aggregates : READ_ALL };
	rd->max_bytes = rd->digests.max = l->opts.query_max_bytes / (q->percentile_count ? 3 : 2);
	r->arena.max = rd->max_bytes;
	arena_init(&rd->lists, 64 << 10, rd->max_bytes);
	arena_init(&rd->rows, 256 << 10, rd->max_bytes);
	buf_init(&rd->text, NAME_MAX_BYTES);
	buf_init(&name, NAME_MAX_BYTES);
	lp_escape(view_of(q->measurement), true, &name);
	rd->measurement_name = (struct view){ name.p, name.len };
	rd->db = catalogue_find_database(l->opts.catalogue, view_of(q->database));
	if (rd->db)
		e = read_database(rd, eb);
	arena_fini(&rd->lists);
	arena_fini(&rd->rows);
	free(rd->groups);
	series_set_fini(&rd->chosen);
	buf_fini(&rd->text);
	buf_fini(&name);
	free(rd);
	return e;
}
