#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "edge/sentence.h"

static const int64_t now = INT64_C(1700000000) * NS_PER_S;
static struct sentence_facts f;
static struct sentence s;
static struct replicator_stats target[3];
#define RECORD target[0]

static void start(void)
{
	memset(target, 0, sizeof target);
	RECORD = (struct replicator_stats){ .target = "influxdb", .state = REPLICATOR_UP, .since_ns = now };
	target[1] = (struct replicator_stats){ .target = "mirror:far", .state = REPLICATOR_UP, .since_ns = now };
	target[2] = (struct replicator_stats){ .target = "mirror:near", .state = REPLICATOR_UP, .since_ns = now };
	f = (struct sentence_facts){ .now_ns = now,
		.writable = true,
		.target = target,
		.target_count = 1,
		.record_url = "http://127.0.0.1:8086",
		.values_per_s = 214.2,
		.spool_bytes = 100 << 20,
		.spool_max_bytes = 200 << 20 };
}

TestSuite(sentence, .init = start);

static void expect(enum sentence_state state, const char *summary, const char *in_detail)
{
	sentence_make(&f, &s);
	cr_expect_eq(s.state, state, "%s", s.summary);
	cr_expect_str_eq(s.summary, summary);
	cr_expect(strstr(s.detail, in_detail) != NULL, "“%s” lacks “%s”", s.detail, in_detail);
}

Test(sentence, all_well_tells_the_rate_and_the_delay)
{
	expect(SENTENCE_OK, "All is well.", "214 values a second, kept here and in InfluxDB.");
	RECORD.lag_points = 20;
	RECORD.lag_ns = 900 * NS_PER_MS;
	expect(SENTENCE_OK, "All is well.", "in InfluxDB 0.9 s later");
}

Test(sentence, without_influxdb_it_tells_how_to_point_at_one)
{
	f.target_count = 0;
	expect(SENTENCE_OK, "All is well.",
	    "kept on this machine only. To keep them in InfluxDB too, set url in [influxdb]");
}

Test(sentence, down_tells_since_when_what_is_held_and_what_is_left)
{
	RECORD.state = REPLICATOR_DOWN;
	RECORD.since_ns = now - 750 * NS_PER_S;
	RECORD.lag_points = 1234567;
	f.spool_bytes_per_s = 1024 * 1024;
	RECORD.next_try_ns = now + 7 * NS_PER_S;
	snprintf(RECORD.last_error, sizeof RECORD.last_error, "%s", "connection refused");
	expect(
	    SENTENCE_WARN, "InfluxDB has been down for 12 minutes. Nothing is lost.", "1,234,567 points are held here");
	cr_expect(strstr(s.detail, "room for 1 minute more") != NULL, "%s", s.detail);
	cr_expect(strstr(s.detail, "Next try in 7 seconds") != NULL, "%s", s.detail);
	cr_expect(strstr(s.detail, "connection refused") != NULL, "%s", s.detail);
}

Test(sentence, held_tells_what_to_mend)
{
	RECORD.state = REPLICATOR_HELD;
	RECORD.lag_points = 1;
	snprintf(RECORD.last_error, sizeof RECORD.last_error, "%s", "database not found: \"metrics\"");
	expect(SENTENCE_WARN, "InfluxDB refuses what Holdfast sends: someone must mend it. Nothing is lost.",
	    "database not found: \"metrics\"");
	cr_expect(strstr(s.detail, "1 point waits here") != NULL, "%s", s.detail);
}

Test(sentence, catching_up_tells_how_long)
{
	RECORD.state = REPLICATOR_CATCHING_UP;
	RECORD.lag_points = 600000;
	RECORD.points_per_s = 5000;
	RECORD.eta_ns = 120 * NS_PER_S;
	expect(SENTENCE_WARN, "InfluxDB is back and catching up. Nothing is lost.", "done in about 2 minutes");
}

