/* A window of a range at a time: its lines are read from the store (read_window), handed out in parcels (fill), and when the
 * last is delivered the window is paid (done):
 *
 *	owed_next ──> read_window ──> fill, done, fill, done … ──> paid ──┬─> the next window of the range
 *	    ^                                                             └─> once a second: owed_advance, in the file
 *	    └── after owed_advance, and when the range is at its end
 *
 * A window is as long as its lines are few, and shorter where they are more than max_bytes, down to PAGE_NS; a window of that
 * length is read in pages, each of which begins behind the last series and time of the one before.
 *
 * Rewrites: rows above the number noted before the window was read may have newer values of its points. Of those that are
 * delivered by the time the window is paid the target may have got the older values last: they are sent again. Of those that
 * have left the spool by then nobody knows what they were: the window is read again. */
#include "flow/owed_source.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/quarantined.h"
#include "flow/tally.h"
#include "query/export.h"
#include "query/export_write.h"
#include "store/owed.h"
#include "store/targets.h"

enum { LINES_MAX_BYTES = 16 << 20, LINES_LEAST_BYTES = 1 << 20, LINE_MAX_BYTES = 64 << 20 };
enum { WINDOWS_MAX = 64, TURNS = 16, NAME_BYTES = 256 << 10 };
#define WINDOW_NS (7200 * NS_PER_S)
#define PAGE_NS (60 * NS_PER_S)
#define STORE_NS NS_PER_S
#define TOLD_NS (3600 * NS_PER_S)
#define REFUSED_NS (60 * NS_PER_S) /* a point is on its way while it comes of age */

struct line {
	uint32_t end, key_len; /* end: in lines, its newline included */
};

struct lack { /* of the store: what it does not have any more; empty: nothing */
	int64_t from_ns, to_ns;
};

struct owed_source {
	struct parcel_source base;
	struct owed_source_opts opts;
	struct replicator *replicator;
	struct spool_reader *reader;
	struct export_writer *writer;
	struct quarantined quarantined;
	struct buf scratch;
	/* the range at work; id 0: none */
	struct owed_range range;
	int64_t at_ns; /* what lies before it is paid */
	int64_t stored_ns, stored_at_ns; /* at_ns as it is in the file, and when that was written, monotonic */
	struct lack lack; /* since then */
	int64_t span_ns; /* of the next window */
	/* the window: [at_ns, until_ns) */
	int64_t until_ns;
	bool open; /* it has been read, and is not paid */
	struct buf lines;
	struct line *line;
	uint32_t count, room, given, sent; /* lines; given: in the parcel at work, sent: delivered */
	uint64_t after_seq; /* the newest row before it was read */
	bool more; /* the page has another after it */
	const struct series *last; /* what the page ended with */
	int64_t last_ns;
	/* while it is read */
	const struct series *series;
	uint64_t series_hash;
	bool full, failed;
	struct view skip_measurement, skip_key; /* where the page begins: behind this; p NULL: at the beginning */
	int64_t skip_ns;
	struct batch_value *kept; /* of a point, without what is in quarantine */
	uint32_t kept_room;
	/* for `waits` */
	pthread_mutex_t lock;
	uint64_t points_paid;
	double seconds_paid;
};

static struct owed_source *source_of(struct parcel_source *s)
{
	return (struct owed_source *)(void *)s;
}

static const char *database_of(const struct owed_source *s, uint32_t db)
{
	const char *name = catalogue_database_name(s->opts.catalogue, db);

	return db == CATALOGUE_DEFAULT_DB || !name ? s->opts.database : name;
}

static struct owed *owed_of(const struct owed_source *s)
{
	return spool_owed(s->opts.spool);
}

/* ---- a window ---- */

static bool is_behind(const struct owed_source *s, const struct series *series, int64_t time_ns)
{
	if (!s->skip_key.p)
		return false;
	int c = view_cmp(measurement_name(series->measurement), s->skip_measurement);
	if (c == 0)
		c = view_cmp(series->key, s->skip_key);
	return c < 0 || (c == 0 && time_ns <= s->skip_ns);
}

