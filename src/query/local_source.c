/* A source is a reader (query/local_part.h) whose windows are handed on: each series' rows put together, cut to the
 * window, their columns by the source's numbers of the fields. */
#include "query/local_source.h"

#include <stdlib.h>

#include "query/local_part.h"
#include "query/tag_filter.h"
#include "store/tags.h"
#include "wire/lp_key.h"

enum { ROWS_BLOCK = 64 << 10, NAMES_BLOCK = 4 << 10 };

struct local_source {
	struct source base;
	struct local_reader reader;
	struct arena names; /* and what else lives as long as the source */
	uint32_t *field_of; /* of the layout: the number in base.fields */
	bool *fields; /* of the layout: which are wanted */
	const struct iql_expr *filter;
	struct budget *budget;
	struct lp_key key;
	struct buf escaped, plain;
	const struct source_read *read; /* the one at hand */
	struct result_report *report;
};

static enum err no_memory(struct errbuf *eb)
{
	return errbuf_set(eb, ERR_NOMEM, "out of memory");
}

/* ---- names ---- */

static bool keep_plain(struct local_source *s, struct view raw, bool measurement, struct view *out)
{
	buf_clear(&s->plain);
	lp_unescape(raw, measurement, &s->plain);
	out->len = s->plain.len;
	out->p = arena_copy(&s->names, (struct view){ s->plain.p ? s->plain.p : "", s->plain.len });
	return out->p && !s->plain.failed;
}

struct named { /* a field on its way into order */
	struct source_field field;
	uint32_t number; /* of the layout */
};

static int by_name(const void *a, const void *b)
{
	return view_cmp(((const struct named *)a)->field.name, ((const struct named *)b)->field.name);
}

static bool list_fields(struct local_source *s)
{
	const uint32_t n = s->reader.layout->count;
	struct named *list = arena_alloc(&s->names, (n + 1) * sizeof *list, 16);
	struct source_field *fields = arena_alloc(&s->names, (n + 1) * sizeof *fields, 16);

	s->field_of = arena_alloc(&s->names, (n + 1) * sizeof *s->field_of, 16);
	s->fields = arena_alloc(&s->names, n + 1, 1);
	if (!list || !fields || !s->field_of || !s->fields)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		list[i].number = i;
		list[i].field.type = s->reader.layout->fields[i]->type;
		if (!keep_plain(s, s->reader.layout->fields[i]->name, false, &list[i].field.name))
			return false;
	}
	if (n)
		qsort(list, n, sizeof *list, by_name);
	for (uint32_t i = 0; i < n; i++) {
		fields[i] = list[i].field;
		s->field_of[list[i].number] = i;
	}
	s->base.fields = fields;
	s->base.field_count = n;
	return true;
}

static int by_key(const void *a, const void *b)
{
	return view_cmp(((const struct source_tag_key *)a)->name, ((const struct source_tag_key *)b)->name);
}

static bool list_tag_keys(struct local_source *s)
{
	const struct tags *tags = measurement_tags(s->reader.measurement);
	const uint32_t n = tags_key_count(tags);
	struct source_tag_key *keys = arena_alloc(&s->names, (n + 1) * sizeof *keys, 16);

	for (uint32_t i = 0; keys && i < n; i++)
		if (!keep_plain(s, tag_key_name(tags_key_at(tags, i)), false, &keys[i].name))
			return false;
	if (keys && n)
		qsort(keys, n, sizeof *keys, by_key);
	s->base.tag_keys = keys;
	s->base.tag_key_count = n;
	return keys;
}

static struct view tag_of(struct source *base, uint32_t series, struct view key)
{
	struct local_source *s = (struct local_source *)base;
	enum reject why;
	const char *error;

	buf_clear(&s->escaped);
	lp_escape(key, false, &s->escaped);
	const struct view name = { s->escaped.p ? s->escaped.p : "", s->escaped.len };
	if (!lp_key_split(s->reader.all[series].series->key, &s->key, &why, &error))
		return (struct view){ "", 0 };
	for (unsigned i = 0; i < s->key.tag_count; i++)
		if (view_eq(s->key.tags[i].key, name)) {
			struct view raw = s->key.tags[i].value;
			if (!memchr(raw.p, '\\', raw.len))
				return raw;
			buf_clear(&s->plain);
			lp_unescape(raw, false, &s->plain);
			return (struct view){ s->plain.p, s->plain.len };
		}
	return (struct view){ "", 0 };
}

/* ---- opening ---- */

