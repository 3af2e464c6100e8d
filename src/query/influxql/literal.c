#include "query/influxql/literal.h"

#include <stdio.h>

#include "base/num.h"
#include "query/influxql/token.h"

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	{ "w", 604800000000000 }, { "d", 86400000000000 }, { "h", 3600000000000 }, { "m", 60000000000 },
	{ "s", 1000000000 }, { "ms", 1000000 }, { "u", 1000 }, { "ns", 1 }, { "\xC2\xB5", 1000 }, /* µ */
};
enum { UNITS = sizeof units / sizeof *units };

/* The unit at p, the longest that fits: "ms" before "m". */
static const struct unit *find_unit(const char *p, const char *end)
{
	const struct unit *best = NULL;

	for (int i = 0; i < UNITS; i++) {
		size_t n = strlen(units[i].name);
		if ((size_t)(end - p) >= n && memcmp(p, units[i].name, n) == 0 && (!best || n > strlen(best->name)))
			best = &units[i];
	}
	return best;
}

/* One number and its unit at *p, added to *sum. */
static bool take_part(const char **p, const char *end, int64_t *sum, bool *fits)
{
	int64_t n = 0;
	const char *digits = *p;

	for (; *p < end && iql_is_digit((unsigned char)**p); ++*p)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, **p - '0', &n))
			return false;
	const struct unit *u = *p > digits ? find_unit(*p, end) : NULL;
	if (!u)
		return false;
	*p += strlen(u->name);
	*fits = !__builtin_mul_overflow(n, u->ns, &n) && !__builtin_add_overflow(*sum, n, sum);
	return true;
}

bool iql_duration_parse(struct view v, int64_t *ns, struct view *overflowed)
{
	const char *p = v.p, *end = v.p + v.len;
	bool negative = v.len && *p == '-';
	struct view large = { "", 0 }; /* the first part that is too much; what follows must be right all the same */
	int64_t sum = 0;

	*overflowed = large;
	if (v.len && (*p == '-' || *p == '+'))
		p++;
	if (p == end)
		return false;
	while (p < end) {
		const char *part = p;
		bool fits;
		if (!take_part(&p, end, &sum, &fits))
			return false;
		if (fits)
			continue;
		if (!large.len)
			large = (struct view){ part, (size_t)(p - part) };
		sum = 0;
	}
	*ns = negative ? -sum : sum;
	*overflowed = large;
	return !large.len;
}

void iql_duration_print(int64_t ns, struct buf *out)
{
	int i = 0;

	if (ns == 0) {
		buf_str(out, "0s");
		return;
	}
	while (ns % units[i].ns)
		i++;
	buf_i64(out, ns / units[i].ns);
	buf_str(out, units[i].name);
}

void iql_float_print(double f, int least, struct buf *out)
{
	enum { DIGITS_MAX = 360 }; /* after the point of the smallest double; the largest has 309 before it */
	char text[DIGITS_MAX + 320];
	double back;

	for (int n = least; n < DIGITS_MAX; n++) {
		snprintf(text, sizeof text, "%.*f", n, f);
		if (num_parse_double(view_of(text), &back) && back == f)
			break;
	}
	buf_str(out, text);
}
