/* Packed sketches of any bytes. What it holds true: a sketch that is taken packs to one that gives the same again, and
 * its values rise with their rank. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "model/sketch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(bool truth)
{
	if (!truth)
		abort();
}

static void check_values(const struct sketch *s)
{
	double before = -INFINITY;

	for (int i = 1; i <= 8; i++) {
		uint64_t rank = s->count / 8 * (unsigned)i;
		double v = sketch_value(s, rank ? rank : 1);
		hold(s->count == 0 || v >= before);
		before = v;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sketch s, again;
	struct buf packed, twice;

	sketch_init(&s);
	sketch_init(&again);
	buf_init(&packed, 1 << 20);
	buf_init(&twice, 1 << 20);
	if (sketch_merge_packed(&s, (struct view){ (const char *)data, size }) == ERR_OK) {
		check_values(&s);
		sketch_pack(&s, &packed);
		hold(sketch_merge_packed(&again, (struct view){ packed.p, packed.len }) == ERR_OK);
		hold(again.count == s.count);
		sketch_pack(&again, &twice);
		hold(view_eq((struct view){ packed.p, packed.len }, (struct view){ twice.p, twice.len }));
		hold(sketch_merge(&again, &s) == ERR_OK);
	}
	sketch_fini(&s);
	sketch_fini(&again);
	buf_fini(&packed);
	buf_fini(&twice);
	return 0;
}
