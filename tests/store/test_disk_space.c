#include <criterion/criterion.h>

#include "base/clock.h"
#include "store/disk_space.h"

static uint64_t room;
static unsigned asked;
static bool works = true;

static bool measure(void *arg, const char *path, uint64_t *free_bytes)
{
	(void)arg;
	cr_assert_str_eq(path, "/somewhere");
	asked++;
	*free_bytes = room;
	return works;
}

static struct disk_space *opened(uint64_t reserve)
{
	struct disk_space_opts o = { .reserve_bytes = reserve, .measure = measure };
	struct disk_space *d;
	struct errbuf eb;

	clock_fake(NS_PER_S, NS_PER_S);
	cr_assert_eq(disk_space_new(&d, "/somewhere", &o, &eb), ERR_OK);
	return d;
}

Test(disk_space, below_the_reserve_is_full_with_both_figures_until_there_is_room)
{
	struct disk_space_stats s;
	struct errbuf eb;

	room = 100 << 20;
	struct disk_space *d = opened(64 << 20);
	cr_assert_eq(disk_space_check(d, &eb), ERR_OK);
	room = (64 << 20) - (1 << 19);
	clock_fake(NS_PER_S, 2 * NS_PER_S);
	cr_assert_eq(disk_space_check(d, &eb), ERR_FULL);
	cr_assert_str_eq(
	    eb.text, "disk_full: 63.5 MiB are free under /somewhere, writes need 64.0 MiB ([server] min_free_disk)");
	disk_space_stats(d, &s);
	cr_assert(s.low && s.known);
	cr_assert_eq(s.free_bytes, room);
	room = 64 << 20;
	clock_fake(NS_PER_S, 3 * NS_PER_S);
	cr_assert_eq(disk_space_check(d, &eb), ERR_OK);
	disk_space_free(d);
	clock_real();
}

Test(disk_space, is_measured_once_a_second_whoever_asks)
{
	struct errbuf eb;

	room = 1 << 30;
	struct disk_space *d = opened(1);
	unsigned before = asked;
	for (int i = 0; i < 100; i++)
		cr_assert_eq(disk_space_check(d, &eb), ERR_OK);
	cr_assert_eq(asked, before);
	clock_fake(0, 2 * NS_PER_S);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(disk_space_check(d, &eb), ERR_OK);
	cr_assert_eq(asked, before + 1);
	disk_space_free(d);
	clock_real();
}

Test(disk_space, what_cannot_be_measured_refuses_nothing)
{
	struct disk_space_stats s;
	struct errbuf eb;

	works = false;
	struct disk_space *d = opened(UINT64_C(1) << 40);
	cr_assert_eq(disk_space_check(d, &eb), ERR_OK);
	disk_space_stats(d, &s);
	cr_assert_not(s.known);
	disk_space_free(d);
	clock_real();
}

Test(disk_space, a_real_folder_has_some_room)
{
	struct disk_space_opts o = { .reserve_bytes = UINT64_MAX - 1 };
	struct disk_space *d;
	struct disk_space_stats s;
	struct errbuf eb;

	cr_assert_eq(disk_space_new(&d, "/tmp", &o, &eb), ERR_OK);
	disk_space_stats(d, &s);
	cr_assert(s.known && s.low && s.free_bytes > 0);
	disk_space_free(d);
}
