/* A source is a reading (query/local_part.h) that hands its rows on as they are, instead of adding them up. */
#include "query/local_source.h"

#include <stdlib.h>

#include "query/local_part.h"
#include "query/tag_filter.h"
#include "store/tags.h"

enum { TRIES = 3, NAME_BYTES = 128 << 10 };

struct local_moment {
	struct local *local;
	char *database;
	int64_t from_ns, to_ns;
};

struct span { /* a part of a read, of one tier */
	int64_t from_ns, to_ns;
	enum tier tier;
};

struct local_source {
	struct source base;
	struct reading rd;
	struct read_request q;
	struct read_result r; /* for what is incomplete */
	struct arena names; /* and what lives as long as the source */
	struct wanted *all; /* the chosen series; rd.wanted are those of the read at hand */
	uint32_t *field_of; /* of the layout: the number in base.fields */
	const struct iql_expr *filter;
	struct buf escaped, plain;
	bool began; /* the store's snapshot */
	bool enough; /* the reader of the rows said so */
};

enum err local_moment_open(
    struct local_moment **out, struct local *l, struct view database, int64_t from_ns, int64_t to_ns, struct errbuf *eb)
{
	struct local_moment *m = calloc(1, sizeof *m);

	*out = m;
	if (m)
		m->database = strndup(database.p ? database.p : "", database.len);
	if (!m || !m->database) {
		free(m);
		*out = NULL;
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	m->local = l;
	m->from_ns = from_ns;
	m->to_ns = to_ns;
	return ERR_OK;
}

void local_moment_close(struct local_moment *m)
{
	if (!m)
		return;
	free(m->database);
	free(m);
}

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
	const uint32_t n = s->rd.layout->count;
	struct named *list = arena_alloc(&s->names, (n + 1) * sizeof *list, 16);
	struct source_field *fields = arena_alloc(&s->names, (n + 1) * sizeof *fields, 16);

	s->field_of = arena_alloc(&s->names, (n + 1) * sizeof *s->field_of, 16);
	s->rd.fields = arena_alloc(&s->names, n + 1, 1);
	if (!list || !fields || !s->field_of || !s->rd.fields)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		list[i].number = i;
		list[i].field.type = s->rd.layout->fields[i]->type;
		if (!keep_plain(s, s->rd.layout->fields[i]->name, false, &list[i].field.name))
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
	const struct tags *tags = measurement_tags(s->rd.measurement);
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
	if (!lp_key_split(s->all[series].series->key, &s->rd.key, &why, &error))
		return (struct view){ "", 0 };
	for (unsigned i = 0; i < s->rd.key.tag_count; i++)
		if (view_eq(s->rd.key.tags[i].key, name)) {
			struct view raw = s->rd.key.tags[i].value;
			if (!memchr(raw.p, '\\', raw.len))
				return raw;
			buf_clear(&s->plain);
			lp_unescape(raw, false, &s->plain);
			return (struct view){ s->plain.p, s->plain.len };
		}
	return (struct view){ "", 0 };
}

/* ---- opening ---- */

static enum err choose(struct local_source *s, struct budget *b, struct errbuf *eb)
{
	struct reading *rd = &s->rd;

	series_set_fini(&rd->chosen);
	if (!series_set_init(&rd->chosen, measurement_series_count(rd->measurement)))
		return no_memory(eb);
	return tag_filter_choose(&s->names, rd->measurement, s->filter, &rd->chosen, &s->base.row_filter, b, eb);
}

static enum err list_series(struct local_source *s, struct budget *b, struct errbuf *eb)
{
	struct reading *rd = &s->rd;
	enum err e = choose(s, b, eb); /* anew: reading the spool may have made series known */

	if (e != ERR_OK)
		return e;
	const uint32_t count = series_set_count(&rd->chosen);
	s->all = arena_alloc(&rd->lists, (count + 1) * sizeof *s->all, 16);
	rd->wanted = arena_alloc(&rd->lists, (count + 1) * sizeof *rd->wanted, 16);
	if (!s->all || !rd->wanted)
		return budget_take(b, b->max_bytes + 1, eb);
	uint32_t n = 0;
	for (uint32_t i = 0; series_set_next(&rd->chosen, &i); i++)
		s->all[n++].series = measurement_series(rd->measurement, i);
	s->base.series_count = n;
	memcpy(rd->wanted, s->all, n * sizeof *s->all);
	rd->wanted_count = n;
	e = local_find_recent(rd, eb);
	memcpy(s->all, rd->wanted, n * sizeof *s->all);
	return e == ERR_TOOBIG ? budget_take(b, b->max_bytes + 1, eb) : e;
}

