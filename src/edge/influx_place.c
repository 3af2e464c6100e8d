/* Databases and buckets, and how long they keep points. What each API is asked:
 *
 *	     find                                                 make                                    change
 *	1.x  SHOW RETENTION POLICIES ON "x", its default          CREATE DATABASE "x" [WITH DURATION …]   ALTER RETENTION POLICY
 *	2.x  GET /api/v2/buckets?org=&name=,                      GET /api/v2/orgs?org=,                  PATCH /api/v2/buckets/ID
 *	     GET /api/v2/dbrps?org=&db=                           POST /api/v2/buckets, POST /api/v2/dbrps
 *	3.x  GET /api/v3/configure/database?format=json,          POST /api/v3/configure/database         PUT, the same path
 *	     SHOW RETENTION POLICIES
 *
 * Periods are whole seconds; 3.x takes hours, rounded up. For ever: 1.x INF, 2.x 0 s, 3.x none at all. */
#include <jansson.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "edge/influx_part.h"
#include "wire/json_write.h"

enum { STATEMENT_MAX = 4096 };
#define HOUR_NS (3600 * NS_PER_S)
#define DAY_NS (24 * HOUR_NS)

/* ---- what was answered ---- */

static json_t *json_of(const struct record_reply *reply)
{
	return reply->body.len ? json_loadb(reply->body.p, reply->body.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s ? s : "";
}

/* ERR_INVALID with the server's words, or the first of what it said instead. */
static enum err refused(struct record_reply *reply, const char *doing)
{
	json_t *root = json_of(reply);
	const json_t *result = json_array_get(json_object_get(root, "results"), 0);
	const char *words = *text_of(root, "message") ? text_of(root, "message")
	    : *text_of(root, "error")		      ? text_of(root, "error")
						      : text_of(result, "error");
	int n = (int)(reply->body.len < 200 ? reply->body.len : 200);

	if (*words)
		errbuf_set(&reply->error, ERR_INVALID, "%s: HTTP %d: %.300s", doing, reply->status, words);
	else
		errbuf_set(&reply->error, ERR_INVALID, "%s: HTTP %d %.*s", doing, reply->status, n,
		    reply->body.p ? reply->body.p : "");
	json_decref(root);
	return ERR_INVALID;
}

static bool copy_text(char *out, size_t room, const char *text)
{
	return (size_t)snprintf(out, room, "%s", text) < room;
}

/* ---- one request ---- */

static struct influx_link *begin(struct influx *in, enum record_api api, struct record_reply *reply, const char *path)
{
	struct influx_link *l = influx_link(in, 0, api, reply);

	if (l)
		influx_begin_url(l, path);
	buf_clear(&in->fields);
	return l;
}

static void add_org(struct influx_link *l)
{
	influx_add_parameter(l, "org=", view_of(influx_server_site(l->in->server)->org));
}

static enum err get(struct influx *in, struct influx_link *l, int64_t timeout_ms)
{
	influx_set_get(l);
	return influx_perform(in, 1, timeout_ms);
}

/* Of in->fields, as JSON. */
static enum err send_json(struct influx *in, struct influx_link *l, const char *method, int64_t timeout_ms)
{
	influx_set_fields(l, INFLUX_JSON, method);
	return influx_perform(in, 1, timeout_ms);
}

static bool is_ok(const struct record_reply *reply)
{
	return reply->status >= 200 && reply->status <= 299;
}

/* ---- InfluxQL ---- */

static void identifier(struct buf *b, const char *name)
{
	buf_char(b, '"');
	for (; *name; name++) {
		if (*name == '"' || *name == '\\')
			buf_char(b, '\\');
		buf_char(b, *name);
	}
	buf_char(b, '"');
}

/* ERR_OK also where the result is an error: 200 is all that says. */
static enum err ask(
    struct influx *in, const char *database, struct buf *q, bool post, int64_t timeout_ms, struct record_reply *reply)
{
	if (q->failed)
		return errbuf_set(&reply->error, ERR_INVALID, "the name is too long");
	return influx_query(in, database, (struct view){ q->p, q->len }, post, timeout_ms, reply);
}

static bool says(const struct record_reply *reply, const char *words)
{
	return reply->body.len && memmem(reply->body.p, reply->body.len, words, strlen(words));
}

static bool has_error(const struct record_reply *reply)
{
	return reply->status != 200 || says(reply, "\"error\"");
}

static size_t column(const json_t *series, const char *name)
{
	const json_t *columns = json_object_get(series, "columns");
	size_t i, n = json_array_size(columns);

	for (i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(columns, i));
		if (s && !strcmp(s, name))
			break;
	}
	return i; /* n: there is none; the cell is NULL then */
}

