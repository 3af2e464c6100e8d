#include "edge/sentence_part.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/timetext.h"

enum { TEXT = SENTENCE_TEXT };

const char *sentence_state_name(enum sentence_state s)
{
	static const char *const names[] = { "ok", "warn", "bad" };

	return names[s];
}

void sentence_duration(char *out, size_t size, int64_t ns)
{
	static const struct {
		int64_t s;
		const char *name;
	} units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
	int64_t s = ns > 0 ? ns / NS_PER_S : 0;

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		int64_t n = s / units[i].s;
		if (n >= 1 || units[i].s == 1) {
			snprintf(out, size, "%" PRId64 " %s%s", n, units[i].name, n == 1 ? "" : "s");
			return;
		}
	}
}

void sentence_count(char *out, size_t size, uint64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
	size_t at = 0;

	for (int i = 0; i < len && at + 2 < size; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = 0;
}

void sentence_bytes(char *out, size_t size, uint64_t bytes)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes / 1024;
	size_t i = 0;

	for (; v >= 1024 && i + 1 < sizeof units / sizeof *units; i++)
		v /= 1024;
	snprintf(out, size, "%.1f %s", v, units[i]);
}

static void say(struct sentence *out, enum sentence_state state, const char *summary)
{
	out->state = state;
	snprintf(out->summary, sizeof out->summary, "%s", summary);
}

void sentence_room_left(const struct sentence_facts *f, char *out, size_t size)
{
	char time[TEXT];

	*out = 0;
	if (f->spool_bytes_per_s < 1 || f->spool_max_bytes == 0)
		return;
	double free = f->spool_max_bytes > f->spool_bytes ? (double)(f->spool_max_bytes - f->spool_bytes) : 0;
	double s = free / f->spool_bytes_per_s;
	sentence_duration(time, sizeof time, s > 3.15e9 ? INT64_C(3150000000) * NS_PER_S : (int64_t)(s * 1e9));
	snprintf(out, size, " At the present rate there is room for %s more.", time);
}

const char *sentence_or_unknown(const char *s)
{
	return s && *s ? s : "no reason was given";
}

static bool say_disk_low(const struct sentence_facts *f, struct sentence *out)
{
	char room[TEXT], reserve[TEXT];

	if (!f->disk_low)
		return false;
	sentence_bytes(room, sizeof room, f->disk_free_bytes);
	sentence_bytes(reserve, sizeof reserve, f->disk_reserve_bytes);
	say(out, SENTENCE_BAD, "The disk is full: new points are refused until there is room.");
	snprintf(out->detail, sizeof out->detail,
	    "%s are free, [server] min_free_disk keeps %s. Writers are told to try again; reads and delivery go on, and "
	    "writes do as soon as there is room under the data directory.",
	    room, reserve);
	return true;
}

static bool say_missing(const struct sentence_facts *f, struct sentence *out)
{
	if (!f->missing)
		return false;
	out->state = SENTENCE_BAD;
	snprintf(out->summary, sizeof out->summary, "%s was missing at the start: what it held is lost.", f->missing);
	snprintf(out->detail, sizeof out->detail,
	    "A fresh one has taken its place, and writes go on. If there is a backup, stop holdfastd and run holdfast restore; "
	    "holdfast backfill brings back what InfluxDB has.");
	return true;
}

/* A block that the check has not come to, or that went bad since. */
static bool say_damaged_reads(const struct sentence_facts *f, struct sentence *out)
{
	char count[TEXT];

	if (!f->damaged_reads)
		return false;
	sentence_count(count, sizeof count, f->damaged_reads);
	say(out, SENTENCE_WARN, "Reads met damaged blocks in store.db: their answers lack what those held.");
	snprintf(out->detail, sizeof out->detail,
	    "%s time%s since the start; the log names the blocks. Look after the disk; holdfastd --verify tells of all of "
	    "them, and holdfast backfill brings back what InfluxDB has.",
	    count, f->damaged_reads == 1 ? "" : "s");
	return true;
}

