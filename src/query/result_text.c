#include "query/result_text.h"

#include <string.h>

#include "base/clock.h"
#include "base/timetext.h"
#include "query/influxql/zone.h"

enum { MINUTE_BYTES = 17 /* 2026-01-31T09:30: */, DAY_MINUTES = 24 * 60 };

enum result_epoch result_epoch_find(const char *text)
{
	static const char *const names[] = { [RESULT_EPOCH_TEXT] = "",
		[RESULT_EPOCH_NS] = "ns",
		[RESULT_EPOCH_US] = "u",
		[RESULT_EPOCH_MS] = "ms",
		[RESULT_EPOCH_S] = "s",
		[RESULT_EPOCH_M] = "m",
		[RESULT_EPOCH_H] = "h" };

	for (unsigned i = 0; text && i < sizeof names / sizeof *names; i++)
		if (!strcmp(text, names[i]))
			return (enum result_epoch)i;
	return text ? RESULT_EPOCH_NS : RESULT_EPOCH_TEXT;
}

static char *two_digits(char *out, unsigned v, char behind)
{
	out[0] = (char)('0' + v / 10);
	out[1] = (char)('0' + v % 10);
	out[2] = behind;
	return out + 3;
}

/* +01:00, or Z. */
static char *put_offset(char *out, int32_t offset_s)
{
	uint32_t minutes = (uint32_t)(offset_s < 0 ? -offset_s : offset_s) / 60;

	if (offset_s == 0) {
		*out = 'Z';
		return out + 1;
	}
	*out++ = offset_s < 0 ? '-' : '+';
	out = two_digits(out, minutes / 60, ':');
	return two_digits(out, minutes % 60, 0) - 1;
}

static void turn_to(struct result_clock *c, int64_t local_ns, int64_t minute)
{
	const int64_t day = minute / DAY_MINUTES - (minute % DAY_MINUTES < 0);
	const unsigned of_day = (unsigned)(minute - day * DAY_MINUTES);

	if (!c->known || day != c->day)
		timetext_format(c->text, local_ns);
	two_digits(c->text + 11, of_day / 60, ':');
	two_digits(c->text + 14, of_day % 60, ':');
	c->day = day;
	c->minute = minute;
	c->known = true;
}

char *result_clock_put(struct result_clock *c, char *out, int64_t ns)
{
	const int64_t minute_ns = 60 * NS_PER_S;
	int32_t offset = c->zone ? iql_zone_offset(c->zone, ns / NS_PER_S - (ns % NS_PER_S < 0)) : 0;
	int64_t local, minute, rest;

	if (__builtin_add_overflow(ns, offset * NS_PER_S, &local)) { /* at the very end of time */
		local = ns;
		offset = 0;
	}
	minute = local / minute_ns;
	rest = local % minute_ns;
	if (rest < 0) {
		rest += minute_ns;
		minute--;
	}
	if (!c->known || minute != c->minute)
		turn_to(c, local, minute);
	unsigned fraction = (unsigned)(rest % NS_PER_S), digits = 9;
	memcpy(out, c->text, MINUTE_BYTES);
	out = two_digits(out + MINUTE_BYTES, (unsigned)(rest / NS_PER_S), '.');
	if (!fraction)
		return put_offset(out - 1, offset);
	for (; fraction % 10 == 0; fraction /= 10)
		digits--;
	for (unsigned i = digits; i-- > 0; fraction /= 10)
		out[i] = (char)('0' + fraction % 10);
	return put_offset(out + digits, offset);
}