/* The default policy; 3.x has but one, and no such column. */
static bool read_policies(const json_t *root, struct record_place *out)
{
	const json_t *series = json_array_get(
	    json_object_get(json_array_get(json_object_get(root, "results"), 0), "series"), 0);
	const json_t *rows = json_object_get(series, "values");
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
	{
		const json_t *is_default = json_array_get(row, column(series, "default"));
		const char *name = json_string_value(json_array_get(row, column(series, "name")));
		const char *duration = json_string_value(json_array_get(row, column(series, "duration")));
		if (name && duration && (!is_default || json_is_true(is_default)))
			return copy_text(out->id, sizeof out->id, name) &&
			    num_parse_duration_ns(view_of(duration), &out->retention_ns);
	}
	return false;
}

static enum err find_policy(
    struct influx *in, const char *database, struct record_place *out, int64_t timeout_ms, struct record_reply *reply)
{
	struct buf q;

	buf_init(&q, STATEMENT_MAX);
	buf_str(&q, "SHOW RETENTION POLICIES ON ");
	identifier(&q, database);
	enum err e = ask(in, database, &q, false, timeout_ms, reply);
	buf_fini(&q);
	if (e != ERR_OK)
		return e;
	if (says(reply, "database not found"))
		return errbuf_set(&reply->error, ERR_NOTFOUND, "there is no database %s", database);
	json_t *root = json_of(reply);
	bool found = reply->status == 200 && read_policies(root, out);
	json_decref(root);
	return found ? ERR_OK : refused(reply, "cannot tell the retention policy");
}

/* ---- 1.x ---- */

static void put_duration(struct buf *q, int64_t retention_ns)
{
	if (retention_ns)
		buf_printf(q, " DURATION %llds", (long long)(retention_ns / NS_PER_S));
	else
		buf_str(q, " DURATION INF");
}

static enum err make_1(
    struct influx *in, const char *database, int64_t retention_ns, int64_t timeout_ms, struct record_reply *reply)
{
	struct buf q;

	buf_init(&q, STATEMENT_MAX);
	buf_str(&q, "CREATE DATABASE ");
	identifier(&q, database);
	if (retention_ns) {
		buf_str(&q, " WITH");
		put_duration(&q, retention_ns);
	}
	enum err e = ask(in, "", &q, true, timeout_ms, reply);
	buf_fini(&q);
	return e != ERR_OK || !has_error(reply) ? e : refused(reply, "cannot create the database");
}

static enum err change_1(struct influx *in, const struct record_place *place, int64_t retention_ns, int64_t timeout_ms,
    struct record_reply *reply)
{
	struct buf q;

	buf_init(&q, STATEMENT_MAX);
	buf_str(&q, "ALTER RETENTION POLICY ");
	identifier(&q, place->id);
	buf_str(&q, " ON ");
	identifier(&q, place->name);
	put_duration(&q, retention_ns);
	if (retention_ns && retention_ns < 7 * DAY_NS) /* no longer than what is kept, or it is refused */
		buf_printf(&q, " SHARD DURATION %s", retention_ns < 2 * DAY_NS ? "1h" : "1d");
	enum err e = ask(in, "", &q, true, timeout_ms, reply);
	buf_fini(&q);
	return e != ERR_OK || !has_error(reply) ? e : refused(reply, "cannot change the retention policy");
}

/* ---- 2.x ---- */

