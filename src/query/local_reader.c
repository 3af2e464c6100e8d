/* Opening: the series are chosen, the spool's rows between store and head are parsed, if there are any, and the series are
 * chosen anew, since the spool may have made some known.
 *
 * A read: the recent rows of its series, the plan, and then window after window of the plan's stretches, in order of time.
 * A window that does not fit into half of the memory that the budget has left is read in halves of its time, and the
 * windows after it too. */
#include <stdlib.h>

#include "base/log.h"
#include "query/local_part.h"
#include "store/batch_builder.h"

enum { BUILDER_KEEP = 1 << 20, HALVINGS_MAX = 20, LISTS_BLOCK = 8 << 10, WORK_BLOCK = 4 << 10 };

void local_not_complete(const struct reading *rd, const char *reason)
{
	result_report_not_complete(rd->q->report, reason);
}

void local_not_before(const struct reading *rd, int64_t ns, const char *reason)
{
	result_report_not_before(rd->q->report, ns, reason);
}

bool local_is_field(const struct reading *rd, uint32_t field)
{
	return field < rd->reader->layout->count && rd->q->fields[field]; /* else it is newer than this read */
}

bool local_is_digested(const struct reading *rd, uint32_t field)
{
	/* InfluxDB has no percentiles of booleans */
	return rd->q->sketches != LOCAL_SKETCHES_NONE && local_is_field(rd, field) &&
	    rd->reader->layout->fields[field]->type <= VALUE_UNSIGNED;
}

/* ---- memory ---- */

enum err local_charge(struct local_reader *r, struct errbuf *eb)
{
	struct budget *b = r->budget;
	size_t used = r->lists.used + r->work.used + r->rows.used + r->scratch.used +
	    (r->history ? generation_bytes(r->history) : 0);
	enum err e = ERR_OK;

	if (used > r->charged)
		e = budget_take(b, used - r->charged, eb);
	else
		budget_give(b, r->charged - used);
	if (e != ERR_OK)
		return e;
	r->charged = used;
	const size_t left = b->max_bytes > b->used_bytes ? b->max_bytes - b->used_bytes : 0;
	r->lists.max = r->lists.used + left / 2;
	r->work.max = r->work.used + left / 4;
	r->rows.max = r->rows.used + left / 2;
	r->scratch.max = r->scratch.used + left / 4;
	return ERR_OK;
}

static enum err too_big(struct local_reader *r, struct errbuf *eb)
{
	return budget_take(r->budget, r->budget->max_bytes + 1, eb);
}

/* ---- the spool ---- */

/* Series that came after the choice are taken too: they are chosen later. */
static bool is_wanted(void *arg, const struct series *s)
{
	const struct local_reader *r = arg;

	return s->ordinal >= r->chosen.size || series_set_has(&r->chosen, s->ordinal);
}

static bool append_row(struct local_reader *r, struct batch_builder *bb, const struct spool_row *row)
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
		if (t >= r->moment->from_ns && t < r->moment->to_ns &&
		    !generation_append(r->history, p->series, t, bb->values + p->first_value, p->values))
			return false;
		batch_builder_drop(bb);
	}
	return true;
}

static enum err read_history(struct local_reader *r, struct errbuf *eb)
{
	struct local_moment *m = r->moment;
	struct batch_builder bb;
	struct spool_row row = { 0 };
	uint64_t seq = m->compacted_seq;
	enum err e = generation_new(&r->history, 0, r->lists.max);

	if (e != ERR_OK)
		return errbuf_set(eb, e, "out of memory");
	batch_builder_init(&bb, m->local->opts.catalogue);
	bb.only = r->name;
	bb.wanted = is_wanted;
	bb.wanted_arg = r;
	while ((e = budget_check(r->budget, eb)) == ERR_OK) {
		e = spool_reader_next_in(m->files.spool, seq, m->from_ns, m->to_ns, &row, eb);
		if (e == ERR_NOTFOUND || (row.seq && row.seq >= m->head.from_seq)) {
			e = ERR_OK;
			break;
		}
		if (e == ERR_CORRUPT && row.seq) {
			log_error("%s", eb->text);
			r->history_lacks = "a damaged row of the local store was left out";
		} else if (e != ERR_OK) {
			m->failed = true;
			break;
		} else if (row.db == m->db && !append_row(r, &bb, &row)) {
			r->history_lacks = "the read needs more memory than it may take; ask for a shorter range";
			break;
		}
		seq = row.seq;
	}
	batch_builder_fini(&bb);
	return e;
}

