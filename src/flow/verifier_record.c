/* Questions to the record, one at a time. Before each: a pause as long as the answer before took, so that the record works
 * for the verifier at most half the time; and a ping, which a record that has other things to do answers late. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "flow/backfill_part.h"
#include "flow/verifier_part.h"
#include "query/record_select.h"
#include "wire/json_read.h"

enum { PING_MS = 5000, BUSY_MS = 250, WAITS_MAX = 120, FIRST_WAITS_MAX = 8, RAW_HOURS = 2 };
#define PAUSE_MAX_NS (10 * NS_PER_S)
#define STREAM_MS (600 * 1000) /* of all raw points of two hours */

/* ---- when to ask ---- */

static bool is_well(struct verifier *v)
{
	int64_t began = clock_mono_ns(), busy = (v->opts.busy_ms ? v->opts.busy_ms : BUSY_MS) * NS_PER_MS;

	if (v->opts.breaker && !breaker_allows(v->opts.breaker))
		return false;
	if (v->opts.record->ping(v->connection, PING_MS, &v->reply) != ERR_OK || v->reply.status >= 500)
		return false;
	int64_t took = clock_mono_ns() - began;
	if (!v->best_ping_ns || took < v->best_ping_ns)
		v->best_ping_ns = took;
	return took <= busy || took <= 4 * v->best_ping_ns; /* some are far away */
}

static enum err wait_for_turn(struct verifier *v, struct errbuf *eb)
{
	int64_t pause = v->took_ns < PAUSE_MAX_NS ? v->took_ns : PAUSE_MAX_NS, began;

	if (!verifier_pause(v, pause))
		return ERR_CLOSED;
	began = clock_mono_ns();
	pthread_mutex_lock(&v->lock);
	/* whoever began it should not wait for minutes to hear that InfluxDB is down */
	int waits = v->stats.questions || v->stats.nightly ? WAITS_MAX : FIRST_WAITS_MAX;
	pthread_mutex_unlock(&v->lock);
	for (int i = 0; !is_well(v); i++) {
		if (i >= waits)
			return errbuf_set(eb, ERR_UNAVAILABLE,
			    "InfluxDB is down, or so slow that comparing would be a burden; try again later");
		if (!verifier_pause(v, NS_PER_S))
			return ERR_CLOSED;
		pthread_mutex_lock(&v->lock);
		v->stats.waited_ns += (uint64_t)(clock_mono_ns() - began);
		pthread_mutex_unlock(&v->lock);
		began = clock_mono_ns();
	}
	pthread_mutex_lock(&v->lock);
	v->stats.questions++;
	pthread_mutex_unlock(&v->lock);
	return ERR_OK;
}

static void put_identifier(struct buf *b, const char *name)
{
	buf_char(b, '"');
	for (; *name; name++) {
		if (*name == '"' || *name == '\\')
			buf_char(b, '\\');
		if (*name == '\n')
			buf_str(b, "\\n");
		else
			buf_char(b, *name);
	}
	buf_char(b, '"');
}

static void put_source(struct verifier *v, int64_t from_ns, int64_t to_ns)
{
	buf_str(&v->statement, " FROM ");
	put_identifier(&v->statement, v->measurement);
	buf_printf(&v->statement, " WHERE time >= %lld AND time < %lld", (long long)from_ns, (long long)to_ns);
}

static struct view statement(const struct verifier *v)
{
	return (struct view){ v->statement.p, v->statement.len };
}

/* The statement's answer as a whole, in v->reply. */
static enum err ask(struct verifier *v, struct errbuf *eb)
{
	enum err e = v->statement.failed ? errbuf_set(eb, ERR_INVALID, "a name is too long to ask for")
					 : wait_for_turn(v, eb);

	if (e != ERR_OK)
		return e;
	int64_t began = clock_mono_ns();
	e = v->opts.record->query(v->connection, v->record_name, statement(v), false, v->opts.timeout_ms, &v->reply);
	v->took_ns = clock_mono_ns() - began;
	if (e != ERR_OK)
		return errbuf_set(eb, ERR_UNAVAILABLE, "InfluxDB does not answer: %s", v->reply.error.text);
	if (v->reply.status != 200)
		return errbuf_set(eb, ERR_UNAVAILABLE, "InfluxDB answers with HTTP %d: %.*s", v->reply.status,
		    (int)(v->reply.body.len > 160 ? 160 : v->reply.body.len), v->reply.body.len ? v->reply.body.p : "");
	if (v->reply.body.failed)
		return errbuf_set(
		    eb, ERR_TOOBIG, "an answer of InfluxDB's is larger than %d MiB", VERIFIER_REPLY_MAX >> 20);
	return ERR_OK;
}