/* A bucket without one takes writes, but reads fail: told beside ERR_OK. Who may not look is not told. */
static enum err look_at_mapping(
    struct influx *in, const char *bucket, const char *id, int64_t timeout_ms, struct record_reply *reply)
{
	struct influx_link *l = begin(in, RECORD_API_2, reply, "/api/v2/dbrps?");

	if (!l)
		return ERR_UNAVAILABLE;
	add_org(l);
	influx_add_parameter(l, "&db=", view_of(bucket));
	enum err e = get(in, l, timeout_ms);
	if (e != ERR_OK)
		return e;
	json_t *root = json_of(reply);
	const json_t *list = json_object_get(root, "content");
	if (reply->status == 200 && json_is_array(list) && !json_array_size(list))
		errbuf_set(&reply->error, ERR_OK,
		    "no mapping leads from database %s to its bucket, so that InfluxDB cannot be asked for its points and reads are "
		    "answered from here: influx v1 dbrp create --default --rp autogen --db %s --bucket-id %s",
		    bucket, bucket, id);
	json_decref(root);
	return ERR_OK;
}

static enum err find_2(
    struct influx *in, const char *bucket, struct record_place *out, int64_t timeout_ms, struct record_reply *reply)
{
	struct influx_link *l = begin(in, RECORD_API_2, reply, "/api/v2/buckets?");

	if (!l)
		return ERR_UNAVAILABLE;
	add_org(l);
	influx_add_parameter(l, "&name=", view_of(bucket));
	enum err e = get(in, l, timeout_ms);
	if (e != ERR_OK)
		return e;
	if (reply->status == 404 && says(reply, "bucket"))
		return errbuf_set(&reply->error, ERR_NOTFOUND, "there is no bucket %s", bucket);
	if (reply->status != 200)
		return refused(reply, "cannot look for the bucket");
	json_t *root = json_of(reply);
	const json_t *list = json_object_get(root, "buckets"), *first = json_array_get(list, 0);
	const json_t *rule = json_array_get(json_object_get(first, "retentionRules"), 0);
	json_int_t seconds = json_integer_value(json_object_get(rule, "everySeconds"));
	bool good = *text_of(first, "id") && copy_text(out->id, sizeof out->id, text_of(first, "id")) && seconds >= 0 &&
	    seconds <= INT64_MAX / NS_PER_S;
	bool none = json_is_array(list) && !first;
	out->retention_ns = good ? seconds * NS_PER_S : 0;
	json_decref(root);
	if (none)
		return errbuf_set(&reply->error, ERR_NOTFOUND, "there is no bucket %s", bucket);
	return good ? look_at_mapping(in, bucket, out->id, timeout_ms, reply)
		    : refused(reply, "cannot tell the bucket");
}

static void put_rules(struct buf *b, int64_t retention_ns)
{
	json_open(b, "retentionRules", '[');
	json_open(b, NULL, '{');
	json_put_string(b, "type", "expire");
	json_put_i64(b, "everySeconds", retention_ns / NS_PER_S);
	json_close(b, '}');
	json_close(b, ']');
}

static enum err find_org(struct influx *in, char id[128], int64_t timeout_ms, struct record_reply *reply)
{
	struct influx_link *l = begin(in, RECORD_API_2, reply, "/api/v2/orgs?");

	if (!l)
		return ERR_UNAVAILABLE;
	add_org(l);
	enum err e = get(in, l, timeout_ms);
	if (e != ERR_OK)
		return e;
	if (reply->status != 200)
		return refused(reply, "cannot look for the organisation");
	json_t *root = json_of(reply);
	const char *text = text_of(json_array_get(json_object_get(root, "orgs"), 0), "id");
	bool good = *text && copy_text(id, 128, text);
	json_decref(root);
	return good ? ERR_OK
		    : errbuf_set(&reply->error, ERR_INVALID, "this token sees no organisation %s",
			  influx_server_site(in->server)->org);
}

