#include "base/arena.h"

#include <criterion/criterion.h>

enum { BLOCK = 4096 };

static bool is_zero(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

Test(arena, pieces_are_zero_also_in_blocks_that_were_used_before)
{
	static const size_t sizes[] = { 1, 7, 100, BLOCK / 4, BLOCK / 4 + 1, BLOCK, 3 * BLOCK };
	struct arena a;

	arena_init(&a, BLOCK, 1 << 20);
	for (int round = 0; round < 4; round++) {
		for (unsigned i = 0; i < 40; i++) {
			size_t n = sizes[i % 7];
			char *p = arena_alloc(&a, n, 8), *raw = arena_alloc_raw(&a, n, 16);
			cr_assert(p && raw);
			cr_assert(is_zero(p, n), "round %d, piece %u", round, i);
			memset(p, 0xaa, n);
			memset(raw, 0xbb, n);
		}
		arena_clear(&a);
	}
	arena_fini(&a);
}

Test(arena, a_piece_that_finds_no_room_leaves_the_block_at_hand_as_it_is)
{
	struct arena a;

	arena_init(&a, BLOCK, 2 * BLOCK);
	char *first = arena_alloc(&a, 100, 1);
	cr_assert(first);
	memset(arena_alloc(&a, 900, 1), 0xaa, 900);
	arena_clear(&a);
	cr_assert(arena_alloc(&a, 100, 1));
	cr_assert_null(arena_alloc(&a, 4 * BLOCK, 1));
	for (unsigned i = 0; i < 3; i++) {
		char *p = arena_alloc(&a, 1000, 1);
		cr_assert(p && is_zero(p, 1000));
	}
	cr_assert_null(arena_alloc(&a, 1000, 1));
	char *rest = arena_alloc(&a, 900, 1);
	cr_assert(rest && is_zero(rest, 900));
	arena_fini(&a);
}

Test(arena, a_copy_is_terminated)
{
	struct arena a;

	arena_init(&a, BLOCK, 1 << 20);
	memset(arena_alloc(&a, 1000, 1), 0xaa, 1000);
	arena_clear(&a);
	cr_assert_str_eq(arena_copy(&a, (struct view){ "abcdef", 3 }), "abc");
	cr_assert_str_eq(arena_copy(&a, (struct view){ NULL, 0 }), "");
	arena_fini(&a);
}