Test(sentence, where_it_is_kept_names_the_mirrors)
{
	f.target_count = 2;
	expect(SENTENCE_OK, "All is well.", "kept here, in InfluxDB and in the mirror far.");
	f.target_count = 3;
	expect(SENTENCE_OK, "All is well.", "kept here, in InfluxDB and in 2 mirrors.");
	target[2].lag_points = 1;
	target[2].lag_ns = 2500 * NS_PER_MS;
	expect(SENTENCE_OK, "All is well.", "in InfluxDB and in 2 mirrors 2.5 s later.");
	f.target = target + 1;
	f.target_count = 1;
	expect(SENTENCE_OK, "All is well.", "kept here and in the mirror far.");
}

Test(sentence, what_is_held_is_told_with_what_to_do)
{
	static const struct {
		const char *error, *advice;
	} rows[] = {
		{ "HTTP 401: {\"error\":\"unable to parse authentication credentials\"}",
		    "Put a token, or a username and password, that it knows into the files that [influxdb] names." },
		{ "HTTP 403: forbidden", "Give the token or user of [influxdb] the right to write there." },
		{ "HTTP 500: {\"error\":\"retention policy not found: x\"}", "lacks its default retention policy" },
		{ "HTTP 404: {\"error\":\"database not found: \\\"m\\\"\"}",
		    "Create the database there, or set create_database = yes in [influxdb] and restart." },
		{ "HTTP 404: bucket \"m\" not found", "Create the bucket there" },
		{ "HTTP 302: <html>", "set url in [influxdb] to where it does" },
		{ "HTTP 400: <html>", "Something else than a database answers there" },
		{ "", "Check url, database and rights in [influxdb]." },
	};

	RECORD.state = REPLICATOR_HELD;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(RECORD.last_error, sizeof RECORD.last_error, "%s", rows[i].error);
		sentence_make(&f, &s);
		cr_expect(strstr(s.detail, rows[i].advice) != NULL, "“%s” lacks “%s”", s.detail, rows[i].advice);
		cr_expect(strstr(s.detail, "holdfast replication retry") != NULL, "%s", s.detail);
	}
}

Test(sentence, a_mirrors_trouble_does_not_read_as_the_records)
{
	f.target_count = 3;
	target[2].state = REPLICATOR_DOWN;
	target[2].since_ns = now - 750 * NS_PER_S;
	expect(SENTENCE_WARN, "The mirror near has been down for 12 minutes. InfluxDB gets everything.",
	    "[mirror \"near\"]");
	cr_expect_str_eq(s.name, "mirror_down");
	cr_expect_eq(s.since_ns, now - 750 * NS_PER_S);
	target[1].state = REPLICATOR_DOWN;
	target[1].since_ns = now - 60 * NS_PER_S;
	target[1].lag_points = 5;
	expect(SENTENCE_WARN, "The mirror far (and 1 more) has been down for 1 minute. InfluxDB gets everything.", "");
	target[1].state = REPLICATOR_HELD;
	expect(SENTENCE_WARN,
	    "The mirror far refuses what Holdfast sends: someone must mend it. InfluxDB gets everything.",
	    "[mirror \"far\"]");
	RECORD.state = REPLICATOR_DOWN;
	expect(SENTENCE_WARN, "InfluxDB has been down for 0 seconds. Nothing is lost.", "");
	f.target = target + 1; /* no record at all */
	f.target_count = 1;
	expect(SENTENCE_WARN, "The mirror far refuses what Holdfast sends: someone must mend it. Nothing is lost.", "");
}