/* ---- opening ---- */

static enum err choose(struct local_reader *r, const struct local_chooser *chooser, struct errbuf *eb)
{
	series_set_fini(&r->chosen);
	r->chosen = (struct series_set){ 0 };
	r->measurement = catalogue_find_measurement(r->moment->local->opts.catalogue, r->moment->db, r->name);
	if (!r->measurement)
		return ERR_OK;
	if (!series_set_init(&r->chosen, measurement_series_count(r->measurement)))
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	return chooser->choose(chooser->arg, r->measurement, &r->chosen, eb);
}

static enum err list_series(struct local_reader *r, struct errbuf *eb)
{
	const uint32_t count = series_set_count(&r->chosen);

	r->layout = measurement_layout(r->measurement);
	r->all = arena_alloc(&r->lists, (count + 1) * sizeof *r->all, 16);
	if (!r->all)
		return too_big(r, eb);
	for (uint32_t i = 0; series_set_next(&r->chosen, &i); i++)
		r->all[r->count++].series = measurement_series(r->measurement, i);
	return local_charge(r, eb);
}

enum err local_reader_open(struct local_reader *r, struct local_moment *m, struct view name,
    const struct local_chooser *chooser, size_t rows_block, struct budget *b, struct errbuf *eb)
{
	*r = (struct local_reader){ .moment = m, .name = name, .budget = b };
	arena_init(&r->lists, LISTS_BLOCK, 0);
	arena_init(&r->work, WORK_BLOCK, 0);
	arena_init(&r->rows, rows_block, 0);
	arena_init(&r->scratch, rows_block, 0);
	if (!m->db)
		return ERR_NOTFOUND;
	enum err e = local_charge(r, eb);
	if (e == ERR_OK)
		e = choose(r, chooser, eb);
	if (e == ERR_OK && local_has_history(m)) {
		e = read_history(r, eb);
		if (e == ERR_OK)
			e = choose(r, chooser, eb);
	}
	if (e == ERR_OK)
		e = r->measurement ? list_series(r, eb) : ERR_NOTFOUND;
	if (e != ERR_OK)
		local_reader_close(r);
	return e;
}

void local_reader_close(struct local_reader *r)
{
	generation_unref(r->history);
	series_set_fini(&r->chosen);
	arena_fini(&r->lists);
	arena_fini(&r->work);
	arena_fini(&r->rows);
	arena_fini(&r->scratch);
	budget_give(r->budget, r->charged);
	*r = (struct local_reader){ .budget = r->budget };
}

/* ---- a window ---- */

static enum err read_part(
    struct reading *rd, enum tier tier, int64_t window, struct stretch within, unsigned depth, struct errbuf *eb);

static enum err read_stretch(struct reading *rd, enum tier tier, const struct stretch *s, struct errbuf *eb);

/* Answers a part of a rollup tier's window, which has all of it but sketches, by the rows beneath. *done is false where those
 * have been let go. */
static enum err go_down(struct reading *rd, enum tier tier, const struct stretch *s, bool *done, struct errbuf *eb)
{
	struct stretch minutes = *s, raw = *s;
	int64_t gone[TIERS] = { 0 };
	enum err e = ERR_OK;

	*done = false;
	for (int t = TIER_RAW; e == ERR_OK && t < (int)tier; t++)
		e = local_find_gone(rd, (enum tier)t, &gone[t], eb);
	if (e != ERR_OK || tier <= TIER_1M)
		return e;
	*done = true;
	if (tier == TIER_1D && s->from_ns >= gone[TIER_1H])
		return read_stretch(rd, TIER_1H, s, eb);
	if (gone[TIER_RAW] > s->from_ns) {
		*done = s->from_ns >= gone[TIER_1M];
		minutes.to_ns = raw.from_ns = gone[TIER_RAW] < s->to_ns ? gone[TIER_RAW] : s->to_ns;
		if (*done)
			e = read_stretch(rd, TIER_1M, &minutes, eb);
	}
	if (e == ERR_OK && *done && raw.from_ns < raw.to_ns)
		e = read_stretch(rd, TIER_RAW, &raw, eb);
	return e;
}

static enum err hand_on(struct reading *rd, const struct local_window *w, bool *given, struct errbuf *eb)
{
	bool done = false;
	enum err e = ERR_OK;

