/* The handlers, for the table in routes.c; arg is struct services. */
#ifndef EDGE_ROUTES_INTERNAL_H
#define EDGE_ROUTES_INTERNAL_H

#include "edge/routes.h"

void routes_write_1x(struct http_request *rq, void *arg);
void routes_write_2x(struct http_request *rq, void *arg);
void routes_write_own(struct http_request *rq, void *arg);
void routes_query_1x(struct http_request *rq, void *arg);
void routes_query_own(struct http_request *rq, void *arg);
void routes_resources(struct http_request *rq, void *arg);
void routes_backup(struct http_request *rq, void *arg);
void routes_export(struct http_request *rq, void *arg);
void routes_application(struct http_request *rq, void *arg);
void routes_database(struct http_request *rq, void *arg);
void routes_summary(struct http_request *rq, void *arg);
void routes_series(struct http_request *rq, void *arg);
void routes_measurements(struct http_request *rq, void *arg);
void routes_tags(struct http_request *rq, void *arg);
void routes_fields(struct http_request *rq, void *arg);
void routes_events(struct http_request *rq, void *arg);
void routes_alerts(struct http_request *rq, void *arg);
void routes_openapi(struct http_request *rq, void *arg);
void routes_performance(struct http_request *rq, void *arg);
void routes_status(struct http_request *rq, void *arg);
void routes_replication(struct http_request *rq, void *arg);
void routes_replication_control(struct http_request *rq, void *arg);
void routes_storage(struct http_request *rq, void *arg);
void routes_compact(struct http_request *rq, void *arg);
void routes_backfill(struct http_request *rq, void *arg);
void routes_verify(struct http_request *rq, void *arg);
void routes_quality(struct http_request *rq, void *arg);
void routes_quarantine(struct http_request *rq, void *arg);
void routes_quarantine_export(struct http_request *rq, void *arg);
void routes_quarantine_replay(struct http_request *rq, void *arg);
void routes_quarantine_drop(struct http_request *rq, void *arg);
void routes_health(struct http_request *rq, void *arg);
void routes_influx_health(struct http_request *rq, void *arg);
void routes_ping(struct http_request *rq, void *arg);
void routes_prometheus(struct http_request *rq, void *arg);
void routes_asset(struct http_request *rq, void *arg);

enum { ROUTES_JSON_MAX = 64 << 20 };

/* The parameter, or what follows the route's path; NULL where it is empty. */
const char *routes_parameter(const struct http_request *rq, const char *name);
const char *routes_rest(const struct http_request *rq);
/* A read that could not be answered: 500, or 503 for want of memory. */
void routes_read_failed(struct http_request *rq, enum err e, const struct errbuf *eb);

/* The common parameters of reads. */
struct routes_grid {
	int64_t from_ns, to_ns, step_ns;
};
/* False: answered 400. */
bool routes_grid_read(struct http_request *rq, struct routes_grid *g);
/* A moment as people write it, from a parameter or a field of a form; NULL: *out stays. False: answered 400. */
bool routes_time(struct http_request *rq, const char *name, const char *text, int64_t now_ns, int64_t *out);
/* A number of 1 to max in the parameter `limit`. False: answered 400. */
bool routes_limit(struct http_request *rq, unsigned standard, unsigned max, unsigned *out);

/* The parameter `percentiles`: ranks in (0, 100], with commas between them. None: *count is 0. False: answered 400. */
bool routes_percentiles(struct http_request *rq, double ranks[READ_PERCENTILES_MAX], unsigned *count);
/* exact, or sketch: within 1.1 % of the value. */
const char *routes_percentiles_kind(bool sketched);
/* Makes all of the range one bucket: percentiles of a range are none of its buckets'. What lies before 1970 is left out
 * of a range that reaches beyond. */
void routes_one_bucket(struct read_request *q);
/* The same read once more, after q was changed, for a part of r's answer: sources and incompleteness go to r. more: after
 * this to be finished by the caller in any case. */
NODISCARD enum err routes_read_more(const struct services *s, const struct read_request *q, struct read_result *r,
    struct read_result *more, struct errbuf *eb);
void routes_join_sources(struct read_result *r, const struct read_result *more); /* of an answer that is made of both */

/* Whether a series of the measurement has this value of the tag; if not, hint becomes a line of those like it. */
bool routes_name_known(const struct services *s, const char *measurement, const char *tag, const char *wished,
    char *hint, size_t hint_size);
/* Lines of known names, those like the wished one first. */
void routes_hint_measurement(const struct services *s, uint32_t db, const char *wished, char *hint, size_t hint_size);
void routes_hint_database(const struct services *s, const char *wished, char *hint, size_t hint_size);
void routes_hint_tag(const struct measurement *m, const char *wished, char *hint, size_t hint_size);

/* source, complete, tier, reason: what every read begins with. */
void routes_json_head(struct buf *b, const struct read_result *r);
/* last_ms, the moment of the newest value; null too where the record answered, which tells of buckets alone. */
void routes_json_last(struct buf *b, const struct read_result *r, int64_t last_ns);
/* from_ms, to_ms, step_ms, time_ms; without the first `skip` buckets. */
void routes_json_grid(struct buf *b, const struct routes_grid *g, const struct read_result *r, unsigned skip);

#endif