static void end_moment(struct local_source *s)
{
	struct reading *rd = &s->rd;

	if (s->began)
		store_reader_end(rd->files.store);
	s->began = false;
	generation_unref(rd->history);
	rd->history = NULL;
	head_unpin(&rd->head);
}

static enum err begin_moment(struct local_source *s, struct errbuf *eb)
{
	struct reading *rd = &s->rd;
	enum err e = ERR_OK;

	head_pin(rd->local->opts.head, &rd->head);
	rd->compacted_seq = 0;
	if (rd->files.store) {
		s->began = true;
		e = local_without_store(rd, store_reader_begin(rd->files.store, &rd->compacted_seq, eb));
	}
	if (e == ERR_OK)
		e = local_read_history(rd, eb);
	if (e != ERR_OK)
		end_moment(s);
	return e;
}

static enum err open_reading(struct local_source *s, struct budget *b, struct errbuf *eb)
{
	struct reading *rd = &s->rd;
	enum err e = local_take_files(rd->local, &rd->files, eb);

	if (e == ERR_OK)
		e = choose(s, b, eb);
	if (e != ERR_OK)
		return e;
	for (int i = 0; (e = begin_moment(s, eb)) == ERR_UNAVAILABLE && i < TRIES; i++) {
	}
	if (e != ERR_OK)
		return e;
	rd->layout = measurement_layout(rd->measurement);
	if (!list_fields(s) || !list_tag_keys(s))
		return no_memory(eb);
	return list_series(s, b, eb);
}

static void close_source(struct source *base)
{
	struct local_source *s = (struct local_source *)base;
	struct reading *rd = &s->rd;

	if (rd->files.spool) {
		end_moment(s);
		local_give_files(rd->local, &rd->files, true);
	}
	arena_fini(&rd->lists);
	arena_fini(&rd->rows);
	series_set_fini(&rd->chosen);
	buf_fini(&rd->text);
	buf_fini(&s->escaped);
	buf_fini(&s->plain);
	read_result_fini(&s->r);
	arena_fini(&s->names);
	free(s);
}

/* ---- reading ---- */

/* The grid as query/local_plan knows it, whose buckets begin at multiples of their length. */
static int64_t step_of(const struct source_read *r)
{
	if (!r->aggregates)
		return 1;
	if (!r->grid_ns)
		return TIER_DAY_NS;
	if (r->grid_ns % TIER_DAY_NS == 0 && r->grid_offset_ns % TIER_DAY_NS == 0)
		return TIER_DAY_NS;
	if (r->grid_ns % TIER_HOUR_NS == 0 && r->grid_offset_ns % TIER_HOUR_NS == 0)
		return TIER_HOUR_NS;
	if (r->grid_ns % TIER_MINUTE_NS == 0 && r->grid_offset_ns % TIER_MINUTE_NS == 0)
		return TIER_MINUTE_NS;
	return 1;
}

static int by_time(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->from_ns > y->from_ns) - (x->from_ns < y->from_ns);
}

/* The windows of all stretches that have anything, in order of time. */
static enum err list_spans(struct reading *rd, struct span **out, uint32_t *count, struct errbuf *eb)
{
	struct span *list = NULL;
	uint32_t n = 0, room = 0;
	enum err e = ERR_OK;

	for (int t = 0; e == ERR_OK && t < (int)TIERS; t++)
		for (uint32_t i = 0; e == ERR_OK && i < rd->by_tier[t].count; i++) {
			const struct stretch *s = &rd->by_tier[t].of[i];
			int64_t window = tier_window((enum tier)t, s->from_ns),
				last = tier_window((enum tier)t, s->to_ns - 1);
			for (;; window++) {
				e = local_next_window(rd, (enum tier)t, window, &window, eb);
				if (e != ERR_OK || window > last)
					break;
				if (n == room) {
					room = room ? room * 2 : 64;
					struct span *more = realloc(list, room * sizeof *more);
					if (!more) {
						e = no_memory(eb);
						break;
					}
					list = more;
				}
				int64_t from = tier_window_start((enum tier)t, window),
					to = tier_window_start((enum tier)t, window + 1);
				list[n++] = (struct span){ from > s->from_ns ? from : s->from_ns,
					to < s->to_ns ? to : s->to_ns, (enum tier)t };
			}
			e = e == ERR_NOTFOUND ? ERR_OK : e;
		}
	if (n)
		qsort(list, n, sizeof *list, by_time);
	*out = list;
	*count = n;
	return e;
}

