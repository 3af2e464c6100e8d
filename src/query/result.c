#include "query/result.h"

#include <stdio.h>

#include "store/tier.h"

void result_report_not_complete(struct result_report *r, const char *reason)
{
	if (r->incomplete)
		return;
	r->incomplete = true;
	snprintf(r->reason, sizeof r->reason, "%s", reason);
}

const char *result_report_tier(const struct result_report *r)
{
	int t = TIER_1D;

	while (t > TIER_RAW && !(r->tiers & 1u << t))
		t--;
	return tier_name((enum tier)t);
}