/* The values that are not in quarantine. */
static uint32_t keep(struct owed_source *s, const struct series *series, int64_t time_ns,
    const struct batch_value *values, uint32_t count)
{
	uint32_t n = 0;

	if (count > s->kept_room) {
		struct batch_value *more = realloc(s->kept, count * sizeof *more);
		if (!more) {
			s->failed = true;
			return 0;
		}
		s->kept = more;
		s->kept_room = count;
	}
	if (series != s->series) {
		s->series = series;
		if (!quarantined_series_hash(series->key, &s->scratch, &s->series_hash))
			s->series_hash = 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint64_t field = quarantined_field_hash(values[i].field->name, &s->scratch);
		if (!quarantined_has(&s->quarantined, tally_place_hash(s->series_hash, field, time_ns)))
			s->kept[n++] = values[i];
	}
	return n;
}

static bool room_for_line(struct owed_source *s)
{
	if (s->count < s->room)
		return true;
	uint32_t room = s->room ? s->room * 2 : 1024;
	struct line *more = realloc(s->line, room * sizeof *more);
	if (!more)
		return false;
	s->line = more;
	s->room = room;
	return true;
}

static bool take_point(
    void *arg, const struct series *series, int64_t time_ns, const struct batch_value *values, uint32_t count)
{
	struct owed_source *s = arg;
	size_t before = s->lines.len;

	if (is_behind(s, series, time_ns))
		return true;
	if (s->quarantined.count) {
		count = keep(s, series, time_ns, values, count);
		values = s->kept;
		if (count == 0)
			return !s->failed;
	}
	if (!room_for_line(s) || !export_writer_point(s->writer, &s->lines, series, time_ns, values, count)) {
		s->failed = true;
		return false;
	}
	size_t most = s->opts.max_bytes;
	if (s->lines.len + s->count * sizeof *s->line > most && s->count) {
		s->lines.len = before;
		s->full = true;
		return false;
	}
	s->line[s->count++] = (struct line){ (uint32_t)s->lines.len, (uint32_t)series->key.len };
	s->last = series;
	s->last_ns = time_ns;
	return true;
}

static bool go_on(void *arg)
{
	const struct owed_source *s = arg;

	return !s->failed;
}

static void note_lack(struct owed_source *s, int64_t from_ns, int64_t to_ns, const char *why)
{
	if (s->lack.from_ns == s->lack.to_ns) {
		s->lack = (struct lack){ from_ns, to_ns };
		log_warn("what is owed to %s cannot be made again whole: %s", s->opts.target, why);
	}
	s->lack.to_ns = to_ns > s->lack.to_ns ? to_ns : s->lack.to_ns;
}

/* The lines of [at_ns, until_ns), or of one page of them. */
static enum err read_once(struct owed_source *s, struct errbuf *eb)
{
	const struct export_request q = { .database = catalogue_database_name(s->opts.catalogue, s->range.db),
		.from_ns = s->at_ns,
		.to_ns = s->until_ns };
	const struct export_sink sink = { take_point, s, go_on };
	struct committer_stats c;
	struct errbuf why = { "" };
	bool complete = true;

	buf_clear(&s->lines);
	s->count = s->given = s->sent = 0;
	s->full = s->failed = false;
	s->series = NULL;
	committer_stats(s->opts.committer, &c);
	s->after_seq = c.last_seq;
	if (!q.database)
		return ERR_OK;
	enum err e = quarantined_load(&s->quarantined, spool_reader_db(s->reader), s->opts.target, q.database, eb);
	if (e == ERR_OK)
		e = local_export(s->opts.local, &q, &sink, &complete, &why);
	if (e == ERR_NOTFOUND)
		e = ERR_OK;
	else if (e != ERR_OK)
		return errbuf_set(eb, e, "%s", why.text);
	if (e == ERR_OK && s->failed)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (e == ERR_OK && !complete && !s->full && why.text[0])
		note_lack(s, s->at_ns, s->until_ns, why.text);
	return e;
}

