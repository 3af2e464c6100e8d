/* What there is, out of the catalogue: GET /api/v1/measurements, /series, /tags, /fields. Each is a list in a fixed order,
 * measurements as they were created and their parts likewise, sent as it is made: memory does not grow with it. At its end
 * `next` is the cursor to go on with, or null. A cursor is the place in that order, "MEASUREMENT.PART", and stays good while
 * new things are added behind it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "edge/routes_internal.h"
#include "edge/series_view.h"
#include "store/tags.h"
#include "wire/json_write.h"
#include "wire/lp_key.h"

enum { LIMIT = 1000, FILTERS_MAX = 8, PIECE = 32 << 10, PIECE_MAX = 1 << 20, NAME_MAX_BYTES = 1024 };

struct tag_filter {
	char key[NAME_MAX_BYTES], value[NAME_MAX_BYTES]; /* escaped */
	bool any; /* whatever the value, if there is one */
};

struct list {
	struct http_request *rq;
	const struct catalogue *catalogue;
	uint32_t db;
	const struct measurement *only; /* NULL: all */
	struct tag_filter *filters; /* of /series; of /tags the first one's key is the tag */
	unsigned filter_count;
	uint32_t at_measurement, at_part; /* the cursor */
	uint64_t limit, written;
	struct buf out;
	bool gone;
};

/* One kind of list: how many parts a measurement has, and one of them as an object. */
struct kind {
	const char *name;
	uint32_t (*count)(const struct list *l, const struct measurement *m);
	void (*put)(struct list *l, const struct measurement *m, uint32_t part);
	bool chosen; /* its parts are series, and the filters choose among them */
};

/* ---- the walk ---- */

static bool flush(struct list *l)
{
	if (l->out.failed || l->gone || !http_stream_write(l->rq, (struct view){ l->out.p, l->out.len }))
		l->gone = true;
	buf_clear(&l->out);
	return !l->gone;
}

/* Between two entries; the comma is ours since the buffer may have been emptied. */
static bool next_entry(struct list *l)
{
	if (l->out.len >= PIECE && !flush(l))
		return false;
	buf_str(&l->out, l->written++ ? ",\n" : "\n");
	return true;
}

/* An object that begins a line, whatever stands before it. */
static void open_entry(struct list *l)
{
	buf_char(&l->out, '{');
}

static bool walk_measurement(struct list *l, const struct kind *k, const struct measurement *m, struct series_set *set)
{
	uint32_t n = set ? set->size : k->count(l, m), i = l->at_part;

	for (; i < n && l->written < l->limit; i++) {
		if (set && !series_set_next(set, &i))
			break;
		if (!next_entry(l))
			return false;
		k->put(l, m, i);
	}
	l->at_part = i;
	return true;
}

/* The series that all filters choose. False: out of memory. */
static bool choose(const struct list *l, const struct measurement *m, struct series_set *chosen)
{
	struct series_set part = { 0 };
	bool ok = series_set_init(chosen, measurement_series_count(m)) && series_set_init(&part, chosen->size);

	if (ok)
		series_set_fill(chosen);
	for (unsigned f = 0; ok && f < l->filter_count; f++) {
		const struct tag_filter *t = &l->filters[f];
		const struct tag_key *key = tags_find_key(measurement_tags(m), view_of(t->key));
		series_set_fill(&part);
		series_set_not(&part);
		tags_choose_equal(key, view_of(t->any ? "" : t->value), &part);
		if (t->any)
			series_set_not(&part);
		series_set_and(chosen, &part);
	}
	series_set_fini(&part);
	return ok;
}

static bool walk_chosen(struct list *l, const struct kind *k, const struct measurement *m)
{
	struct series_set set = { 0 };
	bool ok = choose(l, m, &set);

	if (ok)
		ok = walk_measurement(l, k, m, &set);
	/* behind the last member there is nothing more */
	uint32_t at = l->at_part;
	if (ok && !series_set_next(&set, &at))
		l->at_part = UINT32_MAX;
	series_set_fini(&set);
	return ok;
}

static bool is_wanted(const struct list *l, const struct measurement *m)
{
	return measurement_db(m) == l->db && (!l->only || l->only == m);
}

