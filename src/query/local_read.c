/* Reads of the REST interface: the rows that the reader brings, added up into the cells of each series' group.
 * Memory: groups, and the rows of a window, each at most query_max_bytes / 2; with percentiles groups, rows and digests,
 * each at most a third. */
#include <math.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "query/local_part.h"
#include "query/scan.h"
#include "store/index.h"
#include "store/tags.h"
#include "wire/lp_key.h"

enum { FILTER_MAX_BYTES = 1 << 20, FINISH_BYTES = 1 << 20, ROWS_BLOCK = 256 << 10 };

struct column { /* a read_column in the making */
	struct read_column out;
	struct digest *digests; /* of each bucket; NULL: no percentiles are wanted */
};

struct group { /* a read_group in the making */
	struct read_group out;
	struct column **by_field; /* of the layout */
};

struct cells { /* of one read */
	const struct read_request *q;
	struct read_result *r;
	const struct catalogue_layout *layout;
	struct local_reader reader;
	struct result_report report;
	bool *fields; /* of the layout: which are wanted */
	unsigned aggregates; /* of enum read_aggregate */
	struct arena lists;
	struct index groups_index;
	struct group **group_of; /* by the series' number; NULL: not looked up yet */
	struct group *group; /* of the series at hand */
	struct group **groups; /* by number */
	uint32_t group_count, group_cap;
	struct lp_key key;
	struct buf text; /* scratch for names */
	struct digest_memory digests;
	bool out_of_memory;
};

static const char *plain(struct cells *c, struct view raw)
{
	buf_clear(&c->text);
	lp_unescape(raw, false, &c->text);
	return arena_copy(&c->r->arena, (struct view){ c->text.p, c->text.len });
}

static struct view find_tag(const struct lp_key *key, struct view name)
{
	for (unsigned i = 0; i < key->tag_count; i++)
		if (view_eq(key->tags[i].key, name))
			return key->tags[i].value;
	return (struct view){ "", 0 };
}