static bool say_damaged(const struct sentence_facts *f, struct sentence *out)
{
	char count[TEXT];

	if (f->check != CHECK_DAMAGED)
		return false;
	out->state = SENTENCE_BAD;
	if (f->check_pages) {
		say(out, SENTENCE_BAD, "The spool's file is damaged: restart holdfastd to have it mended.");
		snprintf(out->detail, sizeof out->detail,
		    "%.200s. The next start sets the file aside and takes over every row that can be read. Look after the disk.",
		    sentence_or_unknown(f->check_error));
		return true;
	}
	sentence_count(count, sizeof count, f->check_bad_rows);
	snprintf(out->summary, sizeof out->summary, "%s row%s of the spool cannot be read.", count,
	    f->check_bad_rows == 1 ? "" : "s");
	snprintf(out->detail, sizeof out->detail,
	    "%.200s. They are stepped over, all others are well. Look after the disk.",
	    sentence_or_unknown(f->check_error));
	return true;
}

static bool say_salvage(const struct sentence_facts *f, struct sentence *out)
{
	char points[TEXT], lost[TEXT];

	sentence_count(points, sizeof points, f->salvaged_points);
	sentence_count(lost, sizeof lost, f->salvage_lost_points);
	if (f->salvage == SALVAGE_FAILED) {
		say(out, SENTENCE_BAD, "The spool was damaged, and nothing could be taken over from it.");
		snprintf(out->detail, sizeof out->detail,
		    "%.100s is kept: %.200s. New points are stored and delivered as ever. Look after the disk.",
		    sentence_or_unknown(f->salvage_file), sentence_or_unknown(f->salvage_error));
	} else if (f->salvage == SALVAGE_RUNNING) {
		say(out, SENTENCE_WARN,
		    "The spool was damaged and set aside; what can be read of it is being taken over.");
		snprintf(out->detail, sizeof out->detail,
		    "%s points so far, about %s lost. New points are stored as ever.", points, lost);
	} else if (f->salvage == SALVAGE_DONE) {
		say(out, SENTENCE_WARN, "The spool was damaged; what could be read of it has been taken over.");
		snprintf(out->detail, sizeof out->detail,
		    "%s points taken over, about %s lost. %.100s is kept: look after the disk, then remove the file.",
		    points, lost, sentence_or_unknown(f->salvage_file));
	}
	return f->salvage != SALVAGE_NONE;
}

static bool say_store_damaged(const struct sentence_facts *f, struct sentence *out)
{
	char count[TEXT];

	if (f->store_check != CHECK_DAMAGED)
		return false;
	if (f->store_check_pages) {
		say(out, SENTENCE_BAD, "The store's file is damaged: restart holdfastd to have it mended.");
		snprintf(out->detail, sizeof out->detail,
		    "%.200s. The next start sets the file aside and takes over every block that can be read. New points are "
		    "kept as ever. Look after the disk.",
		    sentence_or_unknown(f->store_check_error));
		return true;
	}
	sentence_count(count, sizeof count, f->store_bad_blocks);
	out->state = SENTENCE_BAD;
	snprintf(out->summary, sizeof out->summary, "%s block%s of the store cannot be read, or not whole.", count,
	    f->store_bad_blocks == 1 ? "" : "s");
	snprintf(out->detail, sizeof out->detail,
	    "%.200s. Answers leave out what cannot be read and say so; all other blocks are well. Look after the disk.",
	    sentence_or_unknown(f->store_check_error));
	return true;
}

