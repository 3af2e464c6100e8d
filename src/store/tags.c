#include "store/tags.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "store/tags_internal.h"

enum { PLAIN_MAX = 64 << 10 };

static uint64_t hash_text(struct view v)
{
	return XXH3_64bits(v.p, v.len);
}

/* ---- keys ---- */

uint32_t tags_key_count(const struct tags *t)
{
	return growing_count(&t->keys);
}

static struct tag_key *key_at(const struct tags *t, uint32_t i)
{
	return growing_at(&t->keys, i, sizeof(struct tag_key));
}

const struct tag_key *tags_key_at(const struct tags *t, uint32_t i)
{
	return key_at(t, i);
}

static struct tag_key *find_key(const struct tags *t, struct view name)
{
	struct index_probe p = index_probe((struct index *)&t->by_name, hash_text(name));
	uint32_t i;

	while (index_next(&p, &i))
		if (view_eq(key_at(t, i)->name, name))
			return key_at(t, i);
	return NULL;
}

const struct tag_key *tags_find_key(const struct tags *t, struct view name)
{
	return find_key(t, name);
}

unsigned tags_widest(const struct tags *t, const struct tag_key **out, unsigned max)
{
	uint32_t n = tags_key_count(t);
	unsigned count = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct tag_key *k = key_at(t, i);
		unsigned at = count;
		for (; at > 0 && tag_key_value_count(out[at - 1]) < tag_key_value_count(k); at--)
			if (at < max)
				out[at] = out[at - 1];
		if (at < max)
			out[at] = k;
		count += count < max;
	}
	return count;
}

struct view tag_key_name(const struct tag_key *k)
{
	return k->name;
}

uint32_t tag_key_series_count(const struct tag_key *k)
{
	return posting_count(&k->series);
}

/* ---- values ---- */

uint32_t tag_key_value_count(const struct tag_key *k)
{
	return growing_count(&k->values);
}

static struct tag_value *value_at(const struct tag_key *k, uint32_t i)
{
	return growing_at(&k->values, i, sizeof(struct tag_value));
}

const struct tag_value *tag_key_value_at(const struct tag_key *k, uint32_t i)
{
	return value_at(k, i);
}

struct view tag_value_text(const struct tag_value *v)
{
	return (struct view){ v->text, v->len };
}

static struct tag_value *find_value(const struct tag_key *k, struct view text, uint64_t hash)
{
	struct index_probe p = index_probe((struct index *)&k->by_text, hash);
	uint32_t i;

	while (index_next(&p, &i))
		if (view_eq(tag_value_text(value_at(k, i)), text))
			return value_at(k, i);
	return NULL;
}

const struct tag_value *tag_key_find_value(const struct tag_key *k, struct view text)
{
	return find_value(k, text, hash_text(text));
}

uint32_t tag_value_series_count(const struct tag_value *v)
{
	return posting_count(&v->series);
}

bool tag_value_is_in(const struct tag_value *v, const struct series_set *set)
{
	struct posting_cursor c = posting_begin(&v->series);
	uint32_t member = 0, ordinal;

	while (series_set_next(set, &member) && posting_seek(&c, member, &ordinal)) {
		if (series_set_has(set, ordinal))
			return true;
		member = ordinal;
	}
	return false;
}

/* ---- growing ---- */

static uint64_t key_hash(const void *owner, uint32_t i)
{
	return hash_text(key_at(owner, i)->name);
}

static uint64_t value_hash(const void *owner, uint32_t i)
{
	return hash_text(tag_value_text(value_at(owner, i)));
}

static struct tag_key *find_or_add_key(struct tags *t, struct arena *a, struct view name)
{
	struct tag_key *k = find_key(t, name);

	if (k || !(k = growing_prepare(&t->keys, a, sizeof *k)))
		return k;
	k->name = name;
	if (!index_add(&t->by_name, a, hash_text(name), growing_count(&t->keys), key_hash, t))
		return NULL;
	growing_publish(&t->keys);
	return k;
}

static struct tag_value *find_or_add_value(struct tag_key *k, struct arena *a, struct view text)
{
	if (k->recent && view_eq(tag_value_text(k->recent), text))
		return k->recent;
	uint64_t hash = hash_text(text);
	struct tag_value *v = find_value(k, text, hash);
	if (!v) {
		if (!(v = growing_prepare(&k->values, a, sizeof *v)))
			return NULL;
		v->text = text.p;
		v->len = (uint32_t)text.len;
		if (!index_add(&k->by_text, a, hash, growing_count(&k->values), value_hash, k))
			return NULL;
		growing_publish(&k->values);
	}
	k->recent = v;
	return v;
}

