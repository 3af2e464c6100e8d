/* Decimal to double, correctly rounded, in three steps:
 *   w < 2^53 and |e| <= 22       one exact operation on doubles (Clinger 1990)
 *   w < 2^64 and -27 <= e < 0    w / 5^k by one 128-by-64-bit division, rounded from quotient and remainder;
 *                                exact because 5^27 < 2^63. This is the case of every 16 or 17 digit figure.
 *   else                         strtod */
#include "base/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

enum { STRTOD_MAX = 512 };

static const double exact_power[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
	1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };

bool num_parse_u64(struct view v, uint64_t *out)
{
	uint64_t n = 0;

	if (v.len == 0 || v.len > 20)
		return false;
	for (size_t i = 0; i < v.len; i++) {
		unsigned d = (unsigned char)v.p[i] - '0';
		if (d > 9 || __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, d, &n))
			return false;
	}
	*out = n;
	return true;
}

bool num_parse_i64(struct view v, int64_t *out)
{
	bool negative = v.len > 0 && v.p[0] == '-';
	uint64_t n;

	if (!num_parse_u64((struct view){ v.p + negative, v.len - negative }, &n))
		return false;
	if (n > (uint64_t)INT64_MAX + negative)
		return false;
	*out = negative ? (int64_t)-n : (int64_t)n;
	return true;
}

/* w / 10^k for 1 <= k <= 27, w != 0, rounded half to even. */
static double divide_exactly(uint64_t w, unsigned k)
{
	uint64_t five = 1;

	for (unsigned i = 0; i < k; i++)
		five *= 5;
	int lead_w = __builtin_clzll(w), lead_d = __builtin_clzll(five);
	uint64_t d = five << lead_d, top = w << lead_w;
	unsigned __int128 n = (unsigned __int128)top << 63; /* its upper half is below d: the quotient has 64 bits at most */
	uint64_t q = (uint64_t)(n / d), r = (uint64_t)(n % d);
	int shift = 64 - __builtin_clzll(q) - 53;
	uint64_t m = q >> shift, rest = q & ((UINT64_C(1) << shift) - 1), half = UINT64_C(1) << (shift - 1);

	if (rest > half || (rest == half && (r || (m & 1))))
		m++;
	return ldexp((double)m, shift + lead_d - lead_w - 63 - (int)k);
}

static bool parse_slowly(struct view v, double *out)
{
	char text[STRTOD_MAX], *end;

	if (v.len >= sizeof text)
		return false;
	memcpy(text, v.p, v.len);
	text[v.len] = 0;
	*out = strtod(text, &end);
	return end == text + v.len && isfinite(*out);
}

bool num_parse_double(struct view v, double *out)
{
	const char *p = v.p, *end = v.p + v.len;
	bool negative = p < end && *p == '-', digits = false, exact = true;
	uint64_t w = 0;
	int e = 0;

	for (p += negative; p < end && (unsigned char)(*p - '0') <= 9; p++) {
		digits = true;
		exact &= w < UINT64_C(1000000000000000000);
		w = w * 10 + (unsigned char)(*p - '0');
	}
	if (p < end && *p == '.')
		for (p++; p < end && (unsigned char)(*p - '0') <= 9; p++) {
			digits = true;
			exact &= w < UINT64_C(1000000000000000000);
			w = w * 10 + (unsigned char)(*p - '0');
			e--;
		}
	if (!digits)
		return false;
	if (p < end) {
		if (*p != 'e' && *p != 'E')
			return false;
		p++;
		bool minus = p < end && *p == '-';
		if (p < end && (*p == '-' || *p == '+'))
			p++;
		if (p == end)
			return false;
		int x = 0;
		for (; p < end; p++) {
			if ((unsigned char)(*p - '0') > 9)
				return false;
			if (x < 100000)
				x = x * 10 + (*p - '0');
		}
		e += minus ? -x : x;
	}
	double d;
	if (!exact)
		return parse_slowly(v, out);
	else if (w < UINT64_C(1) << 53 && e >= -22 && e <= 22)
		d = e < 0 ? (double)w / exact_power[-e] : (double)w * exact_power[e];
	else if (w == 0)
		d = 0;
	else if (e < 0 && e >= -27)
		d = divide_exactly(w, (unsigned)-e);
	else
		return parse_slowly(v, out);
	*out = negative ? -d : d;
	return true;
}

struct unit {
	const char *name;
	int64_t factor;
};

