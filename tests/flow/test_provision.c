/* What is done about the record's databases, against a record that only remembers. (The real server is in
 * tests/integration/test_record_access.sh.) */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "flow/provision.h"
#include "support/stand.h"

#define DAY_NS (86400 * NS_PER_S)

static struct stand st;
static struct provision *pr;

static struct {
	pthread_mutex_t lock;
	bool down, refuses, there;
	int64_t retention_ns;
	unsigned looks, made, changed;
} record = { .lock = PTHREAD_MUTEX_INITIALIZER };

static enum err answer(struct record_reply *r, const char *words)
{
	buf_clear(&r->body);
	return record.down   ? errbuf_set(&r->error, ERR_UNAVAILABLE, "connection refused")
	    : record.refuses ? errbuf_set(&r->error, ERR_INVALID, "%s: HTTP 403: not authorized", words)
			     : ERR_OK;
}

static enum err fake_find(
    void *ctx, const char *database, struct record_place *out, int64_t timeout_ms, struct record_reply *r)
{
	(void)ctx;
	(void)timeout_ms;
	pthread_mutex_lock(&record.lock);
	record.looks++;
	enum err e = answer(r, "cannot look");
	snprintf(out->name, sizeof out->name, "%s", database);
	snprintf(out->id, sizeof out->id, "autogen");
	out->retention_ns = record.retention_ns;
	if (e == ERR_OK && !record.there)
		e = errbuf_set(&r->error, ERR_NOTFOUND, "there is no database %s", database);
	pthread_mutex_unlock(&record.lock);
	return e;
}

static enum err fake_make(
    void *ctx, const char *database, int64_t retention_ns, int64_t timeout_ms, struct record_reply *r)
{
	(void)ctx;
	(void)timeout_ms;
	pthread_mutex_lock(&record.lock);
	cr_assert_str_eq(database, "record");
	enum err e = answer(r, "cannot create");
	if (e == ERR_OK) {
		record.there = true;
		record.retention_ns = retention_ns;
		record.made++;
	}
	pthread_mutex_unlock(&record.lock);
	return e;
}

static enum err fake_set(
    void *ctx, const struct record_place *place, int64_t retention_ns, int64_t timeout_ms, struct record_reply *r)
{
	(void)ctx;
	(void)timeout_ms;
	pthread_mutex_lock(&record.lock);
	cr_assert_str_eq(place->id, "autogen");
	cr_assert_str_eq(place->name, "record");
	enum err e = answer(r, "cannot change");
	if (e == ERR_OK) {
		record.retention_ns = retention_ns;
		record.changed++;
	}
	pthread_mutex_unlock(&record.lock);
	return e;
}

static const struct record_ops fake = { .find_place = fake_find, .make_place = fake_make, .set_retention = fake_set };

static void begin(void)
{
	log_set_level(LOG_ERROR);
	stand_open(&st, NULL);
}

static void end(void)
{
	provision_stop(pr);
	stand_remove(&st);
}

TestSuite(provision, .init = begin, .fini = end);

static struct provision_opts managed(int64_t retention_ns)
{
	return (struct provision_opts){ .committer = st.committer,
		.catalogue = st.catalogue,
		.record = &fake,
		.database = "record",
		.create = true,
		.manage = true,
		.retention_ns = retention_ns };
}

static struct provision_stats stats(void)
{
	struct provision_stats s = { .state = PROVISION_UNKNOWN };

	(void)provision_stats(pr, 0, &s);
	return s;
}

/* Starts anew with these options and waits for its first look; the deadline only bounds a failing test. */
static struct provision_stats look(struct provision_opts o)
{
	struct errbuf eb;
	int64_t end_ns = clock_mono_ns() + 30 * NS_PER_S;

