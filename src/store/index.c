#include "store/index.h"

enum { FIRST_SLOTS = 16 };

static void put(struct index_slots *s, uint64_t hash, uint32_t number)
{
	uint64_t at = hash;

	while (atomic_load_explicit(&s->slot[at & s->mask], memory_order_relaxed))
		at++;
	atomic_store_explicit(&s->slot[at & s->mask], hash >> 32 << 32 | (number + UINT64_C(1)), memory_order_release);
}

static bool grow(struct index *ix, struct arena *a, uint64_t (*hash_of)(const void *, uint32_t), const void *owner)
{
	const struct index_slots *old = atomic_load_explicit(&ix->slots, memory_order_relaxed);
	uint64_t n = old ? (old->mask + 1) * 2 : FIRST_SLOTS;
	struct index_slots *s = arena_alloc(a, sizeof *s + n * sizeof s->slot[0], 16);

	if (!s)
		return false;
	s->mask = n - 1;
	for (uint64_t i = 0; old && i <= old->mask; i++) {
		uint64_t slot = atomic_load_explicit(&old->slot[i], memory_order_relaxed);
		if (slot)
			put(s, hash_of(owner, (uint32_t)slot - 1), (uint32_t)slot - 1);
	}
	atomic_store_explicit(&ix->slots, s, memory_order_release);
	return true;
}

bool index_add(struct index *ix, struct arena *a, uint64_t hash, uint32_t number,
    uint64_t (*hash_of)(const void *owner, uint32_t number), const void *owner)
{
	const struct index_slots *s = atomic_load_explicit(&ix->slots, memory_order_relaxed);

	if (!s || ix->count >= (s->mask + 1) / 4 * 3)
		if (!grow(ix, a, hash_of, owner))
			return false;
	put(atomic_load_explicit(&ix->slots, memory_order_relaxed), hash, number);
	ix->count++;
	return true;
}