static struct view body(const struct verifier *v)
{
	return (struct view){ v->reply.body.len ? v->reply.body.p : "", v->reply.body.len };
}

static bool is_wanted(void *arg)
{
	return verifier_goes_on(arg);
}

/* The statement's answer row by row. */
static enum err ask_rows(struct verifier *v, const struct result_sink *sink, int64_t timeout_ms, struct errbuf *eb)
{
	struct budget budget = { .is_wanted = is_wanted, .arg = v };
	struct result_report report = { 0 };
	const struct record_select q = { .ops = v->opts.record,
		.context = v->connection,
		.database = v->record_name,
		.influxql = statement(v),
		.begin_ms = v->opts.timeout_ms,
		.timeout_ms = timeout_ms,
		.budget = &budget };
	bool began;
	enum err e = v->statement.failed ? errbuf_set(eb, ERR_INVALID, "a name is too long to ask for")
					 : wait_for_turn(v, eb);

	if (e != ERR_OK)
		return e;
	int64_t start = clock_mono_ns();
	e = record_select(&q, sink, &began, &report, eb);
	v->took_ns = clock_mono_ns() - start;
	if (e == ERR_OK && report.incomplete)
		e = errbuf_set(eb, ERR_UNAVAILABLE, "%s", report.reason);
	return e == ERR_CLOSED && verifier_goes_on(v) ? errbuf_set(eb, ERR_NOMEM, "out of memory") : e;
}

/* ---- what there is ---- */

enum err verifier_find_place(struct verifier *v, struct errbuf *eb)
{
	struct record_place place = { 0 };
	enum err e = wait_for_turn(v, eb);

	if (e != ERR_OK)
		return e;
	e = v->opts.record->find_place(v->connection, v->record_name, &place, v->opts.timeout_ms, &v->reply);
	v->there = e != ERR_NOTFOUND;
	v->record_keeps_ns = e == ERR_OK ? place.retention_ns : 0;
	if (e == ERR_NOTFOUND)
		return ERR_OK;
	return e == ERR_OK ? ERR_OK : errbuf_set(eb, ERR_UNAVAILABLE, "InfluxDB: %s", v->reply.error.text);
}

static bool take_name(void *arg, struct view first, struct view second)
{
	(void)second;
	return verifier_add_name(arg, first);
}

enum err verifier_list_measurements(struct verifier *v, struct errbuf *eb)
{
	if (!v->there)
		return ERR_OK;
	buf_clear(&v->statement);
	buf_str(&v->statement, "SHOW MEASUREMENTS");
	enum err e = ask(v, eb);
	return e == ERR_OK ? backfill_read_list(body(v), take_name, &v->measurements, eb) : e;
}

/* ---- counts ---- */

struct columns { /* of a series of an answer: of each but the first, the time */
	struct verifier *v;
	int32_t *field; /* of v->record; -1: none */
	uint64_t *hash; /* of its name */
	enum value_type *type;
	uint32_t count, room;
	uint64_t series;
	bool failed;
};

static void columns_fini(struct columns *c)
{
	free(c->field);
	free(c->hash);
	free(c->type);
}

static bool columns_room(struct columns *c, uint32_t count)
{
	c->count = count;
	if (count <= c->room)
		return true;
	int32_t *field = realloc(c->field, count * sizeof *field);
	c->field = field ? field : c->field;
	uint64_t *hash = realloc(c->hash, count * sizeof *hash);
	c->hash = hash ? hash : c->hash;
	enum value_type *type = realloc(c->type, count * sizeof *type);
	c->type = type ? type : c->type;
	c->failed = !field || !hash || !type;
	c->room = c->failed ? 0 : count;
	return !c->failed;
}

static bool take_count_columns(void *arg, const struct result_series *s)
{
	static const char prefix[] = "count_";
	struct columns *c = arg;

	if (!columns_room(c, s->column_count))
		return false;
	for (uint32_t i = 1; i < s->column_count; i++) {
		struct view name = s->columns[i];
		bool is_count = name.len >= sizeof prefix - 1 && !memcmp(name.p, prefix, sizeof prefix - 1);
		if (is_count)
			name = (struct view){ name.p + sizeof prefix - 1, name.len - (sizeof prefix - 1) };
		c->field[i] = is_count ? tally_field(&c->v->record, name) : -1;
		c->failed |= is_count && c->field[i] < 0;
	}
	return !c->failed;
}

