/* Per measurement: read what is older than the head from the spool into a generation of its own (load_rows), of as many
 * windows at once as fit: rows of the spool may span many. Then, window by window, walk the series in order of their keys
 * and give out the rows of each (emit_series), which lie in that generation and in those of the head. Rows from elsewhere
 * (chunks) belong into x->history too, before the spool's: of one timestamp the later row wins.
 *
 * Where the rows of one window do not fit, the range of series is narrowed: [low, high) of keys, positions in their order.
 * Where one series alone does not fit, the span of time is. The head is pinned anew between reads after PIN_NS. */
#include "query/export.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "query/export_part.h"
#include "store/batch_builder.h"
#include "wire/lp_key.h"

enum { BUILDER_KEEP = 1 << 20, NAME_BYTES = 64 << 10, TRIES = 3 };
static const int64_t WINDOW_NS = 7200 * NS_PER_S, PIN_NS = 10 * NS_PER_S;

void export_not_complete(struct exporting *x, const char *why)
{
	if (!x->lack)
		x->lack = why;
}

enum err export_out_of_memory(struct exporting *x)
{
	return errbuf_set(x->eb, ERR_NOMEM, "out of memory");
}

enum err export_without_store(struct exporting *x, enum err e, enum err otherwise)
{
	if (e != ERR_CORRUPT)
		return e;
	export_not_complete(x, "the local store is damaged: restart holdfastd to have it mended");
	return otherwise;
}

void export_go_on(struct exporting *x)
{
	if (!x->rows.stopped && x->sink->go_on && !x->sink->go_on(x->sink->arg))
		x->rows.stopped = true;
}

/* ---- series in order ---- */

static int by_key(const void *a, const void *b)
{
	return view_cmp((*(struct series *const *)a)->key, (*(struct series *const *)b)->key);
}

/* Reading the spool may have made series known. */
static bool sort_series(struct exporting *x)
{
	uint32_t n = measurement_series_count(x->measurement);

	if (n == x->series_count)
		return true;
	if (n > x->series_cap) {
		struct series **more = realloc(x->series, (size_t)n * sizeof(struct series *));
		if (!more)
			return false;
		x->series = more;
		x->series_cap = n;
	}
	for (uint32_t i = 0; i < n; i++)
		x->series[i] = measurement_series(x->measurement, i);
	qsort(x->series, n, sizeof(struct series *), by_key);
	x->series_count = n;
	return true;
}

static bool is_beyond(struct view key, const struct position *p)
{
	int c = view_cmp(key, p->key);

	return c > 0 || (c == 0 && !p->after);
}

bool export_in_range(struct exporting *x, const struct series *s)
{
	return (!x->low.key.p || is_beyond(s->key, &x->low)) && (!x->high.key.p || !is_beyond(s->key, &x->high));
}

static bool is_wanted(void *arg, const struct series *s)
{
	return export_in_range(arg, s);
}

/* Half of the series that were read before the room ended. False: there is but one. */
static bool narrow(struct exporting *x)
{
	const struct series *last = NULL;
	uint32_t n = 0, seen = 0;

	if (!x->history || !sort_series(x))
		return false;
	for (uint32_t i = 0; i < x->series_count; i++)
		n += generation_strip(x->history, x->series[i]) != NULL;
	for (uint32_t i = 0; i < x->series_count && seen <= n / 2; i++)
		if (generation_strip(x->history, x->series[i])) {
			last = x->series[i];
			seen++;
		}
	if (n == 0 || (n == 1 && x->high.after && view_eq(x->high.key, last->key)))
		return false;
	x->high = (struct position){ last->key, n == 1 };
	return true;
}

/* ---- the head ---- */

static struct span span_of(const struct exporting *x, const struct generation *g)
{
	struct span span = { INT64_MAX, INT64_MIN };
	uint32_t n = measurement_series_count(x->measurement);

	for (uint32_t i = 0; i < n; i++) {
		const struct head_strip *strip = generation_strip(g, measurement_series(x->measurement, i));
		for (const struct segment *s = strip_first(strip); s; s = segment_next(s)) {
			uint32_t rows = segment_rows(s);
			for (uint32_t k = 0; k < rows; k++) {
				span.min_ns = s->times[k] < span.min_ns ? s->times[k] : span.min_ns;
				span.max_ns = s->times[k] > span.max_ns ? s->times[k] : span.max_ns;
			}
		}
	}
	return span;
}

