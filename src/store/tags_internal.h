/* The tags as the catalogue keeps them: how they grow. */
#ifndef STORE_TAGS_INTERNAL_H
#define STORE_TAGS_INTERNAL_H

#include "store/growing.h"
#include "store/index.h"
#include "store/posting.h"
#include "store/tags.h"
#include "wire/lp_key.h"

struct tag_value { /* 48 bytes: where each series has a value of its own, this is what it costs */
	const char *text; /* within the key of the first series that has it */
	uint32_t len;
	struct posting series;
};

struct tag_key {
	struct view name; /* as text above */
	struct growing values; /* struct tag_value */
	struct index by_text;
	struct posting series; /* of any value */
	struct tag_value *recent; /* the adder's: the next series often has the same */
};

struct tags { /* zeroed: none */
	struct growing keys; /* struct tag_key */
	struct index by_name;
};

struct tag_places { /* where the tags of a new series go; kept for the next one, whose keys are often the same */
	const struct tags *of;
	struct {
		struct tag_key *key;
		struct tag_value *value;
	} tag[LP_TAGS_MAX];
	unsigned count;
};

/* Finds or makes the places of the key's tags, and room in them; the key's text must stay where it is for good. False:
 * out of memory; the series must not be added then. Under the catalogue's lock. */
NODISCARD bool tags_prepare(struct tags *t, struct arena *a, const struct lp_key *key, struct tag_places *places);
/* Cannot fail. Before the series is counted: who reads the count finds the tags. */
void tags_add(const struct tag_places *places, uint32_t ordinal);

#endif