Test(sentence, influxdb_gets_everything_is_said_only_where_it_is_so)
{
	static const char with[] = "The mirror far has been down for 1 minute. InfluxDB gets everything.",
			  without[] = "The mirror far has been down for 1 minute.";
	struct sentence all[SENTENCE_MATTERS];
	struct replicator_stats well;

	f.target_count = 2;
	target[1].state = REPLICATOR_DOWN;
	target[1].since_ns = now - 60 * NS_PER_S;
	RECORD.lag_points = 20;
	RECORD.lag_ns = 900 * NS_PER_MS;
	well = RECORD;
	expect(SENTENCE_WARN, with, "");
	RECORD.lag_ns = 60 * NS_PER_S;
	expect(SENTENCE_WARN, without, "");
	RECORD = well;
	RECORD.quarantined_points = 1;
	expect(SENTENCE_WARN, without, "");
	RECORD = well;
	RECORD.owed_points_estimate = 5;
	expect(SENTENCE_WARN, without, "");
	RECORD = well;
	f.owed_before_ns = NS_PER_S;
	expect(SENTENCE_WARN, without, "");
	f.owed_before_ns = 0;
	f.verify_lost_hours = 1;
	expect(SENTENCE_WARN, without, "");
	f.verify_lost_hours = 0;
	for (int i = 0; i < 3; i++) {
		static const enum replicator_state states[] = { REPLICATOR_STARTING, REPLICATOR_CATCHING_UP,
			REPLICATOR_DOWN };
		RECORD.state = states[i];
		unsigned n = sentence_all(&f, all);
		cr_expect_str_eq(all[i == 2].summary, without, "%u", n);
	}
}

Test(sentence, a_pause_is_told_with_how_it_ends)
{
	f.target_count = 2;
	target[1].state = REPLICATOR_PAUSED;
	target[1].since_ns = now - 7200 * NS_PER_S;
	target[1].lag_points = 12;
	expect(SENTENCE_WARN, "Delivery to the mirror far has been paused for 2 hours. InfluxDB gets everything.",
	    "12 points wait here. holdfast replication resume --target mirror:far lets it go on.");
	RECORD.state = REPLICATOR_PAUSED;
	expect(SENTENCE_WARN, "Delivery to InfluxDB has been paused for 0 seconds. Nothing is lost.",
	    "holdfast replication resume --target influxdb");
}

Test(sentence, every_target_in_trouble_has_a_matter_of_its_own)
{
	struct sentence all[SENTENCE_MATTERS];

	f.target_count = 3;
	RECORD.state = REPLICATOR_DOWN;
	target[1].state = REPLICATOR_PAUSED;
	target[2].state = REPLICATOR_CATCHING_UP;
	cr_assert_eq(sentence_all(&f, all), 3);
	cr_expect_str_eq(all[0].name, "replication_down");
	cr_expect_str_eq(all[1].name, "mirror_paused");
	cr_expect_str_eq(all[2].name, "mirror_catching_up");
}

Test(sentence, failing_collectors_are_named)
{
	f.collectors_failing = 1;
	f.failing_name = "pressure";
	f.failing_error = "no such file";
	expect(SENTENCE_WARN, "The collector of pressure fails; all else is well.", "pressure: no such file.");
	f.collectors_failing = 3;
	expect(SENTENCE_WARN, "3 collectors fail; all else is well.", "pressure: no such file.");
}

Test(sentence, a_full_ceiling_is_told_with_what_grows_and_a_near_one_is_not)
{
	struct series_near n = { .ceiling = CEILING_MEASUREMENT_SERIES,
		.have = 199999,
		.max = 200000,
		.can_rise = true,
		.measurement = "requests",
		.tag = "request_id",
		.tag_values = 190001 };

	f.near = &n;
	expect(SENTENCE_OK, "All is well.", "");
	n.have = 200000;
	f.rejected_points = 5;
	expect(SENTENCE_WARN, "requests has all of its 200,000 series: new ones are refused.",
	    "Its tag request_id has 190,001 different values. Stop what writes values that never come back, or raise "
	    "[limits] series_per_measurement and restart. Points of what is known already are kept.");
	n.ceiling = CEILING_SERIES;
	n.can_rise = false;
	expect(SENTENCE_WARN, "All 200,000 series are taken: new ones are refused.",
	    "Most are of requests, whose tag request_id has 190,001 different values. Stop what writes values that never "
	    "come back. Points");
	n = (struct series_near){
		.ceiling = CEILING_FIELDS, .have = 9, .max = 9, .can_rise = true, .measurement = "m"
	};
	expect(SENTENCE_WARN, "m has all of its 9 fields: new ones are refused.",
	    "Stop what writes names made of changing parts, or raise [limits] fields_per_measurement and restart.");
	n.ceiling = CEILING_MEASUREMENTS;
	expect(
	    SENTENCE_WARN, "All 9 measurements are taken: new ones are refused.", "[limits] measurements and restart.");
}

