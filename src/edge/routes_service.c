/* Whether a service is known, and which are like it. The names come from the catalogue: what was written here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/routes_internal.h"
#include "wire/lp_key.h"

enum { NAMES_MAX = 256, NAME_BYTES = 64, SHOWN = 3 };

struct names {
	unsigned count;
	char name[NAMES_MAX][NAME_BYTES];
};

/* The text of the service tag within a key, unescaped into out. */
static bool service_of(struct view key, struct lp_key *parts, struct buf *out)
{
	enum reject why;
	const char *error;

	buf_clear(out);
	if (!lp_key_split(key, parts, &why, &error))
		return false;
	for (unsigned i = 0; i < parts->tag_count; i++) {
		if (!view_is(parts->tags[i].key, "service"))
			continue;
		lp_unescape(parts->tags[i].value, false, out);
		return out->len > 0;
	}
	return false;
}

static void remember(struct names *names, struct view v)
{
	if (v.len >= NAME_BYTES || names->count == NAMES_MAX)
		return;
	for (unsigned i = 0; i < names->count; i++)
		if (view_is(v, names->name[i]))
			return;
	memcpy(names->name[names->count], v.p, v.len);
	names->name[names->count++][v.len] = 0;
}

/* Levenshtein's distance, of the first NAME_BYTES bytes. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NAME_BYTES + 1];
	size_t n = strnlen(b, NAME_BYTES);

	for (size_t k = 0; k <= n; k++)
		row[k] = (unsigned)k;
	for (size_t i = 0; i < NAME_BYTES && a[i]; i++) {
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

static void write_hint(const struct names *names, const char *wished, char *hint, size_t size)
{
	bool used[NAMES_MAX] = { false };
	size_t at = 0;

	if (names->count == 0) {
		snprintf(hint, size, "no service has written yet");
		return;
	}
	for (unsigned n = 0; n < SHOWN && n < names->count; n++) {
		unsigned best = 0, best_distance = ~0u;
		for (unsigned i = 0; i < names->count; i++) {
			unsigned d = distance(wished, names->name[i]);
			if (!used[i] && d < best_distance) {
				best = i;
				best_distance = d;
			}
		}
		used[best] = true;
		int k = snprintf(hint + at, size - at, "%s%s", n ? ", " : "known are: ", names->name[best]);
		if (k < 0 || (size_t)k >= size - at)
			return;
		at += (size_t)k;
	}
	if (names->count > SHOWN)
		snprintf(hint + at, size - at, " and %s%u more", names->count == NAMES_MAX ? "at least " : "",
		    names->count - SHOWN);
}

bool routes_service_known(
    const struct services *s, const char *measurement, const char *service, char *hint, size_t hint_size)
{
	struct measurement *m = catalogue_find_measurement(s->catalogue, CATALOGUE_DEFAULT_DB, view_of(measurement));
	struct names *names = calloc(1, sizeof *names);
	struct lp_key *parts = malloc(sizeof *parts);
	bool known = false;
	struct buf text;

	snprintf(hint, hint_size, "no service has written yet");
	buf_init(&text, LP_KEY_MAX);
	for (uint32_t i = 0; m && names && parts && !known && i < measurement_series_count(m); i++) {
		const struct series *one = measurement_series(m, i);
		if (!one || !service_of(one->key, parts, &text))
			continue;
		known = view_is((struct view){ text.p, text.len }, service);
		remember(names, (struct view){ text.p, text.len });
	}
	if (names && !known)
		write_hint(names, service, hint, hint_size);
	buf_fini(&text);
	free(parts);
	free(names);
	return known;
}
