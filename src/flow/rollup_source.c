/* A step is the finished part of one window of a tier, for all measurements:
 *
 *	next_step ──> read_lines ──> fill, done … ──> more series, the next measurement … ──> the step is done: advance, in the
 *	    ^                                                                                 file
 *	    └──────────────────────────────────────────────────────────────────────────────────────┘
 */
#include "flow/rollup_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "flow/rollup_lines.h"
#include "store/database.h"

enum { KEY_BYTES = 640, TURNS = 64, LIST_MAX = 8 << 20 };
#define LOOK_NS (60 * NS_PER_S)
#define MARGIN_NS (60 * NS_PER_S) /* a point that was let in is on its way */

struct progress { /* of a tier */
	enum tier tier;
	bool known; /* at_ns is */
	int64_t at_ns; /* buckets that begin before it are sent */
	char key[KEY_BYTES]; /* in the spool's table meta */
};

struct rollup_source {
	struct parcel_source base;
	struct rollup_source_opts opts;
	struct spool_reader *spool;
	struct store_reader *store;
	struct rollup_lines lines;
	struct progress progress[2];
	bool of_before; /* the parcel filled last is */
	int64_t look_at_ns; /* monotonic */
	/* the step: [progress->at_ns, until_ns); NULL: none */
	struct progress *step;
	int64_t until_ns;
	uint32_t measurement, ordinal; /* the next to be read */
	uint32_t db; /* of the lines */
	uint32_t sent, given; /* of the lines */
};

static struct rollup_source *source_of(struct parcel_source *s)
{
	return (struct rollup_source *)(void *)s;
}

/* ---- what is remembered ---- */

static enum err load(struct rollup_source *s, struct progress *p, struct errbuf *eb)
{
	sqlite3 *db = spool_reader_db(s->spool);
	sqlite3_stmt *st;
	enum err e = database_prepare(db, &st, "SELECT value FROM meta WHERE key = ?", eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_text(st, 1, p->key, -1, SQLITE_STATIC);
	int rc = sqlite3_step(st);
	p->known = rc == SQLITE_ROW;
	if (p->known)
		p->at_ns = sqlite3_column_int64(st, 0);
	else if (rc != SQLITE_DONE)
		e = database_error(db, "read how far rollups were sent", eb);
	sqlite3_finalize(st);
	return e;
}

static enum err advance_job(struct spool *spool, void *arg, struct errbuf *eb)
{
	const struct progress *p = arg;
	sqlite3 *db = spool_db(spool);
	sqlite3_stmt *st;
	enum err e = database_prepare(db, &st, "INSERT OR REPLACE INTO meta VALUES (?, ?)", eb);

	if (e != ERR_OK)
		return e;
	sqlite3_bind_text(st, 1, p->key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, p->at_ns);
	if (sqlite3_step(st) != SQLITE_DONE)
		e = database_error(db, "note how far rollups were sent", eb);
	sqlite3_finalize(st);
	return e;
}

/* ---- the next step ---- */

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The first time at which the measurement has pieces that the tier's rollups may lack, below until_ns. */
static enum err find_unmerged(
    struct rollup_source *s, enum tier tier, uint32_t measurement, int64_t *until_ns, struct errbuf *eb)
{
	struct store_piece_range *pieces;
	struct arena a;
	uint32_t n = 0;

	arena_init(&a, 16 << 10, LIST_MAX);
	enum err e = store_reader_pieces(s->store, measurement, &a, &pieces, &n, eb);
	for (uint32_t i = 0; e == ERR_OK && i < n; i++)
		if (pieces[i].tier == TIER_RAW || (tier == TIER_1D && pieces[i].tier == TIER_1H))
			*until_ns = least(*until_ns, pieces[i].min_ns);
	arena_fini(&a);
	return e;
}

/* Lowers *until_ns to where rows of the spool begin that the store does not have. */
static enum err find_uncompacted(
    struct rollup_source *s, uint64_t compacted_seq, int64_t from_ns, int64_t *until_ns, struct errbuf *eb)
{
	struct spool_row row;
	uint64_t seq = compacted_seq;

	while (*until_ns > from_ns) {
		enum err e = spool_reader_next_in(s->spool, seq, from_ns, *until_ns, &row, eb);
		if (e == ERR_NOTFOUND)
			return ERR_OK;
		if (e != ERR_OK && e != ERR_CORRUPT)
			return e;
		if (e == ERR_OK)
			*until_ns = least(*until_ns, row.min_ns);
		seq = row.seq;
	}
	return ERR_OK;
}

/* In one moment of the store: where the tier's next window begins and how far it is finished. */
static enum err look(struct rollup_source *s, struct progress *p, int64_t *until_ns, struct errbuf *eb)
{
	int64_t window, bucket = tier_bucket_ns(p->tier), horizon = clock_wall_ns() - s->opts.late_ns - MARGIN_NS;
	uint64_t compacted_seq;
	enum err e = store_reader_begin(s->store, &compacted_seq, eb);