static void pin_head(struct exporting *x)
{
	export_rows_forget(&x->rows);
	head_unpin(&x->head);
	head_pin(x->opts->head, &x->head);
	for (unsigned i = 0; i < x->head.count; i++)
		x->head_spans[i] = span_of(x, x->head.generations[i]);
	x->pinned_ns = clock_mono_ns();
}

/* ---- what is older ---- */

static enum err new_history(struct exporting *x)
{
	export_rows_forget(&x->rows);
	generation_unref(x->history);
	return generation_new(&x->history, 0, x->max_bytes) == ERR_OK ? ERR_OK : export_out_of_memory(x);
}

static enum err append_row(struct exporting *x, struct batch_builder *bb, const struct spool_row *row)
{
	enum lp_result lr;

	batch_builder_start(bb, row->payload, BUILDER_KEEP);
	while ((lr = batch_builder_next(bb, row->db)) != LP_END) {
		if (bb->out_of_memory)
			return export_out_of_memory(x);
		if (lr != LP_OK) {
			export_not_complete(
			    x, "a stored point could not be read: its series or field is above a ceiling");
			continue;
		}
		const struct batch_point *p = &bb->points[bb->point_count - 1];
		int64_t t = bb->parser.time;
		if (t >= x->from_ns && t < x->to_ns && export_in_range(x, p->series) &&
		    !generation_append(x->history, p->series, t, bb->values + p->first_value, p->values)) {
			if (generation_points(x->history) > 0)
				return ERR_TOOBIG;
			export_not_complete(x, "a point is larger than the memory a read may take");
			enum err e = new_history(x);
			if (e != ERR_OK)
				return e;
		}
		batch_builder_drop(bb);
	}
	return ERR_OK;
}

static enum err read_spool(struct exporting *x, struct batch_builder *bb)
{
	uint32_t db = measurement_db(x->measurement);
	struct spool_row row = { 0 };
	uint64_t seq = x->compacted_seq;

	for (;;) {
		enum err e = spool_reader_next_in(x->files.spool, seq, x->from_ns, x->to_ns, &row, x->eb);
		if (e == ERR_NOTFOUND || (row.seq && row.seq >= x->head.from_seq))
			return ERR_OK;
		if (e == ERR_CORRUPT && row.seq) {
			log_error("%s", x->eb->text);
			export_not_complete(x, "a damaged row of the local store was left out");
		} else if (e != ERR_OK) {
			return e;
		} else if (row.db == db) {
			e = append_row(x, bb, &row);
			if (e != ERR_OK)
				return e;
		}
		export_go_on(x);
		if (x->rows.stopped)
			return ERR_OK;
		seq = row.seq;
	}
}

/* ---- both ---- */

/* Of one moment. ERR_UNAVAILABLE: rows went from the spool to the store meanwhile. */
static enum err load_moment(struct exporting *x)
{
	struct batch_builder bb;
	int64_t gone;
	uint64_t before, after;
	enum err e = new_history(x);

	if (e == ERR_OK)
		e = spool_reader_begin(x->files.spool, &gone, &before, x->eb);
	x->compacted_seq = 0;
	if (e == ERR_OK && x->files.store)
		e = export_without_store(x, store_reader_begin(x->files.store, &x->compacted_seq, x->eb), ERR_OK);
	if (e != ERR_OK)
		return e;
	if (x->files.store) {
		e = export_read_store(x);
		store_reader_end(x->files.store);
	}
	batch_builder_init(&bb, x->opts->catalogue);
	bb.only = measurement_name(x->measurement);
	bb.wanted = is_wanted;
	bb.wanted_arg = x;
	if (e == ERR_OK && x->compacted_seq + 1 < x->head.from_seq)
		e = read_spool(x, &bb);
	batch_builder_fini(&bb);
	if (e == ERR_OK)
		e = spool_reader_begin(x->files.spool, &gone, &after, x->eb);
	if (e == ERR_OK && before != after && x->compacted_seq + 1 < x->head.from_seq)
		e = ERR_UNAVAILABLE;
	return e;
}