/* True: everything was written, *more whether there is more. */
static bool walk(struct list *l, const struct kind *k, bool *more)
{
	bool filtered = k->chosen && l->filter_count;
	uint32_t n = catalogue_measurement_count(l->catalogue);

	for (; l->at_measurement < n; l->at_measurement++, l->at_part = 0) {
		const struct measurement *m = catalogue_measurement_at(l->catalogue, l->at_measurement);
		if (!is_wanted(l, m))
			continue;
		if (!(filtered ? walk_chosen(l, k, m) : walk_measurement(l, k, m, NULL)))
			return false;
		if (l->written >= l->limit && (filtered ? l->at_part != UINT32_MAX : l->at_part < k->count(l, m))) {
			*more = true;
			return true;
		}
	}
	*more = false;
	return true;
}

/* ---- the parameters ---- */

static bool escape_into(char out[NAME_MAX_BYTES], struct view plain, bool measurement)
{
	struct buf b;

	buf_init(&b, NAME_MAX_BYTES - 1);
	lp_escape(plain, measurement, &b);
	bool ok = !b.failed;
	if (ok && b.len)
		memcpy(out, b.p, b.len);
	out[ok ? b.len : 0] = 0;
	buf_fini(&b);
	return ok;
}

/* False: answered. */
static bool read_database(struct list *l, const struct services *s)
{
	const char *db = routes_parameter(l->rq, "db"), *measurement = routes_parameter(l->rq, "measurement");
	char hint[256], name[NAME_MAX_BYTES];

	l->db = db ? catalogue_find_database(s->catalogue, view_of(db)) : CATALOGUE_DEFAULT_DB;
	if (!l->db) {
		routes_hint_database(s, db, hint, sizeof hint);
		http_fail(l->rq, 404, "not_found", hint, "there is no database %.100s", db);
		return false;
	}
	if (!measurement)
		return true;
	if (escape_into(name, view_of(measurement), true))
		l->only = catalogue_find_measurement(s->catalogue, l->db, view_of(name));
	if (l->only)
		return true;
	routes_hint_measurement(s, l->db, measurement, hint, sizeof hint);
	http_fail(l->rq, 404, "not_found", hint, "there is no measurement %.100s", measurement);
	return false;
}

/* "3.17". False: answered. */
static bool read_place(struct list *l)
{
	const char *cursor = routes_parameter(l->rq, "cursor");
	const char *dot = cursor ? strchr(cursor, '.') : NULL;
	uint64_t measurement, part;
	unsigned limit;

	if (!routes_limit(l->rq, LIMIT, CATALOGUE_SERIES_MAX, &limit))
		return false;
	l->limit = limit;
	if (!cursor)
		return true;
	if (dot && num_parse_u64((struct view){ cursor, (size_t)(dot - cursor) }, &measurement) &&
	    num_parse_u64(view_of(dot + 1), &part) && measurement <= UINT32_MAX && part < UINT32_MAX) {
		l->at_measurement = (uint32_t)measurement;
		l->at_part = (uint32_t)part;
		return true;
	}
	http_fail(l->rq, 400, "bad_parameter", "take `next` of the answer before",
	    "cursor=%.100s is not where a list stopped", cursor);
	return false;
}

/* key=value, or a key alone. False: answered. */
static bool read_filters(struct list *l)
{
	const char *text;

	while ((text = http_parameter_at(l->rq, "tag", l->filter_count)) != NULL) {
		if (l->filter_count == FILTERS_MAX) {
			http_fail(l->rq, 400, "bad_parameter", NULL, "more than %d tags", FILTERS_MAX);
			return false;
		}
		struct tag_filter *t = &l->filters[l->filter_count++];
		const char *equals = strchr(text, '=');
		size_t n = equals ? (size_t)(equals - text) : strlen(text);
		t->any = !equals;
		if (!n || !escape_into(t->key, (struct view){ text, n }, false) ||
		    !escape_into(t->value, view_of(equals ? equals + 1 : ""), false)) {
			http_fail(l->rq, 400, "bad_parameter",
			    "write host=web-01 for series with that value, host for those that have the tag",
			    "tag=%.100s is not a tag", text);
			return false;
		}
	}
	return true;
}