static bool take_count_row(void *arg, const struct cell *cells)
{
	struct columns *c = arg;
	int64_t hour = (cells[0].i - c->v->day_ns) / TALLY_HOUR_NS;

	for (uint32_t i = 1; i < c->count; i++)
		if (c->field[i] >= 0 && cells[i].type == CELL_INTEGER && cells[i].i > 0 && hour >= 0)
			tally_count(&c->v->record, (uint32_t)c->field[i], (unsigned)hour, (uint64_t)cells[i].i);
	return true;
}

static enum err count_values(struct verifier *v, struct errbuf *eb)
{
	struct columns c = { .v = v };
	const struct result_sink sink = { .series = take_count_columns, .row = take_count_row, .arg = &c };

	buf_clear(&v->statement);
	buf_str(&v->statement, "SELECT count(*)");
	put_source(v, v->from_ns, v->to_ns);
	buf_str(&v->statement, " GROUP BY time(1h) fill(none)");
	enum err e = ask_rows(v, &sink, v->opts.timeout_ms, eb);
	columns_fini(&c);
	return e;
}

/* ---- value for value ---- */

static enum value_type type_named(struct view name)
{
	return view_is(name, "integer") ? VALUE_INTEGER
	    : view_is(name, "unsigned") ? VALUE_UNSIGNED
	    : view_is(name, "boolean")	? VALUE_BOOLEAN
	    : view_is(name, "string")	? VALUE_STRING
					: VALUE_FLOAT;
}

/* A field of several types in the record is read as the one that comes first in InfluxQL: a float, if it is one anywhere. */
static bool take_field(void *arg, struct view name, struct view type)
{
	struct verifier *v = arg;

	for (uint32_t i = 0; i < v->field_count; i++)
		if (view_is(name, v->fields[i].name)) {
			if (type_named(type) < v->fields[i].type)
				v->fields[i].type = type_named(type);
			return true;
		}
	if (v->field_count == v->field_room) {
		uint32_t room = v->field_room ? v->field_room * 2 : 32;
		struct verifier_field *more = realloc(v->fields, room * sizeof *more);
		if (!more)
			return false;
		v->fields = more;
		v->field_room = room;
	}
	char *copy = strndup(name.p, name.len);
	if (copy)
		v->fields[v->field_count++] = (struct verifier_field){ copy, type_named(type) };
	return copy;
}

static enum err list_fields(struct verifier *v, struct errbuf *eb)
{
	for (uint32_t i = 0; i < v->field_count; i++)
		free(v->fields[i].name);
	v->field_count = 0;
	buf_clear(&v->statement);
	buf_str(&v->statement, "SHOW FIELD KEYS FROM ");
	put_identifier(&v->statement, v->measurement);
	enum err e = ask(v, eb);
	return e == ERR_OK ? backfill_read_list(body(v), take_field, v, eb) : e;
}

static bool take_columns(void *arg, const struct result_series *s)
{
	struct columns *c = arg;
	struct verifier *v = c->v;

	if (!columns_room(c, s->column_count))
		return false;
	c->series = tally_name_hash(s->name);
	for (uint32_t i = 0; i < s->tag_count; i++)
		if (s->tags[i].value.len)
			c->series += tally_tag_hash(s->tags[i].key, s->tags[i].value);
	for (uint32_t i = 1; i < s->column_count; i++) {
		c->field[i] = -1;
		c->hash[i] = tally_name_hash(s->columns[i]);
		for (uint32_t k = 0; k < v->field_count; k++)
			if (view_is(s->columns[i], v->fields[k].name)) {
				c->type[i] = v->fields[k].type;
				c->field[i] = tally_field(&v->record, s->columns[i]);
				c->failed |= c->field[i] < 0;
			}
	}
	return !c->failed;
}

/* Integers stand in JSON as floats with whole values do: the field's type tells. */
static void value_of_cell(const struct cell *cell, enum value_type type, struct tally_value *out)
{
	double d = cell_type_is_number(cell->type) ? cell_number(*cell) : 0;

	out->type = type;
	out->bits = 0;
	if (cell->type == CELL_STRING)
		out->string = cell->s;
	else if (cell->type == CELL_BOOLEAN)
		out->bits = cell->b;
	else if (type == VALUE_FLOAT)
		memcpy(&out->bits, &d, sizeof d);
	else
		out->bits = cell->type == CELL_INTEGER ? (uint64_t)cell->i : cell->u;
}

