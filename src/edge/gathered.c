#include "edge/gathered.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counter.h"
#include "edge/replication_view.h"
#include "store/owed.h"

uint64_t gathered_rejected_points(void)
{
	uint64_t n = 0;

	for (int r = 0; r < REJECT_COUNT; r++)
		n += counter_get(reject_counter((enum reject)r));
	return n;
}

static enum reject worst_reject(void)
{
	enum reject worst = REJECT_UNPARSABLE;

	for (int r = 0; r < REJECT_COUNT; r++)
		if (counter_get(reject_counter((enum reject)r)) > counter_get(reject_counter(worst)))
			worst = (enum reject)r;
	return worst;
}

uint64_t gathered_refused_requests(void)
{
	uint64_t n = 0;

	for (int c = COUNTER_REFUSED_TOO_LARGE; c <= COUNTER_REFUSED_BAD_REQUEST; c++)
		n += counter_get((enum counter)c);
	return n;
}

void gathered_sample_rates(struct services *s)
{
	int64_t now = clock_mono_ns();
	struct spool_totals t;

	if (!rates_due(&s->rates, now))
		return;
	spool_totals(s->spool, &t);
	rates_add(&s->rates,
	    &(struct rates_sample){ .at_ns = now,
		.value = { [RATE_VALUES] = counter_get(COUNTER_INGEST_VALUES),
		    [RATE_SPOOL_BYTES] = t.bytes,
		    [RATE_REJECTED] = gathered_rejected_points() } });
}

void routes_each_second(void *services)
{
	struct services *s = services;
	struct disk_space_stats disk;

	gathered_sample_rates(s);
	ingest_trim(s->ingest);
	if (s->disk)
		disk_space_stats(s->disk, &disk); /* measures, and tells the log of a change */
	if (s->backup)
		backup_watch(s->backup);
}

static int64_t nanoseconds(double seconds) /* above 0 where anything is */
{
	return seconds <= 0 ? 0 : seconds >= 9e9 ? (int64_t)9e18 / 4 : (int64_t)(seconds * 1e9) + 1;
}

static void look_at_verified(const struct services *s, struct sentence_facts *f)
{
	struct verified list[CATALOGUE_DATABASES_MAX];
	struct verifier_stats t;

	if (!s->verifier)
		return;
	verifier_stats(s->verifier, &t);
	uint64_t lost = t.differences[VERIFIER_MISSING_IN_RECORD] + t.differences[VERIFIER_DIFFERS];
	f->verify_lost_hours = lost - t.repaired;
	f->verify_let_go_hours = t.differences[VERIFIER_RETENTION_RECORD];
	for (uint32_t i = 0, n = verifier_verified(s->verifier, list); i < n; i++)
		if (!f->verified_until_ns || list[i].until_ns < f->verified_until_ns)
			f->verified_until_ns = list[i].until_ns;
}

static void add_quarantined(
    void *arg, const char *target, enum quarantine_reason code, const struct quarantine_sum *sum)
{
	struct gathered *g = arg;

	g->quarantine.points += sum->points;
	(void)target;
	g->quarantine.by_reason[code] += sum->points;
}

/* What cannot be read shows in the gaps, which are of the same file. */
static void count_quarantined(struct services *s, struct gathered *g)
{
	struct errbuf ignored;

	if (quarantine_counts(spool_view_lock(s->spool_view), add_quarantined, g, &ignored) != ERR_OK)
		memset(&g->quarantine, 0, sizeof g->quarantine);
	spool_view_unlock(s->spool_view);
}

static const char *worst_quarantined(const struct gathered *g)
{
	int worst = 0;

	for (int r = 1; r < QUARANTINE_REASONS; r++)
		if (g->quarantine.by_reason[r] > g->quarantine.by_reason[worst])
			worst = r;
	return quarantine_reason_name((enum quarantine_reason)worst);
}