/* Without it the bucket takes writes, and /query does not know it. */
static enum err map_bucket(struct influx *in, const char *bucket, const char *id, const char *org_id,
    int64_t timeout_ms, struct record_reply *reply)
{
	struct influx_link *l = begin(in, RECORD_API_2, reply, "/api/v2/dbrps");

	if (!l)
		return ERR_UNAVAILABLE;
	json_open(&in->fields, NULL, '{');
	json_put_string(&in->fields, "bucketID", id);
	json_put_string(&in->fields, "database", bucket);
	json_put_bool(&in->fields, "default", true);
	json_put_string(&in->fields, "orgID", org_id);
	json_put_string(&in->fields, "retention_policy", "autogen");
	json_close(&in->fields, '}');
	enum err e = send_json(in, l, "POST", timeout_ms);
	return e != ERR_OK || is_ok(reply) ? e
					   : refused(reply, "the bucket is there, but cannot be mapped for InfluxQL");
}

static enum err make_2(
    struct influx *in, const char *bucket, int64_t retention_ns, int64_t timeout_ms, struct record_reply *reply)
{
	char org_id[128], id[128] = "";
	enum err e = find_org(in, org_id, timeout_ms, reply);

	if (e != ERR_OK)
		return e;
	struct influx_link *l = begin(in, RECORD_API_2, reply, "/api/v2/buckets");
	if (!l)
		return ERR_UNAVAILABLE;
	json_open(&in->fields, NULL, '{');
	json_put_string(&in->fields, "orgID", org_id);
	json_put_string(&in->fields, "name", bucket);
	if (retention_ns) {
		put_rules(&in->fields, retention_ns);
	} else {
		json_open(&in->fields, "retentionRules", '[');
		json_close(&in->fields, ']');
	}
	json_close(&in->fields, '}');
	e = send_json(in, l, "POST", timeout_ms);
	if (e != ERR_OK)
		return e;
	if (reply->status == 422 && says(reply, "already exists"))
		return ERR_EXISTS;
	if (!is_ok(reply))
		return refused(reply, "cannot create the bucket");
	json_t *root = json_of(reply);
	bool good = copy_text(id, sizeof id, text_of(root, "id")) && *id;
	json_decref(root);
	return good ? map_bucket(in, bucket, id, org_id, timeout_ms, reply) : ERR_OK;
}

static enum err change_2(struct influx *in, const struct record_place *place, int64_t retention_ns, int64_t timeout_ms,
    struct record_reply *reply)
{
	struct influx_link *l = begin(in, RECORD_API_2, reply, "/api/v2/buckets/");

	if (!l)
		return ERR_UNAVAILABLE;
	influx_add_parameter(l, "", view_of(place->id));
	json_open(&in->fields, NULL, '{');
	put_rules(&in->fields, retention_ns);
	json_close(&in->fields, '}');
	enum err e = send_json(in, l, "PATCH", timeout_ms);
	return e != ERR_OK || is_ok(reply) ? e : refused(reply, "cannot change the bucket's retention");
}

/* ---- 3.x ---- */

static enum err find_3(
    struct influx *in, const char *database, struct record_place *out, int64_t timeout_ms, struct record_reply *reply)
{
	struct influx_link *l = begin(in, RECORD_API_3, reply, "/api/v3/configure/database?format=json");
	bool found = false;
	size_t i;
	json_t *row;

	if (!l)
		return ERR_UNAVAILABLE;
	enum err e = get(in, l, timeout_ms);
	if (e != ERR_OK)
		return e;
	json_t *root = json_of(reply);
	bool list = reply->status == 200 && json_is_array(root);
	json_array_foreach(root, i, row) found |= !strcmp(text_of(row, "iox::database"), database);
	json_decref(root);
	if (!list)
		return refused(reply, "cannot list the databases");
	return found ? find_policy(in, database, out, timeout_ms, reply)
		     : errbuf_set(&reply->error, ERR_NOTFOUND, "there is no database %s", database);
}