static bool say_store_salvage(const struct sentence_facts *f, struct sentence *out)
{
	char points[TEXT], lost[TEXT];

	sentence_count(points, sizeof points, f->store_salvaged_points);
	sentence_count(lost, sizeof lost, f->store_lost_points);
	if (f->store_salvage == SALVAGE_FAILED) {
		say(out, SENTENCE_BAD, "The store was damaged, and nothing more can be taken over from it.");
		snprintf(out->detail, sizeof out->detail,
		    "%.100s is kept: %.200s. New points are stored and delivered as ever. Look after the disk.",
		    sentence_or_unknown(f->store_salvage_file), sentence_or_unknown(f->store_salvage_error));
	} else if (f->store_salvage == SALVAGE_RUNNING) {
		say(out, SENTENCE_WARN,
		    "The store was damaged and set aside; what can be read of it is being taken over.");
		snprintf(out->detail, sizeof out->detail,
		    "%s rows so far, about %s lost. Until it is done answers may lack older points, and say so. New points are "
		    "stored as ever.",
		    points, lost);
	} else if (f->store_salvage == SALVAGE_DONE) {
		say(out, SENTENCE_WARN, "The store was damaged; what could be read of it has been taken over.");
		snprintf(out->detail, sizeof out->detail,
		    "%s rows taken over, about %s lost. %.100s is kept: look after the disk, then remove the file.",
		    points, lost, sentence_or_unknown(f->store_salvage_file));
	}
	return f->store_salvage != SALVAGE_NONE;
}

static bool say_store_gaps(const struct sentence_facts *f, struct sentence *out)
{
	char count[TEXT];

	if (!f->store_gap_points)
		return false;
	sentence_count(count, sizeof count, f->store_gap_points);
	out->state = SENTENCE_BAD;
	snprintf(out->summary, sizeof out->summary, "About %s point%s of the local store %s lost to damage.", count,
	    f->store_gap_points == 1 ? "" : "s", f->store_gap_points == 1 ? "was" : "were");
	snprintf(out->detail, sizeof out->detail,
	    "The disk gave back something else than was written: look after it. The gaps are listed below.");
	return true;
}

static bool say_not_writable(const struct sentence_facts *f, struct sentence *out)
{
	if (f->writable)
		return false;
	say(out, SENTENCE_BAD, "New points cannot be stored: the local disk refuses them.");
	snprintf(out->detail, sizeof out->detail,
	    "%.300s. Writers are told to try again, so nothing they repeat is lost. Free space or mend the disk under the "
	    "data directory.",
	    sentence_or_unknown(f->write_error));
	return true;
}

static const char *why_lost(const char *cause)
{
	if (cause && !strcmp(cause, "spool_full"))
		return "The local store was full while InfluxDB did not take them: raise [retention] max_bytes or bring "
		       "InfluxDB back.";
	if (cause && (!strcmp(cause, "spool_damaged") || !strcmp(cause, "damaged")))
		return "The disk gave back something else than was written: look after it.";
	return "They grew older than [retention] raw while InfluxDB did not take them.";
}

static bool say_gaps(const struct sentence_facts *f, struct sentence *out)
{
	char count[TEXT];

	if (!f->gap_points)
		return false;
	sentence_count(count, sizeof count, f->gap_points);
	out->state = SENTENCE_BAD;
	snprintf(out->summary, sizeof out->summary, "%s point%s of the last day %s lost before delivery.", count,
	    f->gap_points == 1 ? "" : "s", f->gap_points == 1 ? "was" : "were");
	snprintf(out->detail, sizeof out->detail, "%s The gaps are listed below.", why_lost(f->gap_cause));
	return true;
}

static bool say_collectors(const struct sentence_facts *f, struct sentence *out)
{
	if (!f->collectors_failing)
		return false;
	out->state = SENTENCE_WARN;
	if (f->collectors_failing == 1)
		snprintf(out->summary, sizeof out->summary, "The collector of %s fails; all else is well.",
		    sentence_or_unknown(f->failing_name));
	else
		snprintf(
		    out->summary, sizeof out->summary, "%u collectors fail; all else is well.", f->collectors_failing);
	snprintf(out->detail, sizeof out->detail, "%.60s: %.300s.", sentence_or_unknown(f->failing_name),
	    sentence_or_unknown(f->failing_error));
	return true;
}

