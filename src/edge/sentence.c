#include "edge/sentence.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { TEXT = 32 };

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

/* How long what is free of the spool lasts at the present rate; "" if that can't be told. */
static void room_left(const struct sentence_facts *f, char *out, size_t size)
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

static void next_try(const struct sentence_facts *f, char *out, size_t size)
{
	char time[TEXT];

	*out = 0;
	if (f->next_try_ns <= f->now_ns)
		return;
	sentence_duration(time, sizeof time, f->next_try_ns - f->now_ns + NS_PER_S - 1);
	snprintf(out, size, " Next try in %s.", time);
}

static const char *or_unknown(const char *s)
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
		    or_unknown(f->check_error));
		return true;
	}
	sentence_count(count, sizeof count, f->check_bad_rows);
	snprintf(out->summary, sizeof out->summary, "%s row%s of the spool cannot be read.", count,
	    f->check_bad_rows == 1 ? "" : "s");
	snprintf(out->detail, sizeof out->detail,
	    "%.200s. They are stepped over, all others are well. Look after the disk.", or_unknown(f->check_error));
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
		    or_unknown(f->salvage_file), or_unknown(f->salvage_error));
	} else if (f->salvage == SALVAGE_RUNNING) {
		say(out, SENTENCE_WARN,
		    "The spool was damaged and set aside; what can be read of it is being taken over.");
		snprintf(out->detail, sizeof out->detail,
		    "%s points so far, about %s lost. New points are stored as ever.", points, lost);
	} else if (f->salvage == SALVAGE_DONE) {
		say(out, SENTENCE_WARN, "The spool was damaged; what could be read of it has been taken over.");
		snprintf(out->detail, sizeof out->detail,
		    "%s points taken over, about %s lost. %.100s is kept: look after the disk, then remove the file.",
		    points, lost, or_unknown(f->salvage_file));
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
		    or_unknown(f->store_check_error));
		return true;
	}
	sentence_count(count, sizeof count, f->store_bad_blocks);
	out->state = SENTENCE_BAD;
	snprintf(out->summary, sizeof out->summary, "%s block%s of the store cannot be read, or not whole.", count,
	    f->store_bad_blocks == 1 ? "" : "s");
	snprintf(out->detail, sizeof out->detail,
	    "%.200s. Answers leave out what cannot be read and say so; all other blocks are well. Look after the disk.",
	    or_unknown(f->store_check_error));
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
		    or_unknown(f->store_salvage_file), or_unknown(f->store_salvage_error));
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
		    points, lost, or_unknown(f->store_salvage_file));
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
	    or_unknown(f->write_error));
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

static bool say_held(const struct sentence_facts *f, struct sentence *out)
{
	char count[TEXT], room[128];

	if (!f->record || f->replication != REPLICATOR_HELD)
		return false;
	say(out, SENTENCE_WARN, "InfluxDB refuses what Holdfast sends: someone must mend it. Nothing is lost.");
	sentence_count(count, sizeof count, f->lag_points);
	room_left(f, room, sizeof room);
	snprintf(out->detail, sizeof out->detail,
	    "It says: %.200s. Check the token, the database and its retention policy; %s point%s here and Holdfast tries "
	    "again each minute.%s",
	    or_unknown(f->replication_error), count, f->lag_points == 1 ? " waits" : "s wait", room);
	return true;
}

static bool say_down(const struct sentence_facts *f, struct sentence *out)
{
	char time[TEXT], count[TEXT], room[128], try[64];

	if (!f->record || f->replication != REPLICATOR_DOWN)
		return false;
	sentence_duration(time, sizeof time, f->now_ns - f->replication_since_ns);
	out->state = SENTENCE_WARN;
	snprintf(out->summary, sizeof out->summary, "InfluxDB has been down for %s. Nothing is lost.", time);
	sentence_count(count, sizeof count, f->lag_points);
	room_left(f, room, sizeof room);
	next_try(f, try, sizeof try);
	snprintf(out->detail, sizeof out->detail, "%s point%s held here until it is back.%s%s%s%.200s%s", count,
	    f->lag_points == 1 ? " is" : "s are", room, try, f->replication_error && *f->replication_error ? " (" : "",
	    f->replication_error ? f->replication_error : "", f->replication_error && *f->replication_error ? ")" : "");
	return true;
}

static bool say_catching_up(const struct sentence_facts *f, struct sentence *out)
{
	char count[TEXT], time[TEXT];

	if (!f->record || f->replication != REPLICATOR_CATCHING_UP)
		return false;
	sentence_count(count, sizeof count, f->lag_points);
	say(out, SENTENCE_WARN, "InfluxDB is back and catching up. Nothing is lost.");
	if (f->delivered_per_s >= 1) {
		sentence_duration(time, sizeof time, (int64_t)((double)f->lag_points / f->delivered_per_s * 1e9));
		snprintf(out->detail, sizeof out->detail,
		    "%s point%s to go at %.0f a second: done in about %s unless more come.", count,
		    f->lag_points == 1 ? "" : "s", f->delivered_per_s, time);
	} else {
		snprintf(out->detail, sizeof out->detail, "%s point%s to go.", count, f->lag_points == 1 ? "" : "s");
	}
	return true;
}

