#include <stdlib.h>

#include "base/clock.h"
#include "flow/verifier_part.h"
#include "query/export.h"
#include "store/owed.h"
#include "wire/lp_key.h"
#include "wire/lp_parse.h"

enum { ROWS_LOOKED_AT = 4096, LAG_TRIES = 12 };
#define LAG_PAUSE_NS (NS_PER_S / 4)

struct counting {
	struct verifier *v;
	struct {
		int32_t field; /* of v->here; -1: not met yet */
		uint64_t hash;
	} * fields; /* by their place in the measurement */
	uint32_t count;
	const struct series *series;
	uint64_t hash;
	bool failed;
};

static bool room_for(struct counting *c, uint32_t index)
{
	if (index < c->count)
		return true;
	uint32_t count = (index + 1) * 2;
	void *more = realloc(c->fields, count * sizeof *c->fields);
	if (!more)
		return false;
	c->fields = more;
	for (uint32_t i = c->count; i < count; i++)
		c->fields[i].field = -1;
	c->count = count;
	return true;
}

static bool meet(struct counting *c, const struct field *f)
{
	struct verifier *v = c->v;

	if (!room_for(c, f->index))
		return false;
	if (c->fields[f->index].field >= 0)
		return true;
	buf_clear(&v->text);
	lp_unescape(f->name, false, &v->text);
	const struct view name = { v->text.len ? v->text.p : "", v->text.len };
	c->fields[f->index].field = tally_field(&v->here, name);
	c->fields[f->index].hash = tally_name_hash(name);
	return c->fields[f->index].field >= 0;
}

static struct view plain_string(struct verifier *v, const struct batch_value *value)
{
	const struct view raw = { value->len ? (const char *)(uintptr_t)value->bits : "", value->len };

	if (!memchr(raw.p, '\\', raw.len))
		return raw;
	buf_clear(&v->text);
	lp_unescape_string(raw, &v->text);
	return (struct view){ v->text.len ? v->text.p : "", v->text.len };
}

static bool take_point(
    void *arg, const struct series *s, int64_t time_ns, const struct batch_value *values, uint32_t count)
{
	struct counting *c = arg;
	struct verifier *v = c->v;
	bool any = false;

	if (s != c->series) {
		c->series = s;
		if (!quarantined_series_hash(s->key, &v->scratch, &c->hash))
			c->hash = 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (!meet(c, values[i].field)) {
			c->failed = true;
			return false;
		}
		uint32_t at = values[i].field->index;
		if (v->quarantined.count &&
		    quarantined_has(&v->quarantined, tally_place_hash(c->hash, c->fields[at].hash, time_ns))) {
			v->left_out[(time_ns - v->day_ns) / TALLY_HOUR_NS]++;
			continue;
		}
		struct tally_value value = {
			.series = c->hash, .time_ns = time_ns, .type = values[i].field->type, .bits = values[i].bits
		};
		if (value.type == VALUE_STRING)
			value.string = plain_string(v, &values[i]);
		tally_add(&v->here, (uint32_t)c->fields[at].field, &value);
		any = true;
	}
	if (any)
		tally_time(&v->here, time_ns);
	return true;
}

static bool goes_on(void *arg)
{
	return verifier_goes_on(((struct counting *)arg)->v);
}

enum err verifier_tally_here(struct verifier *v, struct errbuf *eb)
{
	struct counting c = { .v = v };
	const struct export_request q = {
		.database = v->name, .measurement = v->measurement, .from_ns = v->from_ns, .to_ns = v->to_ns
	};
	const struct export_sink sink = { take_point, &c, goes_on };
	bool complete = true;

	tally_begin(&v->here, v->day_ns);
	for (unsigned h = 0; h < TALLY_HOURS_MAX; h++)
		v->left_out[h] = 0;
	v->lacks = false;
	if (!v->known)
		return ERR_OK;
	enum err e = local_export(v->opts.local, &q, &sink, &complete, eb);
	free(c.fields);
	if (e == ERR_NOTFOUND)
		return ERR_OK;
	if (e == ERR_OK && !verifier_goes_on(v))
		return ERR_CLOSED;
	if (e == ERR_OK && c.failed)
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	v->lacks = !complete;
	return e;
}

