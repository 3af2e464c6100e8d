/* Schubfach: a double v = c * 2^q stands for the interval of numbers that round to it. With k = floor(log10(2^q)) the
 * interval scaled by 10^-k holds at least one and at most a few integers; the shortest decimal is one of the four
 * candidates around v's own scaled value, at one digit less or at that scale. The scaling by a power of ten takes 128 bits of
 * it, rounded up, and a product whose lost bits are kept as one sticky bit ("round to odd"), which is proved to be enough
 * (Giulietti, "The Schubfach way to render doubles", 2020; the steps as in A. Bolz's Drachennest).
 *
 * The 617 powers are worked out at first use with exact arithmetic: 5^n by multiplication, 5^-n by dividing a power of two
 * again and again, whose floors compose. */
#include "base/num_shortest.h"

#include <endian.h>
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

/* Of v < 10^8, with zeros in front: halves, then pairs, then digits, each step for all of them at once. */
static void put_eight(char *out, uint32_t v)
{
	uint64_t x = v / 10000 | (uint64_t)(v % 10000) << 32, high;

	high = x * 10486 >> 20 & UINT64_C(0x0000007f0000007f); /* / 100 */
	x = high | (x - 100 * high) << 16;
	high = x * 103 >> 10 & UINT64_C(0x000f000f000f000f); /* / 10 */
	x = high | (x - 10 * high) << 8;
	x = htole64(x | UINT64_C(0x3030303030303030));
	memcpy(out, &x, sizeof x);
}

/* The last n digits of v, with zeros in front. */
static void put_digits(char *out, uint64_t v, unsigned n)
{
	while (n >= 8) {
		n -= 8;
		put_eight(out + n, (uint32_t)(v % 100000000));
		v /= 100000000;
	}
	while (n >= 2) {
		n -= 2;
		memcpy(out + n, pairs + v % 100 * 2, 2);
		v /= 100;
	}
	if (n)
		*out = (char)('0' + v % 10);
}

static char *put_small(char *out, uint32_t v)
{
	if (v < 10) {
		*out = (char)('0' + v);
		return out + 1;
	}
	if (v < 100) {
		memcpy(out, pairs + v * 2, 2);
		return out + 2;
	}
	unsigned n = count_digits(v);
	put_digits(out, v, n);
	return out + n;
}

char *num_put_u64(char *out, uint64_t v)
{
	if (v < 100000000)
		return put_small(out, (uint32_t)v);
	unsigned n = count_digits(v);
	put_digits(out, v, n);
	return out + n;
}

char *num_put_rising(char *out, int64_t v, struct num_head *head)
{
	const uint64_t high = v < 0 ? 0 : (uint64_t)v / 100000000;

	if (high == 0)
		return num_put_i64(out, v);
	if (high != head->value) {
		head->length = (unsigned)(num_put_u64(head->text, high) - head->text);
		head->value = high;
	}
	memcpy(out, head->text, sizeof head->text);
	put_eight(out + head->length, (uint32_t)((uint64_t)v - high * 100000000));
	return out + head->length + 8;
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

static char *put_json(char *out, double v, uint64_t digits, int exponent)
{
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

static char *put_without_exponent(char *out, double v, uint64_t digits, int exponent)
{
	if (signbit(v))
		*out++ = '-';
	if (digits == 0)
		return put_zero(out);
	int n = (int)count_digits(digits);
	return put_plain(out, digits, n, n + exponent);
}

char *num_put_json(char *out, double v)
{
	uint64_t digits;
	int exponent = num_shortest(v, &digits);

	return put_json(out, v, digits, exponent);
}

char *num_put_plain(char *out, double v)
{
	uint64_t digits;
	int exponent = num_shortest(v, &digits);

	return put_without_exponent(out, v, digits, exponent);
}

/* ---- columns ---- */

enum { FEW = 6, MANY = 7 };

/* `decimals` digits of rest, which is not 0, without the zeros at their end. */
static char *put_rest(char *out, uint64_t rest, unsigned decimals)
{
	if (decimals == 1) {
		*out = (char)('0' + rest);
		return out + 1;
	}
	if (decimals == 2) {
		memcpy(out, pairs + rest * 2, 2);
		return out + 2 - (rest % 10 == 0);
	}
	put_digits(out, rest, decimals);
	out += decimals;
	while (out[-1] == '0')
		out--;
	return out;
}

/* A number of so many decimals, or fewer, from 2^-11 to below 10^9: six_decimals says why that is the shortest. With
 * v = c / 2^s the double nearest to n / 10^k is v where n * 2^s and c * 10^k are less than 10^k / 2 apart, or half of that where
 * c is a power of two, below which doubles lie closer. They are 0.75 * 2^s apart at most, n being the nearest or next to it: so
 * their difference is right modulo 2^64. A tie is not taken. NULL: v is no such number. */
static char *put_few(char *out, double v, unsigned decimals)
{
	static const uint64_t tens[FEW + 1] = { 1, 10, 100, 1000, 10000, 100000, 1000000 };
	const uint64_t scale = tens[decimals], hidden = UINT64_C(1) << 52;
	const double size = fabs(v);
	uint64_t bits;

	if (!(size < 1e9 && size >= 0x1p-11))
		return NULL;
	memcpy(&bits, &size, sizeof bits);
	const uint64_t fraction = bits & (hidden - 1), c = fraction | hidden;
	const unsigned s = 1075 - (unsigned)(bits >> 52);
	const uint64_t n = (uint64_t)(int64_t)(size * (double)(int64_t)scale + 0.5);
	const int64_t apart = (int64_t)(c * scale - (n << s));
	if ((uint64_t)(apart < 0 ? -apart : apart) >= ((scale << (fraction != 0)) + 3) / 4)
		return NULL;
	const uint64_t whole = c >> s, rest = n - whole * scale;
	if (signbit(v))
		*out++ = '-';
	out = put_small(out, (uint32_t)whole);
	if (rest == 0)
		return out;
	*out = '.';
	return put_rest(out + 1, rest, decimals);
}

static void learn(uint8_t *decimals, int exponent)
{
	const uint8_t here = (uint8_t)(exponent >= 0 ? 0 : exponent >= -FEW ? -exponent : MANY);

	if (*decimals > FEW || here > *decimals)
		*decimals = here;
}

char *num_put_json_like(char *out, double v, uint8_t *decimals)
{
	char *end = *decimals <= FEW ? put_few(out, v, *decimals) : NULL;
	uint64_t digits;

	if (end)
		return end;
	int exponent = num_shortest(v, &digits);
	learn(decimals, exponent);
	return put_json(out, v, digits, exponent);
}

char *num_put_plain_like(char *out, double v, uint8_t *decimals)
{
	char *end = *decimals <= FEW ? put_few(out, v, *decimals) : NULL;
	uint64_t digits;

	if (end)
		return end;
	int exponent = num_shortest(v, &digits);
	learn(decimals, exponent);
	return put_without_exponent(out, v, digits, exponent);
}
