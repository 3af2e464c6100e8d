/* Schubfach: a double v = c * 2^q stands for the interval of numbers that round to it. With k = floor(log10(2^q)) the
 * interval scaled by 10^-k holds at least one and at most a few integers; the shortest decimal is one of the four
 * candidates around v's own scaled value, at one digit less or at that scale. The scaling by a power of ten takes 128 bits of
 * it, rounded up, and a product whose lost bits are kept as one sticky bit ("round to odd"), which is proved to be enough
 * (Giulietti, "The Schubfach way to render doubles", 2020; the steps as in A. Bolz's Drachennest).
 *
 * The 617 powers are worked out at first use with exact arithmetic: 5^n by multiplication, 5^-n by dividing a power of two
 * again and again, whose floors compose. */
#include "base/num_shortest.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { POWER_MIN = -292, POWER_MAX = 324, WORDS = 14 }; /* 5^324 has 753 bits; 2^896 / 5^292 has 218 */

struct power {
	uint64_t high, low; /* 10^k * 2^(127 - floor(log2(10^k))), rounded up */
};

static struct power powers[POWER_MAX - POWER_MIN + 1];
static pthread_once_t powers_once = PTHREAD_ONCE_INIT;

/* The 128 highest bits of a number of WORDS words, the lowest first; inexact if bits below were lost, or `more` were. */
static struct power top_bits(const uint64_t w[WORDS], bool more)
{
	int i = WORDS - 1;

	while (w[i] == 0)
		i--;
	int shift = __builtin_clzll(w[i]);
	uint64_t a = w[i], b = i > 0 ? w[i - 1] : 0, c = i > 1 ? w[i - 2] : 0;
	struct power p = { a << shift | (shift ? b >> (64 - shift) : 0), b << shift | (shift ? c >> (64 - shift) : 0) };

	more |= i > 1 && (c << shift) != 0;
	for (int j = i - 3; j >= 0; j--)
		more |= w[j] != 0;
	if (more && ++p.low == 0)
		p.high++;
	return p;
}

static void make_powers(void)
{
	uint64_t w[WORDS] = { 1 };

	for (int k = 0; k <= POWER_MAX; k++) {
		unsigned __int128 carry = 0;
		powers[k - POWER_MIN] = top_bits(w, false);
		for (int i = 0; i < WORDS; i++) {
			carry += (unsigned __int128)w[i] * 5;
			w[i] = (uint64_t)carry;
			carry >>= 64;
		}
	}
	memset(w, 0, sizeof w);
	w[WORDS - 1] = UINT64_C(1) << 63;
	for (int k = -1; k >= POWER_MIN; k--) {
		unsigned __int128 rest = 0;
		for (int i = WORDS - 1; i >= 0; i--) {
			rest = rest << 64 | w[i];
			w[i] = (uint64_t)(rest / 5);
			rest %= 5;
		}
		powers[k - POWER_MIN] = top_bits(w, true);
	}
}

static uint64_t round_to_odd(const struct power *g, uint64_t cp)
{
	unsigned __int128 x = (unsigned __int128)g->low * cp, y = (unsigned __int128)g->high * cp + (uint64_t)(x >> 64);

	return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

static int floor_log10_pow2(int q, bool closer)
{
	return (q * 1262611 - (closer ? 524031 : 0)) >> 22;
}

static int floor_log2_pow10(int k)
{
	return (k * 1741647) >> 19;
}

static int scaled(uint64_t c, int q, bool closer, uint64_t *digits)
{
	bool odd = c & 1;
	int k = floor_log10_pow2(q, closer), h = q + floor_log2_pow10(-k) + 1;
	const struct power *g = &powers[-k - POWER_MIN];
	uint64_t low = round_to_odd(g, (4 * c - 2 + closer) << h) + odd;
	uint64_t mid = round_to_odd(g, (4 * c) << h);
	uint64_t high = round_to_odd(g, (4 * c + 2) << h) - odd;
	uint64_t s = mid / 4;

	if (s >= 10) {
		uint64_t t = s / 10;
		bool down = low <= 40 * t, up = 40 * t + 40 <= high;
		if (down != up) {
			*digits = t + up;
			return k + 1;
		}
	}
	bool down = low <= 4 * s, up = 4 * s + 4 <= high;
	if (down == up)
		up = mid > 4 * s + 2 || (mid == 4 * s + 2 && (s & 1));
	*digits = s + up;
	return k;
}

/* Measured values mostly have few decimals. A decimal of at most 15 digits that reads back as v is the shortest: no two of
 * those are the same double. Both numbers of the division are whole and below 2^53, so it rounds as reading does. */
static bool six_decimals(double v, uint64_t *digits)
{
	if (!(v < 1e9))
		return false;
	uint64_t n = (uint64_t)(v * 1e6 + 0.5);
	if (n == 0 || (double)n / 1e6 != v)
		return false;
	*digits = n;
	return true;
}

int num_shortest(double v, uint64_t *digits)
{
	uint64_t bits, c, ten_eight = 100000000;
	int exponent = 0;

	memcpy(&bits, &v, sizeof bits);
	uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
	int biased = (int)(bits >> 52 & 0x7ff), q = (biased ? biased : 1) - 1075;
	c = fraction | (biased ? UINT64_C(1) << 52 : 0);
	*digits = c;
	if (c == 0)
		return 0;
	if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0) {
		*digits = c >> -q; /* an integer below 2^53 */
	} else if (six_decimals(fabs(v), digits)) {
		exponent = -6;
	} else {
		(void)pthread_once(&powers_once, make_powers);
		exponent = scaled(c, q, fraction == 0 && biased > 1, digits);
	}
	if (*digits % ten_eight == 0) {
		*digits /= ten_eight;
		exponent += 8;
	}
	while (*digits % 10 == 0) {
		*digits /= 10;
		exponent++;
	}
	return exponent;
}