	if (e == ERR_OK)
		e = store_reader_next_window(
		    s->store, p->tier, p->known && p->at_ns > 0 ? tier_window(p->tier, p->at_ns) : 0, -1, &window, eb);
	if (e == ERR_OK) {
		int64_t begins = tier_window_start(p->tier, window);
		if (!p->known || begins > p->at_ns)
			p->at_ns = begins;
		p->known = true;
		*until_ns = least(tier_window_start(p->tier, window + 1), horizon);
		for (uint32_t m = 0; e == ERR_OK && m < catalogue_measurement_count(s->opts.catalogue); m++)
			e = find_unmerged(s, p->tier, m, until_ns, eb);
	}
	store_reader_end(s->store);
	if (e == ERR_OK)
		e = find_uncompacted(s, compacted_seq, p->at_ns, until_ns, eb);
	if (e == ERR_OK)
		*until_ns -= ((*until_ns % bucket) + bucket) % bucket; /* whole buckets */
	return e;
}

/* ERR_NOTFOUND: nothing is finished that was not sent. */
static enum err next_step(struct rollup_source *s, struct errbuf *eb)
{
	if (clock_mono_ns() < s->look_at_ns)
		return ERR_NOTFOUND;
	for (unsigned i = 0; i < 2; i++) {
		struct progress *p = &s->progress[i];
		int64_t until_ns = 0;
		enum err e = look(s, p, &until_ns, eb);
		if (e != ERR_OK && e != ERR_NOTFOUND)
			return e;
		if (e == ERR_NOTFOUND || until_ns <= p->at_ns)
			continue;
		s->step = p;
		s->until_ns = until_ns;
		s->measurement = s->ordinal = 0;
		return ERR_OK;
	}
	s->look_at_ns = clock_mono_ns() + (s->opts.look_ns ? s->opts.look_ns : LOOK_NS);
	return ERR_NOTFOUND;
}

static enum err end_step(struct rollup_source *s, struct errbuf *eb)
{
	struct progress done = *s->step;

	done.at_ns = s->until_ns;
	enum err e = committer_call(s->opts.committer, advance_job, &done, eb);
	if (e != ERR_OK)
		return e;
	s->step->at_ns = s->until_ns;
	s->step = NULL;
	return ERR_OK;
}

/* ---- lines ---- */

static int64_t begins_at(const struct rollup_source *s, uint32_t db)
{
	int64_t keeps = s->opts.keeps_ns ? s->opts.keeps_ns(s->opts.arg, db) : 0;

	return keeps > 0 ? clock_wall_ns() - keeps + MARGIN_NS : INT64_MIN;
}

/* The next series of the step that have lines; none: s->measurement is behind the last. */
static enum err read_lines(struct rollup_source *s, struct errbuf *eb)
{
	struct catalogue *c = s->opts.catalogue;
	struct store_place place = { s->step->tier, tier_window(s->step->tier, s->step->at_ns), 0 };

	s->sent = s->given = s->lines.count = 0;
	while (s->measurement < catalogue_measurement_count(c)) {
		const struct measurement *m = catalogue_measurement_at(c, s->measurement);
		int64_t from_ns = begins_at(s, measurement_db(m));
		if (s->ordinal >= measurement_series_count(m) || from_ns >= s->until_ns) {
			s->measurement++;
			s->ordinal = 0;
			continue;
		}
		place.measurement = s->measurement;
		s->db = measurement_db(m);
		if (from_ns < s->step->at_ns)
			from_ns = s->step->at_ns;
		enum err e = rollup_lines_read(&s->lines, &place, m, from_ns, s->until_ns, &s->ordinal, eb);
		if (e == ERR_CORRUPT) { /* what is damaged is not there for reads either */
			counter_add(COUNTER_STORE_DAMAGED_READS, 1);
			log_error("rollups in a damaged block of the store are not sent: %s", eb->text);
			s->lines.count = 0;
			s->measurement++;
			s->ordinal = 0;
			continue;
		}
		if (e != ERR_OK || s->lines.count)
			return e;
	}
	return ERR_OK;
}

static enum err give_lines(struct rollup_source *s, struct parcel *p, const struct parcel_limits *limits)
{
	const struct rollup_lines *l = &s->lines;

