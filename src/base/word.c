#include "base/word.h"

#include <stdio.h>
#include <string.h>

unsigned word_distance(const char *a, const char *b)
{
	unsigned row[WORD_BYTES + 1];
	size_t n = strnlen(b, WORD_BYTES);

	for (size_t k = 0; k <= n; k++)
		row[k] = (unsigned)k;
	for (size_t i = 0; i < WORD_BYTES && a[i]; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i + 1;
		for (size_t k = 0; k < n; k++) {
			unsigned cost = diagonal + (a[i] != b[k]);
			diagonal = row[k + 1];
			if (row[k] + 1 < cost)
				cost = row[k] + 1;
			if (row[k + 1] + 1 < cost)
				cost = row[k + 1] + 1;
			row[k + 1] = cost;
		}
	}
	return row[n];
}

bool word_is_in(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; *p;) {
		size_t len = strcspn(p, " ");
		if (n && len == n && !memcmp(p, word, n))
			return true;
		p += len + (p[len] == ' ');
	}
	return false;
}

bool word_nearest(const char *list, const char *word, char *out, size_t size)
{
	unsigned least = 4; /* three letters may be wrong, and not all of a short word */
	char known[WORD_BYTES + 1];

	*out = 0;
	for (const char *p = list; *p;) {
		size_t len = strcspn(p, " ");
		snprintf(known, sizeof known, "%.*s", (int)len, p);
		unsigned d = word_distance(word, known);
		if (d < least && d < len) {
			least = d;
			snprintf(out, size, "%s", known);
		}
		p += len + (p[len] == ' ');
	}
	return *out;
}
