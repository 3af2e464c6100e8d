/* How things stand with the targets of replication. */
#include <ctype.h>
#include <stdio.h>

#include "base/clock.h"
#include "edge/sentence_part.h"
#include "edge/target_words.h"

#define USUAL_LAG_NS (10 * NS_PER_S)
enum { TEXT = SENTENCE_TEXT };

static bool is_record(const struct replicator_stats *t)
{
	return target_words_is_record(t->target);
}

static const struct replicator_stats *record_of(const struct sentence_facts *f)
{
	return f->target_count && is_record(&f->target[0]) ? &f->target[0] : NULL;
}

/* Of the record, or of the mirrors, the one in this state that has the most waiting; *others: how many more are in it. */
static const struct replicator_stats *worst_target(
    const struct sentence_facts *f, bool record, enum replicator_state state, unsigned *others)
{
	const struct replicator_stats *worst = NULL;
	unsigned count = 0;

	for (unsigned i = 0; i < f->target_count; i++) {
		const struct replicator_stats *t = &f->target[i];
		if (is_record(t) != record || t->state != state)
			continue;
		count++;
		if (!worst || t->lag_points > worst->lag_points)
			worst = t;
	}
	*others = count ? count - 1 : 0;
	return worst;
}

/* Up, with no more waiting than a healthy target has, and with nothing that it lacks. */
static bool gets_everything(const struct sentence_facts *f, const struct replicator_stats *t)
{
	bool late = t->lag_points && t->lag_ns > USUAL_LAG_NS,
	     owed = f->owed_before_ns || f->owed_overflow_ns || f->owed_missing_ns || t->owed_points_estimate;

	return t->state == REPLICATOR_UP && !late && !owed && !t->quarantined_points && !f->verify_lost_hours;
}

/* A mirror's trouble is not the record's: what the summary ends with. */
static const char *what_of_it(const struct sentence_facts *f, const struct replicator_stats *t)
{
	const struct replicator_stats *record = record_of(f);

	if (is_record(t) || !record)
		return " Nothing is lost.";
	return gets_everything(f, record) ? " InfluxDB gets everything." : "";
}

struct target_text { /* the parts of its sentence */
	char name[TARGET_WORDS_NAME + 32]; /* with how many others are so too */
	char points[TEXT]; /* how many wait */
	char since[TEXT]; /* for how long it has been so */
	char advice[TARGET_WORDS_ADVICE];
	char room[128];
};

static void fill(
    struct target_text *x, const struct sentence_facts *f, const struct replicator_stats *t, unsigned others)
{
	char name[TARGET_WORDS_NAME];

	target_words_name(t->target, name);
	snprintf(x->name, sizeof x->name, "%s", name);
	if (others)
		snprintf(x->name, sizeof x->name, "%s (and %u more)", name, others);
	sentence_count(x->points, sizeof x->points, t->lag_points);
	sentence_duration(x->since, sizeof x->since, f->now_ns - t->since_ns);
	target_words_advice(t, x->advice);
	sentence_room_left(f, x->room, sizeof x->room);
}

static void next_try(const struct sentence_facts *f, const struct replicator_stats *t, char *out, size_t size)
{
	char time[TEXT];

	*out = 0;
	if (t->next_try_ns <= f->now_ns)
		return;
	sentence_duration(time, sizeof time, t->next_try_ns - f->now_ns + NS_PER_S - 1);
	snprintf(out, size, " Next try in %s.", time);
}

static void say_held(
    const struct sentence_facts *f, const struct replicator_stats *t, const struct target_text *x, struct sentence *out)
{
	snprintf(out->summary, sizeof out->summary, "%s refuses what Holdfast sends: someone must mend it.%s", x->name,
	    what_of_it(f, t));
	snprintf(out->detail, sizeof out->detail, "%s It says: %.160s. %s point%s here.%s", x->advice,
	    sentence_or_unknown(t->last_error), x->points, t->lag_points == 1 ? " waits" : "s wait", x->room);
}

static void say_down(
    const struct sentence_facts *f, const struct replicator_stats *t, const struct target_text *x, struct sentence *out)
{
	char try[64], why[256] = "";

	snprintf(out->summary, sizeof out->summary, "%s has been down for %s.%s", x->name, x->since, what_of_it(f, t));
	next_try(f, t, try, sizeof try);
	if (*t->last_error)
		snprintf(why, sizeof why, " (%.160s)", t->last_error);
	snprintf(out->detail, sizeof out->detail, "%s point%s held here until it is back.%s%s %s%s", x->points,
	    t->lag_points == 1 ? " is" : "s are", x->room, try, x->advice, why);
}

static void say_paused(
    const struct sentence_facts *f, const struct replicator_stats *t, const struct target_text *x, struct sentence *out)
{
	snprintf(out->summary, sizeof out->summary, "Delivery to %s has been paused for %s.%s", x->name, x->since,
	    what_of_it(f, t));
	snprintf(out->detail, sizeof out->detail, "%s point%s here. %s%s", x->points,
	    t->lag_points == 1 ? " waits" : "s wait", x->advice, x->room);
}

