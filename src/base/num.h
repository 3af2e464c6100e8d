/* Numbers to and from text, independent of the locale. Any thread. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

#define NUM_DOUBLE_MAX 32 /* room num_format_double needs, with its terminator */

/* The whole view must be the number; no spaces, no leading '+'. */
bool num_parse_u64(struct view v, uint64_t *out);
bool num_parse_i64(struct view v, int64_t *out);
/* Decimal, with optional sign, fraction and exponent; no hex, inf or nan. Correctly rounded. False also on overflow. */
bool num_parse_double(struct view v, double *out);

/* A decimal number as it stands in text, for parsers that must not look twice. */
struct num_decimal {
	uint64_t mantissa; /* the digits without the point, if digits <= 19 */
	int32_t exponent; /* of ten */
	uint32_t digits; /* without leading zeros */
	bool negative;
	bool is_integer; /* neither point nor exponent */
};

/* Scans [sign] digits [. digits] [e [sign] digits] from p; returns what follows, or NULL if there is no number. */
const char *num_scan_decimal(const char *p, const char *end, struct num_decimal *d);
/* The nearest double of d, scanned from text (its whole). False: overflow, or a text longer than 512 bytes. */
bool num_decimal_to_double(const struct num_decimal *d, struct view text, double *out);

/* "10s", "90m", "30d", "2y" (365 days), "250ms", "1h30m", "0". False on anything else or above 292 years. */
bool num_parse_duration_ns(struct view v, int64_t *out);
/* "512", "64KiB", "10GiB", "25MB" (B, KB, MB, GB, TB by 1000; KiB, MiB, GiB, TiB by 1024). */
bool num_parse_size(struct view v, uint64_t *out);

/* The shortest text that num_parse_double reads back as v. Returns its length. v must be finite. */
size_t num_format_double(char out[NUM_DOUBLE_MAX], double v);
size_t num_format_u64(char out[21], uint64_t v); /* not terminated */

#endif
