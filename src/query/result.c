#include "query/result.h"

#include <math.h>
#include <stdio.h>

#include "store/tier.h"

void result_report_not_before(struct result_report *r, int64_t ns, const char *reason)
{
	if (!r->incomplete || ns > r->whole_from_ns)
		r->whole_from_ns = ns;
	if (r->incomplete)
		return;
	r->incomplete = true;
	snprintf(r->reason, sizeof r->reason, "%s", reason);
}

void result_report_not_complete(struct result_report *r, const char *reason)
{
	result_report_not_before(r, INT64_MAX, reason);
}

const char *result_report_tier(const struct result_report *r)
{
	int t = TIER_1D;

	while (t > TIER_RAW && !(r->tiers & 1u << t))
		t--;
	return tier_name((enum tier)t);
}

struct result_run result_run_part(const struct result_run *r, uint32_t from, uint32_t n)
{
	struct result_run part = *r;

	part.first += r->backwards ? r->count - from - n : from;
	part.count = n;
	return part;
}

struct cell result_column_cell(const struct result_column *c, uint32_t row)
{
	if (!c->bits)
		return c->same;
	if (c->present && !c->present[row])
		return (struct cell){ .type = CELL_NULL };
	struct cell x = cell_from_bits(c->type, c->bits[row]);
	if (x.type == CELL_FLOAT && isnan(x.f))
		x.type = CELL_NULL;
	return x;
}

bool result_sink_run(const struct result_sink *s, const struct result_run *r)
{
	if (s->run)
		return s->run(s->arg, r);
	for (uint32_t i = 0; i < r->count; i++) {
		const uint32_t row = result_run_row(r, i);
		r->cells[0] = (struct cell){ .type = CELL_INTEGER, .i = r->times[row] };
		for (uint32_t k = 0; k < r->column_count; k++)
			r->cells[k + 1] = result_column_cell(&r->columns[k], row);
		if (!s->row(s->arg, r->cells))
			return false;
	}
	return true;
}