static void say_catching_up(
    const struct sentence_facts *f, const struct replicator_stats *t, const struct target_text *x, struct sentence *out)
{
	char time[TEXT];

	snprintf(out->summary, sizeof out->summary, "%s is back and catching up.%s", x->name, what_of_it(f, t));
	if (t->points_per_s >= 1 && t->eta_ns > 0) {
		sentence_duration(time, sizeof time, t->eta_ns);
		snprintf(out->detail, sizeof out->detail,
		    "%s point%s to go at %.0f a second: done in about %s unless more come. New points are delivered beside them.",
		    x->points, t->lag_points == 1 ? "" : "s", t->points_per_s, time);
	} else {
		snprintf(
		    out->detail, sizeof out->detail, "%s point%s to go.", x->points, t->lag_points == 1 ? "" : "s");
	}
}

bool sentence_target(const struct sentence_facts *f, enum replicator_state state, bool record, struct sentence *out)
{
	struct target_text x;
	unsigned others;
	const struct replicator_stats *t = worst_target(f, record, state, &others);

	if (!t)
		return false;
	fill(&x, f, t, others);
	if (state == REPLICATOR_HELD)
		say_held(f, t, &x, out);
	else if (state == REPLICATOR_DOWN)
		say_down(f, t, &x, out);
	else if (state == REPLICATOR_PAUSED)
		say_paused(f, t, &x, out);
	else
		say_catching_up(f, t, &x, out);
	*out->summary = (char)toupper((unsigned char)*out->summary);
	out->state = SENTENCE_WARN;
	out->since_ns = t->since_ns;
	return true;
}

/* "here, in InfluxDB and in 3 mirrors" */
static void name_all(const struct sentence_facts *f, char *out, size_t size)
{
	bool record = record_of(f) != NULL;
	unsigned mirrors = f->target_count - record;
	char name[TARGET_WORDS_NAME] = "InfluxDB";

	if (mirrors == 1)
		target_words_name(f->target[record].target, name);
	else if (mirrors)
		snprintf(name, sizeof name, "%u mirrors", mirrors);
	snprintf(out, size, "here%s and in %s", record && mirrors ? ", in InfluxDB" : "", name);
}

void sentence_where_kept(const struct sentence_facts *f, char *out, size_t size)
{
	const struct replicator_stats *record = record_of(f);
	char all[TARGET_WORDS_NAME + 64];
	int64_t lag_ns = 0;

	name_all(f, all, sizeof all);
	for (unsigned i = 0; i < f->target_count; i++)
		if (f->target[i].lag_points && f->target[i].lag_ns > lag_ns)
			lag_ns = f->target[i].lag_ns;
	if (f->target_count == 0)
		snprintf(out, size,
		    "kept on this machine only. To keep them in InfluxDB too, set url in [influxdb] and restart.");
	else if (record && record->state == REPLICATOR_STARTING)
		snprintf(out, size, "kept here; connecting to InfluxDB at %.100s.", f->record_url ? f->record_url : "");
	else if (record && f->owed_before_ns) {
		char time[32];
		sentence_duration(time, sizeof time, f->owed_before_ns);
		snprintf(out, size, "kept %s; InfluxDB lacks %s from before it was configured.", all, time);
	} else if (lag_ns == 0)
		snprintf(out, size, "kept %s.", all);
	else
		snprintf(out, size, "kept %s %.1f s later.", all, (double)lag_ns / 1e9);
}

/* What became of the points that are not in it. */
static void tell_others(const struct sentence_facts *f, bool any_waits, char *out, size_t size)
{
	char count[TEXT];

	*out = '\0';
	if (f->quarantine_dropped) {
		sentence_count(count, sizeof count, f->quarantine_dropped);
		snprintf(out, size,
		    " %s older one%s let go at its ceiling since the start: %s not sent again, and stay%s here until the "
		    "retention.",
		    count, f->quarantine_dropped == 1 ? " was" : "s were",
		    f->quarantine_dropped == 1 ? "it is" : "they are", f->quarantine_dropped == 1 ? "s" : "");
	} else if (!any_waits)
		snprintf(out, size, " All other points are delivered.");
}

bool sentence_quarantine(const struct sentence_facts *f, struct sentence *out)
{
	char count[TEXT], others[256], name[TARGET_WORDS_NAME] = "the targets";
	uint64_t points = 0;
	unsigned refusing = 0;
	bool any_waits = f->owed_before_ns || f->owed_overflow_ns || f->owed_missing_ns;

	for (unsigned i = 0; i < f->target_count; i++) {
		const struct replicator_stats *t = &f->target[i];
		points += t->quarantined_points;
		any_waits |= t->lag_points > 0;
		if (t->quarantined_points && ++refusing == 1)
			target_words_name(t->target, name);
	}
	if (!points)
		return false;
	sentence_count(count, sizeof count, points);
	tell_others(f, any_waits, others, sizeof others);
	out->state = SENTENCE_WARN;
	snprintf(out->summary, sizeof out->summary, "%s point%s in quarantine: %s refused %s.", count,
	    points == 1 ? " is" : "s are", refusing > 1 ? "some targets" : name, points == 1 ? "it" : "them");
	snprintf(out->detail, sizeof out->detail,
	    "Most frequent reason: %.60s. holdfast quarantine lists them with the words of the server; once the cause is "
	    "mended, holdfast quarantine replay sends them again.%s",
	    f->quarantine_reason && *f->quarantine_reason ? f->quarantine_reason : "unknown", others);
	return true;
}