/* Spans are aligned, as the store's windows are, so that none is read twice. */
static int64_t end_of_span(const struct owed_source *s)
{
	int64_t into = s->at_ns % s->span_ns;
	uint64_t left = (uint64_t)s->range.to_ns - (uint64_t)s->at_ns;
	int64_t span = s->span_ns - (into < 0 ? into + s->span_ns : into);

	return left > (uint64_t)span ? s->at_ns + span : s->range.to_ns;
}

static enum err read_window(struct owed_source *s, struct errbuf *eb)
{
	for (;;) {
		s->until_ns = end_of_span(s);
		enum err e = read_once(s, eb);
		if (e != ERR_OK)
			return e;
		s->more = s->full;
		s->open = true;
		if (!s->full || s->skip_key.p || s->until_ns - s->at_ns <= PAGE_NS)
			return ERR_OK;
		s->span_ns = s->span_ns / 2 < PAGE_NS ? PAGE_NS : s->span_ns / 2;
	}
}

static void forget_window(struct owed_source *s)
{
	s->open = s->more = false;
	s->count = s->given = s->sent = 0;
	s->skip_key.p = NULL;
}

/* ---- in the file ---- */

static enum err advance_job(struct spool *spool, void *arg, struct errbuf *eb)
{
	struct owed_source *s = arg;
	enum err e = ERR_OK;

	/* how many points there were nobody knows any more */
	if (s->lack.from_ns < s->lack.to_ns)
		e = gap_add(spool_db(spool), s->lack.from_ns, s->lack.to_ns, 0, "not_in_store", eb);
	return e == ERR_OK ? owed_advance(spool_owed(spool), spool_db(spool), s->range.id, s->at_ns, eb) : e;
}

static enum err store(struct owed_source *s, struct errbuf *eb)
{
	if (!s->range.id || s->at_ns == s->stored_ns)
		return ERR_OK;
	enum err e = committer_call(s->opts.committer, advance_job, s, eb);
	s->stored_at_ns = clock_mono_ns();
	if (e != ERR_OK)
		return e;
	s->stored_ns = s->at_ns;
	s->lack = (struct lack){ 0 };
	return ERR_OK;
}

/* ---- which range ---- */

static bool is_not_held(void *arg, uint32_t db)
{
	const struct parcel_limits *limits = arg;

	return !(limits->held & PARCEL_DB_BIT(db));
}

/* What the target's own retention would refuse is passed by. */
static void pass_refused(struct owed_source *s)
{
	int64_t keeps = s->opts.keeps_ns ? s->opts.keeps_ns(s->opts.arg, database_of(s, s->range.db)) : 0;
	int64_t begins = keeps > 0 ? clock_wall_ns() - keeps + REFUSED_NS : INT64_MIN;

	if (s->at_ns >= begins)
		return;
	int64_t to = begins < s->range.to_ns ? begins : s->range.to_ns;
	uint64_t passed_ns = (uint64_t)to - (uint64_t)s->at_ns; /* it may be more than an int64 holds */
	if (passed_ns >= TOLD_NS)
		log_info("%llu s of what is owed to %s are older than it keeps points of %s: they are not sent",
		    (unsigned long long)(passed_ns / NS_PER_S), s->opts.target, database_of(s, s->range.db));
	s->at_ns = to;
}

/* The newest range, from where it is owed on. ERR_NOTFOUND: there is none. */
static enum err choose(struct owed_source *s, const struct parcel_limits *limits, struct errbuf *eb)
{
	struct owed_range next;

	if (s->range.id && s->at_ns < s->range.to_ns && is_not_held((void *)(uintptr_t)limits, s->range.db) &&
	    s->stored_ns != s->at_ns) /* not stored yet: it goes on where it is */
		return ERR_OK;
	enum err e = store(s, eb);
	if (e != ERR_OK)
		return e;
	if (!owed_next(owed_of(s), s->opts.target, is_not_held, (void *)(uintptr_t)limits, &next)) {
		s->range.id = 0;
		return ERR_NOTFOUND;
	}
	if (next.id != s->range.id)
		s->span_ns = WINDOW_NS;
	s->range = next;
	s->at_ns = s->stored_ns = next.done_until_ns;
	pass_refused(s);
	return ERR_OK;
}