/* Rows [from, to) of r, columns by the source's numbers. */
static bool cut(struct local_source *s, const struct rows *r, const struct span *span, struct rows *out)
{
	uint32_t from = rows_lower_bound(r->times, r->count, span->from_ns),
		 to = rows_lower_bound(r->times, r->count, span->to_ns);
	struct rows_column *columns = arena_alloc(&s->rd.rows, (r->column_count + 1) * sizeof *columns, 16);
	uint32_t n = 0;

	if (!columns)
		return false;
	for (uint32_t i = 0; i < r->column_count; i++) {
		if (!local_is_field(&s->rd, r->columns[i].field))
			continue;
		columns[n] = r->columns[i];
		columns[n].field = s->field_of[r->columns[i].field];
		columns[n].bits += from;
		if (columns[n].present)
			columns[n].present += from;
		n++;
	}
	*out = (struct rows){ .count = to - from, .times = r->times + from, .column_count = n, .columns = columns };
	return true;
}

/* The rows of one series in the span; count 0: none. */
static enum err merge(
    struct local_source *s, const struct rows *list, uint32_t n, const struct span *span, struct rows *out)
{
	struct rows merged;
	enum err e = ERR_OK;

	out->count = 0;
	if (n == 0)
		return ERR_OK;
	if (n > 1 || list[0].unordered) {
		e = span->tier == TIER_RAW
		    ? rows_merge(list, n, span->from_ns, span->to_ns - 1, &s->rd.rows, &merged)
		    : rows_merge_rollups(list, n, span->from_ns, span->to_ns - 1, &s->rd.rows, &merged);
		list = &merged;
	}
	if (e == ERR_OK && list->count && !cut(s, list, span, out))
		e = ERR_NOMEM;
	return e;
}

static enum err give_step(struct local_source *s, const struct source_read *r, const struct span *span,
    struct stored *stored, uint32_t stored_count, struct budget *b, struct result_report *report, struct errbuf *eb)
{
	struct reading *rd = &s->rd;
	struct source_rows *of = arena_alloc(&rd->rows, (rd->wanted_count + 1) * sizeof *of, 16);
	struct source_step step = { .tier = span->tier, .from_ns = span->from_ns, .to_ns = span->to_ns, .of = of };
	const struct stretch within = { span->from_ns, span->to_ns };
	enum err e = of ? ERR_OK : ERR_NOMEM;

	for (uint32_t i = 0; e == ERR_OK && i < rd->wanted_count; i++) {
		uint32_t n;
		struct rows *list = local_gather(
		    rd, &rd->wanted[i], stored, stored_count, &within, span->tier == TIER_RAW, &n);
		e = list ? merge(s, list, n, span, &of[step.count].rows) : ERR_NOMEM;
		if (e != ERR_OK || of[step.count].rows.count == 0)
			continue;
		report->rows += of[step.count].rows.count;
		of[step.count++].series = r->series[i];
		e = budget_check(b, eb);
	}
	if (e != ERR_OK || step.count == 0)
		return e;
	report->tiers |= 1u << span->tier;
	e = r->step(r->arg, &step);
	s->enough = e == ERR_CLOSED;
	return e;
}

static enum err read_span(struct local_source *s, const struct source_read *r, const struct span *span,
    struct budget *b, struct result_report *report, struct errbuf *eb)
{
	struct reading *rd = &s->rd;
	const struct stretch within = { span->from_ns, span->to_ns };
	struct stored *stored = NULL;
	uint32_t n = 0;
	enum err e = ERR_OK;

	arena_clear(&rd->rows);
	if (local_has_store(rd))
		e = local_without_store(rd,
		    local_load_window(
			rd, span->tier, tier_window(span->tier, span->from_ns), &within, &stored, &n, eb));
	for (uint32_t i = 0; e == ERR_OK && i < n; i++)
		report->chunks += stored[i].to - stored[i].from;
	report->blocks += n;
	if (e == ERR_OK)
		e = give_step(s, r, span, stored, n, b, report, eb);
	return e;
}