/* The rows of the part at hand that are not in the head, into x->history. ERR_TOOBIG: some of them did not fit. */
static enum err load_rows(struct exporting *x)
{
	enum err e = ERR_UNAVAILABLE;

	for (int i = 0; e == ERR_UNAVAILABLE && i < TRIES; i++)
		e = load_moment(x);
	return e;
}

/* ---- the rows of one series ---- */

/* Where they lie, oldest first. */
static unsigned strips_of(const struct exporting *x, const struct series *s, int64_t from, int64_t to,
    const struct head_strip *strips[HEAD_GENERATIONS_MAX + 1])
{
	unsigned n = 0;

	if ((strips[n] = generation_strip(x->history, s)))
		n++;
	for (unsigned i = 0; i < x->head.count; i++) /* those that the store has were read there */
		if (x->head.last_seq[i] > x->compacted_seq && x->head_spans[i].min_ns < to &&
		    x->head_spans[i].max_ns >= from && (strips[n] = generation_strip(x->head.generations[i], s)))
			n++;
	return n;
}

static enum err emit_series(struct exporting *x, const struct series *s)
{
	const struct head_strip *strips[HEAD_GENERATIONS_MAX + 1];
	int64_t from = x->from_ns, to = x->to_ns;

	while (from < x->to_ns && !x->rows.stopped) {
		unsigned n = strips_of(x, s, from, to, strips);
		enum err e = n ? export_rows_emit(&x->rows, s, strips, n, from, to) : ERR_OK;
		if (e == ERR_TOOBIG && to - from > 1) {
			to = from + (to - from) / 2;
			continue;
		}
		if (e == ERR_TOOBIG)
			export_not_complete(x, "one time of a series was written more often than memory can hold");
		else if (e != ERR_OK)
			return export_out_of_memory(x);
		from = to;
		to = x->to_ns;
	}
	return ERR_OK;
}

static enum err emit_range(struct exporting *x)
{
	enum err e = sort_series(x) ? ERR_OK : export_out_of_memory(x);

	for (uint32_t i = 0; e == ERR_OK && !x->rows.stopped && i < x->series_count; i++)
		if (export_in_range(x, x->series[i]))
			e = emit_series(x, x->series[i]);
	return e;
}

/* ---- windows and measurements ---- */

/* The series of [low, high): all at once, or by shorter spans of time. high may come nearer. */
static enum err export_range(struct exporting *x, int64_t from, int64_t to)
{
	x->from_ns = from;
	x->to_ns = to;
	while (x->from_ns < to && !x->rows.stopped) {
		enum err e = load_rows(x);
		if (e == ERR_TOOBIG && x->from_ns == from && x->to_ns == to && narrow(x))
			continue;
		if (e == ERR_TOOBIG && x->to_ns - x->from_ns > 1) {
			x->to_ns = x->from_ns + (x->to_ns - x->from_ns) / 2;
			continue;
		}
		if (e == ERR_TOOBIG) {
			export_not_complete(x, "one time of a series was written more often than memory can hold");
			e = ERR_OK;
		}
		if (e == ERR_OK)
			e = emit_range(x);
		if (e != ERR_OK)
			return e;
		x->from_ns = x->to_ns;
		x->to_ns = to;
	}
	return ERR_OK;
}

static enum err export_window(struct exporting *x, int64_t from, int64_t to)
{
	enum err e;

	x->low = (struct position){ 0 };
	do {
		x->high = (struct position){ 0 };
		e = export_range(x, from, to);
		x->low = x->high;
	} while (e == ERR_OK && !x->rows.stopped && x->low.key.p);
	return e;
}

/* The store's next window, if it begins before *out (e: whether there is one). */
static enum err find_next_stored(struct exporting *x, int64_t at, enum err e, int64_t *out)
{
	int64_t window;

	if (!x->files.store)
		return e;
	enum err found = export_without_store(x,
	    store_reader_next_window(
		x->files.store, TIER_RAW, tier_window(TIER_RAW, at), measurement_id(x->measurement), &window, x->eb),
	    ERR_NOTFOUND);
	if (found != ERR_OK)
		return found == ERR_NOTFOUND ? e : found;
	int64_t start = tier_window_start(TIER_RAW, window), first = start > at ? start : at;
	if (first >= x->q->to_ns || (e == ERR_OK && first >= *out))
		return e;
	*out = first;
	return ERR_OK;
}