/* ---- text ---- */

static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
			    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
			    "8081828384858687888990919293949596979899";

static unsigned count_digits(uint64_t v)
{
	static const uint64_t tens[] = { 0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
		10000000000, 100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000,
		10000000000000000, 100000000000000000, 1000000000000000000, UINT64_C(10000000000000000000) };
	unsigned guess = (unsigned)(64 - __builtin_clzll(v | 1)) * 1233 >> 12;

	return guess + (v >= tens[guess]);
}

/* The last n digits of v, with zeros in front. */
static void put_digits(char *out, uint64_t v, unsigned n)
{
	while (n >= 2) {
		n -= 2;
		memcpy(out + n, pairs + v % 100 * 2, 2);
		v /= 100;
	}
	if (n)
		*out = (char)('0' + v % 10);
}

char *num_put_u64(char *out, uint64_t v)
{
	unsigned n = v < 10 ? 1 : count_digits(v);

	put_digits(out, v, n);
	return out + n;
}

char *num_put_i64(char *out, int64_t v)
{
	if (v < 0)
		*out++ = '-';
	return num_put_u64(out, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

/* n digits, of which `whole` (perhaps none, perhaps more than n) stand in front of the point. */
static char *put_plain(char *out, uint64_t digits, int n, int whole)
{
	if (whole <= 0) {
		memcpy(out, "0.", 2);
		memset(out + 2, '0', (size_t)-whole);
		out += 2 - whole;
		put_digits(out, digits, (unsigned)n);
		return out + n;
	}
	if (whole >= n) {
		put_digits(out, digits, (unsigned)n);
		memset(out + n, '0', (size_t)(whole - n));
		return out + whole;
	}
	put_digits(out + 1, digits, (unsigned)n);
	memmove(out, out + 1, (size_t)whole);
	out[whole] = '.';
	return out + n + 1;
}

static char *put_exponent(char *out, int e)
{
	*out++ = 'e';
	*out++ = e < 0 ? '-' : '+';
	e = e < 0 ? -e : e;
	if (e >= 100) { /* two digits at least, but Go's JSON takes the zero of e-07 away */
		*out++ = (char)('0' + e / 100);
		e %= 100;
		memcpy(out, pairs + (size_t)e * 2, 2);
		return out + 2;
	}
	return num_put_u64(out, (uint64_t)e);
}

static char *put_zero(char *out)
{
	*out = '0';
	return out + 1;
}

char *num_put_json(char *out, double v)
{
	uint64_t digits;
	int exponent = num_shortest(v, &digits);

	if (signbit(v))
		*out++ = '-';
	if (digits == 0)
		return put_zero(out);
	int n = (int)count_digits(digits), whole = n + exponent;
	if (whole > -6 && whole <= 21)
		return put_plain(out, digits, n, whole);
	out = put_plain(out, digits, n, 1);
	return put_exponent(out, whole - 1);
}

char *num_put_plain(char *out, double v)
{
	uint64_t digits;
	int exponent = num_shortest(v, &digits);

	if (signbit(v))
		*out++ = '-';
	if (digits == 0)
		return put_zero(out);
	int n = (int)count_digits(digits);
	return put_plain(out, digits, n, n + exponent);
}
