/* The tiers of the store, each with its windows: the unit in which rows are merged and let go. */
#ifndef STORE_TIER_H
#define STORE_TIER_H

#include <stdint.h>

#include "base/clock.h"

enum tier { TIER_RAW, TIER_1M, TIER_1H, TIER_1D, TIERS };

#define TIER_MINUTE_NS (60 * NS_PER_S)
#define TIER_HOUR_NS (3600 * NS_PER_S)
#define TIER_DAY_NS (86400 * NS_PER_S)

static inline const char *tier_name(enum tier t)
{
	static const char *const names[TIERS] = { "raw", "1m", "1h", "1d" };

	return names[t];
}

static inline int64_t tier_window_ns(enum tier t)
{
	static const int64_t ns[TIERS] = { 2 * TIER_HOUR_NS, TIER_DAY_NS, 8 * TIER_DAY_NS, 256 * TIER_DAY_NS };

	return ns[t];
}

/* Of its rows; 0 for raw ones. */
static inline int64_t tier_bucket_ns(enum tier t)
{
	static const int64_t ns[TIERS] = { 0, TIER_MINUTE_NS, TIER_HOUR_NS, TIER_DAY_NS };

	return ns[t];
}

/* The window a timestamp lies in; negative before 1970. */
static inline int64_t tier_window(enum tier t, int64_t time_ns)
{
	int64_t w = tier_window_ns(t), rest = time_ns % w;

	return (time_ns - (rest < 0 ? rest + w : rest)) / w;
}

static inline int64_t tier_window_start(enum tier t, int64_t window)
{
	return window * tier_window_ns(t);
}

#endif