/* ---- the answer ---- */

/* True: the client has this very list. What the catalogue holds only grows, and starts afresh with the daemon. */
static bool is_unchanged(struct http_request *rq, const struct services *s)
{
	uint32_t n = catalogue_measurement_count(s->catalogue);
	const char *have = http_header(rq, "If-None-Match");
	uint64_t fields = 0, tags = 0;
	char etag[128];

	for (uint32_t i = 0; i < n; i++) {
		fields += measurement_layout(catalogue_measurement_at(s->catalogue, i))->count;
		tags += tags_key_count(measurement_tags(catalogue_measurement_at(s->catalogue, i)));
	}
	snprintf(etag, sizeof etag, "\"%" PRIx64 "-%" PRIx64 "-%" PRIx32 "-%" PRIx64 "-%" PRIx64 "\"",
	    (uint64_t)s->started_ns, catalogue_series_count(s->catalogue), n, fields, tags);
	http_add_header(rq, "Cache-Control", "no-cache");
	http_add_header(rq, "ETag", etag);
	if (!have || (!strstr(have, etag) && strcmp(have, "*") != 0))
		return false;
	http_respond(rq, 304, NULL, (struct view){ "", 0 });
	return true;
}

static void send_list(struct list *l, const struct services *s, const struct kind *k)
{
	bool more = false, whole = false;
	char next[32];

	if (!http_stream_begin(l->rq, 200, "application/json")) {
		http_stream_end(l->rq, true);
		return;
	}
	json_open(&l->out, NULL, '{');
	json_put_string(&l->out, "database", catalogue_database_name(s->catalogue, l->db));
	json_open(&l->out, k->name, '[');
	if (walk(l, k, &more)) {
		snprintf(next, sizeof next, "%" PRIu32 ".%" PRIu32, l->at_measurement, l->at_part);
		json_close(&l->out, ']');
		json_put_string(&l->out, "next", more ? next : NULL);
		json_close(&l->out, '}');
		buf_char(&l->out, '\n');
		whole = flush(l);
	}
	http_stream_end(l->rq, whole);
}

/* read_tags: reads the parameter `tag`; NULL: there is nothing to read. */
static void answer(
    struct http_request *rq, const struct services *s, const struct kind *k, bool (*read_tags)(struct list *l))
{
	struct list l = { .rq = rq, .catalogue = s->catalogue };

	buf_init(&l.out, PIECE_MAX);
	l.filters = calloc(FILTERS_MAX, sizeof *l.filters);
	if (!l.filters)
		http_fail(rq, 503, "overloaded", NULL, "out of memory");
	else if (read_database(&l, s) && read_place(&l) && (!read_tags || read_tags(&l)) && !is_unchanged(rq, s))
		send_list(&l, s, k);
	free(l.filters);
	buf_fini(&l.out);
}

/* ---- the kinds ---- */

static void put_measurement(struct list *l, const struct measurement *m)
{
	series_view_put_name(&l->out, "measurement", measurement_name(m), true);
}

static uint32_t count_one(const struct list *l, const struct measurement *m)
{
	(void)l;
	(void)m;
	return 1;
}

static void put_measurement_entry(struct list *l, const struct measurement *m, uint32_t part)
{
	(void)part;
	open_entry(l);
	put_measurement(l, m);
	json_put_u64(&l->out, "series", measurement_series_count(m));
	json_put_u64(&l->out, "tags", tags_key_count(measurement_tags(m)));
	json_put_u64(&l->out, "fields", measurement_layout(m)->count);
	json_close(&l->out, '}');
}

void routes_measurements(struct http_request *rq, void *arg)
{
	static const struct kind kind = { "measurements", count_one, put_measurement_entry, false };

	answer(rq, arg, &kind, NULL);
}

static uint32_t count_fields(const struct list *l, const struct measurement *m)
{
	(void)l;
	return measurement_layout(m)->count;
}