/* The next time from `at` on at which there may be points. ERR_NOTFOUND: none before to. */
static enum err find_next(struct exporting *x, int64_t at, int64_t *out)
{
	enum err e = spool_reader_first_time(x->files.spool, at, x->q->to_ns, out, x->eb);

	for (unsigned i = 0; i < x->head.count && (e == ERR_OK || e == ERR_NOTFOUND); i++) {
		const struct span *span = &x->head_spans[i];
		int64_t first = span->min_ns > at ? span->min_ns : at;
		if (span->max_ns < at || first >= x->q->to_ns || (e == ERR_OK && first >= *out))
			continue;
		*out = first;
		e = ERR_OK;
	}
	return e == ERR_OK || e == ERR_NOTFOUND ? find_next_stored(x, at, e, out) : e;
}

static int64_t into_window(int64_t t)
{
	return ((t % WINDOW_NS) + WINDOW_NS) % WINDOW_NS;
}

/* The end of so many windows, the first of which holds t. */
static int64_t windows_end(int64_t t, unsigned windows)
{
	int64_t end;

	return __builtin_add_overflow(t, windows * WINDOW_NS - into_window(t), &end) ? INT64_MAX : end;
}

static void mark_strip(struct exporting *x, const struct head_strip *strip, int64_t from)
{
	uint64_t begin = (uint64_t)from - (uint64_t)into_window(from);

	for (const struct segment *s = strip_first(strip); s; s = segment_next(s)) {
		uint32_t n = segment_rows(s);
		for (uint32_t k = 0; k < n; k++)
			x->present[((uint64_t)s->times[k] - begin) / (uint64_t)WINDOW_NS] = true;
	}
}

static bool is_present_in_head(const struct exporting *x, int64_t from, int64_t to)
{
	for (unsigned i = 0; i < x->head.count; i++)
		if (x->head_spans[i].min_ns < to && x->head_spans[i].max_ns >= from)
			return true;
	return false;
}

/* The windows of [from, to), whose rows are all in the history and the head. */
static enum err export_loaded(struct exporting *x, int64_t from, int64_t to)
{
	uint32_t n = measurement_series_count(x->measurement);
	enum err e = ERR_OK;

	memset(x->present, 0, sizeof x->present);
	for (uint32_t i = 0; i < n; i++)
		mark_strip(x, generation_strip(x->history, measurement_series(x->measurement, i)), from);
	for (unsigned i = 0; e == ERR_OK && !x->rows.stopped && from < to; i++, from = x->to_ns) {
		x->from_ns = from;
		x->to_ns = windows_end(from, 1) < to ? windows_end(from, 1) : to;
		if (x->present[i] || is_present_in_head(x, x->from_ns, x->to_ns))
			e = emit_range(x);
	}
	return e;
}

/* What retention let go of the measurement, and what damage took. */
static enum err check_evicted(struct exporting *x)
{
	int64_t gone = INT64_MIN;
	bool damaged = false;
	enum err e = ERR_OK;

	if (!x->files.store)
		return ERR_OK;
	if (x->q->from_ns != INT64_MIN)
		e = store_reader_evicted(x->files.store, TIER_RAW, measurement_id(x->measurement), &gone, x->eb);
	if (e == ERR_OK)
		e = store_reader_gap(x->files.store, TIER_RAW, x->q->from_ns, x->q->to_ns, &damaged, x->eb);
	if (e == ERR_OK && gone > x->q->from_ns)
		export_not_complete(x, "the local history no longer reaches back to the beginning of the range");
	if (damaged)
		export_not_complete(x, local_lacks_damaged);
	return export_without_store(x, e, ERR_OK);
}

static enum err export_measurement(struct exporting *x, struct measurement *m)
{
	int64_t at = x->q->from_ns;
	unsigned windows = 1;
	enum err e;

