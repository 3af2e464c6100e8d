/* What is refused and why, and what grows: by measurement, the worst first. Values of tags and fields do not appear here,
 * they may be secrets (flow/refusals.h). */
#include <stdlib.h>

#include "edge/routes_internal.h"
#include "edge/series_view.h"
#include "flow/refusals.h"
#include "model/reject.h"
#include "store/tags.h"
#include "wire/json_write.h"

enum { TOP = 20, TAGS = 5 };

static void write_totals(struct buf *b)
{
	uint64_t all = 0;

	json_put_u64(b, "points_total", counter_get(COUNTER_INGEST_POINTS));
	json_put_u64(b, "values_total", counter_get(COUNTER_INGEST_VALUES));
	json_open(b, "rejected", '[');
	for (int r = 0; r < REJECT_COUNT; r++) {
		uint64_t points = counter_get(reject_counter((enum reject)r));
		json_open(b, NULL, '{');
		json_put_string(b, "reason", reject_name((enum reject)r));
		json_put_u64(b, "points", points);
		json_close(b, '}');
		all += points;
	}
	json_close(b, ']');
	json_put_u64(b, "rejected_total", all);
	json_put_u64(b, "late_points_total", counter_get(COUNTER_COMPACT_LATE_POINTS));
}

static void write_refusal(struct buf *b, const struct services *s, const struct refusals_entry *e)
{
	json_put_string(b, "database", catalogue_database_name(s->catalogue, e->db));
	if (*e->measurement)
		series_view_put_name(b, "measurement", view_of(e->measurement), true);
	else
		json_put_null(b, "measurement");
	json_put_string(b, "reason", reject_name(e->why));
	json_put_u64(b, "points", e->points);
	json_put_string(b, "error", e->error);
	json_put_string_or_null(b, "example", e->example);
}

static void write_refusals(struct buf *b, const struct services *s, const struct refusals_state *r)
{
	json_open(b, "offenders", '[');
	for (unsigned i = 0; i < r->place_count; i++) {
		json_open(b, NULL, '{');
		write_refusal(b, s, &r->place[i]);
		json_put_time_ms(b, "first_ms", r->place[i].first_ns);
		json_put_time_ms(b, "last_ms", r->place[i].last_ns);
		json_close(b, '}');
	}
	json_close(b, ']');
	json_put_u64(b, "other_points", r->other_points);
	json_open(b, "recent", '[');
	for (unsigned i = 0; i < r->recent_count; i++) {
		json_open(b, NULL, '{');
		json_put_time_ms(b, "at_ms", r->recent[i].last_ns);
		write_refusal(b, s, &r->recent[i]);
		json_close(b, '}');
	}
	json_close(b, ']');
}

static void write_tags(struct buf *b, const struct measurement *m)
{
	const struct tag_key *widest[TAGS];
	unsigned n = tags_widest(measurement_tags(m), widest, TAGS);

	json_open(b, "tags", '[');
	for (unsigned i = 0; i < n; i++) {
		json_open(b, NULL, '{');
		series_view_put_name(b, "key", tag_key_name(widest[i]), false);
		json_put_u64(b, "values", tag_key_value_count(widest[i]));
		json_put_u64(b, "series", tag_key_series_count(widest[i]));
		json_close(b, '}');
	}
	json_close(b, ']');
}

static void write_series(struct buf *b, const struct services *s)
{
	const struct catalogue_opts *o = catalogue_ceilings(s->catalogue);
	struct measurement *top[TOP];
	struct series_near near;
	unsigned n = series_view_top(s->catalogue, top, TOP);

	series_view_nearest(s->catalogue, &near);
	json_open(b, "series", '{');
	json_put_u64(b, "count", catalogue_series_count(s->catalogue));
	json_put_u64(b, "max", o->series_max);
	json_put_u64(b, "measurements", catalogue_measurement_count(s->catalogue));
	json_put_u64(b, "measurements_max", o->measurements_max);
	series_view_put_near(b, "nearest", &near);
	json_open(b, "top", '[');
	for (unsigned i = 0; i < n; i++) {
		json_open(b, NULL, '{');
		json_put_string(b, "database", catalogue_database_name(s->catalogue, measurement_db(top[i])));
		series_view_put_name(b, "measurement", measurement_name(top[i]), true);
		json_put_u64(b, "series", measurement_series_count(top[i]));
		json_put_u64(b, "series_max", o->measurement_series_max);
		json_put_u64(b, "fields", measurement_layout(top[i])->count);
		json_put_u64(b, "fields_max", o->measurement_fields_max);
		write_tags(b, top[i]);
		json_close(b, '}');
	}
	json_close(b, ']');
	json_close(b, '}');
}

void routes_quality(struct http_request *rq, void *arg)
{
	const struct services *s = arg;
	struct refusals_state *r = malloc(sizeof *r);
	struct buf b;

	if (!r) {
		http_fail(rq, 503, "overloaded", NULL, "out of memory");
		return;
	}
	refusals_state(ingest_refusals(s->ingest), r);
	buf_init(&b, ROUTES_JSON_MAX);
	json_open(&b, NULL, '{');
	json_put_time_ms(&b, "since_ms", s->started_ns);
	write_totals(&b);
	write_refusals(&b, s, r);
	write_series(&b, s);
	json_close(&b, '}');
	http_respond_json(rq, 200, &b);
	buf_fini(&b);
	free(r);
}
