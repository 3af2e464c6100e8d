/* Ceilings: what they refuse, what they say, and that they never stand in the way of what was acknowledged before. */
#include <criterion/criterion.h>

#include "store/batch_builder.h"
#include "store/catalogue.h"
#include "store/tags.h"

static struct catalogue *catalogue;

static void open_with(struct catalogue_opts opts)
{
	struct errbuf eb;

	cr_assert_eq(catalogue_new(&catalogue, &opts, &eb), ERR_OK);
}

static void close_it(void)
{
	catalogue_free(catalogue);
}

static struct series *add(const char *key, struct catalogue_refusal *refusal)
{
	return catalogue_add_series(catalogue, CATALOGUE_DEFAULT_DB, view_of(key), false, refusal);
}

static void assert_refused(const char *key, enum ceiling ceiling, uint64_t max, const char *measurement)
{
	struct catalogue_refusal r;

	cr_assert_null(add(key, &r));
	cr_assert_eq(r.why, REJECT_TOO_MANY_SERIES);
	cr_assert_eq(r.ceiling, ceiling);
	cr_assert_eq(r.max, max);
	cr_assert(view_is(r.measurement, measurement));
}

Test(catalogue, each_ceiling_refuses_what_is_new_and_nothing_else, .fini = close_it)
{
	struct catalogue_refusal r;

	open_with((struct catalogue_opts){ .series_max = 4, .measurement_series_max = 2, .measurements_max = 3 });
	cr_assert(add("a,x=1", &r) && add("a,x=2", &r) && add("b", &r));
	assert_refused("a,x=3", CEILING_MEASUREMENT_SERIES, 2, "a");
	cr_assert(add("c", &r));
	assert_refused("b,x=1", CEILING_SERIES, 4, "b");
	cr_assert(add("a,x=1", &r), "a known series is no new one");
	cr_assert_eq(catalogue_series_count(catalogue), 4);
}

Test(catalogue, a_measurement_too_many_is_refused, .fini = close_it)
{
	struct catalogue_refusal r;

	open_with((struct catalogue_opts){ .measurements_max = 1 });
	cr_assert(add("a", &r));
	assert_refused("b,x=1", CEILING_MEASUREMENTS, 1, "b");
	cr_assert(add("a,x=1", &r));
}

Test(catalogue, a_field_too_many_is_refused_with_a_reason_of_its_own, .fini = close_it)
{
	struct catalogue_refusal r;

	open_with((struct catalogue_opts){ .measurement_fields_max = 1 });
	struct measurement *m = add("a", &r)->measurement;
	cr_assert(measurement_field(catalogue, m, view_of("f"), VALUE_FLOAT, false, &r));
	cr_assert_null(measurement_field(catalogue, m, view_of("g"), VALUE_FLOAT, false, &r));
	cr_assert_eq(r.why, REJECT_TOO_MANY_FIELDS);
	cr_assert_eq(r.ceiling, CEILING_FIELDS);
	cr_assert_eq(r.max, 1);
	cr_assert(measurement_field(catalogue, m, view_of("f"), VALUE_FLOAT, false, &r));
	cr_assert(measurement_field(catalogue, m, view_of("g"), VALUE_FLOAT, true, &r), "acknowledged before");
}

Test(catalogue, lower_ceilings_do_not_lose_what_was_acknowledged, .fini = close_it)
{
	struct batch_builder bb;
	unsigned points = 0;

	open_with((struct catalogue_opts){ .series_max = 1, .measurement_series_max = 1, .measurements_max = 1 });
	batch_builder_init(&bb, catalogue); /* a row of the spool */
	batch_builder_start(&bb, view_of("a,x=1 v=1 1\na,x=2 v=1 1\nb v=1 1\n"), 0);
	while (batch_builder_next(&bb, CATALOGUE_DEFAULT_DB) == LP_OK)
		points++;
	cr_assert_eq(points, 3);
	bb.at_door = true;
	batch_builder_start(&bb, view_of("a,x=2 v=1 1\na,x=3 v=1 1\n"), 0);
	cr_assert_eq(batch_builder_next(&bb, CATALOGUE_DEFAULT_DB), LP_OK);
	cr_assert_eq(batch_builder_next(&bb, CATALOGUE_DEFAULT_DB), LP_BAD);
	cr_assert_eq(bb.parser.why, REJECT_TOO_MANY_SERIES);
	struct measurement *m = catalogue_find_measurement(catalogue, CATALOGUE_DEFAULT_DB, view_of("b"));
	cr_assert(m);
	cr_assert(catalogue_load_series(catalogue, m, view_of("b,y=1")), "from store.db");
	batch_builder_fini(&bb);
}

Test(catalogue, what_was_refused_leaves_no_trace, .fini = close_it)
{
	struct catalogue_refusal r;

	open_with((struct catalogue_opts){ .measurement_series_max = 1 });
	struct measurement *m = add("a,x=1", &r)->measurement;
	cr_assert_null(add("a,y=2,z=3", &r));
	cr_assert_null(add("a,x=2", &r));
	cr_assert_eq(tags_key_count(measurement_tags(m)), 1);
	cr_assert_eq(tag_key_value_count(tags_key_at(measurement_tags(m), 0)), 1);
	cr_assert_null(add("new,x=1,x=2", &r));
	cr_assert_eq(r.why, REJECT_UNPARSABLE);
	cr_assert_null(catalogue_find_measurement(catalogue, CATALOGUE_DEFAULT_DB, view_of("new")));
}

Test(catalogue, ceilings_stop_at_what_the_ids_have_room_for, .fini = close_it)
{
	open_with((struct catalogue_opts){ .series_max = UINT64_MAX, .measurements_max = UINT32_MAX });
	cr_assert_eq(catalogue_ceilings(catalogue)->series_max, CATALOGUE_SERIES_MAX);
	cr_assert_eq(catalogue_ceilings(catalogue)->measurements_max, CATALOGUE_MEASUREMENTS_MAX);
	cr_assert_eq(catalogue_ceilings(catalogue)->measurement_series_max, 200000);
}