/* ---- as a source ---- */

static void count_paid(struct owed_source *s)
{
	pthread_mutex_lock(&s->lock);
	s->points_paid += s->count;
	if (!s->more)
		s->seconds_paid += (double)(s->until_ns - s->at_ns) / 1e9;
	pthread_mutex_unlock(&s->lock);
}

/* All its lines are delivered. ERR_OK: the target has them with the newest values, or will. */
static enum err settle(struct owed_source *s, struct errbuf *eb)
{
	struct spool_row row;
	enum err e = spool_reader_next_in(s->reader, s->after_seq, s->at_ns, s->until_ns, &row, eb);

	if (e == ERR_NOTFOUND || !s->replicator)
		return ERR_OK;
	if (e != ERR_OK && e != ERR_CORRUPT)
		return e;
	return replicator_send_again(s->replicator, s->after_seq, s->at_ns, s->until_ns - 1, eb);
}

/* Have rows above the number noted left the spool? They were delivered while the window was under way. */
static enum err is_overtaken(struct owed_source *s, bool *overtaken, struct errbuf *eb)
{
	struct committer_stats c;

	committer_stats(s->opts.committer, &c);
	return spool_reader_has_gone(s->reader, s->after_seq, c.last_seq, overtaken, eb);
}

static enum err pay_window(struct owed_source *s, struct errbuf *eb)
{
	bool overtaken;
	enum err e = is_overtaken(s, &overtaken, eb);

	if (e == ERR_OK && overtaken) { /* with less at a time, so that it comes to an end */
		if (s->opts.max_bytes / 2 >= LINES_LEAST_BYTES)
			s->opts.max_bytes /= 2;
		forget_window(s);
		return ERR_OK;
	}
	if (e == ERR_OK)
		e = settle(s, eb);
	if (e != ERR_OK)
		return e;
	count_paid(s);
	bool few = s->lines.len < s->opts.max_bytes / 8;
	if (s->more) {
		s->skip_measurement = measurement_name(s->last->measurement);
		s->skip_key = s->last->key;
		s->skip_ns = s->last_ns;
		s->open = false;
		return ERR_OK;
	}
	s->at_ns = s->until_ns;
	forget_window(s);
	if (few && s->span_ns < WINDOWS_MAX * WINDOW_NS)
		s->span_ns *= 2;
	if (s->at_ns == s->range.to_ns || clock_mono_ns() - s->stored_at_ns >= STORE_NS)
		return store(s, eb);
	return ERR_OK;
}

static enum err give_lines(struct owed_source *s, struct parcel *p, const struct parcel_limits *limits)
{
	p->db = s->range.db;
	s->given = s->sent;
	while (s->given < s->count && p->count < limits->points) {
		size_t from = s->given ? s->line[s->given - 1].end : 0, len = s->line[s->given].end - from - 1;
		const char *text = s->lines.p + from;
		if (p->count && p->bytes + len > limits->bytes)
			break;
		if (!parcel_add(p, (struct view){ text, s->line[s->given].key_len }, (struct view){ text, len }, 0))
			return p->count ? ERR_OK : ERR_NOMEM;
		s->given++;
	}
	return ERR_OK;
}

static enum err step(struct owed_source *s, struct parcel *p, const struct parcel_limits *limits, struct errbuf *eb)
{
	if (s->open && !is_not_held((void *)(uintptr_t)limits, s->range.db))
		forget_window(s); /* another database's turn */
	enum err e = s->open || s->skip_key.p ? ERR_OK : choose(s, limits, eb);
	if (e != ERR_OK)
		return e;
	if (!s->open && s->at_ns >= s->range.to_ns) /* passed by */
		return store(s, eb);
	if (!s->open)
		e = read_window(s, eb);
	if (e == ERR_OK && s->sent < s->count)
		return give_lines(s, p, limits) == ERR_OK ? ERR_OK : errbuf_set(eb, ERR_NOMEM, "out of memory");
	return e == ERR_OK ? pay_window(s, eb) : e;
}