static bool take_nothing(
    void *arg, const struct series *s, int64_t time_ns, const struct batch_value *values, uint32_t count)
{
	(void)arg;
	(void)s;
	(void)time_ns;
	(void)values;
	(void)count;
	return true;
}

enum err verifier_is_whole(struct verifier *v, int64_t from_ns, int64_t to_ns, bool *whole, struct errbuf *eb)
{
	const struct export_request q = {
		.database = v->name, .measurement = v->measurement, .from_ns = from_ns, .to_ns = to_ns
	};
	const struct export_sink sink = { take_nothing, NULL, NULL };

	*whole = false;
	if (!v->known)
		return ERR_OK;
	enum err e = local_export(v->opts.local, &q, &sink, whole, eb);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* ---- what is on its way ---- */

static const struct owed *owed_of(const struct verifier *v)
{
	return spool_owed(v->opts.spool);
}

/* A row of the database above after_seq that may have points of [from, to). */
static enum err find_row(
    struct verifier *v, uint64_t after_seq, int64_t from_ns, int64_t to_ns, bool *found, struct errbuf *eb)
{
	struct spool_row row;
	enum err e = ERR_OK;

	*found = false;
	for (int i = 0; e == ERR_OK && !*found && i < ROWS_LOOKED_AT; i++) {
		e = spool_reader_next_in(v->reader, after_seq, from_ns, to_ns, &row, eb);
		*found = e == ERR_CORRUPT || (e == ERR_OK && (row.db == v->db || i == ROWS_LOOKED_AT - 1));
		after_seq = row.seq;
	}
	return e == ERR_NOTFOUND || e == ERR_CORRUPT ? ERR_OK : e;
}

static enum err is_lagging(struct verifier *v, int64_t from_ns, int64_t to_ns, bool *lags, struct errbuf *eb)
{
	*lags = true;
	if (owed_find(owed_of(v), REPLICATOR_RECORD, v->db, from_ns, to_ns, NULL))
		return ERR_OK;
	return find_row(v, replicator_stored_seq(v->opts.replicator), from_ns, to_ns, lags, eb);
}

static enum err look(struct verifier *v, bool *any, struct errbuf *eb)
{
	enum err e = is_lagging(v, v->from_ns, v->to_ns, any, eb);

	for (unsigned h = 0; h < TALLY_HOURS_MAX; h++)
		v->waiting[h] = false;
	for (unsigned h = 0; e == ERR_OK && *any && h < verifier_hours(v); h++)
		e = is_lagging(v, verifier_hour_begin(v, h), verifier_hour_end(v, h), &v->waiting[h], eb);
	return e;
}

enum err verifier_look_at_lag(struct verifier *v, struct errbuf *eb)
{
	bool any = false;
	enum err e = look(v, &any, eb);

	for (int i = 0; e == ERR_OK && any && i < LAG_TRIES; i++) {
		struct replicator_stats r;
		replicator_stats(v->opts.replicator, &r);
		if (r.state != REPLICATOR_UP ||
		    owed_find(owed_of(v), REPLICATOR_RECORD, v->db, v->from_ns, v->to_ns, NULL))
			break;
		if (!verifier_pause(v, LAG_PAUSE_NS))
			return ERR_CLOSED;
		e = look(v, &any, eb);
	}
	return e;
}

enum err verifier_was_written(struct verifier *v, unsigned hour, bool *written, struct errbuf *eb)
{
	int64_t from = verifier_hour_begin(v, hour), to = verifier_hour_end(v, hour);

	*written = true;
	if (owed_find(owed_of(v), REPLICATOR_RECORD, v->db, from, to, NULL))
		return ERR_OK;
	return find_row(v, v->before_seq, from, to, written, eb);
}
