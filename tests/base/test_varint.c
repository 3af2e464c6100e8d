#include <criterion/criterion.h>

#include "base/varint.h"

static const uint64_t edges[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, (uint64_t)UINT32_MAX + 1, INT64_MAX,
	(uint64_t)INT64_MAX + 1, UINT64_MAX - 1, UINT64_MAX };
enum { EDGES = sizeof edges / sizeof *edges };

/* The number, if it is all of the n bytes; `at` stays where it was if there is none. */
static bool reads(const uint8_t *bytes, size_t n, uint64_t *v)
{
	const uint8_t *at = bytes;
	bool is = varint_get(&at, bytes + n, v);

	cr_assert(is ? at == bytes + n : at == bytes);
	return is;
}

Test(varint, every_length_reads_back_and_no_beginning_of_it_does)
{
	for (unsigned bits = 0; bits < 64 + EDGES; bits++) {
		uint64_t v = bits < 64 ? UINT64_C(1) << bits : edges[bits - 64], got = 0;
		uint8_t bytes[VARINT_BYTES_MAX];
		unsigned n = varint_put(bytes, v), least = 1;
		while (least < 10 && v >> 7 * least)
			least++;
		cr_assert_eq(n, least, "%llx", (unsigned long long)v);
		cr_assert(reads(bytes, n, &got));
		cr_assert_eq(got, v);
		for (unsigned cut = 0; cut < n; cut++)
			cr_assert_not(reads(bytes, cut, &got), "%llx, %u", (unsigned long long)v, cut);
	}
}

Test(varint, the_bytes_are_as_files_have_them)
{
	static const char expected[] = "\x00\x7f\x80\x01\xac\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
	struct buf b;

	buf_init(&b, 64);
	varint_append(&b, 0);
	varint_append(&b, 127);
	varint_append(&b, 128);
	varint_append(&b, 300);
	varint_append(&b, UINT64_MAX);
	cr_assert_eq(b.len, sizeof expected - 1);
	cr_assert_arr_eq(b.p, expected, sizeof expected - 1);
	buf_fini(&b);
}

Test(varint, what_is_above_64_bits_or_longer_is_refused)
{
	uint8_t bytes[12];
	uint64_t v;

	memset(bytes, 0x80, sizeof bytes);
	cr_assert_not(reads(bytes, sizeof bytes, &v));
	for (unsigned tenth = 0; tenth < 256; tenth++) {
		bytes[9] = (uint8_t)tenth;
		bytes[10] = 0;
		cr_assert_eq(reads(bytes, 10, &v), tenth <= 1, "%u", tenth);
		if (tenth > 1)
			cr_assert_not(reads(bytes, 11, &v), "%u", tenth);
	}
}

Test(varint, zigzag_keeps_all_and_small_ones_small)
{
	static const int64_t order[] = { 0, -1, 1, -2, 2 };

	for (unsigned i = 0; i < 5; i++)
		cr_assert_eq(zigzag((uint64_t)order[i]), i);
	cr_assert_eq(zigzag((uint64_t)INT64_MIN), UINT64_MAX);
	for (unsigned i = 0; i < EDGES; i++) {
		cr_assert_eq(unzigzag(zigzag(edges[i])), edges[i]);
		cr_assert_eq(zigzag(unzigzag(edges[i])), edges[i]);
	}
}