	if (w->tier != TIER_RAW && rd->q->sketches != LOCAL_SKETCHES_NONE && local_lacks_sketches(rd, w)) {
		e = go_down(rd, w->tier, &w->within, &done, eb);
		if (e != ERR_OK || done) {
			*given = true;
			return e;
		}
		local_not_complete(rd,
		    "some percentiles are unknown: the raw points have been let go, and their rollups were made without "
		    "sketches of the field ([retention] sketches)");
	}
	e = rd->q->window(rd->q->arg, rd, w, given, eb);
	if (e == ERR_CLOSED && *given)
		rd->enough = true;
	return e;
}

/* The middle of a part, between two buckets of the tier. from: it cannot be parted. */
static int64_t middle(enum tier tier, const struct stretch *s)
{
	int64_t half = s->from_ns + (int64_t)(((uint64_t)s->to_ns - (uint64_t)s->from_ns) / 2);
	int64_t bucket = tier_bucket_ns(tier);

	if (bucket && half % bucket != 0)
		half -= half % bucket + (half < 0 ? bucket : 0);
	return half < s->from_ns ? s->from_ns : half;
}

static enum err read_halves(
    struct reading *rd, enum tier tier, int64_t window, struct stretch s, unsigned depth, struct errbuf *eb)
{
	const int64_t half = middle(tier, &s);
	const struct stretch parts[2] = { { s.from_ns, half }, { half, s.to_ns } };

	if (half == s.from_ns || depth == HALVINGS_MAX)
		return too_big(rd->reader, eb);
	enum err e = read_part(rd, tier, window, parts[rd->q->descending], depth + 1, eb);
	return e == ERR_OK ? read_part(rd, tier, window, parts[!rd->q->descending], depth + 1, eb) : e;
}

static enum err read_part(
    struct reading *rd, enum tier tier, int64_t window, struct stretch within, unsigned depth, struct errbuf *eb)
{
	struct local_reader *r = rd->reader;
	struct local_window w = { .tier = tier, .within = within };
	bool given = false;

	if (depth < rd->halvings)
		return read_halves(rd, tier, window, within, depth, eb);
	arena_clear(&r->rows);
	enum err e = budget_check(r->budget, eb);
	if (e == ERR_OK)
		e = local_charge(r, eb);
	if (e == ERR_OK && local_has_store(r->moment) && window >= 0 && window < STORE_WINDOWS_MAX)
		e = local_load_window(rd, window, depth > 0, &w, eb);
	if (e == ERR_TOOBIG)
		e = too_big(r, eb);
	e = local_without_store(r->moment, rd->q->report, e);
	if (e == ERR_OK)
		e = hand_on(rd, &w, &given, eb);
	if (e != ERR_NOMEM || given)
		return e;
	rd->halvings = depth + 1;
	return read_halves(rd, tier, window, within, depth, eb);
}

/* The next window with anything from *window on, in the direction of the read: of the store, or of the recent rows.
 * ERR_NOTFOUND: none. */
static enum err find_window(struct reading *rd, enum tier tier, int64_t *window, struct errbuf *eb)
{
	struct local_moment *m = rd->reader->moment;
	const uint32_t id = measurement_id(rd->reader->measurement);
	const bool down = rd->q->descending;
	int64_t of_store = 0, of_recent = down ? INT64_MIN : INT64_MAX;
	enum err e = ERR_NOTFOUND;

	if (local_has_store(m)) {
		e = down ? store_reader_last_window(m->files.store, tier, *window, id, &of_store, eb)
			 : store_reader_next_window(m->files.store, tier, *window, id, &of_store, eb);
		if (local_without_store(m, rd->q->report, e) != e)
			e = ERR_NOTFOUND;
	}
	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	if (tier == TIER_RAW)
		of_recent = down ? local_last_mark(&rd->recent, *window) : local_next_mark(&rd->recent, *window);
	if (of_recent == (down ? INT64_MIN : INT64_MAX)) {
		*window = of_store;
		return e;
	}
	*window = e == ERR_NOTFOUND || (down ? of_recent > of_store : of_recent < of_store) ? of_recent : of_store;
	return ERR_OK;
}

/* Its beginning; beyond the ends of time: those. */
static int64_t window_start(enum tier tier, int64_t window)
{
	int64_t start;

	if (__builtin_mul_overflow(window, tier_window_ns(tier), &start))
		return window < 0 ? INT64_MIN : INT64_MAX;
	return start;
}

static enum err read_stretch(struct reading *rd, enum tier tier, const struct stretch *s, struct errbuf *eb)
{
	const int64_t first = tier_window(tier, s->from_ns), last = tier_window(tier, s->to_ns - 1);
	int64_t window = rd->q->descending ? last : first;
	enum err e = ERR_OK;

