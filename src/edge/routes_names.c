/* Whether a name is known, and which are like it. The names come from the catalogue: what was written here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/word.h"
#include "edge/routes_internal.h"
#include "store/tags.h"
#include "wire/lp_key.h"

enum { NAMES_MAX = 256, NAME_BYTES = WORD_BYTES, SHOWN = 3 };

struct names {
	unsigned count;
	char name[NAMES_MAX][NAME_BYTES];
};

/* A name that has a place in the list, as plain text. */
static void remember(struct names *names, struct view escaped, bool measurement)
{
	struct buf text;

	buf_init(&text, LP_KEY_MAX);
	lp_unescape(escaped, measurement, &text);
	if (names->count < NAMES_MAX && text.len && !text.failed && text.len < NAME_BYTES) {
		memcpy(names->name[names->count], text.p, text.len);
		names->name[names->count++][text.len] = 0;
	}
	buf_fini(&text);
}

static void write_hint(const struct names *names, const char *what, const char *wished, char *hint, size_t size)
{
	bool used[NAMES_MAX] = { false };
	size_t at = 0;

	if (names->count == 0) {
		snprintf(hint, size, "no %s has been written yet", what);
		return;
	}
	for (unsigned n = 0; n < SHOWN && n < names->count; n++) {
		unsigned best = 0, best_distance = ~0u;
		for (unsigned i = 0; i < names->count; i++) {
			unsigned d = word_distance(wished, names->name[i]);
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

/* what: for people, where no name is known. */
static void hint_from(struct names *names, const char *what, const char *wished, char *hint, size_t size)
{
	if (names)
		write_hint(names, what, wished, hint, size);
	else
		snprintf(hint, size, "out of memory");
	free(names);
}

bool routes_name_known(const struct services *s, const char *measurement, const char *tag, const char *wished,
    char *hint, size_t hint_size)
{
	struct measurement *m = catalogue_find_measurement(s->catalogue, CATALOGUE_DEFAULT_DB, view_of(measurement));
	const struct tag_key *key = m ? tags_find_key(measurement_tags(m), view_of(tag)) : NULL;
	uint32_t n = key ? tag_key_value_count(key) : 0;
	struct buf escaped;

	buf_init(&escaped, LP_KEY_MAX);
	lp_escape(view_of(wished), false, &escaped);
	bool known = key && !escaped.failed && escaped.len &&
	    tag_key_find_value(key, (struct view){ escaped.p, escaped.len });
	buf_fini(&escaped);
	if (known)
		return true;
	struct names *names = calloc(1, sizeof *names);
	for (uint32_t i = 0; names && i < n && names->count < NAMES_MAX; i++)
		remember(names, tag_value_text(tag_key_value_at(key, i)), false);
	hint_from(names, tag, wished, hint, hint_size);
	return false;
}

void routes_hint_measurement(const struct services *s, uint32_t db, const char *wished, char *hint, size_t hint_size)
{
	struct names *names = calloc(1, sizeof *names);
	uint32_t n = catalogue_measurement_count(s->catalogue);

	for (uint32_t i = 0; names && i < n && names->count < NAMES_MAX; i++) {
		const struct measurement *m = catalogue_measurement_at(s->catalogue, i);
		if (measurement_db(m) == db)
			remember(names, measurement_name(m), true);
	}
	hint_from(names, "measurement", wished, hint, hint_size);
}

void routes_hint_database(const struct services *s, const char *wished, char *hint, size_t hint_size)
{
	struct names *names = calloc(1, sizeof *names);

	for (uint32_t id = 1; names && id <= CATALOGUE_DATABASES_MAX; id++) {
		const char *name = catalogue_database_name(s->catalogue, id);
		if (name && names->count < NAMES_MAX)
			snprintf(names->name[names->count++], NAME_BYTES, "%s", name);
	}
	hint_from(names, "database", wished, hint, hint_size);
}

void routes_hint_tag(const struct measurement *m, const char *wished, char *hint, size_t hint_size)
{
	struct names *names = calloc(1, sizeof *names);
	uint32_t n = tags_key_count(measurement_tags(m));

	for (uint32_t i = 0; names && i < n && names->count < NAMES_MAX; i++)
		remember(names, tag_key_name(tags_key_at(measurement_tags(m), i)), false);
	hint_from(names, "tag", wished, hint, hint_size);
}