	x->measurement = m;
	x->series_count = 0;
	pin_head(x);
	e = check_evicted(x);
	while (e == ERR_OK && (e = find_next(x, at, &at)) == ERR_OK && !x->rows.stopped) {
		int64_t to = windows_end(at, windows) < x->q->to_ns ? windows_end(at, windows) : x->q->to_ns;
		if (clock_mono_ns() - x->pinned_ns > PIN_NS)
			pin_head(x);
		x->low = x->high = (struct position){ 0 };
		x->from_ns = at;
		x->to_ns = to;
		e = load_rows(x);
		if (e == ERR_TOOBIG && windows > 1) {
			windows = windows > 4 ? windows / 4 : 1;
			continue;
		}
		e = e == ERR_OK ? export_loaded(x, at, to) : e == ERR_TOOBIG ? export_window(x, at, to) : e;
		export_go_on(x);
		if (e != ERR_OK || to == x->q->to_ns)
			return e;
		if (windows < EXPORT_SPAN_WINDOWS_MAX && generation_bytes(x->history) < x->max_bytes / 4)
			windows *= 2;
		at = to;
	}
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static int by_name(const void *a, const void *b)
{
	return view_cmp(
	    measurement_name(*(struct measurement *const *)a), measurement_name(*(struct measurement *const *)b));
}

static enum err export_all(struct exporting *x, uint32_t db)
{
	struct catalogue *c = x->opts->catalogue;
	uint32_t all = catalogue_measurement_count(c), n = 0;
	struct measurement **list = malloc((all + 1) * sizeof(struct measurement *));
	enum err e = ERR_OK;

	if (!list)
		return export_out_of_memory(x);
	for (uint32_t i = 0; i < all; i++) {
		struct measurement *m = catalogue_measurement_at(c, i);
		if (m && measurement_db(m) == db)
			list[n++] = m;
	}
	qsort(list, n, sizeof(struct measurement *), by_name);
	for (uint32_t i = 0; e == ERR_OK && !x->rows.stopped && i < n; i++)
		e = export_measurement(x, list[i]);
	free(list);
	return e;
}

static enum err export_one(struct exporting *x, uint32_t db)
{
	struct buf name;

	buf_init(&name, NAME_BYTES);
	lp_escape(view_of(x->q->measurement), true, &name);
	struct measurement *m = catalogue_find_measurement(
	    x->opts->catalogue, db, (struct view){ name.len ? name.p : "", name.len });
	buf_fini(&name);
	if (!m)
		return errbuf_set(x->eb, ERR_NOTFOUND, "there is no measurement %.200s", x->q->measurement);
	return export_measurement(x, m);
}

static enum err run(struct exporting *x)
{
	int64_t gone_before, gone_after;
	uint64_t first_seq;
	uint32_t db = catalogue_find_database(x->opts->catalogue, view_of(x->q->database));

	if (!db)
		return errbuf_set(x->eb, ERR_NOTFOUND, "database not found: \"%.200s\"", x->q->database);
	enum err e = spool_reader_begin(x->files.spool, &gone_before, &first_seq, x->eb);
	if (e == ERR_OK)
		e = x->q->measurement ? export_one(x, db) : export_all(x, db);
	if (e == ERR_OK) /* once more: rows may have gone meanwhile */
		e = spool_reader_begin(x->files.spool, &gone_after, &first_seq, x->eb);
	if (e == ERR_OK && gone_after >= x->q->from_ns && (x->q->from_ns != INT64_MIN || gone_after != gone_before))
		export_not_complete(x, "the local history no longer reaches back to the beginning of the range");
	return e;
}

enum err local_export(
    struct local *l, const struct export_request *q, const struct export_sink *sink, bool *complete, struct errbuf *eb)
{
	struct exporting *x = calloc(1, sizeof *x);

	*complete = false;
	if (!x)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	*x = (struct exporting){ .opts = &l->opts, .q = q, .sink = sink, .eb = eb };
	x->max_bytes = x->opts->query_max_bytes / 2;
	export_rows_init(&x->rows, sink, x->max_bytes);
	arena_init(&x->blocks, 256 << 10, x->max_bytes);
	enum err e = local_take_files(l, &x->files, eb);
	if (e == ERR_OK) {
		e = run(x);
		local_give_files(l, &x->files, e == ERR_OK || e == ERR_NOTFOUND);
	}
	arena_fini(&x->blocks);
	if (e == ERR_OK && x->lack)
		(void)errbuf_set(eb, e, "%s", x->lack);
	*complete = e == ERR_OK && !x->lack;
	generation_unref(x->history);
	head_unpin(&x->head);
	export_rows_fini(&x->rows);
	free(x->series);
	free(x);
	return e;
}
