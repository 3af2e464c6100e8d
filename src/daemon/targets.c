#include "daemon/targets.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/rollups.h"
#include "edge/influx.h"
#include "flow/owed_source.h"
#include "flow/provision.h"
#include "flow/refused_times.h"
#include "flow/replay_source.h"
#include "flow/replication.h"
#include "flow/verifier.h"

#define PROVISION_TIMEOUT_NS (5 * NS_PER_S) /* a stop waits for it */
#define JUMP_AGE_MIN_NS (5 * NS_PER_S)

struct targets {
	struct targets_opts opts;
	struct breaker breaker;
	struct influx_server *record; /* NULL: there is none */
	struct influx *provision_client;
	struct provision *provision;
	/* As the targets are numbered; mirror_server: NULL at the record. */
	struct influx_server *mirror_server[REPLICATION_TARGETS_MAX];
	struct influx *client[REPLICATION_TARGETS_MAX];
	struct rollups rollups;
	struct replication *replication;
	struct refused_times *refused; /* by the record; NULL: there is none */
	struct verifier *verifier; /* NULL: there is no record */
};

/* ---- what they are ---- */

static enum err start_provision(struct targets *t, struct errbuf *eb)
{
	const struct config *c = t->opts.config;
	int64_t timeout_ns = c->influxdb.timeout_ns < PROVISION_TIMEOUT_NS ? c->influxdb.timeout_ns
									   : PROVISION_TIMEOUT_NS;
	const struct provision_opts opts = { .committer = t->opts.committer,
		.catalogue = t->opts.catalogue,
		.record = &influx_ops,
		.record_ctx = t->provision_client,
		.database = c->influxdb.database,
		.create = c->influxdb.create_database,
		.manage = c->influxdb.manage_retention,
		.shorten = c->influxdb.shorten_retention,
		.retention_ns = c->influxdb.retention_ns,
		.timeout_ms = timeout_ns / NS_PER_MS };

	return provision_start(&t->provision, &opts, eb);
}

static enum err add_record(struct targets *t, struct replicator_opts *out, struct errbuf *eb)
{
	const struct config *c = t->opts.config;
	const struct influx_opts server = config_influx(c);
	enum err e = influx_server_new(&t->record, &server, eb);

	if (e == ERR_OK)
		e = influx_open(&t->provision_client, t->record, eb);
	if (e == ERR_OK)
		e = start_provision(t, eb);
	*out = (struct replicator_opts){ .breaker = &t->breaker,
		.target = REPLICATOR_RECORD,
		.url = c->influxdb.url,
		.database = c->influxdb.database,
		.create_database = c->influxdb.create_database,
		.retention_ns = c->influxdb.manage_retention ? c->influxdb.retention_ns : 0,
		.backlog_rate = c->influxdb.backlog_rate,
		.connections = (unsigned)c->influxdb.connections,
		.timeout_ms = c->influxdb.timeout_ns / NS_PER_MS };
	return e;
}

static enum err add_mirror(
    struct influx_server **server, const struct config_mirror *m, struct replicator_opts *out, struct errbuf *eb)
{
	const struct influx_opts opts = config_mirror_influx(m);

	*out = (struct replicator_opts){ .target = m->target,
		.url = m->url,
		.database = m->database,
		.create_database = m->create_database,
		.backlog_rate = m->backlog_rate,
		.connections = (unsigned)m->connections,
		.timeout_ms = m->timeout_ns / NS_PER_MS };
	return influx_server_new(server, &opts, eb);
}

/* ---- what is sent to them, beside the spool's rows ---- */

/* What the record's databases keep, as far as is known; of a mirror nothing is. */
static int64_t record_keeps_ns(void *targets, const char *database)
{
	const struct targets *t = targets;

	return provision_keeps_ns(t->provision, database);
}

static enum err make_sources(struct targets *t, struct replicator_opts *target, struct errbuf *eb)
{
	const struct targets_opts *o = &t->opts;
	const struct owed_source_opts owed = { .committer = o->committer,
		.spool = o->spool,
		.spool_path = o->spool_path,
		.local = o->local,
		.catalogue = o->catalogue,
		.target = target->target,
		.database = target->database,
		.keeps_ns = strcmp(target->target, REPLICATOR_RECORD) == 0 ? record_keeps_ns : NULL,
		.arg = t };
	const struct replay_source_opts replay = { .committer = o->committer,
		.catalogue = o->catalogue,
		.local = o->local,
		.spool_path = o->spool_path,
		.target = target->target,
		.database = target->database };
	enum err e = owed_source_new(&target->owed, &owed, eb);

