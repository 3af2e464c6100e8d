#include "support/edge_stand.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct replicator_stats edge_stand_replicator, edge_stand_mirror;
bool edge_stand_has_mirror;
char edge_stand_asked[256];
struct collect_stats edge_stand_collect;
enum err edge_stand_read_error;

static struct breaker breaker;

enum err reader_read(struct reader *rd, const struct read_request *q, struct read_result *r, struct errbuf *eb)
{
	if (edge_stand_read_error)
		return errbuf_set(eb, edge_stand_read_error, "the test says so");
	r->source = READ_SOURCE_LOCAL;
	return local_read((struct local *)(void *)rd, q, r, eb);
}

void replicator_stats(struct replicator *r, struct replicator_stats *out)
{
	*out = *(struct replicator_stats *)(void *)r;
}

unsigned replication_count(const struct replication *rs)
{
	return rs ? 1 + edge_stand_has_mirror : 0;
}

struct replicator *replication_at(const struct replication *rs, unsigned i)
{
	(void)rs;
	return (struct replicator *)(void *)(i ? &edge_stand_mirror : &edge_stand_replicator);
}

uint64_t replicator_stored_seq(const struct replicator *r)
{
	(void)r;
	return 0;
}

const char *replicator_target(const struct replicator *r)
{
	return ((const struct replicator_stats *)(const void *)r)->target;
}

struct replicator *replication_find(const struct replication *rs, const char *target)
{
	for (unsigned i = 0; i < replication_count(rs); i++)
		if (!strcmp(replicator_target(replication_at(rs, i)), target))
			return replication_at(rs, i);
	return NULL;
}

static void note(const char *what, const struct replicator *r)
{
	size_t n = strlen(edge_stand_asked);

	snprintf(edge_stand_asked + n, sizeof edge_stand_asked - n, "%s %s;", what, replicator_target(r));
}

void replicator_pause(struct replicator *r)
{
	note("pause", r);
}

void replicator_resume(struct replicator *r)
{
	note("resume", r);
}

void replicator_retry_now(struct replicator *r)
{
	note("retry", r);
}

enum err replicator_skip_held(struct replicator *r, struct errbuf *eb)
{
	if (((struct replicator_stats *)(void *)r)->state != REPLICATOR_HELD)
		return errbuf_set(eb, ERR_NOTFOUND, "nothing is held for %s", replicator_target(r));
	note("skip-held", r);
	return ERR_OK;
}

enum err replicator_replay(struct replicator *r, struct errbuf *eb)
{
	(void)eb;
	note("replay", r);
	return ERR_OK;
}

struct replicator *replication_record(const struct replication *rs)
{
	return rs ? replication_at(rs, 0) : NULL;
}

const char *replicator_state_name(enum replicator_state s)
{
	static const char *const names[] = { "starting", "up", "catching_up", "down", "held", "paused" };

	return names[s];
}

void collect_stats(struct collect *c, struct collect_stats *out)
{
	(void)c;
	*out = edge_stand_collect;
}

void edge_stand_open(struct edge_stand *e, const struct stand_opts *opts, bool record, bool collect)
{
	struct errbuf eb;

	memset(e, 0, sizeof *e);
	edge_stand_replicator = (struct replicator_stats){ .target = "influxdb", .state = REPLICATOR_UP };
	edge_stand_mirror = (struct replicator_stats){ .target = "mirror:far", .state = REPLICATOR_UP };
	edge_stand_has_mirror = false;
	*edge_stand_asked = 0;
	edge_stand_collect = (struct collect_stats){ 0 };
	edge_stand_read_error = ERR_OK;
	breaker_init(&breaker, false);
	stand_open(&e->stand, opts);
	cr_assert_eq(engine_new(&e->engine,
			 &(struct engine_opts){ .local = e->stand.local, .catalogue = e->stand.catalogue }, &eb),
	    ERR_OK);
	e->services = (struct services){ .ingest = e->stand.ingest,
		.reader = (struct reader *)(void *)e->stand.local,
		.local = e->stand.local,
		.engine = e->engine,
		.committer = e->stand.committer,
		.spool = e->stand.spool,
		.spool_path = e->stand.path,
		.head = e->stand.head,
		.catalogue = e->stand.catalogue,
		.collect = collect ? (struct collect *)(void *)e : NULL,
		.replication = record ? (struct replication *)(void *)e : NULL,
		.breaker = record ? &breaker : NULL,
		.host = "here",
		.version = "1.2.3",
		.started_ns = clock_wall_ns(),
		.started_mono_ns = clock_mono_ns(),
		.collect_interval_ns = 10 * NS_PER_S,
		.record_url = record ? "http://127.0.0.1:8086" : NULL,
		.target = { { "http://127.0.0.1:8086", "metrics" }, { "https://far.example", "copies" } },
		.spool_max_bytes = UINT64_C(1) << 30,
		.events_max = 2 };
	cr_assert_eq(routes_open(&e->services, &eb), ERR_OK, "%s", eb.text);
	struct http_opts o = { .host = "127.0.0.1",
		.threads = 4,
		.max_body = 1 << 20,
		.max_queue = 8 << 20,
		.routes = routes_table(),
		.arg = &e->services,
		.each_second = routes_each_second };
	cr_assert_eq(http_start(&e->http, &o, &eb), ERR_OK, "%s", eb.text);
	e->port = http_port(e->http);
}

void edge_stand_close(struct edge_stand *e)
{
	http_stop(e->http);
	routes_close(&e->services);
	engine_free(e->engine);
	stand_remove(&e->stand);
}

json_t *edge_stand_get(struct edge_stand *e, const char *target, int status)
{
	struct reply r = client_request(e->port, "GET", target, "", NULL, 0);
	json_error_t error;
	char type[256];

	cr_assert_eq(r.status, status, "%s: %d %s", target, r.status, r.body ? r.body : "");
	cr_assert(r.whole);
	cr_assert_str_eq(reply_header(&r, "Content-Type", type), "application/json");
	cr_assert_eq(r.body[r.body_len - 1], '\n');
	json_t *root = json_loadb(r.body, r.body_len, 0, &error);
	cr_assert(root != NULL, "%s: %s in %s", target, error.text, r.body);
	reply_free(&r);
	return root;
}

json_t *edge_stand_at(json_t *root, const char *path)
{
	json_t *at = root;
	char part[64];

	for (const char *p = path; *p;) {
		size_t n = strcspn(p, ".");
		snprintf(part, sizeof part, "%.*s", (int)n, p);
		at = isdigit((unsigned char)*part) ? json_array_get(at, strtoul(part, NULL, 10))
						   : json_object_get(at, part);
		cr_assert(at != NULL, "no %s", path);
		p += n + (p[n] == '.');
	}
	return at;
}

const char *edge_stand_text(json_t *root, const char *path)
{
	const char *s = json_string_value(edge_stand_at(root, path));

	return s ? s : "(no text)";
}

double edge_stand_figure(json_t *root, const char *path)
{
	json_t *at = edge_stand_at(root, path);

	return json_is_null(at) ? NAN : json_number_value(at);
}

const char *edge_stand_list(json_t *root, const char *path)
{
	static char out[1024];
	json_t *at = edge_stand_at(root, path), *v;
	size_t i, n = 0;

	cr_assert(json_is_array(at), "%s is no array", path);
	out[0] = 0;
	json_array_foreach(at, i, v) n += (size_t)(json_is_null(v)
		? snprintf(out + n, sizeof out - n, "%snull", i ? " " : "")
		: snprintf(out + n, sizeof out - n, "%s%.15g", i ? " " : "", json_number_value(v)));
	return out;
}