	for (; e == ERR_OK; window += rd->q->descending ? -1 : 1) {
		e = find_window(rd, tier, &window, eb);
		if (e != ERR_OK || window < first || window > last)
			return e == ERR_NOTFOUND ? ERR_OK : e;
		int64_t start = window_start(tier, window), end = window_start(tier, window + 1);
		const struct stretch within = { start > s->from_ns ? start : s->from_ns,
			end < s->to_ns ? end : s->to_ns };
		e = read_part(rd, tier, window, within, 0, eb);
	}
	return e;
}

/* ---- a read ---- */

/* The stretch that comes next, of all tiers; NULL: none. at: how many of each have been read. */
static const struct stretch *next_stretch(const struct reading *rd, const uint32_t at[TIERS], enum tier *tier)
{
	const struct stretch *best = NULL;

	for (int t = 0; t < (int)TIERS; t++) {
		const struct stretches *of = &rd->by_tier[t];
		if (at[t] == of->count)
			continue;
		const struct stretch *s = &of->of[rd->q->descending ? of->count - 1 - at[t] : at[t]];
		if (best && (s->from_ns < best->from_ns) == rd->q->descending)
			continue;
		best = s;
		*tier = (enum tier)t;
	}
	return best;
}

static enum err read_all(struct reading *rd, struct errbuf *eb)
{
	uint32_t at[TIERS] = { 0 };
	const struct stretch *s;
	enum tier tier = TIER_RAW;
	enum err e = ERR_OK;

	while (e == ERR_OK && (s = next_stretch(rd, at, &tier))) {
		at[tier]++;
		rd->halvings = 0;
		e = read_stretch(rd, tier, s, eb);
	}
	return e;
}

static enum err make_plan(struct reading *rd, struct errbuf *eb)
{
	enum err e = local_plan(rd, eb);

	if (e != ERR_CORRUPT)
		return e;
	memset(rd->by_tier, 0, sizeof rd->by_tier);
	rd->reader->figures = (struct local_figures){ 0 };
	e = local_without_store(rd->reader->moment, rd->q->report, e);
	return e == ERR_OK ? local_plan(rd, eb) : e;
}

static enum err list_wanted(struct reading *rd, struct errbuf *eb)
{
	struct local_reader *r = rd->reader;
	const struct local_request *q = rd->q;

	rd->wanted_count = q->series ? q->series_count : r->count;
	rd->wanted = arena_alloc(&r->work, (rd->wanted_count + 1) * sizeof *rd->wanted, 16);
	if (!rd->wanted)
		return too_big(r, eb);
	for (uint32_t i = 0; i < rd->wanted_count; i++)
		rd->wanted[i] = &r->all[q->series ? q->series[i] : i];
	return ERR_OK;
}

/* What is known to be missing before anything is read. */
static void say_what_lacks(const struct reading *rd)
{
	struct local_reader *r = rd->reader;

	if (r->moment->store_damaged)
		local_not_complete(rd, local_store_damaged);
	if (r->history_lacks)
		local_not_complete(rd, r->history_lacks);
	if (r->moment->evicted_until_ns >= rd->from_ns)
		local_not_before(rd, r->moment->evicted_until_ns + (r->moment->evicted_until_ns < INT64_MAX),
		    "the local history no longer reaches back to the beginning of the range");
}

enum err local_reader_read(struct local_reader *r, const struct local_request *q, struct errbuf *eb)
{
	const struct local_moment *m = r->moment;
	struct reading rd = { .reader = r,
		.q = q,
		.from_ns = q->from_ns > m->from_ns ? q->from_ns : m->from_ns,
		.to_ns = q->to_ns < m->to_ns ? q->to_ns : m->to_ns };

	if (rd.from_ns >= rd.to_ns)
		return ERR_OK;
	say_what_lacks(&rd);
	arena_clear(&r->work);
	enum err e = local_charge(r, eb);
	if (e == ERR_OK)
		e = list_wanted(&rd, eb);
	if (e == ERR_OK)
		e = local_find_recent(&rd, eb);
	if (e == ERR_OK) /* without series, too: they may be among what was lost */
		e = make_plan(&rd, eb);
	if (e == ERR_TOOBIG)
		e = too_big(r, eb);
	if (e == ERR_OK && rd.wanted_count)
		e = read_all(&rd, eb);
	if (rd.enough)
		e = ERR_OK;
	r->moment->failed |= e == ERR_IO || e == ERR_CORRUPT;
	return e;
}