static enum err choose(void *arg, struct measurement *m, struct series_set *set, struct errbuf *eb)
{
	struct local_source *s = arg;

	return tag_filter_choose(&s->names, m, s->filter, set, &s->base.row_filter, s->budget, eb);
}

static enum err describe(struct local_source *s, struct errbuf *eb)
{
	s->base.series_count = s->reader.count;
	if (!keep_plain(s, s->reader.name, true, &s->base.name) || !list_fields(s) || !list_tag_keys(s))
		return budget_refuse(s->budget, eb);
	return ERR_OK;
}

static void close_source(struct source *base)
{
	struct local_source *s = (struct local_source *)base;

	local_reader_close(&s->reader);
	buf_fini(&s->escaped);
	buf_fini(&s->plain);
	arena_fini(&s->names);
	free(s);
}

/* ---- reading ---- */

/* Rows [from, to) of r, columns by the source's numbers. */
static bool cut(const struct local_source *s, struct reading *rd, const struct rows *r, const struct stretch *within,
    struct rows *out)
{
	const uint32_t from = rows_lower_bound(r->times, r->count, within->from_ns),
		       to = rows_lower_bound(r->times, r->count, within->to_ns);
	struct rows_column *columns = arena_alloc(&rd->reader->rows, (r->column_count + 1) * sizeof *columns, 16);
	uint32_t n = 0;

	if (!columns)
		return false;
	for (uint32_t i = 0; i < r->column_count; i++) {
		if (!local_is_field(rd, r->columns[i].field))
			continue;
		columns[n] = r->columns[i];
		columns[n].field = s->field_of[r->columns[i].field];
		columns[n].bits += from;
		if (columns[n].present)
			columns[n].present += from;
		n++;
	}
	*out = (struct rows){
		.count = n ? to - from : 0, .times = r->times + from, .column_count = n, .columns = columns
	};
	return true;
}

/* Drops what has no rows within. */
static uint32_t keep_overlapping(struct rows *list, uint32_t n, const struct stretch *within)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (list[i].unordered ||
		    (list[i].times[0] < within->to_ns && list[i].times[list[i].count - 1] >= within->from_ns))
			list[kept++] = list[i];
	return kept;
}

struct put { /* a step in the making */
	struct local_source *source;
	struct reading *rd;
	const struct local_window *window;
	struct source_rows *of;
	uint32_t count, room;
};

/* Rows of a series, of which some may lie within. */
static enum err put_rows(struct put *p, uint32_t series, const struct rows *r)
{
	if (p->count == p->room) {
		uint32_t room = p->room ? p->room * 2 : p->rd->wanted_count;
		struct source_rows *of = arena_alloc_raw(&p->rd->reader->rows, room * sizeof *of, 16);
		if (!of)
			return ERR_NOMEM;
		if (p->count)
			memcpy(of, p->of, p->count * sizeof *of);
		p->of = of;
		p->room = room;
	}
	struct source_rows *next = &p->of[p->count];
	next->series = series;
	if (!cut(p->source, p->rd, r, &p->window->within, &next->rows))
		return ERR_NOMEM;
	p->source->report->rows += next->rows.count;
	p->count += next->rows.count > 0;
	return ERR_OK;
}

/* The rows of one series in the window. */
static enum err put_series(struct put *p, uint32_t series, struct rows *list, uint32_t n)
{
	const struct local_window *w = p->window;
	const int64_t from = w->within.from_ns, last = w->within.to_ns - 1;
	struct arena *a = &p->rd->reader->rows;
	struct rows merged, *parts = &merged;
	uint32_t count = 1;
	enum err e = ERR_OK;

	n = keep_overlapping(list, n, &w->within);
	if (n == 0)
		return ERR_OK;
	if (n == 1 && !list->unordered)
		parts = list;
	else if (w->tier != TIER_RAW)
		e = rows_merge_rollups(list, n, from, last, a, &merged);
	else if (p->source->read->in_parts)
		e = rows_merge_parts(list, n, from, last, a, &parts, &count);
	else
		e = rows_merge(list, n, from, last, a, &merged);
	for (uint32_t i = 0; e == ERR_OK && i < count; i++)
		if (parts[i].count)
			e = put_rows(p, series, &parts[i]);
	return e;
}

