/* Does InfluxDB hold what is here? POST compares, GET tells, DELETE ends it. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/timetext.h"
#include "edge/routes_internal.h"
#include "edge/verify_view.h"
#include "wire/json_write.h"

enum { SOME = 64 }; /* differences taken at a time */

static void write_side(struct buf *b, const char *name, uint64_t values, int64_t first_ns, int64_t last_ns)
{
	json_open(b, name, '{');
	json_put_u64(b, "values", values);
	json_put_time_ms(b, "first_ms", first_ns);
	json_put_time_ms(b, "last_ms", last_ns);
	json_close(b, '}');
}

static void write_difference(struct buf *b, const struct verifier_difference *d)
{
	json_open(b, NULL, '{');
	json_put_string(b, "database", d->database);
	json_put_string(b, "measurement", d->measurement);
	json_put_time_ms(b, "hour_ms", d->hour_ns);
	json_put_string(b, "kind", verifier_kind_name(d->kind));
	json_put_string_or_null(b, "field", d->field);
	json_put_u64(b, "fields", d->fields);
	write_side(b, "here", d->here, d->first_here_ns, d->last_here_ns);
	write_side(b, "record", d->there, d->first_there_ns, d->last_there_ns);
	json_put_bool(b, "repaired", d->repaired);
	json_close(b, '}');
}

static void write_list(struct buf *b, struct verifier *v)
{
	struct verifier_difference *some = malloc(SOME * sizeof *some);
	uint32_t first = 0, n;

	json_open(b, "list", '[');
	for (; some && (n = verifier_list(v, first, some, SOME)); first += n)
		for (uint32_t i = 0; i < n; i++)
			write_difference(b, &some[i]);
	json_close(b, ']');
	free(some);
}

static void write_job(struct buf *b, const struct verifier_stats *t)
{
	json_put_string(b, "state", verifier_state_name(t->state));
	json_put_bool(b, "nightly", t->nightly);
	json_put_time_ms(b, "since_ms", t->request.from_ns);
	json_put_time_ms(b, "until_ms", t->request.to_ns);
	json_put_bool(b, "deep", t->request.deep);
	json_put_bool(b, "repair", t->request.repair);
	json_put_string_or_null(b, "database", t->database);
	json_put_string_or_null(b, "measurement", t->measurement);
	json_put_time_ms(b, "at_ms", t->at_ns);
	json_put_u64(b, "databases", t->databases);
	json_put_u64(b, "databases_done", t->databases_done);
	json_put_u64(b, "hours", t->hours);
	json_put_u64(b, "hours_waiting", t->hours_waiting);
	json_put_u64(b, "quarantined_values", t->quarantined);
	json_put_u64(b, "questions", t->questions);
	json_put_rounded(b, "waited_s", (double)t->waited_ns / 1e9, 1);
	json_put_time_ms(b, "started_ms", t->started_ns);
	json_put_time_ms(b, "ended_ms", t->ended_ns);
	json_put_string_or_null(b, "error", t->error);
	json_open(b, "differences", '{');
	for (int k = 0; k < VERIFIER_KINDS; k++)
		json_put_u64(b, verifier_kind_name((enum verifier_kind)k), t->differences[k]);
	json_close(b, '}');
	json_put_u64(b, "repaired", t->repaired);
	json_put_time_ms(b, "next_ms", t->next_ns);
}

static void respond(struct http_request *rq, struct services *s, int status)
{
	struct verifier_stats t;
	struct buf b;

	verifier_stats(s->verifier, &t);
	buf_init(&b, ROUTES_JSON_MAX);
	json_open(&b, NULL, '{');
	write_job(&b, &t);
	write_list(&b, s->verifier);
	verify_view_verified(&b, s);
	json_close(&b, '}');
	http_respond_json(rq, status, &b);
	buf_fini(&b);
}

/* False: answered 400. */
static bool read_yes(struct http_request *rq, const char *name, bool *out)
{
	const char *text = routes_parameter(rq, name);

	*out = text && !strcmp(text, "yes");
	if (!text || *out || !strcmp(text, "no"))
		return true;
	http_fail(rq, 400, "bad_parameter", "write yes or no", "%s=%.100s is neither yes nor no", name, text);
	return false;
}

static void begin(struct http_request *rq, struct services *s)
{
	struct verifier_request want = { .from_ns = INT64_MIN, .to_ns = INT64_MAX };
	int64_t now = clock_wall_ns();
	struct errbuf eb;

	if (!routes_time(rq, "since", routes_parameter(rq, "since"), now, &want.from_ns) ||
	    !routes_time(rq, "until", routes_parameter(rq, "until"), now, &want.to_ns) ||
	    !read_yes(rq, "deep", &want.deep) || !read_yes(rq, "repair", &want.repair))
		return;
	enum err e = verifier_begin(s->verifier, &want, &eb);
	if (e == ERR_OK)
		respond(rq, s, 202);
	else if (e == ERR_EXISTS)
		http_fail(rq, 409, "conflict", "GET /api/v1/verify tells how far it is, DELETE ends it", "%s", eb.text);
	else
		http_fail(rq, 400, "bad_parameter", NULL, "%s", eb.text);
}

void routes_verify(struct http_request *rq, void *arg)
{
	struct services *s = arg;

	if (!s->verifier) {
		http_fail(rq, 400, "bad_parameter", "set url in [influxdb] and restart",
		    "there is no InfluxDB to compare with");
		return;
	}
	if (http_method(rq) == HTTP_POST) {
		begin(rq, s);
		return;
	}
	if (http_method(rq) == HTTP_DELETE)
		(void)verifier_cancel(s->verifier);
	respond(rq, s, 200);
}