	return e == ERR_OK ? replay_source_new(&target->replay, &replay, eb) : e;
}

/* The connections of the i-th, and all that is the same of every target. */
static enum err complete(struct targets *t, unsigned i, struct replicator_opts *target, struct errbuf *eb)
{
	int64_t two_ns = 2 * t->opts.config->collect.interval_ns;
	bool is_record = !t->mirror_server[i];
	enum err e = influx_open(&t->client[i], is_record ? t->record : t->mirror_server[i], eb);

	if (e != ERR_OK)
		return e;
	target->catalogue = t->opts.catalogue;
	target->store_path = t->opts.store_path;
	target->jump_age_ns = two_ns < JUMP_AGE_MIN_NS ? JUMP_AGE_MIN_NS : two_ns;
	target->record = &influx_ops;
	target->record_ctx = t->client[i];
	if (is_record) {
		influx_on_made(t->client[i], provision_made, t->provision);
		target->record = &record_timed_ops;
		target->record_ctx = own_figures_of_delivery(t->opts.figures, t->client[i]);
	}
	return make_sources(t, target, eb);
}

static enum err add_rollups(struct targets *t, struct replicator_opts *record, struct errbuf *eb)
{
	t->rollups = (struct rollups){ .config = t->opts.config,
		.committer = t->opts.committer,
		.catalogue = t->opts.catalogue,
		.provision = t->provision,
		.spool_path = t->opts.spool_path,
		.late_ns = policy_longest_raw_ns(t->opts.policy) };
	return rollups_add(&t->rollups, record, eb);
}

static enum err start_replication(struct targets *t, struct errbuf *eb)
{
	const struct config *c = t->opts.config;
	struct replication_opts opts = {
		.committer = t->opts.committer, .spool_path = t->opts.spool_path, .has_record = *c->influxdb.url
	};
	enum err e = ERR_OK;

	if (opts.has_record)
		e = add_record(t, &opts.target[opts.count++], eb);
	for (unsigned i = 0; e == ERR_OK && i < c->mirror_count; i++, opts.count++)
		e = add_mirror(&t->mirror_server[opts.count], &c->mirror[i], &opts.target[opts.count], eb);
	for (unsigned i = 0; e == ERR_OK && i < opts.count; i++)
		e = complete(t, i, &opts.target[i], eb);
	if (e == ERR_OK && opts.has_record && c->influxdb.replicate_rollups)
		e = add_rollups(t, &opts.target[0], eb);
	if (e == ERR_OK)
		return replication_start(&t->replication, &opts, eb);
	for (unsigned i = 0; i < opts.count; i++)
		replicator_close_sources(&opts.target[i]);
	return e;
}

static enum err start_verifier(struct targets *t, struct errbuf *eb)
{
	const struct config *c = t->opts.config;
	const struct verifier_opts opts = { .committer = t->opts.committer,
		.catalogue = t->opts.catalogue,
		.local = t->opts.local,
		.spool = t->opts.spool,
		.spool_path = t->opts.spool_path,
		.replicator = replication_record(t->replication),
		.breaker = &t->breaker,
		.record = &influx_ops,
		.open_record = targets_open_plain,
		.close_record = targets_close_plain,
		.open_arg = t,
		.database = c->influxdb.database,
		.retention_ns = policy_retention_ns,
		.arg = t->opts.policy,
		.longest_ns = policy_longest_raw_ns(t->opts.policy),
		.timeout_ms = c->influxdb.timeout_ns / NS_PER_MS,
		.settle_ns = 2 * c->collect.interval_ns,
		.nightly_s = c->influxdb.verify_s };

	return opts.replicator ? verifier_start(&t->verifier, &opts, eb) : ERR_OK;
}

enum err targets_start(struct targets **out, const struct targets_opts *opts, struct errbuf *eb)
{
	struct targets *t = calloc(1, sizeof *t);

	*out = NULL;
	if (!t)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	t->opts = *opts;
	breaker_init(&t->breaker, true); /* until the replicator has got through */
	enum err e = start_replication(t, eb);
	if (e == ERR_OK && t->record)
		e = refused_times_new(&t->refused, opts->spool_path, REPLICATOR_RECORD, eb);
	if (e == ERR_OK)
		e = start_verifier(t, eb);
	if (e != ERR_OK) {
		targets_stop(t);
		targets_free(t);
		return e;
	}
	*out = t;
	return ERR_OK;
}