/* The longest unit that stands at p, or NULL. */
static const struct unit *unit_at(const struct unit *table, const char *p, const char *end)
{
	const struct unit *best = NULL;

	for (const struct unit *u = table; u->name; u++) {
		size_t n = strlen(u->name);
		if (n <= (size_t)(end - p) && !memcmp(p, u->name, n) && (!best || n > strlen(best->name)))
			best = u;
	}
	return best;
}

bool num_parse_duration_ns(struct view v, int64_t *out)
{
	static const struct unit units[] = { { "ns", 1 }, { "us", NS_PER_US }, { "ms", NS_PER_MS }, { "s", NS_PER_S },
		{ "m", 60 * NS_PER_S }, { "h", 3600 * NS_PER_S }, { "d", 86400 * NS_PER_S }, { "w", 7 * 86400 * NS_PER_S },
		{ "y", 365 * 86400 * NS_PER_S }, { NULL, 0 } };
	const char *p = v.p, *end = v.p + v.len;
	int64_t total = 0;

	if (view_is(v, "0")) {
		*out = 0;
		return true;
	}
	if (p == end)
		return false;
	while (p < end) {
		const char *digits = p;
		int64_t n, part;
		while (p < end && (unsigned char)(*p - '0') <= 9)
			p++;
		if (!num_parse_i64((struct view){ digits, (size_t)(p - digits) }, &n))
			return false;
		const struct unit *u = unit_at(units, p, end);
		if (!u || __builtin_mul_overflow(n, u->factor, &part) || __builtin_add_overflow(total, part, &total))
			return false;
		p += strlen(u->name);
	}
	*out = total;
	return true;
}

bool num_parse_size(struct view v, uint64_t *out)
{
	static const struct unit units[] = { { "B", 1 }, { "KB", 1000 }, { "MB", 1000000 }, { "GB", 1000000000 },
		{ "TB", INT64_C(1000000000000) }, { "KiB", INT64_C(1) << 10 }, { "MiB", INT64_C(1) << 20 },
		{ "GiB", INT64_C(1) << 30 }, { "TiB", INT64_C(1) << 40 }, { NULL, 0 } };
	size_t digits = 0;
	uint64_t n;

	while (digits < v.len && (unsigned char)(v.p[digits] - '0') <= 9)
		digits++;
	if (!num_parse_u64((struct view){ v.p, digits }, &n))
		return false;
	if (digits < v.len) {
		const struct unit *u = unit_at(units, v.p + digits, v.p + v.len);
		if (!u || strlen(u->name) != v.len - digits || __builtin_mul_overflow(n, (uint64_t)u->factor, &n))
			return false;
	}
	*out = n;
	return true;
}

size_t num_format_u64(char out[21], uint64_t v)
{
	char text[20];
	size_t n = 0;

	do
		text[n++] = (char)('0' + v % 10);
	while (v /= 10);
	for (size_t i = 0; i < n; i++)
		out[i] = text[n - 1 - i];
	return n;
}

/* A number of at most 15 digits and 9 decimals, which is nearly every figure; 0 if v is not one. */
static size_t format_plainly(char out[NUM_DOUBLE_MAX], double v)
{
	double size = fabs(v);

	if (size >= 1e15 || (v == 0 && signbit(v)))
		return 0;
	for (unsigned k = 0; k <= 9; k++) {
		double scaled = nearbyint(size * exact_power[k]);
		if (scaled >= 1e15)
			return 0;
		if (scaled / exact_power[k] != size) /* the very operation num_parse_double does */
			continue;
		uint64_t w = (uint64_t)scaled, unit = 1;
		size_t n = 0;
		for (unsigned i = 0; i < k; i++)
			unit *= 10;
		if (v < 0)
			out[n++] = '-';
		n += num_format_u64(out + n, w / unit);
		if (k) {
			char rest[21];
			size_t have = num_format_u64(rest, w % unit);
			out[n++] = '.';
			for (size_t i = have; i < k; i++)
				out[n++] = '0';
			memcpy(out + n, rest, have);
			n += have;
		}
		out[n] = 0;
		return n;
	}
	return 0;
}

size_t num_format_double(char out[NUM_DOUBLE_MAX], double v)
{
	size_t n = format_plainly(out, v);

	for (int digits = 15; n == 0 && digits <= 17; digits++) {
		double back;
		int k = snprintf(out, NUM_DOUBLE_MAX, "%.*g", digits, v);
		if (digits == 17 || (num_parse_double((struct view){ out, (size_t)k }, &back) && back == v))
			n = (size_t)k;
	}
	return n;
}