	p->db = s->db;
	for (s->given = s->sent; s->given < l->count && p->count < limits->points; s->given++) {
		size_t from = s->given ? l->line[s->given - 1].end : 0, len = l->line[s->given].end - from - 1;
		const char *text = l->text.p + from;
		if (p->count && p->bytes + len > limits->bytes)
			break;
		if (!parcel_add(p, (struct view){ text, l->line[s->given].key_len }, (struct view){ text, len }, 0))
			return p->count ? ERR_OK : ERR_NOMEM;
	}
	return ERR_OK;
}

/* ---- as a source ---- */

static enum err fill_own(
    struct rollup_source *s, struct parcel *p, const struct parcel_limits *limits, struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (int i = 0; e == ERR_OK && i < TURNS; i++) {
		if (s->sent < s->lines.count)
			return limits->held & PARCEL_DB_BIT(s->db) ? ERR_NOTFOUND : give_lines(s, p, limits);
		if (!s->step)
			e = next_step(s, eb);
		if (e == ERR_OK)
			e = read_lines(s, eb);
		if (e == ERR_OK && !s->lines.count)
			e = end_step(s, eb);
	}
	return e == ERR_OK ? ERR_NOTFOUND : e; /* others have their turn */
}

static enum err rollup_fill(
    struct parcel_source *base, struct parcel *p, const struct parcel_limits *limits, struct errbuf *eb)
{
	struct rollup_source *s = source_of(base);
	struct parcel_source *before = s->opts.before;
	enum err e = before ? before->ops->fill(before, p, limits, eb) : ERR_NOTFOUND;

	s->of_before = e != ERR_NOTFOUND;
	if (s->of_before)
		return e;
	e = fill_own(s, p, limits, eb);
	if (e != ERR_OK && e != ERR_NOTFOUND)
		log_error("rollups cannot be sent: %s", eb->text);
	return e;
}

static void rollup_done(struct parcel_source *base, const struct parcel *p)
{
	struct rollup_source *s = source_of(base);

	if (s->of_before) {
		s->opts.before->ops->done(s->opts.before, p);
		return;
	}
	counter_add(COUNTER_REPL_ROLLUPS, s->given - s->sent);
	s->sent = s->given;
}

static void rollup_waits(struct parcel_source *base, struct replicator_waiting *out)
{
	struct parcel_source *before = source_of(base)->opts.before;

	*out = (struct replicator_waiting){ .min_ns = INT64_MAX };
	if (before)
		before->ops->waits(before, out);
}

static void rollup_attach(struct parcel_source *base, struct replicator *r)
{
	struct parcel_source *before = source_of(base)->opts.before;

	if (before && before->ops->attach)
		before->ops->attach(before, r);
}

static void rollup_close(struct parcel_source *base)
{
	struct rollup_source *s = source_of(base);

	if (s->opts.before)
		s->opts.before->ops->close(s->opts.before);
	rollup_lines_fini(&s->lines);
	spool_reader_close(s->spool);
	store_reader_close(s->store);
	free(s);
}

static const struct parcel_source_ops ops = {
	.name = "owed",
	.fill = rollup_fill,
	.done = rollup_done,
	.waits = rollup_waits,
	.attach = rollup_attach,
	.close = rollup_close,
};

enum err rollup_source_new(struct parcel_source **out, const struct rollup_source_opts *opts, struct errbuf *eb)
{
	static const enum tier tiers[] = { TIER_1H, TIER_1D };
	struct rollup_source *s = calloc(1, sizeof *s);

	*out = NULL;
	if (!s) {
		if (opts->before)
			opts->before->ops->close(opts->before);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	s->base.ops = &ops;
	s->opts = *opts;
	enum err e = spool_reader_open(&s->spool, opts->spool_path, eb);
	if (e == ERR_OK)
		e = store_reader_open(&s->store, opts->store_path, eb);
	if (e == ERR_OK)
		e = rollup_lines_init(&s->lines, s->store, opts->max_bytes, eb);
	for (unsigned i = 0; e == ERR_OK && i < 2; i++) {
		struct progress *p = &s->progress[i];
		p->tier = tiers[i];
		snprintf(p->key, sizeof p->key, "rollups_%s:%s", tier_name(p->tier), opts->place);
		e = load(s, p, eb);
	}
	if (e != ERR_OK) {
		rollup_close(&s->base);
		return e;
	}
	*out = &s->base;
	return ERR_OK;
}