static void begin_read(struct local_source *s, const struct source_read *r)
{
	struct reading *rd = &s->rd;

	s->q.from_ns = r->from_ns;
	s->q.to_ns = r->to_ns;
	s->r.step_ns = step_of(r);
	rd->aggregates = r->aggregates;
	rd->with_strings = true;
	rd->wanted_count = r->series_count;
	for (uint32_t i = 0; i < r->series_count; i++)
		rd->wanted[i] = s->all[r->series[i]];
	for (uint32_t i = 0; i < rd->layout->count; i++)
		rd->fields[i] = !r->fields || r->fields[s->field_of[i]];
	memset(rd->by_tier, 0, sizeof rd->by_tier);
	s->enough = false;
}

/* Only raw rows will do, and they have been let go. */
static void leave_out_minutes(struct local_source *s, const struct source_read *r)
{
	struct stretches *minutes = &s->rd.by_tier[TIER_1M];

	if (r->aggregates || minutes->count == 0)
		return;
	minutes->count = 0;
	read_result_not_complete(&s->r, "the raw points of the beginning of the range have been let go");
}

static enum err plan(struct local_source *s, struct errbuf *eb)
{
	struct reading *rd = &s->rd;
	enum err e = local_plan(rd, eb);

	if (e != ERR_CORRUPT)
		return e;
	memset(rd->by_tier, 0, sizeof rd->by_tier);
	e = local_without_store(rd, e);
	return e == ERR_OK ? local_plan(rd, eb) : e;
}

static enum err read_rows(
    struct source *base, const struct source_read *r, struct budget *b, struct result_report *report, struct errbuf *eb)
{
	struct local_source *s = (struct local_source *)base;
	struct span *spans = NULL;
	uint32_t count = 0;

	if (r->series_count == 0 || r->from_ns >= r->to_ns)
		return ERR_OK;
	begin_read(s, r);
	enum err e = plan(s, eb);
	if (e == ERR_OK) {
		leave_out_minutes(s, r);
		e = list_spans(&s->rd, &spans, &count, eb);
	}
	for (uint32_t i = 0; e == ERR_OK && i < count; i++)
		e = read_span(s, r, &spans[r->descending ? count - 1 - i : i], b, report, eb);
	free(spans);
	if (!s->r.complete)
		result_report_not_complete(report, s->r.reason);
	if (e == ERR_TOOBIG || e == ERR_NOMEM)
		return budget_take(b, b->max_bytes + 1, eb);
	return s->enough ? ERR_OK : e;
}

enum err local_source_open(struct source **out, struct local_moment *m, struct view measurement,
    const struct iql_expr *filter, struct budget *b, struct errbuf *eb)
{
	static const struct source_ops ops = { tag_of, read_rows, close_source };
	struct local_source *s = calloc(1, sizeof *s);

	*out = NULL;
	if (!s)
		return no_memory(eb);
	struct reading *rd = &s->rd;
	s->base.ops = &ops;
	s->filter = filter;
	s->q = (struct read_request){ .from_ns = m->from_ns, .to_ns = m->to_ns, .step_ns = TIER_DAY_NS };
	s->r = (struct read_result){ .complete = true };
	arena_init(&s->r.arena, 1024, b->max_bytes);
	arena_init(&s->names, 4096, b->max_bytes);
	*rd = (struct reading){ .local = m->local, .q = &s->q, .r = &s->r, .max_bytes = b->max_bytes };
	arena_init(&rd->lists, 16 << 10, b->max_bytes);
	arena_init(&rd->rows, 64 << 10, b->max_bytes);
	buf_init(&rd->text, NAME_BYTES);
	buf_init(&s->escaped, NAME_BYTES);
	buf_init(&s->plain, NAME_BYTES);
	lp_escape(measurement, true, &s->escaped);
	rd->db = catalogue_find_database(m->local->opts.catalogue, view_of(m->database));
	rd->measurement_name.p = arena_copy(&s->names, (struct view){ s->escaped.p, s->escaped.len });
	rd->measurement_name.len = s->escaped.len;
	if (rd->db && rd->measurement_name.p)
		rd->measurement = catalogue_find_measurement(m->local->opts.catalogue, rd->db, rd->measurement_name);
	enum err e = !rd->measurement_name.p ? no_memory(eb) : rd->measurement ? ERR_OK : ERR_NOTFOUND;
	if (e == ERR_OK && !keep_plain(s, rd->measurement_name, true, &s->base.name))
		e = no_memory(eb);
	if (e == ERR_OK)
		e = open_reading(s, b, eb);
	if (e == ERR_OK)
		*out = &s->base;
	else
		close_source(&s->base);
	return e;
}