bool tags_prepare(struct tags *t, struct arena *a, const struct lp_key *key, struct tag_places *places)
{
	if (places->of != t)
		*places = (struct tag_places){ .of = t };
	places->count = key->tag_count;
	for (unsigned i = 0; i < key->tag_count; i++) {
		struct tag_key *k = places->tag[i].key;
		if (!k || !view_eq(k->name, key->tags[i].key))
			k = find_or_add_key(t, a, key->tags[i].key);
		struct tag_value *v = k ? find_or_add_value(k, a, key->tags[i].value) : NULL;
		if (!v || !posting_prepare(&v->series, a) || !posting_prepare(&k->series, a))
			return false;
		places->tag[i].key = k;
		places->tag[i].value = v;
	}
	return true;
}

void tags_add(const struct tag_places *places, uint32_t ordinal)
{
	for (unsigned i = 0; i < places->count; i++) {
		posting_add(&places->tag[i].value->series, ordinal);
		posting_add(&places->tag[i].key->series, ordinal);
	}
}

/* ---- choosing ---- */

static void choose(const struct posting *p, struct series_set *set)
{
	struct posting_cursor c = posting_begin(p);
	uint32_t ordinal;

	while (posting_next(&c, &ordinal) && ordinal < set->size)
		series_set_add(set, ordinal);
}

/* Those that the list leaves out. */
static void choose_others(const struct posting *p, struct series_set *set)
{
	struct posting_cursor c = posting_begin(p);
	uint32_t from = 0, ordinal = set->size;

	do {
		if (!posting_next(&c, &ordinal) || ordinal > set->size)
			ordinal = set->size;
		for (; from < ordinal; from++)
			series_set_add(set, from);
		from = ordinal + 1;
	} while (ordinal < set->size);
}

void tags_choose_value(const struct tag_value *v, struct series_set *set)
{
	choose(&v->series, set);
}

static void choose_without_key(const struct tag_key *k, struct series_set *set)
{
	if (k)
		choose_others(&k->series, set);
	else
		series_set_fill(set);
}

void tags_choose_equal(const struct tag_key *k, struct view text, struct series_set *set)
{
	if (text.len == 0) {
		choose_without_key(k, set);
		return;
	}
	const struct tag_value *v = k ? tag_key_find_value(k, text) : NULL;
	if (v)
		choose(&v->series, set);
}

bool tags_choose_matching(
    const struct tag_key *k, bool (*test)(void *arg, struct view plain), void *arg, struct series_set *set)
{
	uint32_t n = k ? tag_key_value_count(k) : 0;
	struct buf plain;

	buf_init(&plain, PLAIN_MAX);
	for (uint32_t i = 0; i < n && !plain.failed; i++) {
		const struct tag_value *v = value_at(k, i);
		struct view text = tag_value_text(v);
		if (memchr(text.p, '\\', text.len)) {
			buf_clear(&plain);
			lp_unescape(text, false, &plain);
			text = (struct view){ plain.p, plain.len };
		}
		if (!plain.failed && test(arg, text))
			choose(&v->series, set);
	}
	bool ok = !plain.failed;
	buf_fini(&plain);
	if (ok && test(arg, (struct view){ "", 0 }))
		choose_without_key(k, set);
	return ok;
}

/* ---- narrowing ---- */

/* The members that the list has (or has not), into found. One cursor goes along with the members: chunks between two of
 * them are stepped over, so that few members cost little however long the list is. */
static void choose_members(const struct posting *p, bool has, const struct series_set *set, struct series_set *found)
{
	struct posting_cursor c = posting_begin(p);
	uint32_t ordinal = 0;
	bool any = posting_next(&c, &ordinal);

	for (uint32_t at = 0; series_set_next(set, &at); at++) {
		if (any && ordinal < at)
			any = posting_seek(&c, at, &ordinal);
		if ((any && ordinal == at) == has)
			series_set_add(found, at);
		else if (!any && has)
			return;
	}
}

bool tags_keep_equal(const struct tag_key *k, const struct view *texts, unsigned count, struct series_set *set)
{
	struct series_set found;
	uint32_t members = series_set_count(set);

	if (!series_set_init(&found, set->size))
		return false;
	for (unsigned i = 0; i < count; i++) {
		bool has = texts[i].len > 0;
		const struct tag_value *v = k && has ? tag_key_find_value(k, texts[i]) : NULL;
		const struct posting *p = v ? &v->series : k && !has ? &k->series : NULL;
		if (p && members < posting_count(p))
			choose_members(p, has, set, &found);
		else
			tags_choose_equal(k, texts[i], &found);
	}
	series_set_and(set, &found);
	series_set_fini(&found);
	return true;
}