	provision_stop(pr);
	cr_assert_eq(provision_start(&pr, &o, &eb), ERR_OK, "%s", eb.text);
	while (!stats().looked_ns) {
		cr_assert_lt(clock_mono_ns(), end_ns);
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return stats();
}

Test(provision, a_missing_database_is_made_with_the_retention_wanted)
{
	struct provision_stats s = look(managed(30 * DAY_NS));

	cr_expect_eq(s.state, PROVISION_OK);
	cr_expect_eq(record.made, 1);
	cr_expect_eq(record.retention_ns, 30 * DAY_NS);
	cr_expect_eq(s.found_ns, 30 * DAY_NS);
	cr_expect(s.set_by_us && s.created && s.changed_ns);
	cr_expect_str_eq(s.database, "record");
	s = look(managed(30 * DAY_NS)); /* nothing is left to do */
	cr_expect_eq(s.state, PROVISION_OK);
	cr_expect(s.set_by_us && !s.created && !s.changed_ns);
	cr_expect_eq(record.made + record.changed, 1);
}

Test(provision, what_holdfast_set_it_shortens_again)
{
	(void)look(managed(30 * DAY_NS));
	struct provision_stats s = look(managed(7 * DAY_NS));
	cr_expect_eq(s.state, PROVISION_OK);
	cr_expect_eq(record.retention_ns, 7 * DAY_NS);
	s = look(managed(2 * DAY_NS)); /* and again: what was set last is remembered */
	cr_expect_eq(record.retention_ns, 2 * DAY_NS);
	cr_expect_eq(record.changed, 2);
}

Test(provision, what_the_replicator_made_is_holdfasts_own)
{
	record.there = true;
	record.retention_ns = 30 * DAY_NS;
	cr_expect_not(look(managed(30 * DAY_NS)).set_by_us);
	provision_made(pr, "record", 30 * DAY_NS);
	cr_expect(look(managed(30 * DAY_NS)).set_by_us);
	cr_expect_eq(look(managed(7 * DAY_NS)).state, PROVISION_OK);
	cr_expect_eq(record.retention_ns, 7 * DAY_NS);
}

Test(provision, what_another_set_is_not_shortened_unless_told_to)
{
	record.there = true;
	record.retention_ns = 0; /* for ever */
	struct provision_stats s = look(managed(30 * DAY_NS));
	cr_expect_eq(s.state, PROVISION_HELD);
	cr_expect(strstr(s.error, "for ever") && strstr(s.error, "30d") && strstr(s.error, "shorten_retention = yes"),
	    "%s", s.error);
	record.retention_ns = 90 * DAY_NS;
	s = look(managed(30 * DAY_NS));
	cr_expect_eq(s.state, PROVISION_HELD);
	cr_expect(strstr(s.error, "retention = 90d"), "%s", s.error);
	cr_expect_eq(record.changed, 0);
	struct provision_opts o = managed(30 * DAY_NS);
	o.shorten = true;
	s = look(o);
	cr_expect_eq(s.state, PROVISION_OK);
	cr_expect_eq(record.retention_ns, 30 * DAY_NS);
	cr_expect(s.set_by_us);
}

Test(provision, what_somebody_changed_meanwhile_is_not_holdfasts_any_more)
{
	(void)look(managed(30 * DAY_NS));
	record.retention_ns = 60 * DAY_NS;
	cr_expect_eq(look(managed(30 * DAY_NS)).state, PROVISION_HELD);
	cr_expect_eq(record.retention_ns, 60 * DAY_NS);
}

Test(provision, a_shorter_one_is_lengthened)
{
	record.there = true;
	record.retention_ns = DAY_NS;
	cr_expect_eq(look(managed(30 * DAY_NS)).state, PROVISION_OK);
	cr_expect_eq(record.retention_ns, 30 * DAY_NS);
}

Test(provision, what_is_not_managed_is_looked_at_only)
{
	struct provision_opts o = managed(30 * DAY_NS);

	o.manage = false;
	record.there = true;
	record.retention_ns = DAY_NS;
	struct provision_stats s = look(o);
	cr_expect_eq(s.state, PROVISION_OK);
	cr_expect_eq(s.found_ns, DAY_NS);
	cr_expect_eq(s.want_ns, 0);
	cr_expect_eq(record.changed, 0);
	record.there = false; /* made without a retention of ours */
	cr_expect_eq(look(o).state, PROVISION_OK);
	cr_expect_eq(record.retention_ns, 0);
	record.there = o.create = false;
	s = look(o);
	cr_expect_eq(s.state, PROVISION_MISSING);
	cr_expect(strstr(s.error, "create_database = yes"), "%s", s.error);
}

static bool is_ok(void)
{
	return stats().state == PROVISION_OK;
}

Test(provision, a_refusal_or_an_outage_is_told_and_tried_again)
{
	struct provision_opts o = managed(30 * DAY_NS);
	int64_t end_ns = clock_mono_ns() + 30 * NS_PER_S;

	record.refuses = true;
	struct provision_stats s = look(o);
	cr_expect_eq(s.state, PROVISION_FAILED);
	cr_expect_str_eq(s.error, "cannot look: HTTP 403: not authorized");
	cr_expect_eq(s.found_ns, -1);
	o.manage = false; /* then it does not matter */
	s = look(o);
	cr_expect_eq(s.state, PROVISION_UNKNOWN);
	cr_expect_str_eq(s.error, "cannot look: HTTP 403: not authorized");
	o.manage = true;
	record.refuses = false;
	record.down = true;
	o.retry_ns = NS_PER_MS;
	cr_expect_eq(look(o).state, PROVISION_FAILED);
	pthread_mutex_lock(&record.lock);
	record.down = false;
	pthread_mutex_unlock(&record.lock);
	while (!is_ok() && clock_mono_ns() < end_ns)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	cr_expect(is_ok());
	cr_expect_eq(record.made, 1);
}
