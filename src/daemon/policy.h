/* What the configuration says about the store, as the compactor asks it: how long rows of a measurement stay in each
 * tier, and which fields keep percentiles. Constant once read; any thread. */
#ifndef DAEMON_POLICY_H
#define DAEMON_POLICY_H

#include <stdbool.h>

#include "daemon/config.h"
#include "store/tier.h"

struct policy;

/* ERR_INVALID, with what would be right. */
NODISCARD enum err policy_new(struct policy **out, const struct config *c, struct errbuf *eb);
void policy_free(struct policy *p);
/* policy: struct policy. Names are escaped, as the catalogue has them. */
int64_t policy_retention_ns(void *policy, enum tier tier, struct view measurement);
int64_t policy_longest_raw_ns(const struct policy *p);
bool policy_has_exceptions(const struct policy *p);
bool policy_is_sketched(void *policy, struct view measurement, struct view field);

#endif
