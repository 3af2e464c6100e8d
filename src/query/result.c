#include "query/result.h"

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