static void tell_sentence(struct services *s, struct gathered *g)
{
	struct owed_totals owed;

	struct sentence_facts f = { .now_ns = g->now_ns,
		.writable = g->committer.writable,
		.write_error = g->committer.error,
		.disk_low = g->disk.low,
		.disk_free_bytes = g->disk.free_bytes,
		.disk_reserve_bytes = g->disk.reserve_bytes,
		.missing = s->missing,
		.damaged_reads = counter_get(COUNTER_STORE_DAMAGED_READS),
		.salvage = g->salvage.state,
		.salvaged_points = g->salvage.figures.points,
		.salvage_lost_points = g->salvage.figures.lost_points,
		.salvage_file = g->salvage.file,
		.salvage_error = g->salvage.error,
		.check = g->check.state,
		.check_pages = g->check.pages,
		.check_bad_rows = g->check.bad_items,
		.check_error = g->check.error,
		.store_salvage = g->store_salvage.state,
		.store_salvaged_points = g->store_salvage.figures.points,
		.store_lost_points = g->store_salvage.figures.lost_points,
		.store_salvage_file = g->store_salvage.file,
		.store_salvage_error = g->store_salvage.error,
		.store_check = g->store_check.state,
		.store_check_pages = g->store_check.pages,
		.store_bad_blocks = g->store_check.bad_items,
		.store_check_error = g->store_check.error,
		.store_gap_points = g->store_gaps.points,
		.gap_points = g->gaps.points,
		.gap_cause = g->gaps.cause,
		.target = g->target,
		.target_count = g->target_count,
		.record_url = s->record_url,
		.spool_bytes = g->spool.bytes,
		.spool_max_bytes = s->spool_max_bytes,
		.spool_bytes_per_s = rates_per_s(&s->rates, RATE_SPOOL_BYTES),
		.values_per_s = rates_per_s(&s->rates, RATE_VALUES),
		.near = &g->near,
		.rejected_points = rates_rise(&s->rates, RATE_REJECTED),
		.rejected_reason = reject_name(worst_reject()),
		.quarantine_reason = worst_quarantined(g),
		.quarantine_dropped = counter_get(COUNTER_QUARANTINE_DROPPED) };

	owed_totals(spool_owed(s->spool), REPLICATOR_RECORD, &owed);
	if (replication_record(s->replication)) {
		f.owed_before_ns = nanoseconds(owed.seconds_by_cause[OWED_BEFORE]);
		f.owed_overflow_ns = nanoseconds(owed.seconds_by_cause[OWED_OVERFLOW]);
		f.owed_missing_ns = nanoseconds(owed.seconds_by_cause[OWED_MISSING]);
		look_at_verified(s, &f);
	}
	for (unsigned i = 0; i < g->collect.count; i++) {
		if (g->collect.collector[i].ok)
			continue;
		if (f.collectors_failing++ == 0) {
			f.failing_name = g->collect.collector[i].name;
			f.failing_error = g->collect.collector[i].error;
		}
	}
	sentence_make(&f, &g->sentence);
	g->alert_count = sentence_all(&f, g->alerts);
}

static void look_at_targets(const struct services *s, struct gathered *g)
{
	g->target_count = replication_view_stats(s, g->target);
	g->record_state = "off";
	if (!replication_record(s->replication))
		return;
	g->record_state = replicator_state_name(g->target[0].state);
	g->record_lag_points = g->target[0].lag_points;
	g->record_lag_ns = g->target[0].lag_ns;
}

struct gathered *gathered_new(struct services *s)
{
	struct gathered *g = calloc(1, sizeof *g);

	if (!g)
		return NULL;
	gathered_sample_rates(s);
	g->now_ns = clock_wall_ns();
	committer_stats(s->committer, &g->committer);
	spool_totals(s->spool, &g->spool);
	head_stats(s->head, &g->head);
	series_view_nearest(s->catalogue, &g->near);
	if (s->disk)
		disk_space_stats(s->disk, &g->disk);
	if (s->salvage)
		salvage_stats(s->salvage, &g->salvage);
	if (s->check)
		check_stats(s->check, &g->check);
	if (s->store_salvage)
		salvage_stats(s->store_salvage, &g->store_salvage);
	if (s->store_check)
		check_stats(s->store_check, &g->store_check);
	struct errbuf ignored; /* a store that cannot be read shows in its check */
	if (s->store_view && store_view_gap_sum(s->store_view, g->now_ns - 86400 * NS_PER_S, &g->store_gaps, &ignored))
		g->store_gaps = (struct store_view_gaps){ 0 };
	if (s->collect)
		collect_stats(s->collect, &g->collect);
	look_at_targets(s, g);
	if (spool_view_gap_sum(s->spool_view, g->now_ns - 86400 * NS_PER_S, &g->gaps, &g->gaps_error) &&
	    g->committer.writable) {
		g->committer.writable = false; /* what cannot be read is no better than what cannot be written */
		snprintf(g->committer.error, sizeof g->committer.error, "%.200s", g->gaps_error.text);
	}
	count_quarantined(s, g);
	tell_sentence(s, g);
	return g;
}

struct gathered *gathered_or_fail(struct http_request *rq, struct services *s)
{
	struct gathered *g = gathered_new(s);

	if (!g)
		http_fail(rq, 503, "overloaded", NULL, "out of memory");
	return g;
}