/* Compares with an escaped value without unescaping it into memory that must be freed. */
static bool tag_is(struct cells *c, struct view raw, const char *value)
{
	buf_clear(&c->text);
	lp_unescape(raw, false, &c->text);
	return view_is((struct view){ c->text.p, c->text.len }, value);
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

/* The series in the filters. */
static enum err choose(void *arg, struct measurement *m, struct series_set *set, struct errbuf *eb)
{
	const struct cells *c = arg;
	const struct tags *tags = measurement_tags(m);
	struct buf name;
	bool ok = true;

	series_set_fill(set);
	buf_init(&name, LOCAL_NAME_MAX);
	for (unsigned i = 0; ok && i < c->q->filter_count; i++) {
		const struct tag_key *key = tags_find_key(tags, escape(&name, c->q->filters[i].tag));
		ok = !name.failed && keep_values(key, &c->q->filters[i], set);
	}
	buf_fini(&name);
	return ok ? ERR_OK : errbuf_set(eb, ERR_NOMEM, "out of memory");
}

/* The group's tags of the series at hand, in r's arena. */
static bool fill_tags(struct cells *c, struct read_group *g)
{
	unsigned n = c->q->group_by ? c->q->group_count : c->key.tag_count;
	struct buf name;
	bool ok = true;

	g->tags = arena_alloc(&c->r->arena, (n + 1) * sizeof *g->tags, 16);
	g->tag_count = n;
	if (!g->tags)
		return false;
	buf_init(&name, LOCAL_NAME_MAX);
	for (unsigned i = 0; ok && i < n; i++) {
		if (c->q->group_by) {
			g->tags[i].key = arena_copy(&c->r->arena, view_of(c->q->group_by[i]));
			g->tags[i].value = plain(c, find_tag(&c->key, escape(&name, c->q->group_by[i])));
		} else {
			g->tags[i].key = plain(c, c->key.tags[i].key);
			g->tags[i].value = plain(c, c->key.tags[i].value);
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
	return hash_tags(&((const struct cells *)owner)->groups[number]->out);
}

static struct group *find_group(struct cells *c)
{
	struct read_group probe = { 0 };
	uint32_t i;

	if (!fill_tags(c, &probe))
		return NULL;
	uint64_t hash = hash_tags(&probe);
	struct index_probe p = index_probe(&c->groups_index, hash);
	while (index_next(&p, &i))
		if (read_group_compare(&c->groups[i]->out, &probe) == 0)
			return c->groups[i];
	if (c->group_count == c->group_cap) {
		uint32_t cap = c->group_cap ? c->group_cap * 2 : 64;
		struct group **list = realloc(c->groups, cap * sizeof *list);
		if (!list)
			return NULL;
		c->groups = list;
		c->group_cap = cap;
	}
	struct group *g = arena_alloc(&c->r->arena, sizeof *g, 16);
	if (!g)
		return NULL;
	g->out = probe;
	g->by_field = arena_alloc(&c->r->arena, c->layout->count * sizeof *g->by_field, 16);
	c->groups[c->group_count] = g;
	if (!g->by_field || !index_add(&c->groups_index, &c->r->arena, hash, c->group_count, group_hash, c))
		return NULL;
	c->group_count++;
	return g;
}

/* To the group of a series, by its number. */
static bool enter_group(struct cells *c, uint32_t number)
{
	enum reject why;
	const char *error;

	if (!c->group_of[number] && lp_key_split(c->reader.all[number].series->key, &c->key, &why, &error))
		c->group_of[number] = find_group(c);
	c->group = c->group_of[number];
	return c->group;
}

static bool is_field(const struct cells *c, uint32_t field)
{
	return field < c->layout->count && c->fields[field]; /* else it is newer than this read */
}

static bool is_digested(const struct cells *c, uint32_t field)
{
	/* InfluxDB has no percentiles of booleans */
	return c->q->percentile_count && c->layout->fields[field]->type <= VALUE_UNSIGNED;
}

static bool add_digests(struct cells *c, struct column *col)
{
	size_t bytes = c->r->buckets * sizeof *col->digests;

	col->out.percentiles = read_new_percentiles(c->r, c->q);
	if (!col->out.percentiles || c->digests.used + bytes > c->digests.max)
		return false;
	col->digests = calloc(c->r->buckets, sizeof *col->digests);
	c->digests.used += bytes;
	return col->digests;
}

static struct column *new_column(struct cells *c, uint32_t field)
{
	struct column *col = arena_alloc(&c->r->arena, sizeof *col, 16);

	if (!col)
		return NULL;
	col->out.type = c->layout->fields[field]->type;
	col->out.field = plain(c, c->layout->fields[field]->name);
	col->out.cells = arena_alloc(&c->r->arena, c->r->buckets * sizeof *col->out.cells, 16);
	if (!col->out.field || !col->out.cells)
		return NULL;
	return !is_digested(c, field) || add_digests(c, col) ? col : NULL;
}

static bool target_of(void *arg, uint32_t field, struct scan_target *out)
{
	struct cells *c = arg;

	if (!is_field(c, field))
		return false;
	struct column **slot = &c->group->by_field[field];
	if (!*slot)
		*slot = new_column(c, field);
	if (!*slot) {
		c->out_of_memory = true;
		return false;
	}
	*out = (struct scan_target){ (*slot)->out.cells, (*slot)->digests };
	return true;
}

static bool choose_fields(struct cells *c)
{
	c->fields = arena_alloc(&c->lists, c->layout->count + 1, 1);
	for (uint32_t i = 0; c->fields && i < c->layout->count; i++)
		c->fields[i] = !c->q->field || tag_is(c, c->layout->fields[i]->name, c->q->field);
	return c->fields;
}

static int by_field_name(const void *a, const void *b)
{
	return strcmp(((const struct read_column *)a)->field, ((const struct read_column *)b)->field);
}

/* Sums and percentiles of a column. A bucket with values that no digest has seen has no percentiles. */
static void settle(struct cells *c, struct column *col, struct digest_selector *sel)
{
	unsigned buckets = c->r->buckets, n = c->q->percentile_count;
	double found[READ_PERCENTILES_MAX];

	for (unsigned b = 0; b < buckets; b++) {
		struct read_cell *cell = &col->out.cells[b];
		const struct digest *d = col->digests ? &col->digests[b] : NULL;
		scan_settle(cell, col->out.type);
		if (!d)
			continue;
		digest_percentiles(d, sel, c->q->percentiles, n, found);
		for (unsigned i = 0; i < n; i++) {
			double v = cell->count == d->count ? found[i] : NAN;
			/* a sketch's value may lie beyond the ends, which are known */
			v = v < cell->min ? cell->min : v > cell->max ? cell->max : v;
			col->out.percentiles[(size_t)i * buckets + b] = v;
			c->r->sketched |= d->sketch && !isnan(v);
		}
	}
}

static bool settle_all(struct cells *c)
{
	struct digest_selector *sel = NULL;

	if (c->q->percentile_count && digest_selector_new(&sel) != ERR_OK)
		return false;
	for (uint32_t i = 0; i < c->group_count; i++)
		for (uint32_t k = 0; k < c->layout->count; k++)
			if (c->groups[i]->by_field[k])
				settle(c, c->groups[i]->by_field[k], sel);
	digest_selector_free(sel);
	return true;
}

static void free_digests(struct cells *c)
{
	for (uint32_t i = 0; c->q->percentile_count && i < c->group_count; i++)
		for (uint32_t k = 0; k < c->layout->count; k++) {
			struct column *col = c->groups[i]->by_field[k];
			for (unsigned b = 0; col && col->digests && b < c->r->buckets; b++)
				digest_fini(&col->digests[b], &c->digests);
			if (col)
				free(col->digests);
		}
}

/* The groups that have anything, sorted, into the result. */
static bool finish(struct cells *c)
{
	struct read_result *r = c->r;

	r->groups = arena_alloc(&r->arena, (c->group_count + 1) * sizeof *r->groups, 16);
	if (!r->groups)
		return false;
	for (uint32_t i = 0; i < c->group_count; i++) {
		struct group *g = c->groups[i];
		unsigned n = 0;
		for (uint32_t k = 0; k < c->layout->count; k++)
			n += g->by_field[k] != NULL;
		if (n == 0)
			continue;
		g->out.columns = arena_alloc(&r->arena, n * sizeof *g->out.columns, 16);
		if (!g->out.columns)
			return false;
		for (uint32_t k = 0; k < c->layout->count; k++)
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

/* One series' rows of a window. */
static enum err scan(struct cells *c, const struct reading *rd, const struct local_window *w, const struct scan *sc,
    const struct rows *list, uint32_t n)
{
	struct rows merged;
	enum err e = ERR_OK;

	if (w->tier == TIER_RAW)
		return scan_series(sc, list, n);
	if (n > 1)
		e = rows_merge_rollups(list, n, w->within.from_ns, w->within.to_ns - 1, &c->reader.rows, &merged);
	if (e == ERR_OK)
		e = scan_rollup(sc, n > 1 ? &merged : &list[0]);
	if (e == ERR_CORRUPT) {
		local_not_complete(rd, "a damaged sketch of the local store was left out");
		e = ERR_OK;
	}
	return e;
}

static enum err add_window(void *arg, struct reading *rd, const struct local_window *w, bool *given, struct errbuf *eb)
{
	struct cells *c = arg;
	const struct scan sc = { w->within.from_ns, w->within.to_ns, c->r->first_bucket_ns, c->r->step_ns,
		c->r->buckets, c->aggregates, target_of, c, &c->reader.rows, &c->digests };
	enum err e = ERR_OK;

	(void)eb;
	for (uint32_t i = 0; e == ERR_OK && i < rd->wanted_count; i++) {
		uint32_t n;
		struct rows *list = local_gather(rd, rd->wanted[i], w, &n);
		if (!list)
			return ERR_NOMEM;
		if (n == 0)
			continue;
		*given = true;
		if (!enter_group(c, i))
			return ERR_TOOBIG;
		e = scan(c, rd, w, &sc, list, n);
		c->report.tiers |= 1u << w->tier;
		if (c->out_of_memory)
			e = ERR_TOOBIG;
	}
	return e;
}

static enum err read_cells(struct cells *c, struct errbuf *eb)
{
	int64_t step = c->r->step_ns;
	const struct local_request all = { .from_ns = c->q->from_ns,
		.to_ns = c->q->to_ns,
		.fields = c->fields,
		.coarsest = step % TIER_DAY_NS == 0 ? TIER_1D
		    : step % TIER_HOUR_NS == 0	    ? TIER_1H
						    : TIER_RAW,
		.minutes_fit = step % TIER_MINUTE_NS == 0,
		.aggregates = c->aggregates,
		.sketches = c->q->percentile_count ? LOCAL_SKETCHES_ANYWHERE : LOCAL_SKETCHES_NONE,
		.report = &c->report,
		.window = add_window,
		.arg = c };

	return local_reader_read(&c->reader, &all, eb);
}

static enum err read_measurement(struct cells *c, struct errbuf *eb)
{
	c->layout = c->reader.layout;
	c->group_of = arena_alloc(&c->lists, (c->reader.count + 1) * sizeof *c->group_of, 16);
	enum err e = c->group_of && choose_fields(c) ? read_cells(c, eb) : ERR_TOOBIG;
	if (e == ERR_TOOBIG || e == ERR_NOMEM) {
		result_report_not_complete(&c->report, too_big);
		e = ERR_OK;
	}
	c->r->arena.max += c->group_count * (sizeof *c->r->groups + c->layout->count * sizeof(struct read_column)) +
	    FINISH_BYTES; /* what has been read is shown in any case */
	if (e == ERR_OK && (!settle_all(c) || !finish(c)))
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	free_digests(c);
	return e;
}

/* A measurement that nobody knows: its name may have been lost with the rest. */
static enum err read_unknown(struct cells *c, struct local_moment *m, struct errbuf *eb)
{
	bool any = false;
	enum err e = ERR_OK;

	if (local_has_store(m))
		e = store_reader_gap(m->files.store, TIER_RAW, c->q->from_ns, c->q->to_ns, &any, eb);
	if (any)
		result_report_not_complete(&c->report, local_lacks_damaged);
	e = local_without_store(m, &c->report, m->store_damaged ? ERR_CORRUPT : e);
	m->failed |= e != ERR_OK;
	return e;
}

static enum err read_moment(struct cells *c, struct local_moment *m, struct budget *b, struct errbuf *eb)
{
	const struct local_chooser chooser = { choose, c };
	struct buf name;

	buf_init(&name, LOCAL_NAME_MAX);
	lp_escape(view_of(c->q->measurement), true, &name);
	enum err e = local_reader_open(&c->reader, m, (struct view){ name.p, name.len }, &chooser, ROWS_BLOCK, b, eb);
	if (e == ERR_NOTFOUND) {
		e = m->db ? read_unknown(c, m, eb) : ERR_OK;
	} else if (e == ERR_TOOBIG) {
		result_report_not_complete(&c->report, too_big);
		e = ERR_OK;
	} else if (e == ERR_OK) {
		e = read_measurement(c, eb);
		local_reader_close(&c->reader);
	}
	buf_fini(&name);
	return e;
}

static void tell(const struct cells *c, struct read_result *r)
{
	if (c->report.incomplete)
		read_result_not_complete(r, c->report.reason);
	r->whole_from_ns = c->report.whole_from_ns;
	if (c->report.tiers)
		r->tier = result_report_tier(&c->report);
}

enum err local_read(struct local *l, const struct read_request *q, struct read_result *r, struct errbuf *eb)
{
	struct cells *c = calloc(1, sizeof *c); /* on the heap: worker stacks are small */
	struct local_moment *m = NULL;

	if (!c)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	r->source = READ_SOURCE_LOCAL;
	*c = (struct cells){ .q = q, .r = r, .aggregates = q->aggregates ? q->aggregates : READ_ALL };
	size_t part = l->opts.query_max_bytes / (q->percentile_count ? 3 : 2);
	struct budget budget = { .max_bytes = 2 * part }; /* of which the rows of a window get half */
	c->digests.max = r->arena.max = part;
	arena_init(&c->lists, 16 << 10, part);
	buf_init(&c->text, LOCAL_NAME_MAX);
	enum err e = local_moment_open(&m, l, view_of(q->database), q->from_ns, q->to_ns, eb);
	if (e == ERR_OK)
		e = read_moment(c, m, &budget, eb);
	local_moment_close(m);
	tell(c, r);
	arena_fini(&c->lists);
	free(c->groups);
	buf_fini(&c->text);
	free(c);
	return e;
}
