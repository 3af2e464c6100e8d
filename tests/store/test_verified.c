/* How far all was equal, look after look. */
#include "store/verified.h"

#include <criterion/criterion.h>

static struct verified known;

static void look(int64_t from, int64_t to, int64_t good_until, bool deep)
{
	const struct verified v = { .db = 1, .from_ns = from, .until_ns = to, .at_ns = 7, .deep = deep };

	verified_join(&known, &v, good_until);
}

static void expect(int64_t from, int64_t until, bool deep)
{
	cr_assert(known.from_ns == from && known.until_ns == until && known.deep == deep, "[%lld, %lld) %d",
	    (long long)known.from_ns, (long long)known.until_ns, known.deep);
}

Test(verified, grows_with_what_touches_it)
{
	known = (struct verified){ .db = 1 };
	look(100, 200, 200, true);
	expect(100, 200, true);
	look(150, 300, 300, false);
	expect(100, 300, false);
	look(50, 300, 300, true);
	expect(50, 300, true);
	look(60, 100, 100, true);
	expect(50, 300, true);
}

Test(verified, ends_where_something_differs)
{
	known = (struct verified){ .db = 1, .from_ns = 100, .until_ns = 300, .at_ns = 1 };
	look(150, 400, 250, false);
	expect(100, 250, false);
	look(100, 400, 100, false);
	cr_assert_eq(known.until_ns, known.from_ns, "nothing is left");
}

Test(verified, a_look_elsewhere_takes_its_place_if_it_reaches_further)
{
	known = (struct verified){ .db = 1, .from_ns = 100, .until_ns = 200, .at_ns = 1 };
	look(10, 50, 50, false);
	expect(100, 200, false);
	look(300, 400, 350, false);
	expect(300, 350, false);
}