/* Its tag that grows, and what to do. */
static void say_what_grows(const struct series_near *n, struct sentence *out)
{
	bool names = n->ceiling == CEILING_MEASUREMENTS || n->ceiling == CEILING_FIELDS;
	char values[TEXT], which[400] = "";

	sentence_count(values, sizeof values, n->tag_values);
	if (*n->tag)
		snprintf(which, sizeof which, "%s%.100s%s tag %.100s has %s different values. ",
		    n->ceiling == CEILING_SERIES ? "Most are of " : "",
		    n->ceiling == CEILING_SERIES ? n->measurement : "Its",
		    n->ceiling == CEILING_SERIES ? ", whose" : "", n->tag, values);
	snprintf(out->detail, sizeof out->detail,
	    "%sStop what writes %s%s%s%s. Points of what is known already are kept.", which,
	    names ? "names made of changing parts" : "values that never come back",
	    n->can_rise ? ", or raise [limits] " : "", n->can_rise ? series_view_key(n->ceiling) : "",
	    n->can_rise ? " and restart" : "");
}

/* At a ceiling. That one is near is no matter yet: it may stay so for years. */
static bool say_ceiling(const struct sentence_facts *f, struct sentence *out)
{
	const struct series_near *n = f->near;
	char max[TEXT];

	if (!n || !n->max || n->have < n->max)
		return false;
	sentence_count(max, sizeof max, n->max);
	out->state = SENTENCE_WARN;
	if (n->ceiling == CEILING_SERIES || n->ceiling == CEILING_MEASUREMENTS)
		snprintf(out->summary, sizeof out->summary, "All %s %s are taken: new ones are refused.", max,
		    n->ceiling == CEILING_SERIES ? "series" : "measurements");
	else
		snprintf(out->summary, sizeof out->summary, "%.100s has all of its %s %s: new ones are refused.",
		    n->measurement, max, n->ceiling == CEILING_FIELDS ? "fields" : "series");
	say_what_grows(n, out);
	return true;
}

static bool say_rejected(const struct sentence_facts *f, struct sentence *out)
{
	char count[TEXT];

	if (!f->rejected_points)
		return false;
	sentence_count(count, sizeof count, f->rejected_points);
	out->state = SENTENCE_WARN;
	snprintf(out->summary, sizeof out->summary, "%s point%s refused at the door in the last minute.", count,
	    f->rejected_points == 1 ? " was" : "s were");
	snprintf(out->detail, sizeof out->detail,
	    "Most frequent reason: %.60s. The senders were told which lines and why; all other points are kept.",
	    sentence_or_unknown(f->rejected_reason));
	return true;
}

/* What was there before InfluxDB was configured is no matter: nobody was promised it there. */
static bool say_owed(const struct sentence_facts *f, struct sentence *out)
{
	char time[TEXT];

	if (!f->target_count || (!f->owed_overflow_ns && !f->owed_missing_ns))
		return false;
	sentence_duration(time, sizeof time, f->owed_overflow_ns + f->owed_missing_ns);
	out->state = SENTENCE_WARN;
	snprintf(
	    out->summary, sizeof out->summary, "InfluxDB lacks points of %s that are here. Nothing is lost.", time);
	snprintf(out->detail, sizeof out->detail,
	    "%s Reads take them from here meanwhile, and they are sent again by themselves. GET /api/v1/replication lists "
	    "the ranges.",
	    f->owed_missing_ns ? "Its database was gone, and with it what had been delivered."
			       : "The spool had no room to wait with them: raise [retention] max_bytes.");
	return true;
}

static bool say_differs(const struct sentence_facts *f, struct sentence *out)
{
	char count[TEXT];

	if (!f->target_count || !f->verify_lost_hours)
		return false;
	sentence_count(count, sizeof count, f->verify_lost_hours);
	out->state = SENTENCE_WARN;
	snprintf(out->summary, sizeof out->summary,
	    "InfluxDB lacks points that were delivered, or has others. Nothing is lost here.");
	snprintf(out->detail, sizeof out->detail,
	    "It differs in %s hours of measurements: holdfast verify --last lists them, holdfast verify --repair sends them "
	    "again.",
	    count);
	return true;
}

