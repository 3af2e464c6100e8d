#include <criterion/criterion.h>

#include "model/resource_fields.h"

Test(resource_fields, whole_names_of_their_own_type_are_counters)
{
	cr_expect(resource_field_is_counter("net", "bytes_recv"));
	cr_expect(resource_field_is_counter("net", "drop_out"));
	cr_expect(resource_field_is_counter("diskio", "reads"));
	cr_expect(resource_field_is_counter("diskio", "merged_writes"));
	cr_expect(resource_field_is_counter("diskio", "io_time"));
	cr_expect(resource_field_is_counter("pressure", "total"));
	cr_expect(resource_field_is_counter("swap", "in"));
	cr_expect(resource_field_is_counter("kernel", "interrupts"));
}

Test(resource_fields, the_rest_is_not)
{
	cr_expect_not(resource_field_is_counter("mem", "total"));
	cr_expect_not(resource_field_is_counter("processes", "total"));
	cr_expect_not(resource_field_is_counter("diskio", "iops_in_progress"));
	cr_expect_not(resource_field_is_counter("diskio", "time"));
	cr_expect_not(resource_field_is_counter("net", "bytes"));
	cr_expect_not(resource_field_is_counter("net", ""));
	cr_expect_not(resource_field_is_counter("net", "bytes_sent bytes_recv x"));
	cr_expect_not(resource_field_is_counter("swap", "i"));
	cr_expect_not(resource_field_is_counter("", "reads"));
}
