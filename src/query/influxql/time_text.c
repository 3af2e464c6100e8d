/* Points in time as InfluxQL's strings have them: 2006-01-02, 2006-01-02 15:04:05[.999999999], or RFC 3339. As in InfluxDB
 * an hour may have one digit, and a comma may stand for the point. */
#include "query/influxql/fold.h"
#include "query/influxql/token.h"

struct cursor {
	const char *p, *end;
};

static bool take_number(struct cursor *c, unsigned least, unsigned most, int *out)
{
	unsigned n = 0;

	for (*out = 0; n < most && c->p < c->end && iql_is_digit((unsigned char)*c->p); n++)
		*out = *out * 10 + (*c->p++ - '0');
	return n >= least;
}

static bool take_char(struct cursor *c, char want)
{
	if (c->p == c->end || *c->p != want)
		return false;
	c->p++;
	return true;
}

/* One or more. */
static bool take_spaces(struct cursor *c)
{
	const char *start = c->p;

	while (take_char(c, ' '))
		;
	return c->p > start;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar. */
static int64_t days_of(int y, int m, int d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t of_era = y - era * 400;
	int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_in(int y, int m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[m - 1] + (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
}

static bool take_date(struct cursor *c, int64_t *days)
{
	int y, m, d;

	if (!take_number(c, 4, 4, &y) || !take_char(c, '-') || !take_number(c, 2, 2, &m) || !take_char(c, '-') ||
	    !take_number(c, 2, 2, &d))
		return false;
	if (m < 1 || m > 12 || d < 1 || d > days_in(y, m))
		return false;
	*days = days_of(y, m, d);
	return true;
}

static bool take_clock(struct cursor *c, int64_t *seconds, uint32_t *nanos)
{
	int h, m, s, digits = 0;

	if (!take_number(c, 1, 2, &h) || !take_char(c, ':') || !take_number(c, 2, 2, &m) || !take_char(c, ':') ||
	    !take_number(c, 2, 2, &s) || h > 23 || m > 59 || s > 59)
		return false;
	*seconds += h * 3600 + m * 60 + s;
	if (c->end - c->p < 2 || (*c->p != '.' && *c->p != ',') || !iql_is_digit((unsigned char)c->p[1]))
		return true;
	c->p++;
	for (; digits < 9; digits++) {
		bool more = c->p < c->end && iql_is_digit((unsigned char)*c->p);
		*nanos = *nanos * 10 + (more ? (uint32_t)(*c->p++ - '0') : 0);
	}
	return true;
}

/* Z or +01:00 */
static bool take_offset(struct cursor *c, int64_t *seconds)
{
	int h, m, sign;

	if (take_char(c, 'Z'))
		return true;
	sign = take_char(c, '-') ? 1 : take_char(c, '+') ? -1 : 0;
	if (!sign || !take_number(c, 2, 2, &h) || !take_char(c, ':') || !take_number(c, 2, 2, &m))
		return false;
	*seconds += sign * (h * 3600 + m * 60);
	return true;
}

bool iql_time_is_text(struct view text)
{
	static const char form[] = "dddd-dd-dd";

	if (text.len < sizeof form - 1 || memchr(text.p, '\n', text.len))
		return false;
	for (size_t i = 0; i < sizeof form - 1; i++)
		if (form[i] == 'd' ? !iql_is_digit((unsigned char)text.p[i]) : text.p[i] != form[i])
			return false;
	return true;
}

bool iql_time_parse(struct view text, const struct iql_zone *zone, int64_t *seconds, uint32_t *nanos)
{
	struct cursor c = { text.p, text.p + text.len };
	int64_t days;

	*nanos = 0;
	if (!take_date(&c, &days))
		return false;
	*seconds = days * 86400;
	if (take_char(&c, 'T')) {
		if (!take_clock(&c, seconds, nanos) || !take_offset(&c, seconds))
			return false;
	} else {
		if (c.p < c.end && (!take_spaces(&c) || !take_clock(&c, seconds, nanos)))
			return false;
		*seconds = iql_zone_to_utc(zone, *seconds);
	}
	return c.p == c.end;
}