static enum err configure_3(struct influx *in, const char *database, int64_t retention_ns, const char *method,
    int64_t timeout_ms, struct record_reply *reply)
{
	struct influx_link *l = begin(in, RECORD_API_3, reply, "/api/v3/configure/database");
	char period[32];

	if (!l)
		return ERR_UNAVAILABLE;
	snprintf(period, sizeof period, "%lldh", (long long)((retention_ns + HOUR_NS - 1) / HOUR_NS));
	json_open(&in->fields, NULL, '{');
	json_put_string(&in->fields, "db", database);
	if (retention_ns)
		json_put_string(&in->fields, "retention_period", period);
	json_close(&in->fields, '}');
	return send_json(in, l, method, timeout_ms);
}

static enum err make_3(
    struct influx *in, const char *database, int64_t retention_ns, int64_t timeout_ms, struct record_reply *reply)
{
	enum err e = configure_3(in, database, retention_ns, "POST", timeout_ms, reply);

	if (e == ERR_OK && reply->status == 409)
		return ERR_EXISTS;
	return e != ERR_OK || is_ok(reply) ? e : refused(reply, "cannot create the database");
}

static enum err change_3(struct influx *in, const struct record_place *place, int64_t retention_ns, int64_t timeout_ms,
    struct record_reply *reply)
{
	enum err e = configure_3(in, place->name, retention_ns, "PUT", timeout_ms, reply);

	return e != ERR_OK || is_ok(reply) ? e : refused(reply, "cannot change the database's retention");
}

/* ---- by API ---- */

static const struct places {
	enum err (*find)(struct influx *, const char *, struct record_place *, int64_t, struct record_reply *);
	enum err (*make)(struct influx *, const char *, int64_t, int64_t, struct record_reply *);
	enum err (*change)(struct influx *, const struct record_place *, int64_t, int64_t, struct record_reply *);
} places_of[] = {
	[RECORD_API_1] = { find_policy, make_1, change_1 },
	[RECORD_API_2] = { find_2, make_2, change_2 },
	[RECORD_API_3] = { find_3, make_3, change_3 },
	[RECORD_API_LINES] = { NULL, NULL, NULL },
};

static enum err choose(struct influx *in, int64_t timeout_ms, const struct places **out, struct record_reply *reply)
{
	enum record_api api;
	enum err e = influx_find_api(in, timeout_ms, &api, reply);

	*out = &places_of[api];
	if (e == ERR_INVALID)
		return refused(reply, "/ping");
	if (e == ERR_OK && !(*out)->find)
		return errbuf_set(&reply->error, ERR_INVALID,
		    "it takes line protocol, but no InfluxDB says that it manages databases");
	if (e == ERR_OK && api == RECORD_API_2 && !*influx_server_site(in->server)->org)
		return errbuf_set(&reply->error, ERR_INVALID, "this is InfluxDB 2.x, which needs [influxdb] org");
	return e;
}

enum err influx_find_place(
    void *ctx, const char *database, struct record_place *out, int64_t timeout_ms, struct record_reply *reply)
{
	const struct places *p;
	enum err e = choose(ctx, timeout_ms, &p, reply);

	*out = (struct record_place){ .id = "" };
	if (!copy_text(out->name, sizeof out->name, database))
		return errbuf_set(&reply->error, ERR_INVALID, "the name is too long");
	return e == ERR_OK ? p->find(ctx, database, out, timeout_ms, reply) : e;
}

enum err influx_make_place(
    void *ctx, const char *database, int64_t retention_ns, int64_t timeout_ms, struct record_reply *reply)
{
	struct influx *in = ctx;
	const struct places *p;
	enum err e = choose(ctx, timeout_ms, &p, reply);

	if (e == ERR_OK)
		e = p->make(ctx, database, retention_ns, timeout_ms, reply);
	if (e == ERR_OK && in->made)
		in->made(in->made_arg, database, retention_ns);
	return e == ERR_EXISTS ? ERR_OK : e;
}

enum err influx_set_retention(
    void *ctx, const struct record_place *place, int64_t retention_ns, int64_t timeout_ms, struct record_reply *reply)
{
	const struct places *p;
	enum err e = choose(ctx, timeout_ms, &p, reply);

	return e == ERR_OK ? p->change(ctx, place, retention_ns, timeout_ms, reply) : e;
}