Test(sentence, rejected_points_are_told_with_the_reason)
{
	f.rejected_points = 2;
	f.rejected_reason = "type_conflict";
	expect(SENTENCE_WARN, "2 points were refused at the door in the last minute.", "type_conflict");
	f.rejected_points = 1;
	expect(SENTENCE_WARN, "1 point was refused at the door in the last minute.", "type_conflict");
}

Test(sentence, quarantine_is_told)
{
	RECORD.quarantined_points = 2;
	f.quarantine_reason = "type_conflict";
	expect(SENTENCE_WARN, "2 points are in quarantine: InfluxDB refused them.", "type_conflict");
	expect(SENTENCE_WARN, "2 points are in quarantine: InfluxDB refused them.", "holdfast quarantine replay");
	f.target_count = 2;
	target[1].quarantined_points = 1;
	expect(SENTENCE_WARN, "3 points are in quarantine: some targets refused them.", "");
	RECORD.quarantined_points = 0;
	expect(SENTENCE_WARN, "1 point is in quarantine: the mirror far refused it.", "");
}

Test(sentence, quarantine_does_not_call_delivered_what_waits_or_was_let_go)
{
	static const char summary[] = "2 points are in quarantine: InfluxDB refused them.";

	RECORD.quarantined_points = 2;
	expect(SENTENCE_WARN, summary, "All other points are delivered.");
	f.target_count = 2;
	target[1].lag_points = 1;
	expect(SENTENCE_WARN, summary, "sends them again.");
	cr_expect_null(strstr(s.detail, "delivered"), "%s", s.detail);
	target[1].lag_points = 0;
	f.quarantine_dropped = 1234;
	expect(SENTENCE_WARN, summary, " 1,234 older ones were let go at its ceiling since the start");
	cr_expect_null(strstr(s.detail, "delivered"), "%s", s.detail);
	f.quarantine_dropped = 1;
	expect(SENTENCE_WARN, summary, " 1 older one was let go at its ceiling since the start: it is not sent again");
}

Test(sentence, lost_points_are_bad_and_the_cause_is_told)
{
	f.gap_points = 1;
	f.gap_cause = "spool_full";
	expect(SENTENCE_BAD, "1 point of the last day was lost before delivery.", "max_bytes");
	f.gap_points = 5000;
	f.gap_cause = "retention";
	expect(SENTENCE_BAD, "5,000 points of the last day were lost before delivery.", "[retention] raw");
}

Test(sentence, unwritable_disk_is_bad)
{
	f.writable = false;
	f.write_error = "disk is full";
	expect(SENTENCE_BAD, "New points cannot be stored: the local disk refuses them.", "disk is full");
}

Test(sentence, a_full_disk_is_told_with_both_figures)
{
	f.writable = false;
	f.disk_low = true;
	f.disk_free_bytes = (63 << 20) + (1 << 19);
	f.disk_reserve_bytes = 64 << 20;
	expect(SENTENCE_BAD, "The disk is full: new points are refused until there is room.",
	    "63.5 MiB are free, [server] min_free_disk keeps 64.0 MiB.");
}

