/* The tags of a measurement: which keys its series have, which values each key has, and which series carry them.
 *
 * Names are kept as line protocol writes them (escaped), as in the catalogue: lp_escape turns plain text into the one form
 * it can have. A series without a key has the value "" there, as in InfluxDB; no series carries an empty value.
 *
 * Threads: additions under the catalogue's lock; all else any thread, without locks. A choice is of one moment: it goes
 * into a series_set of the size measurement_series_count(m) at that moment, and series added later are not in it.
 *
 *	struct series_set chosen, part;			host = 'a' AND service !~ /x/
 *	series_set_init(&chosen, measurement_series_count(m));
 *	series_set_init(&part, chosen.size);
 *	tags_choose_equal(tags_find_key(t, host), value, &chosen);
 *	tags_choose_matching(tags_find_key(t, service), matches_x, regex, &part);
 *	series_set_not(&part);
 *	series_set_and(&chosen, &part);
 */
#ifndef STORE_TAGS_H
#define STORE_TAGS_H

#include "base/err.h"
#include "base/view.h"
#include "store/series_set.h"

struct tags;
struct tag_key;
struct tag_value;

/* Keys, numbered in order of appearance. */
uint32_t tags_key_count(const struct tags *t);
const struct tag_key *tags_key_at(const struct tags *t, uint32_t i); /* i < count */
const struct tag_key *tags_find_key(const struct tags *t, struct view name); /* NULL: no series has it */
/* The keys with the most values, the first of them first; how many, at most max. */
unsigned tags_widest(const struct tags *t, const struct tag_key **out, unsigned max);
struct view tag_key_name(const struct tag_key *k);
uint32_t tag_key_series_count(const struct tag_key *k);

/* A key's values, numbered in order of appearance. */
uint32_t tag_key_value_count(const struct tag_key *k);
const struct tag_value *tag_key_value_at(const struct tag_key *k, uint32_t i); /* i < count */
const struct tag_value *tag_key_find_value(const struct tag_key *k, struct view text); /* NULL: no series has it */
struct view tag_value_text(const struct tag_value *v);
uint32_t tag_value_series_count(const struct tag_value *v); /* 0: its first series could not be added */
/* Does a series of the set carry it? For the values of a key among chosen series. */
bool tag_value_is_in(const struct tag_value *v, const struct series_set *set);

/* Choosing: the series are added to the set. k NULL: a key that no series has. */
void tags_choose_value(const struct tag_value *v, struct series_set *set);
void tags_choose_equal(
    const struct tag_key *k, struct view text, struct series_set *set); /* "": those without the key */
/* Tests each value once, as plain text (unescaped, not terminated), and "" for the series without the key.
 * False: out of memory. */
NODISCARD bool tags_choose_matching(
    const struct tag_key *k, bool (*test)(void *arg, struct view plain), void *arg, struct series_set *set);

/* Narrowing: keeps the series whose tag equals one of the texts. The fewer there are left the less it costs.
 * False: out of memory. */
NODISCARD bool tags_keep_equal(
    const struct tag_key *k, const struct view *texts, unsigned count, struct series_set *set);

#endif