static enum err owed_fill(
    struct parcel_source *base, struct parcel *p, const struct parcel_limits *limits, struct errbuf *eb)
{
	struct owed_source *s = source_of(base);
	enum err e = ERR_OK;

	for (int i = 0; e == ERR_OK && p->count == 0 && i < TURNS; i++)
		e = step(s, p, limits, eb);
	if (e == ERR_OK || e == ERR_NOTFOUND || e == ERR_CLOSED)
		return e;
	log_error("what is owed to %s cannot be made again now: %s", s->opts.target, eb->text);
	forget_window(s);
	return e;
}

static void owed_done(struct parcel_source *base, const struct parcel *p)
{
	struct owed_source *s = source_of(base);
	struct errbuf eb;

	if (p->count == 0 || !s->open)
		return;
	s->sent = s->given;
	if (s->sent == s->count && pay_window(s, &eb) != ERR_OK)
		log_warn("a window of what is owed to %s is sent again: %s", s->opts.target, eb.text);
}

/* How many points there are nobody has counted: at the rate of those that were sent. */
static void owed_waits(struct parcel_source *base, struct replicator_waiting *out)
{
	struct owed_source *s = source_of(base);
	struct owed_totals totals;
	struct owed_range oldest;

	*out = (struct replicator_waiting){ .min_ns = INT64_MAX };
	owed_totals(owed_of(s), s->opts.target, &totals);
	if (totals.ranges == 0)
		return;
	for (uint32_t db = 1; db <= CATALOGUE_DATABASES_MAX; db++)
		if (owed_find(owed_of(s), s->opts.target, db, INT64_MIN, INT64_MAX, &oldest) &&
		    oldest.done_until_ns < out->min_ns)
			out->min_ns = oldest.done_until_ns;
	pthread_mutex_lock(&s->lock);
	if (s->seconds_paid > 0)
		out->points = (uint64_t)((double)s->points_paid / s->seconds_paid * totals.seconds);
	pthread_mutex_unlock(&s->lock);
}

static void owed_close(struct parcel_source *base)
{
	struct owed_source *s = source_of(base);
	struct errbuf eb;

	if (store(s, &eb) != ERR_OK)
		log_warn("a second of what is owed to %s is sent again after the start: %s", s->opts.target, eb.text);
	spool_reader_close(s->reader);
	export_writer_free(s->writer);
	quarantined_fini(&s->quarantined);
	buf_fini(&s->lines);
	buf_fini(&s->scratch);
	free(s->line);
	free(s->kept);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void owed_attach(struct parcel_source *s, struct replicator *r)
{
	source_of(s)->replicator = r;
}

static const struct parcel_source_ops owed_ops = { "owed", owed_fill, owed_done, NULL, owed_waits, owed_attach,
	owed_close };

enum err owed_source_new(struct parcel_source **out, const struct owed_source_opts *opts, struct errbuf *eb)
{
	struct owed_source *s = calloc(1, sizeof *s);

	*out = NULL;
	if (!s)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	s->base.ops = &owed_ops;
	s->opts = *opts;
	if (!s->opts.max_bytes)
		s->opts.max_bytes = LINES_MAX_BYTES;
	s->span_ns = WINDOW_NS;
	buf_init(&s->lines, s->opts.max_bytes + LINE_MAX_BYTES);
	buf_init(&s->scratch, NAME_BYTES);
	pthread_mutex_init(&s->lock, NULL);
	enum err e = export_writer_new(&s->writer, EXPORT_LP, eb);
	if (e == ERR_OK)
		e = spool_reader_open(&s->reader, opts->spool_path, eb);
	if (e != ERR_OK) {
		owed_close(&s->base);
		return e;
	}
	*out = &s->base;
	return ERR_OK;
}
