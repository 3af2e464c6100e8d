#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "flow/refusals.h"
#include "support/stand.h"

static struct stand st;
static struct refusals_state *state;

static void open_stand(void)
{
	struct stand_opts o = { .retention_ns = 3600 * NS_PER_S, .catalogue = { .measurement_series_max = 2 } };

	clock_fake(INT64_C(1700000000) * NS_PER_S, 0);
	stand_open(&st, &o);
	state = calloc(1, sizeof *state);
}

static void close_stand(void)
{
	stand_remove(&st);
	free(state);
	clock_real();
}

TestSuite(refusals, .init = open_stand, .fini = close_stand);

static void write_lines(const char *lines)
{
	char message[1024];

	cr_assert_eq(stand_try(&st, "metrics", 1, lines, message), ERR_OK);
	refusals_state(ingest_refusals(st.ingest), state);
}

/* Exactly one place; what it says. */
static void expect_one(
    const char *measurement, enum reject why, uint64_t points, const char *error, const char *example)
{
	cr_assert_eq(state->place_count, 1);
	cr_expect_str_eq(state->place[0].measurement, measurement);
	cr_expect_eq(state->place[0].why, why);
	cr_expect_eq(state->place[0].points, points);
	cr_expect_eq(state->place[0].db, CATALOGUE_DEFAULT_DB);
	cr_expect(strstr(state->place[0].error, error), "%s", state->place[0].error);
	cr_expect_str_eq(state->place[0].example, example);
}

Test(refusals, nothing_refused_nothing_kept)
{
	write_lines("m v=1\n");
	cr_assert_eq(state->place_count + state->recent_count + state->other_points, 0);
}

Test(refusals, a_series_too_many_is_counted_by_measurement)
{
	write_lines("m,a=1 v=1\nm,a=2 v=1\nm,a=hunter2 v=1,w=\"secret\"\nm,a=3 v=1\n");
	expect_one("m", REJECT_TOO_MANY_SERIES, 2, "whose tag \"a\" has 2 different values", "m,a=… v=…,w=…");
	write_lines("m,b=1 x=1\n");
	expect_one("m", REJECT_TOO_MANY_SERIES, 3, "(2)", "m,b=… x=…");
	cr_assert_eq(state->recent_count, 2);
	cr_assert_eq(state->recent[0].points, 1);
	cr_assert_eq(state->recent[1].points, 2);
}

Test(refusals, a_type_conflict_names_the_field)
{
	write_lines("m,host=a v=1\nm,host=a v=\"hunter2\"\n");
	expect_one(
	    "m", REJECT_TYPE_CONFLICT, 1, "input field \"v\" on measurement \"m\" is type string", "m,host=… v=…");
}

Test(refusals, late_points_are_counted)
{
	write_lines("m v=1 5\nm v=1 6\n");
	expect_one("m", REJECT_TOO_OLD, 2, "points beyond retention policy", "m v=…");
}

Test(refusals, no_text_of_a_line_that_cannot_be_read_is_kept)
{
	static const char *const lines[] = { "hunter2\n", "hunter2 is my password\n", "password=hunter2 x\n",
		"hunter2,host=a v=NaN\n", "hunter2,host=a v=hunter2\n", "hunter2 v=\"hunter2\n", "hunter2,=x v=1\n",
		"hunter2\x01,a=b v=1\n" };

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		write_lines(lines[i]);
	for (unsigned i = 0; i < state->place_count; i++)
		cr_expect(!strstr(state->place[i].measurement, "hunter2") &&
			!strstr(state->place[i].error, "hunter2") && !strstr(state->place[i].example, "hunter2"),
		    "%s %s %s", state->place[i].measurement, state->place[i].error, state->place[i].example);
	for (unsigned i = 0; i < state->recent_count; i++)
		cr_expect(!strstr(state->recent[i].measurement, "hunter2") &&
		    !strstr(state->recent[i].error, "hunter2") && !strstr(state->recent[i].example, "hunter2"));
	cr_assert_eq(state->recent_count, sizeof lines / sizeof *lines);
}

Test(refusals, a_bad_line_of_a_known_measurement_is_counted_to_it)
{
	write_lines("m,host=a v=1\nm,host=a v=hunter2\n");
	expect_one("m", REJECT_UNPARSABLE, 1, "invalid boolean", "");
}

Test(refusals, a_long_example_ends_between_names)
{
	char line[2000];
	size_t n = (size_t)snprintf(line, sizeof line, "m,a=1 v=1\nm,a=2 v=1\nm,a=3 v=1");

	for (unsigned i = 0; i < 60; i++)
		n += (size_t)snprintf(line + n, sizeof line - n, ",field_number_%u=1", i);
	snprintf(line + n, sizeof line - n, "\n");
	write_lines(line);
	cr_assert_eq(state->place_count, 1);
	size_t len = strlen(state->place[0].example);
	cr_assert(len <= REFUSALS_EXAMPLE && len > REFUSALS_EXAMPLE - 30);
	cr_assert_str_eq(state->place[0].example + len - strlen("=……"), "=……");
}

/* Many that are refused once each, and one that is refused all the time: that one is found, and no point is lost. */
Test(refusals, the_worst_stays_where_there_are_too_many)
{
	enum { MANY = 300 };
	struct refusals *r;
	uint64_t sum = 0;

	cr_assert_eq(refusals_new(&r), ERR_OK);
	for (unsigned i = 0; i < MANY; i++) {
		char name[200];
		struct refusals_note note[2];
		memset(name, 'x', sizeof name);
		snprintf(name + 190, 10, "%u", i); /* differs only behind what is shown */
		note[0] = (struct refusals_note){ .why = REJECT_TOO_OLD,
			.db = 1,
			.measurement = view_of(name),
			.error = view_of("e"),
			.example = { "", 0 },
			.points = 1 };
		note[1] = note[0];
		note[1].measurement = view_of("worst");
		refusals_add(r, note, i % 10 ? 1 : 2, i == 7 ? 5 : 0, i + 1);
	}
	refusals_state(r, state);
	cr_assert_eq(state->place_count, REFUSALS_PLACES);
	cr_assert_eq(state->recent_count, REFUSALS_RECENT);
	cr_assert_str_eq(state->place[0].measurement, "worst");
	cr_assert_eq(state->place[0].points, MANY / 10);
	cr_assert_eq(state->place[0].first_ns, 1);
	cr_assert_eq(strlen(state->place[1].measurement), REFUSALS_NAME - 1);
	for (unsigned i = 0; i < state->place_count; i++)
		sum += state->place[i].points;
	cr_assert_eq(sum + state->other_points, MANY + MANY / 10 + 5);
	cr_assert_eq(state->recent[0].last_ns, MANY);
	refusals_free(r);
}
