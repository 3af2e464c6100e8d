#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/collect_tree.h"

Test(collect_disk, only_local_storage_is_asked_and_each_device_once)
{
	struct collect *c = tree_open("proc-normal");

	tree_round(c, "disk");
	cr_expect_str_eq(tree_asked, "/ /srv/my data,=1 /root/secret /home /sys/new ");
	tree_close(c);
}

Test(collect_disk, mounts_that_change_are_seen)
{
	struct collect *c = tree_open("proc-normal");

	tree_write("self/mounts", "/dev/sda1 / ext4 rw 0 0\n");
	cr_expect_null(strstr(tree_round(c, "disk"), "device=usb"));
	tree_write("self/mounts", "/dev/sda1 / ext4 rw 0 0\n/dev/usb /media ext4 rw 0 0\n");
	cr_expect(strstr(tree_round(c, "disk"), "device=usb,"));
	tree_close(c);
}

Test(collect_disk, root_on_a_network_is_not_asked)
{
	struct collect *c = tree_open("proc-normal");

	tree_write("self/mounts", "10.0.0.1:/root / nfs rw 0 0\nsrv:/a /a newfs rw 0 0\n/dev/fuse /f fuse.x rw 0 0\n");
	cr_expect_str_eq(tree_round(c, "disk"), "");
	cr_expect_str_eq(tree_asked, "");
	tree_close(c);
}

Test(collect_disk, more_than_the_ceiling_is_an_error_and_the_first_are_told)
{
	static char mounts[16384];
	struct collect *c = tree_open("proc-normal");
	size_t n = 0, lines = 0;
	char error[128];

	for (int i = 0; i < 200; i++)
		n += (size_t)snprintf(mounts + n, sizeof mounts - n, "/dev/d%d /mnt/%d ext4 rw 0 0\n", i, i);
	tree_write("self/mounts", mounts);
	for (const char *p = tree_round(c, "disk"); (p = strchr(p, '\n')); p++)
		lines++;
	cr_expect_eq(lines, 128);
	cr_expect_not(tree_ok(c, "disk", error));
	cr_expect(strstr(error, "128"), "%s", error);
	tree_close(c);
}

Test(collect_disk, odd_escapes_stay_as_they_are)
{
	struct collect *c = tree_open("proc-normal");

	tree_write("self/mounts", "/dev/a /a\\134b\\04\\9x ext4 rw 0 0\n");
	cr_expect(strstr(tree_round(c, "disk"), "path=/a\\b\\04\\9x,"));
	tree_close(c);
}