Test(sentence, a_damaged_spool_is_told_from_the_finding_to_the_end_of_the_recovery)
{
	f.check = CHECK_DAMAGED;
	f.check_error = "rows up to 7 cannot be read";
	f.check_bad_rows = 2;
	expect(SENTENCE_BAD, "2 rows of the spool cannot be read.", "They are stepped over");
	f.check_pages = true;
	expect(SENTENCE_BAD, "The spool's file is damaged: restart holdfastd to have it mended.", "rows up to 7");
	f.check = CHECK_OK;
	f.salvage = SALVAGE_RUNNING;
	f.salvaged_points = 1234;
	f.salvage_lost_points = 5;
	expect(SENTENCE_WARN, "The spool was damaged and set aside; what can be read of it is being taken over.",
	    "1,234 points so far, about 5 lost.");
	f.salvage = SALVAGE_DONE;
	f.salvage_file = "spool.db.damaged-20260131T120000Z";
	expect(SENTENCE_WARN, "The spool was damaged; what could be read of it has been taken over.",
	    "spool.db.damaged-20260131T120000Z is kept");
	f.salvage = SALVAGE_FAILED;
	f.salvage_error = "nothing can be read";
	expect(SENTENCE_BAD, "The spool was damaged, and nothing could be taken over from it.", "nothing can be read");
	f.gap_points = 5;
	f.gap_cause = "spool_damaged";
	expect(SENTENCE_BAD, "5 points of the last day were lost before delivery.", "look after it");
}

Test(sentence, a_damaged_store_is_told_from_the_finding_to_the_end_of_the_recovery)
{
	f.store_check = CHECK_DAMAGED;
	f.store_check_error = "block 7 (raw) is damaged";
	f.store_bad_blocks = 2;
	expect(SENTENCE_BAD, "2 blocks of the store cannot be read, or not whole.", "block 7 (raw) is damaged.");
	f.store_check_pages = true;
	expect(SENTENCE_BAD, "The store's file is damaged: restart holdfastd to have it mended.", "block 7");
	f.store_check = CHECK_OK;
	f.store_salvage = SALVAGE_RUNNING;
	f.store_salvaged_points = 1234;
	f.store_lost_points = 5;
	expect(SENTENCE_WARN, "The store was damaged and set aside; what can be read of it is being taken over.",
	    "1,234 rows so far, about 5 lost.");
	f.store_salvage = SALVAGE_DONE;
	f.store_salvage_file = "store.db.damaged-20260131T120000Z";
	expect(SENTENCE_WARN, "The store was damaged; what could be read of it has been taken over.",
	    "store.db.damaged-20260131T120000Z is kept");
	f.store_salvage = SALVAGE_FAILED;
	f.store_salvage_error = "nothing can be read";
	expect(
	    SENTENCE_BAD, "The store was damaged, and nothing more can be taken over from it.", "nothing can be read");
	f.store_salvage = SALVAGE_NONE;
	f.store_gap_points = 5;
	expect(SENTENCE_BAD, "About 5 points of the local store were lost to damage.", "look after it");
}

Test(sentence, sizes_have_one_unit)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = { { 0, "0.0 KiB" }, { 1536, "1.5 KiB" }, { 64 << 20, "64.0 MiB" },
		{ UINT64_C(10) << 30, "10.0 GiB" }, { UINT64_C(5000) << 40, "5000.0 TiB" } };
	char out[32];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		sentence_bytes(out, sizeof out, rows[i].bytes);
		cr_expect_str_eq(out, rows[i].text);
	}
}

/* Each matter added below the ones before must not hide them. */
Test(sentence, the_worst_matter_comes_first)
{
	char summary[sizeof s.summary];

	RECORD.quarantined_points = 1;
	f.rejected_reason = f.failing_name = f.failing_error = f.write_error = f.gap_cause = "x";
	for (int step = 0; step < 14; step++) {
		sentence_make(&f, &s);
		memcpy(summary, s.summary, sizeof summary);
		switch (step) {
		case 0:
			f.rejected_points = 1;
			break;
		case 1:
			f.collectors_failing = 1;
			break;
		case 2:
			f.verify_lost_hours = 1;
			break;
		case 3:
			f.owed_missing_ns = 1;
			break;
		case 4:
			RECORD.state = REPLICATOR_CATCHING_UP;
			break;
		case 5:
			RECORD.state = REPLICATOR_DOWN;
			break;
		case 6:
			f.store_gap_points = 1;
			break;
		case 7:
			f.store_salvage = SALVAGE_RUNNING;
			break;
		case 8:
			f.salvage = SALVAGE_RUNNING;
			break;
		case 9:
			f.gap_points = 1;
			break;
		case 10:
			f.store_check = CHECK_DAMAGED;
			break;
		case 11:
			f.check = CHECK_DAMAGED;
			break;
		case 12:
			f.writable = false;
			break;
		case 13:
			f.disk_low = true;
			break;
		}
		sentence_make(&f, &s);
		cr_expect_str_neq(s.summary, summary, "step %d", step);
	}
	cr_expect_eq(s.state, SENTENCE_BAD);
}