static bool say_collectors(const struct sentence_facts *f, struct sentence *out)
{
	if (!f->collectors_failing)
		return false;
	out->state = SENTENCE_WARN;
	if (f->collectors_failing == 1)
		snprintf(out->summary, sizeof out->summary, "The collector of %s fails; all else is well.",
		    or_unknown(f->failing_name));
	else
		snprintf(
		    out->summary, sizeof out->summary, "%u collectors fail; all else is well.", f->collectors_failing);
	snprintf(out->detail, sizeof out->detail, "%.60s: %.300s.", or_unknown(f->failing_name),
	    or_unknown(f->failing_error));
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
	    or_unknown(f->rejected_reason));
	return true;
}

static bool say_quarantine(const struct sentence_facts *f, struct sentence *out)
{
	char count[TEXT];
	const char *who = !f->quarantined_elsewhere	       ? "InfluxDB"
	    : f->quarantined_elsewhere < f->quarantined_points ? "InfluxDB or a mirror"
							       : "a mirror";

	if (!f->quarantined_points)
		return false;
	sentence_count(count, sizeof count, f->quarantined_points);
	out->state = SENTENCE_WARN;
	snprintf(out->summary, sizeof out->summary, "%s point%s in quarantine: %s refused %s.", count,
	    f->quarantined_points == 1 ? " is" : "s are", who, f->quarantined_points == 1 ? "it" : "them");
	snprintf(out->detail, sizeof out->detail,
	    "Most frequent reason: %.60s. holdfast quarantine lists them with the words of the server; once the cause is "
	    "mended, holdfast quarantine replay sends them again. All other points are delivered.",
	    or_unknown(f->quarantine_reason));
	return true;
}

static void say_well(const struct sentence_facts *f, struct sentence *out)
{
	char rate[TEXT];

	say(out, SENTENCE_OK, "All is well.");
	sentence_count(rate, sizeof rate, (uint64_t)(f->values_per_s + 0.5));
	if (!f->record)
		snprintf(out->detail, sizeof out->detail,
		    "%s values a second, kept on this machine only. To keep them in InfluxDB too, set url in [influxdb] and "
		    "restart.",
		    rate);
	else if (f->replication == REPLICATOR_STARTING)
		snprintf(out->detail, sizeof out->detail,
		    "%s values a second, kept here; connecting to InfluxDB at %.100s.", rate,
		    f->record_url ? f->record_url : "");
	else if (f->lag_points == 0)
		snprintf(out->detail, sizeof out->detail, "%s values a second, kept here and in InfluxDB.", rate);
	else
		snprintf(out->detail, sizeof out->detail, "%s values a second, kept here and in InfluxDB %.1f s later.",
		    rate, (double)f->lag_ns / 1e9);
}

static const struct {
	const char *name;
	bool (*say)(const struct sentence_facts *, struct sentence *);
} matters[SENTENCE_MATTERS] = { /* the worst first */
	{ "disk_full", say_disk_low }, { "not_writable", say_not_writable }, { "file_missing", say_missing },
	{ "spool_damaged", say_damaged }, { "store_damaged", say_store_damaged }, { "gaps", say_gaps },
	{ "spool_recovery", say_salvage }, { "store_recovery", say_store_salvage }, { "store_gaps", say_store_gaps },
	{ "damaged_reads", say_damaged_reads }, { "replication_held", say_held }, { "replication_down", say_down },
	{ "replication_catching_up", say_catching_up }, { "collectors_failing", say_collectors },
	{ "ceiling_reached", say_ceiling }, { "points_refused", say_rejected }, { "quarantine", say_quarantine }
};

unsigned sentence_all(const struct sentence_facts *f, struct sentence out[SENTENCE_MATTERS])
{
	unsigned n = 0;

	for (size_t i = 0; i < SENTENCE_MATTERS; i++) {
		out[n] = (struct sentence){ .state = SENTENCE_OK, .name = matters[i].name };
		n += matters[i].say(f, &out[n]);
	}
	return n;
}

void sentence_make(const struct sentence_facts *f, struct sentence *out)
{
	for (size_t i = 0; i < SENTENCE_MATTERS; i++) {
		*out = (struct sentence){ .state = SENTENCE_OK, .name = matters[i].name };
		if (matters[i].say(f, out))
			return;
	}
	*out = (struct sentence){ .state = SENTENCE_OK, .name = "well" };
	say_well(f, out);
}
