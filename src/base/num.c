/* Decimal to double, correctly rounded, in three steps:
 *   w < 2^53 and |e| <= 22       one exact operation on doubles (Clinger 1990)
 *   w < 2^64 and -27 <= e < 0    w / 5^k by one 128-by-64-bit division, rounded from quotient and remainder;
 *                                exact because 5^27 < 2^63. This is the case of every 16 or 17 digit figure.
 *   else                         strtod */
#include "base/num.h"

#include <float.h>
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
	static const uint64_t fives[] = { 1, 5, 25, 125, 625, 3125, 15625, 78125, 390625, 1953125, 9765625, 48828125,
		244140625, 1220703125, 6103515625, 30517578125, 152587890625, 762939453125, 3814697265625,
		19073486328125, 95367431640625, 476837158203125, 2384185791015625, 11920928955078125, 59604644775390625,
		298023223876953125, 1490116119384765625, 7450580596923828125 };
	uint64_t five = fives[k];
	int lead_w = __builtin_clzll(w), lead_d = __builtin_clzll(five);
	uint64_t d = five << lead_d, top = w << lead_w;
	unsigned __int128 n = (unsigned __int128)top
	    << 63; /* its upper half is below d: the quotient has 64 bits at most */
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

/* Eight ASCII digits at once; the bytes are in memory order on a little-endian machine. */
static bool eight_digits(const char *p, uint64_t *out)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	uint64_t x;

	memcpy(&x, p, 8);
	if (((x & 0xF0F0F0F0F0F0F0F0) | (((x + 0x0606060606060606) & 0xF0F0F0F0F0F0F0F0) >> 4)) != 0x3333333333333333)
		return false;
	x = (x & 0x0F0F0F0F0F0F0F0F) * 2561 >> 8;
	x = (x & 0x00FF00FF00FF00FF) * 6553601 >> 16;
	*out = (x & 0x0000FFFF0000FFFF) * 42949672960001 >> 32;
	return true;
#else
	(void)p;
	(void)out;
	return false;
#endif
}

/* A run of digits onto d; above 19 the mantissa is no longer meaningful. */
static const char *scan_digits(const char *p, const char *end, struct num_decimal *d)
{
	uint64_t w = d->mantissa, eight;
	uint32_t n = d->digits;

	if (n == 0)
		while (p < end && *p == '0')
			p++;
	const char *start = p;
	while (end - p >= 8 && eight_digits(p, &eight)) {
		w = w * 100000000 + eight;
		p += 8;
	}
	for (; p < end; p++) {
		unsigned c = (unsigned char)*p - '0';
		if (c > 9)
			break;
		w = w * 10 + c;
	}
	d->mantissa = w;
	d->digits = n + (uint32_t)(p - start);
	return p;
}

const char *num_scan_decimal(const char *p, const char *end, struct num_decimal *d)
{
	*d = (struct num_decimal){ .is_integer = true };
	if (p < end && (*p == '-' || *p == '+'))
		d->negative = *p++ == '-';
	const char *whole = p;
	p = scan_digits(p, end, d);
	bool any = p > whole;
	if (p < end && *p == '.') {
		const char *fraction = ++p;
		d->is_integer = false;
		p = scan_digits(p, end, d);
		any |= p > fraction;
		d->exponent = p - fraction > 100000 ? -100000 : -(int32_t)(p - fraction);
	}
	if (!any)
		return NULL;
	if (p < end && (*p == 'e' || *p == 'E')) {
		const char *x = p + 1;
		bool minus = x < end && *x == '-';
		int32_t n = 0;
		if (x < end && (*x == '-' || *x == '+'))
			x++;
		if (x == end || (unsigned char)(*x - '0') > 9)
			return NULL;
		for (; x < end && (unsigned char)(*x - '0') <= 9; x++)
			if (n < 100000)
				n = n * 10 + (*x - '0');
		d->exponent += minus ? -n : n;
		d->is_integer = false;
		p = x;
	}
	return p;
}

bool num_decimal_to_double(const struct num_decimal *d, struct view text, double *out)
{
	uint64_t w = d->mantissa;
	int e = d->exponent;
	double v;

	if (d->digits > 19)
		return parse_slowly(text, out);
	else if (w < UINT64_C(1) << 53 && e >= -22 && e <= 22)
		v = e < 0 ? (double)w / exact_power[-e] : (double)w * exact_power[e];
	else if (w == 0)
		v = 0;
	else if (e < 0 && e >= -27)
		v = divide_exactly(w, (unsigned)-e);
	else
		return parse_slowly(text, out);
	*out = d->negative ? -v : v;
	return true;
}

bool num_parse_double(struct view v, double *out)
{
	struct num_decimal d;

	return v.len && v.p[0] != '+' && num_scan_decimal(v.p, v.p + v.len, &d) == v.p + v.len &&
	    num_decimal_to_double(&d, v, out);
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
		{ "m", 60 * NS_PER_S }, { "h", 3600 * NS_PER_S }, { "d", 86400 * NS_PER_S },
		{ "w", 7 * 86400 * NS_PER_S }, { "y", 365 * 86400 * NS_PER_S }, { NULL, 0 } };
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

	/* 15 digits are never too many, but below DBL_MIN: there are fewer bits there */
	for (int digits = fabs(v) < DBL_MIN ? 1 : 15; n == 0 && digits <= 17; digits++) {
		double back;
		int k = snprintf(out, NUM_DOUBLE_MAX, "%.*g", digits, v);
		if (digits == 17 || (num_parse_double((struct view){ out, (size_t)k }, &back) && back == v))
			n = (size_t)k;
	}
	return n;
}
