/* Whether a service is known, and which are like it. The names come from the catalogue: what was written here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/routes_internal.h"
#include "store/tags.h"
#include "wire/lp_key.h"

enum { NAMES_MAX = 256, NAME_BYTES = 64, SHOWN = 3 };

struct names {
	unsigned count;
	char name[NAMES_MAX][NAME_BYTES];
};

/* Names that have a place in the list, as plain text. */
static void remember_all(struct names *names, const struct tag_key *services)
{
	uint32_t n = services ? tag_key_value_count(services) : 0;
	struct buf text;

	buf_init(&text, LP_KEY_MAX);
	for (uint32_t i = 0; i < n && names->count < NAMES_MAX; i++) {
		buf_clear(&text);
		lp_unescape(tag_value_text(tag_key_value_at(services, i)), false, &text);
		if (text.failed || text.len >= NAME_BYTES)
			continue;
		memcpy(names->name[names->count], text.p, text.len);
		names->name[names->count++][text.len] = 0;
	}
	buf_fini(&text);
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
	const struct tag_key *services = m ? tags_find_key(measurement_tags(m), view_of("service")) : NULL;
	struct names *names = calloc(1, sizeof *names);
	struct buf escaped;

	buf_init(&escaped, LP_KEY_MAX);
	lp_escape(view_of(service), false, &escaped);
	bool known = services && !escaped.failed && escaped.len &&
	    tag_key_find_value(services, (struct view){ escaped.p, escaped.len });
	buf_fini(&escaped);
	snprintf(hint, hint_size, "no service has written yet");
	if (names && !known) {
		remember_all(names, services);
		write_hint(names, service, hint, hint_size);
	}
	free(names);
	return known;
}
