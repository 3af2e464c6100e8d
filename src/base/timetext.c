#include "base/timetext.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar (Hinnant's days_from_civil). */
static int64_t days_from_date(int64_t y, unsigned m, unsigned d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	unsigned yoe = (unsigned)(y - era * 400);
	unsigned doy = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + (int64_t)doe - 719468;
}

static void date_from_days(int64_t z, int64_t *y, unsigned *m, unsigned *d)
{
	z += 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*d = doy - (153 * mp + 2) / 5 + 1;
	*m = mp < 10 ? mp + 3 : mp - 9;
	*y = (int64_t)yoe + era * 400 + (*m <= 2);
}

static bool digits(const char **p, const char *end, unsigned n, unsigned *out)
{
	*out = 0;
	if ((size_t)(end - *p) < n)
		return false;
	for (unsigned i = 0; i < n; i++, (*p)++) {
		unsigned d = (unsigned char)**p - '0';
		if (d > 9)
			return false;
		*out = *out * 10 + d;
	}
	return true;
}

static bool literal(const char **p, const char *end, const char *any)
{
	if (*p >= end || !strchr(any, **p))
		return false;
	(*p)++;
	return true;
}

static bool parse_zone(const char **p, const char *end, int64_t *offset_s)
{
	unsigned h, m;

	*offset_s = 0;
	if (literal(p, end, "Zz"))
		return true;
	bool west = *p < end && **p == '-';
	if (!literal(p, end, "+-") || !digits(p, end, 2, &h) || !literal(p, end, ":") || !digits(p, end, 2, &m) ||
	    h > 23 || m > 59)
		return false;
	*offset_s = (west ? -1 : 1) * (int64_t)(h * 3600 + m * 60);
	return true;
}

static bool parse_rfc3339(struct view v, int64_t *out_ns)
{
	const char *p = v.p, *end = v.p + v.len;
	unsigned y, mo, d, h, mi, s;
	int64_t frac = 0, unit = NS_PER_S, offset, total;

	if (!digits(&p, end, 4, &y) || !literal(&p, end, "-") || !digits(&p, end, 2, &mo) || !literal(&p, end, "-") ||
	    !digits(&p, end, 2, &d) || !literal(&p, end, "Tt ") || !digits(&p, end, 2, &h) || !literal(&p, end, ":") ||
	    !digits(&p, end, 2, &mi) || !literal(&p, end, ":") || !digits(&p, end, 2, &s))
		return false;
	if (mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || s > 60)
		return false;
	if (p < end && *p == '.')
		for (p++; p < end && (unsigned char)(*p - '0') <= 9 && unit > 1; p++) {
			unit /= 10;
			frac += (*p - '0') * unit;
		}
	if (!parse_zone(&p, end, &offset) || p != end)
		return false;
	int64_t days = days_from_date(y, mo, d), back_y;
	unsigned back_m, back_d;
	date_from_days(days, &back_y, &back_m, &back_d);
	if (back_m != mo || back_d != d) /* 31 June */
		return false;
	total = days * 86400 + h * 3600 + mi * 60 + s - offset;
	if (total < 0 && frac) { /* the first second of the range begins before it */
		total++;
		frac -= NS_PER_S;
	}
	return !__builtin_mul_overflow(total, NS_PER_S, &total) && !__builtin_add_overflow(total, frac, out_ns);
}

/* Seconds, ms, us, ns: each 1,000 times the other; the years 1973 to 5138 stay apart. */
static bool parse_epoch(struct view v, int64_t *out_ns)
{
	int64_t n, factor = NS_PER_S;
	uint64_t size;

	if (!num_parse_i64(v, &n))
		return false;
	size = n < 0 ? -(uint64_t)n : (uint64_t)n;
	for (uint64_t limit = UINT64_C(100000000000); factor > 1 && size >= limit; limit *= 1000)
		factor /= 1000;
	return !__builtin_mul_overflow(n, factor, out_ns);
}

bool timetext_parse(struct view v, int64_t now_ns, int64_t *out_ns)
{
	int64_t back;

	if (view_is(v, "now")) {
		*out_ns = now_ns;
		return true;
	}
	if (v.len > 1 && v.p[0] == '-' && num_parse_duration_ns((struct view){ v.p + 1, v.len - 1 }, &back)) {
		*out_ns = now_ns - back;
		return true;
	}
	return parse_epoch(v, out_ns) || parse_rfc3339(v, out_ns);
}

void timetext_format(char out[32], int64_t ns)
{
	int64_t s = ns / NS_PER_S, frac = ns % NS_PER_S, days, y;
	unsigned m, d;

	if (frac < 0) {
		frac += NS_PER_S;
		s--;
	}
	days = (s - ((s % 86400) + 86400) % 86400) / 86400;
	unsigned in_day = (unsigned)(s - days * 86400);
	date_from_days(days, &y, &m, &d);
	unsigned year = (unsigned)(y % 10000);
	int n = snprintf(out, 32, "%04u-%02u-%02uT%02u:%02u:%02u", year, m % 100, d % 100, in_day / 3600 % 100,
	    in_day / 60 % 60, in_day % 60);
	if (frac) {
		n += snprintf(out + n, 32 - (size_t)n, ".%09u", (unsigned)frac % 1000000000u);
		while (out[n - 1] == '0')
			n--;
	}
	out[n] = 'Z';
	out[n + 1] = 0;
}
