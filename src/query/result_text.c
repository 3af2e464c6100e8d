#include "query/result_text.h"

#include <string.h>

#include "base/clock.h"
#include "base/timetext.h"
#include "query/influxql/zone.h"

static const struct {
	const char *name;
	int64_t unit_ns;
} epochs[] = { [RESULT_EPOCH_TEXT] = { "", 0 },
	[RESULT_EPOCH_NS] = { "ns", 1 },
	[RESULT_EPOCH_US] = { "u", NS_PER_US },
	[RESULT_EPOCH_MS] = { "ms", NS_PER_MS },
	[RESULT_EPOCH_S] = { "s", NS_PER_S },
	[RESULT_EPOCH_M] = { "m", 60 * NS_PER_S },
	[RESULT_EPOCH_H] = { "h", 3600 * NS_PER_S } };

enum result_epoch result_epoch_find(const char *text)
{
	for (unsigned i = 0; text && i < sizeof epochs / sizeof *epochs; i++)
		if (!strcmp(text, epochs[i].name))
			return (enum result_epoch)i;
	return text ? RESULT_EPOCH_NS : RESULT_EPOCH_TEXT;
}

int64_t result_epoch_of(enum result_epoch e, int64_t ns)
{
	return ns / epochs[e].unit_ns;
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

char *result_clock_put(struct result_clock *c, char *out, int64_t ns)
{
	const int64_t day_ns = 86400 * NS_PER_S;
	int32_t offset = c->zone ? iql_zone_offset(c->zone, ns / NS_PER_S - (ns % NS_PER_S < 0)) : 0;
	int64_t day, rest;
	char text[32];

	if (__builtin_add_overflow(ns, offset * NS_PER_S, &day)) /* at the very end of time */
		offset = 0;
	ns += offset * NS_PER_S;
	day = ns / day_ns;
	rest = ns % day_ns;

	if (rest < 0) {
		rest += day_ns;
		day--;
	}
	if (!c->known || day != c->day) {
		timetext_format(text, ns);
		memcpy(c->text, text, 11);
		c->day = day;
		c->known = true;
	}
	unsigned s = (unsigned)(rest / NS_PER_S), fraction = (unsigned)(rest % NS_PER_S), digits = 9;
	memcpy(out, c->text, 11);
	out = two_digits(out + 11, s / 3600, ':');
	out = two_digits(out, s / 60 % 60, ':');
	out = two_digits(out, s % 60, '.');
	if (!fraction)
		return put_offset(out - 1, offset);
	for (; fraction % 10 == 0; fraction /= 10)
		digits--;
	for (unsigned i = digits; i-- > 0; fraction /= 10)
		out[i] = (char)('0' + fraction % 10);
	return put_offset(out + digits, offset);
}