Test(sentence, what_influxdb_lacks_is_told)
{
	f.owed_before_ns = 3 * 86400 * NS_PER_S;
	expect(SENTENCE_OK, "All is well.", "in InfluxDB; InfluxDB lacks 3 days from before it was configured");
	f.owed_overflow_ns = 2 * 3600 * NS_PER_S;
	expect(SENTENCE_WARN, "InfluxDB lacks points of 2 hours that are here. Nothing is lost.",
	    "raise [retention] max_bytes");
	f.owed_missing_ns = 3600 * NS_PER_S;
	expect(
	    SENTENCE_WARN, "InfluxDB lacks points of 3 hours that are here. Nothing is lost.", "Its database was gone");
	f.target_count = 0;
	expect(SENTENCE_OK, "All is well.", "kept on this machine only");
}

Test(sentence, what_was_verified_is_told)
{
	f.verified_until_ns = INT64_C(1770000000) * NS_PER_S;
	expect(SENTENCE_OK, "All is well.",
	    "InfluxDB has everything up to 2026-02-02T02:40:00Z, when it was verified last.");
	f.verify_let_go_hours = 7;
	expect(SENTENCE_OK, "All is well.",
	    "when it was verified last. Its retention has let go of points in 7 hours of measurements.");
	f.verify_lost_hours = 1234;
	expect(SENTENCE_WARN, "InfluxDB lacks points that were delivered, or has others. Nothing is lost here.",
	    "in 1,234 hours of measurements");
	f.target_count = 0;
	expect(SENTENCE_OK, "All is well.", "kept on this machine only");
}

Test(sentence, long_errors_fit)
{
	char error[600];

	memset(error, 'e', sizeof error);
	error[sizeof error - 1] = 0;
	f.write_error = f.salvage_file = f.salvage_error = f.check_error = error;
	f.store_salvage_file = f.store_salvage_error = f.store_check_error = error;
	snprintf(RECORD.last_error, sizeof RECORD.last_error, "%.511s", error);
	RECORD.state = REPLICATOR_HELD;
	RECORD.lag_points = UINT64_MAX;
	f.spool_bytes_per_s = 2;
	sentence_make(&f, &s);
	cr_expect(strstr(s.detail, "18,446,744,073,709,551,615") != NULL, "%s", s.detail);
	cr_expect(strstr(s.detail, "room for 606 days more.") != NULL, "%s", s.detail);
}

Test(sentence, durations_have_one_unit)
{
	static const struct {
		int64_t s;
		const char *text;
	} rows[] = { { 0, "0 seconds" }, { -5, "0 seconds" }, { 1, "1 second" }, { 59, "59 seconds" },
		{ 60, "1 minute" }, { 3599, "59 minutes" }, { 3600, "1 hour" }, { 172800, "2 days" } };
	char out[32];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		sentence_duration(out, sizeof out, rows[i].s * NS_PER_S);
		cr_expect_str_eq(out, rows[i].text);
	}
}

Test(sentence, counts_have_commas)
{
	char out[32];

	sentence_count(out, sizeof out, 0);
	cr_expect_str_eq(out, "0");
	sentence_count(out, sizeof out, 999);
	cr_expect_str_eq(out, "999");
	sentence_count(out, sizeof out, 1000);
	cr_expect_str_eq(out, "1,000");
	sentence_count(out, sizeof out, UINT64_MAX);
	cr_expect_str_eq(out, "18,446,744,073,709,551,615");
}