/* The rows of all series; step->of is in the memory of the window. */
static enum err put_together(struct local_source *s, struct reading *rd, const struct local_window *w,
    struct source_step *step, struct errbuf *eb)
{
	struct put p = { .source = s, .rd = rd, .window = w };
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < rd->wanted_count; i++) {
		uint32_t n;
		struct rows *list = local_gather(rd, rd->wanted[i], w, &n);
		e = list ? put_series(&p, s->read->series[i], list, n) : ERR_NOMEM;
		if (e == ERR_OK)
			e = budget_check(s->budget, eb);
	}
	step->of = p.of;
	step->count = p.count;
	return e;
}

static enum err give(void *arg, struct reading *rd, const struct local_window *w, bool *given, struct errbuf *eb)
{
	struct local_source *s = arg;
	struct source_step step = { .tier = w->tier, .from_ns = w->within.from_ns, .to_ns = w->within.to_ns };
	const uint64_t rows = s->report->rows;
	enum err e = put_together(s, rd, w, &step, eb);

	if (e != ERR_OK) {
		s->report->rows = rows; /* they are read again */
		return e;
	}
	if (step.count == 0)
		return ERR_OK;
	e = local_charge(rd->reader, eb);
	if (e != ERR_OK)
		return e;
	s->report->tiers |= 1u << w->tier;
	*given = true;
	return s->read->step(s->read->arg, &step);
}

/* Do the buckets of the answer's grid consist of whole ones of the tier? */
static bool fits(const struct source_read *r, enum tier tier)
{
	const int64_t bucket = tier_bucket_ns(tier);

	return r->grid_ns == 0 || (r->grid_ns % bucket == 0 && r->grid_offset_ns % bucket == 0);
}

/* Percentiles are of raw rows, as InfluxDB's are, and strings have no rollups. */
static enum tier coarsest(const struct source_read *r, bool with_strings)
{
	if (!r->aggregates || r->percentiles || with_strings)
		return TIER_RAW;
	return fits(r, TIER_1D) ? TIER_1D : fits(r, TIER_1H) ? TIER_1H : TIER_RAW;
}

static enum err read_rows(
    struct source *base, const struct source_read *r, struct budget *b, struct result_report *report, struct errbuf *eb)
{
	struct local_source *s = (struct local_source *)base;
	struct local_reader *reader = &s->reader;
	bool with_strings = false;

	(void)b; /* of the statement, as at opening */
	if (r->series_count == 0)
		return ERR_OK;
	for (uint32_t i = 0; i < reader->layout->count; i++) {
		s->fields[i] = !r->fields || r->fields[s->field_of[i]];
		with_strings |= s->fields[i] && reader->layout->fields[i]->type == VALUE_STRING;
	}
	s->read = r;
	s->report = report;
	const struct local_request q = { .series = r->series,
		.series_count = r->series_count,
		.from_ns = r->from_ns,
		.to_ns = r->to_ns,
		.descending = r->descending,
		.fields = s->fields,
		.with_strings = with_strings,
		.coarsest = coarsest(r, with_strings),
		.minutes_fit = fits(r, TIER_1M),
		.only_rows = !r->aggregates && !r->percentiles,
		.aggregates = r->aggregates,
		.sketches = r->percentiles ? LOCAL_SKETCHES_WHERE_GONE : LOCAL_SKETCHES_NONE,
		.report = report,
		.window = give,
		.arg = s };
	return local_reader_read(reader, &q, eb);
}

enum err local_source_open(struct source **out, struct local_moment *m, struct view measurement,
    const struct iql_expr *filter, struct budget *b, struct errbuf *eb)
{
	static const struct source_ops ops = { tag_of, read_rows, close_source };
	struct local_source *s = calloc(1, sizeof *s);

	*out = NULL;
	if (!s)
		return no_memory(eb);
	s->base.ops = &ops;
	s->filter = filter;
	s->budget = s->reader.budget = b;
	budget_arena(b, &s->names, NAMES_BLOCK);
	buf_init(&s->escaped, LOCAL_NAME_MAX);
	buf_init(&s->plain, LOCAL_NAME_MAX);
	lp_escape(measurement, true, &s->escaped);
	const struct view name = { arena_copy(&s->names, (struct view){ s->escaped.p, s->escaped.len }),
		s->escaped.len };
	const struct local_chooser chooser = { choose, s };
	enum err e = name.p ? local_reader_open(&s->reader, m, name, &chooser, ROWS_BLOCK, b, eb) : no_memory(eb);
	if (e == ERR_OK)
		e = describe(s, eb);
	if (e == ERR_OK)
		*out = &s->base;
	else
		close_source(&s->base);
	return e;
}