static void put_field(struct list *l, const struct measurement *m, uint32_t part)
{
	const struct field *f = measurement_layout(m)->fields[part];

	open_entry(l);
	put_measurement(l, m);
	series_view_put_name(&l->out, "field", f->name, false);
	json_put_string(&l->out, "type", value_type_name(f->type));
	json_close(&l->out, '}');
}

void routes_fields(struct http_request *rq, void *arg)
{
	static const struct kind kind = { "fields", count_fields, put_field, false };

	answer(rq, arg, &kind, NULL);
}

static uint32_t count_series(const struct list *l, const struct measurement *m)
{
	(void)l;
	return measurement_series_count(m);
}

static void put_series(struct list *l, const struct measurement *m, uint32_t part)
{
	struct lp_key *key = malloc(sizeof *key); /* worker stacks are small */
	const char *error;
	enum reject why;

	open_entry(l);
	put_measurement(l, m);
	json_open(&l->out, "tags", '{');
	if (!key || !lp_key_split(measurement_series(m, part)->key, key, &why, &error))
		l->out.failed = true;
	for (unsigned i = 0; !l->out.failed && i < key->tag_count; i++) {
		struct buf name;
		buf_init(&name, LP_KEY_MAX + 1);
		lp_unescape(key->tags[i].key, false, &name);
		buf_char(&name, 0);
		if (!name.failed)
			series_view_put_name(&l->out, name.p, key->tags[i].value, false);
		l->out.failed |= name.failed;
		buf_fini(&name);
	}
	json_close(&l->out, '}');
	json_close(&l->out, '}');
	free(key);
}

void routes_series(struct http_request *rq, void *arg)
{
	static const struct kind kind = { "series", count_series, put_series, true };

	answer(rq, arg, &kind, read_filters);
}

static uint32_t count_tags(const struct list *l, const struct measurement *m)
{
	(void)l;
	return tags_key_count(measurement_tags(m));
}

static void put_tag(struct list *l, const struct measurement *m, uint32_t part)
{
	const struct tag_key *k = tags_key_at(measurement_tags(m), part);

	open_entry(l);
	put_measurement(l, m);
	series_view_put_name(&l->out, "tag", tag_key_name(k), false);
	json_put_u64(&l->out, "values", tag_key_value_count(k));
	json_put_u64(&l->out, "series", tag_key_series_count(k));
	json_close(&l->out, '}');
}

static const struct tag_key *chosen_key(const struct list *l, const struct measurement *m)
{
	return tags_find_key(measurement_tags(m), view_of(l->filters[0].key));
}

static uint32_t count_values(const struct list *l, const struct measurement *m)
{
	const struct tag_key *k = chosen_key(l, m);

	return k ? tag_key_value_count(k) : 0;
}

static void put_value(struct list *l, const struct measurement *m, uint32_t part)
{
	const struct tag_key *k = chosen_key(l, m);
	const struct tag_value *v = tag_key_value_at(k, part);

	open_entry(l);
	put_measurement(l, m);
	series_view_put_name(&l->out, "tag", tag_key_name(k), false);
	series_view_put_name(&l->out, "value", tag_value_text(v), false);
	json_put_u64(&l->out, "series", tag_value_series_count(v));
	json_close(&l->out, '}');
}

/* The tag whose values are wanted, by its key alone. False: answered. */
static bool read_tag(struct list *l)
{
	const char *tag = routes_parameter(l->rq, "tag");
	char hint[256];

	l->filter_count = 1;
	if (!escape_into(l->filters[0].key, view_of(tag), false)) {
		http_fail(l->rq, 400, "bad_parameter", NULL, "tag=%.100s is too long", tag);
		return false;
	}
	if (!l->only || chosen_key(l, l->only))
		return true;
	routes_hint_tag(l->only, tag, hint, sizeof hint);
	http_fail(l->rq, 404, "not_found", hint, "that measurement has no tag %.100s", tag);
	return false;
}

void routes_tags(struct http_request *rq, void *arg)
{
	static const struct kind keys = { "tags", count_tags, put_tag, false },
				 values = { "values", count_values, put_value, false };
	const char *tag = routes_parameter(rq, "tag");

	answer(rq, arg, tag ? &values : &keys, tag ? read_tag : NULL);
}