static bool take_row(void *arg, const struct cell *cells)
{
	struct columns *c = arg;
	struct verifier *v = c->v;
	struct tally_value value = { .series = c->series, .time_ns = cells[0].i };
	bool any = false;

	for (uint32_t i = 1; i < c->count; i++) {
		if (c->field[i] < 0 || cells[i].type == CELL_NULL ||
		    (v->quarantined.count &&
			quarantined_has(&v->quarantined, tally_place_hash(c->series, c->hash[i], value.time_ns))))
			continue;
		value_of_cell(&cells[i], c->type[i], &value);
		tally_add(&v->record, (uint32_t)c->field[i], &value);
		any = true;
	}
	if (any)
		tally_time(&v->record, value.time_ns);
	return true;
}

static enum err read_values(struct verifier *v, struct errbuf *eb)
{
	enum err e = list_fields(v, eb);

	for (unsigned h = 0; e == ERR_OK && h < verifier_hours(v); h += RAW_HOURS) {
		struct columns c = { .v = v };
		const struct result_sink sink = { .series = take_columns, .row = take_row, .arg = &c };
		unsigned last = h + RAW_HOURS < verifier_hours(v) ? h + RAW_HOURS - 1 : verifier_hours(v) - 1;
		buf_clear(&v->statement);
		buf_str(&v->statement, "SELECT *::field");
		put_source(v, verifier_hour_begin(v, h), verifier_hour_end(v, last));
		buf_str(&v->statement, " GROUP BY *");
		e = ask_rows(v, &sink, STREAM_MS, eb);
		columns_fini(&c);
	}
	return e;
}

enum err verifier_tally_record(struct verifier *v, bool whole, struct errbuf *eb)
{
	tally_begin(&v->record, v->day_ns);
	v->sums = whole && v->there;
	if (!v->there)
		return ERR_OK;
	return whole ? read_values(v, eb) : count_values(v, eb);
}

/* ---- first and last times ---- */

/* The first number of each statement's answer; INT64_MIN: it has none. False: no such answer. */
static bool read_times(struct verifier *v, int64_t *times, unsigned max, unsigned *count)
{
	struct json_in in;
	struct view number;

	json_in_init(&in, body(v));
	*count = 0;
	for (bool root = json_enter(&in, '{'); root && json_more(&in, '}') && json_key(&in, &v->text);) {
		if (!view_is((struct view){ v->text.p, v->text.len }, "results")) {
			json_skip(&in);
			continue;
		}
		for (bool results = json_enter(&in, '['); results && json_more(&in, ']'); ++*count) {
			if (*count == max)
				return false;
			times[*count] = INT64_MIN;
			/* {"statement_id":0,"series":[{…,"values":[[TIME,…]]}]}: the one row is all there is */
			const char *from = in.at;
			if (!json_skip(&in))
				return false;
			const char *row = memmem(from, (size_t)(in.at - from), "\"values\":[[", 11);
			struct json_in at;
			json_in_init(&at, (struct view){ row ? row + 11 : "", row ? (size_t)(in.at - row) - 11 : 0 });
			if (row && (!json_number(&at, &number) || !num_parse_i64(number, &times[*count])))
				return false;
		}
	}
	return !in.failed;
}

static void put_end_of_hour(struct verifier *v, unsigned hour, const char *order)
{
	buf_str(&v->statement, "SELECT *");
	put_source(v, verifier_hour_begin(v, hour), verifier_hour_end(v, hour));
	buf_printf(&v->statement, " ORDER BY time %s LIMIT 1;", order);
}

enum err verifier_find_times(struct verifier *v, struct errbuf *eb)
{
	int64_t times[2 * TALLY_HOURS_MAX];
	unsigned n = 0, count = 0;

	if (!v->there)
		return ERR_OK;
	buf_clear(&v->statement);
	for (unsigned h = 0; h < verifier_hours(v); h++) {
		if (v->waiting[h] || tally_is_empty(&v->here, h) || tally_is_empty(&v->record, h))
			continue;
		put_end_of_hour(v, h, "ASC");
		put_end_of_hour(v, h, "DESC");
		n++;
	}
	if (n == 0)
		return ERR_OK;
	enum err e = ask(v, eb);
	if (e == ERR_OK && (!read_times(v, times, 2 * n, &count) || count != 2 * n))
		e = errbuf_set(eb, ERR_UNAVAILABLE, "InfluxDB's answer does not have the form of what was asked");
	for (unsigned i = 0; e == ERR_OK && i < 2 * n; i++)
		if (times[i] != INT64_MIN)
			tally_time(&v->record, times[i]);
	return e;
}
