#include "edge/series_view.h"

#include "store/tags.h"
#include "wire/json_write.h"
#include "wire/lp_key.h"

const char *series_view_key(enum ceiling ceiling)
{
	static const char *const names[] = { [CEILING_NONE] = "",
		[CEILING_SERIES] = "series",
		[CEILING_MEASUREMENT_SERIES] = "series_per_measurement",
		[CEILING_MEASUREMENTS] = "measurements",
		[CEILING_FIELDS] = "fields_per_measurement" };

	return names[ceiling];
}

unsigned series_view_top(const struct catalogue *c, struct measurement **out, unsigned max)
{
	uint32_t n = catalogue_measurement_count(c);
	unsigned count = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct measurement *m = catalogue_measurement_at(c, i);
		unsigned at = count;
		for (; at > 0 && measurement_series_count(out[at - 1]) < measurement_series_count(m); at--)
			if (at < max)
				out[at] = out[at - 1];
		if (at < max)
			out[at] = m;
		count += count < max;
	}
	return count;
}

static void plain_name(char out[SERIES_VIEW_NAME], struct view escaped, bool measurement)
{
	struct buf b;

	buf_init(&b, LP_KEY_MAX);
	lp_unescape(escaped, measurement, &b);
	size_t n = b.len < SERIES_VIEW_NAME ? b.len : SERIES_VIEW_NAME - 1;
	while (n > 0 && n < b.len && ((unsigned char)b.p[n] & 0xC0) == 0x80) /* not within a character */
		n--;
	if (n)
		memcpy(out, b.p, n);
	out[n] = 0;
	buf_fini(&b);
}

static void take_if_nearer(struct series_near *n, struct measurement **which, enum ceiling ceiling, uint64_t have,
    uint64_t max, struct measurement *m)
{
	if (n->ceiling && (double)have / (double)max <= (double)n->have / (double)n->max)
		return;
	n->ceiling = ceiling;
	n->have = have;
	n->max = max;
	*which = m;
}

void series_view_nearest(const struct catalogue *c, struct series_near *out)
{
	static const uint64_t most[] = { [CEILING_SERIES] = CATALOGUE_SERIES_MAX,
		[CEILING_MEASUREMENT_SERIES] = CATALOGUE_MEASUREMENT_SERIES_MAX,
		[CEILING_MEASUREMENTS] = CATALOGUE_MEASUREMENTS_MAX,
		[CEILING_FIELDS] = CATALOGUE_FIELDS_MAX };
	const struct catalogue_opts *o = catalogue_ceilings(c);
	uint32_t n = catalogue_measurement_count(c);
	struct measurement *which = NULL, *largest = NULL;
	const struct tag_key *widest;

	*out = (struct series_near){ .ceiling = CEILING_NONE };
	(void)series_view_top(c, &largest, 1);
	take_if_nearer(out, &which, CEILING_SERIES, catalogue_series_count(c), o->series_max, largest);
	take_if_nearer(out, &which, CEILING_MEASUREMENTS, n, o->measurements_max, NULL);
	for (uint32_t i = 0; i < n; i++) {
		struct measurement *m = catalogue_measurement_at(c, i);
		take_if_nearer(
		    out, &which, CEILING_MEASUREMENT_SERIES, measurement_series_count(m), o->measurement_series_max, m);
		take_if_nearer(out, &which, CEILING_FIELDS, measurement_layout(m)->count, o->measurement_fields_max, m);
	}
	out->can_rise = out->max < most[out->ceiling];
	if (which)
		plain_name(out->measurement, measurement_name(which), true);
	if (which && out->ceiling != CEILING_FIELDS && tags_widest(measurement_tags(which), &widest, 1)) {
		plain_name(out->tag, tag_key_name(widest), false);
		out->tag_values = tag_key_value_count(widest);
	}
}

void series_view_put_name(struct buf *b, const char *key, struct view escaped, bool measurement)
{
	struct buf plain;

	buf_init(&plain, LP_KEY_MAX);
	lp_unescape(escaped, measurement, &plain);
	json_put_text(b, key, (struct view){ plain.p, plain.len });
	buf_fini(&plain);
}

void series_view_put_near(struct buf *b, const char *key, const struct series_near *n)
{
	json_open(b, key, '{');
	json_put_string(b, "limit", series_view_key(n->ceiling));
	json_put_string_or_null(b, "measurement", n->measurement);
	json_put_u64(b, "have", n->have);
	json_put_u64(b, "max", n->max);
	json_put_string_or_null(b, "tag", n->tag);
	if (*n->tag)
		json_put_u64(b, "tag_values", n->tag_values);
	else
		json_put_null(b, "tag_values");
	json_close(b, '}');
}
