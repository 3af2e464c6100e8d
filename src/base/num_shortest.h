/* The shortest decimal digits that read back as a double, by R. Giulietti's Schubfach: no loops over digits, no printf.
 * Any thread. */
#ifndef BASE_NUM_SHORTEST_H
#define BASE_NUM_SHORTEST_H

#include <stddef.h>
#include <stdint.h>

/* |v| = *digits * 10^exponent, digits without trailing zeros; 0 is { 0, 0 }. v must be finite. Of several as short the
 * nearest to v. Returns the exponent. */
int num_shortest(double v, uint64_t *digits);

#define NUM_JSON_MAX 28 /* bytes num_put_json needs */
#define NUM_PLAIN_MAX 400 /* bytes num_put_plain needs */

/* As Go's encoding/json: plain from 1e-6 to below 1e21, else 1e-7, 1.5e+300. Returns the end; not terminated. */
char *num_put_json(char *out, double v);
/* Never with an exponent, as Go's 'f' with precision -1. */
char *num_put_plain(char *out, double v);
/* The same texts for a column of figures, which mostly have few decimals, and as many as the ones before: *decimals is how
 * many are tried first, 0 to begin with. */
char *num_put_json_like(char *out, double v, uint8_t *decimals);
char *num_put_plain_like(char *out, double v, uint8_t *decimals);
/* 20 bytes at most, 21 with a sign. Returns the end; not terminated. */
char *num_put_u64(char *out, uint64_t v);
char *num_put_i64(char *out, int64_t v);

struct num_head { /* what a number began with; zeroed to begin */
	uint64_t value;
	unsigned length;
	char text[12];
};
/* num_put_i64 for numbers that mostly begin like the one before. Needs 24 bytes. */
char *num_put_rising(char *out, int64_t v, struct num_head *head);

#endif