void targets_stop(struct targets *t)
{
	if (!t)
		return;
	verifier_stop(t->verifier);
	replication_stop(t->replication);
	provision_stop(t->provision);
}

void targets_free(struct targets *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < REPLICATION_TARGETS_MAX; i++) {
		influx_close(t->client[i]);
		influx_server_free(t->mirror_server[i]);
	}
	refused_times_free(t->refused);
	influx_close(t->provision_client);
	influx_server_free(t->record);
	free(t);
}

/* ---- for the others ---- */

struct replication *targets_replication(const struct targets *t)
{
	return t->replication;
}

struct breaker *targets_breaker(struct targets *t)
{
	return &t->breaker;
}

struct influx_server *targets_record(const struct targets *t)
{
	return t->record;
}

void *targets_open_plain(void *targets)
{
	struct targets *t = targets;
	struct influx *in;
	struct errbuf eb;

	if (influx_open(&in, t->record, &eb) == ERR_OK)
		return in;
	log_error("no connection to InfluxDB: %s", eb.text);
	return NULL;
}

void targets_close_plain(void *connection)
{
	influx_close(connection);
}

void *targets_open_timed(void *targets)
{
	struct targets *t = targets;

	return own_figures_open(t->opts.figures, t->record);
}

/* The first time of [from, to) that is kept here, and is older than what the record keeps. */
static bool find_too_old(
    struct targets *t, struct view database, int64_t from_ns, int64_t to_ns, struct record_absent *out)
{
	char name[256], keeps[32];
	const int64_t now_ns = clock_wall_ns(), here_ns = policy_longest_raw_ns(t->opts.policy);

	if (view_eq(database, view_of("metrics")))
		database = view_of(t->opts.config->influxdb.database);
	snprintf(name, sizeof name, "%.*s", (int)database.len, database.p);
	const int64_t keeps_ns = record_keeps_ns(t, name);
	if (keeps_ns <= 0 || keeps_ns >= here_ns)
		return false;
	int64_t begin = now_ns - here_ns > from_ns ? now_ns - here_ns : from_ns;
	if (begin >= to_ns || begin >= now_ns - keeps_ns)
		return false;
	provision_duration(keeps, keeps_ns);
	out->from_ns = begin;
	snprintf(out->why, sizeof out->why, "InfluxDB keeps only %s", keeps);
	return true;
}

bool targets_find_absent(void *targets, struct view database, int64_t from_ns, int64_t to_ns, struct record_absent *out)
{
	struct targets *t = targets;
	int64_t refused_ns = 0;
	uint64_t points = 0;
	bool old = find_too_old(t, database, from_ns, to_ns, out);

	if (!refused_times_find(t->refused, database, from_ns, to_ns, &refused_ns, &points) ||
	    (old && out->from_ns <= refused_ns))
		return old;
	out->from_ns = refused_ns;
	snprintf(out->why, sizeof out->why,
	    "InfluxDB refused %" PRIu64 " points of this database, they are in quarantine", points);
	return true;
}

static void read_secrets(void *targets)
{
	struct targets *t = targets;
	struct errbuf eb;

	if (t->record && influx_server_reload(t->record, &eb) != ERR_OK)
		log_error("the password or token for InfluxDB stays as it was: [influxdb] %s", eb.text);
	for (unsigned i = 0; i < REPLICATION_TARGETS_MAX; i++)
		if (t->mirror_server[i] && influx_server_reload(t->mirror_server[i], &eb) != ERR_OK)
			log_error("the password or token for %s stays as it was: %s",
			    replicator_shown_name(replication_at(t->replication, i)), eb.text);
}

void targets_serve(struct targets *t, struct services *s)
{
	const struct config *c = t->opts.config;
	unsigned n = 0;

	s->provision = t->provision;
	s->replication = t->replication;
	s->verifier = t->verifier;
	s->breaker = t->record ? &t->breaker : NULL;
	s->record_url = t->record ? c->influxdb.url : NULL;
	s->read_secrets = read_secrets;
	s->read_secrets_arg = t;
	if (t->record)
		s->target[n++] = (struct services_target){ c->influxdb.url, c->influxdb.database };
	for (unsigned i = 0; i < c->mirror_count; i++)
		s->target[n++] = (struct services_target){ c->mirror[i].url, c->mirror[i].database };
}

void targets_reload(struct targets *t)
{
	read_secrets(t);
	if (t->provision)
		provision_look_now(t->provision);
	replication_retry_now(t->replication);
}