/* How far it was proved. */
static void add_verified(const struct sentence_facts *f, struct sentence *out)
{
	size_t n = strlen(out->detail);
	char until[32], count[TEXT], but[TEXT + 64] = "", let_go[TEXT + 96] = "";

	if (!f->target_count || f->verified_until_ns <= 0)
		return;
	timetext_format(until, f->verified_until_ns / NS_PER_S * NS_PER_S);
	sentence_count(count, sizeof count, f->target[0].quarantined_points);
	if (f->target[0].quarantined_points)
		snprintf(but, sizeof but, " but for %s in quarantine", count);
	sentence_count(count, sizeof count, f->verify_let_go_hours);
	if (f->verify_let_go_hours)
		snprintf(let_go, sizeof let_go, " Its retention has let go of points in %s hour%s of measurements.",
		    count, f->verify_let_go_hours == 1 ? "" : "s");
	snprintf(out->detail + n, sizeof out->detail - n,
	    " InfluxDB has everything up to %s%s, when it was verified last.%s", until, but, let_go);
}

static void say_well(const struct sentence_facts *f, struct sentence *out)
{
	char rate[TEXT], where[400];

	say(out, SENTENCE_OK, "All is well.");
	sentence_count(rate, sizeof rate, (uint64_t)(f->values_per_s + 0.5));
	sentence_where_kept(f, where, sizeof where);
	snprintf(out->detail, sizeof out->detail, "%s values a second, %s", rate, where);
	add_verified(f, out);
}

static const struct matter {
	const char *name;
	bool (*say)(const struct sentence_facts *, struct sentence *); /* NULL: a target in this state */
	enum replicator_state state;
	bool record;
} matters[SENTENCE_MATTERS] = {
	/* the worst first */
	{ "disk_full", say_disk_low, 0, false },
	{ "not_writable", say_not_writable, 0, false },
	{ "file_missing", say_missing, 0, false },
	{ "spool_damaged", say_damaged, 0, false },
	{ "store_damaged", say_store_damaged, 0, false },
	{ "gaps", say_gaps, 0, false },
	{ "spool_recovery", say_salvage, 0, false },
	{ "store_recovery", say_store_salvage, 0, false },
	{ "store_gaps", say_store_gaps, 0, false },
	{ "damaged_reads", say_damaged_reads, 0, false },
	{ "replication_held", NULL, REPLICATOR_HELD, true },
	{ "replication_down", NULL, REPLICATOR_DOWN, true },
	{ "replication_paused", NULL, REPLICATOR_PAUSED, true },
	{ "mirror_held", NULL, REPLICATOR_HELD, false },
	{ "mirror_down", NULL, REPLICATOR_DOWN, false },
	{ "mirror_paused", NULL, REPLICATOR_PAUSED, false },
	{ "replication_catching_up", NULL, REPLICATOR_CATCHING_UP, true },
	{ "owed", say_owed, 0, false },
	{ "record_differs", say_differs, 0, false },
	{ "collectors_failing", say_collectors, 0, false },
	{ "ceiling_reached", say_ceiling, 0, false },
	{ "points_refused", say_rejected, 0, false },
	{ "quarantine", sentence_quarantine, 0, false },
	{ "mirror_catching_up", NULL, REPLICATOR_CATCHING_UP, false },
};

static bool say_matter(const struct sentence_facts *f, const struct matter *m, struct sentence *out)
{
	*out = (struct sentence){ .state = SENTENCE_OK, .name = m->name };
	return m->say ? m->say(f, out) : sentence_target(f, m->state, m->record, out);
}

unsigned sentence_all(const struct sentence_facts *f, struct sentence out[SENTENCE_MATTERS])
{
	unsigned n = 0;

	for (size_t i = 0; i < SENTENCE_MATTERS; i++)
		n += say_matter(f, &matters[i], &out[n]);
	return n;
}

void sentence_make(const struct sentence_facts *f, struct sentence *out)
{
	for (size_t i = 0; i < SENTENCE_MATTERS; i++)
		if (say_matter(f, &matters[i], out))
			return;
	*out = (struct sentence){ .state = SENTENCE_OK, .name = "well" };
	say_well(f, out);
}
