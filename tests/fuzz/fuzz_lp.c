/* Line protocol of any bytes through the whole door but the disk: parser, keys, catalogue, types. What it holds true:
 * every byte is consumed, a kept line parses again to the same, views stay inside the text. */
#include <stdint.h>
#include <stdlib.h>

#include "store/batch_builder.h"
#include "wire/lp_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hold(bool truth)
{
	if (!truth)
		abort();
}

static void check_again(const struct lp_parser *ps)
{
	struct lp_parser again;

	lp_init(&again, ps->line);
	hold(lp_next_key(&again) == LP_OK);
	hold(view_eq(again.key, ps->key));
	hold(lp_rest(&again, NULL) == LP_OK);
	hold(again.field_count == ps->field_count && again.has_time == ps->has_time);
	hold(!again.has_time || again.time == ps->time);
	hold(lp_next_key(&again) == LP_END);
	lp_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct catalogue *c;
	struct catalogue_opts opts = { .series_max = 100, .measurements_max = 50, .measurement_fields_max = 50 };
	struct batch_builder bb;
	struct errbuf eb;
	enum lp_result r;
	const char *end = (const char *)data + size;

	if (catalogue_new(&c, &opts, &eb) != ERR_OK)
		return 0;
	batch_builder_init(&bb, c);
	bb.at_door = true;
	batch_builder_start(&bb, (struct view){ (const char *)data, size }, 0);
	while ((r = batch_builder_next(&bb, 1)) != LP_END) {
		const struct lp_parser *ps = &bb.parser;
		hold(ps->line.p >= (const char *)data && ps->line.p + ps->line.len <= end);
		hold(ps->next > ps->line.p && ps->next <= end);
		if (r == LP_OK)
			check_again(ps);
	}
	hold(size == 0 || bb.parser.p == end);
	batch_builder_fini(&bb);
	catalogue_free(c);
	return 0;
}
