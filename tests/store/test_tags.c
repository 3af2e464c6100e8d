/* Tags against a naive model: a table of every series' values, looked through from one end to the other. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/catalogue.h"
#include "store/posting.h"
#include "store/tags.h"
#include "wire/lp_key.h"

enum { KEYS = 6, SERIES = 3000, VALUES_MAX = 400, TEXT = 24, QUERIES = 300 };

static const char *const key_plain[KEYS] = { "host", "a b", "k=1", "unique", "rare", "two" };
static const unsigned values_of[KEYS] = { 40, 7, VALUES_MAX, 0 /* each its own */, 3, 2 };

struct model {
	uint64_t seed;
	struct catalogue *catalogue;
	struct measurement *m;
	char (*value)[KEYS][TEXT]; /* plain; "": without the key */
	uint32_t count;
};

static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33) % below;
}

static void draw_value(struct model *md, unsigned key, uint32_t i, char out[TEXT])
{
	static const char *const odd[] = { "x,y", "x y", "x=y", "x\\y", "é" };
	uint32_t n = values_of[key] ? draw(&md->seed, values_of[key]) : i;

	if (key == 4 && draw(&md->seed, 50))
		*out = 0;
	else if (key != 3 && draw(&md->seed, 9) == 0)
		*out = 0;
	else if (key != 3 && n < 5)
		snprintf(out, TEXT, "%s", odd[n]);
	else
		snprintf(out, TEXT, "v%u", n);
}

/* Adds series until there are n. */
static void grow(struct model *md, uint32_t n)
{
	while (md->count < n) {
		char(*v)[TEXT] = md->value[md->count];
		struct catalogue_refusal refusal;
		struct buf key;
		buf_init(&key, 4096);
		buf_str(&key, "m");
		for (unsigned k = 0; k < KEYS; k++) {
			draw_value(md, k, md->count, v[k]);
			if (!*v[k])
				continue;
			buf_char(&key, ',');
			lp_escape(view_of(key_plain[k]), false, &key);
			buf_char(&key, '=');
			lp_escape(view_of(v[k]), false, &key);
		}
		const struct series *s = catalogue_add_series(
		    md->catalogue, CATALOGUE_DEFAULT_DB, (struct view){ key.p, key.len }, false, &refusal);
		cr_assert(s, "%s", refusal.error);
		cr_assert_eq(s->ordinal, md->count);
		md->m = s->measurement;
		md->count++;
		buf_fini(&key);
	}
}

static void model_init(struct model *md, uint64_t seed)
{
	struct errbuf eb;

	*md = (struct model){ .seed = seed, .value = calloc(SERIES, sizeof *md->value) };
	cr_assert(md->value);
	cr_assert_eq(catalogue_new(&md->catalogue, &(struct catalogue_opts){ 0 }, &eb), ERR_OK);
}

static void model_fini(struct model *md)
{
	catalogue_free(md->catalogue);
	free(md->value);
}

static const struct tag_key *find_key(const struct model *md, unsigned k)
{
	struct buf name;

	buf_init(&name, 256);
	lp_escape(view_of(key_plain[k]), false, &name);
	const struct tag_key *found = tags_find_key(measurement_tags(md->m), (struct view){ name.p, name.len });
	buf_fini(&name);
	return found;
}

/* A value that some series has or had a chance of having, or "", or none has. */
static const char *draw_text(struct model *md, unsigned k)
{
	uint32_t r = draw(&md->seed, 10);

	return r == 0 ? "" : r == 1 ? "nobody has this" : md->value[draw(&md->seed, md->count)][k];
}

static void assert_is(const struct series_set *set, const struct model *md, const bool *expected, const char *what)
{
	uint32_t at = 0, n = 0;

	for (uint32_t i = 0; i < set->size; i++) {
		cr_assert_eq(series_set_has(set, i), expected[i], "%s: series %u of %u", what, i, set->size);
		n += expected[i];
	}
	cr_assert_eq(series_set_count(set), n);
	for (uint32_t i = 0; i < n; i++, at++)
		cr_assert(series_set_next(set, &at) && expected[at]);
	cr_assert_not(series_set_next(set, &at));
	(void)md;
}

static bool holds_one(void *arg, struct view plain)
{
	(*(unsigned *)arg)++;
	return plain.len == 0 || memchr(plain.p, '1', plain.len) || memchr(plain.p, ',', plain.len);
}

static bool holds_two(void *arg, struct view plain)
{
	(*(unsigned *)arg)++;
	return plain.len && memchr(plain.p, '2', plain.len);
}

static void check_equal(struct model *md, unsigned k, struct series_set *set, bool *expected)
{
	const char *text = draw_text(md, k);
	struct buf raw;

	buf_init(&raw, 256);
	lp_escape(view_of(text), false, &raw);
	tags_choose_equal(find_key(md, k), (struct view){ raw.p, raw.len }, set);
	for (uint32_t i = 0; i < set->size; i++)
		expected[i] = !strcmp(md->value[i][k], text);
	assert_is(set, md, expected, "equal");
	series_set_not(set);
	for (uint32_t i = 0; i < set->size; i++)
		expected[i] = !expected[i];
	assert_is(set, md, expected, "not equal");
	buf_fini(&raw);
}

static void check_matching(struct model *md, unsigned k, struct series_set *set, bool *expected)
{
	bool one = draw(&md->seed, 2);
	unsigned calls = 0, unused = 0;
	const struct tag_key *key = find_key(md, k);

	cr_assert(tags_choose_matching(key, one ? holds_one : holds_two, &calls, set));
	cr_assert_eq(calls, (key ? tag_key_value_count(key) : 0) + 1, "each value is tested once");
	for (uint32_t i = 0; i < set->size; i++)
		expected[i] = (one ? holds_one : holds_two)(&unused, view_of(md->value[i][k]));
	assert_is(set, md, expected, "matching");
}

/* Several filters, one after the other. */
static void check_keep(struct model *md, struct series_set *set, bool *expected)
{
	series_set_fill(set);
	memset(expected, true, set->size);
	for (unsigned filters = 1 + draw(&md->seed, 3); filters; filters--) {
		unsigned k = draw(&md->seed, KEYS), n = 1 + draw(&md->seed, 3);
		const char *text[3];
		struct view raw[3];
		struct buf b[3];
		for (unsigned i = 0; i < n; i++) {
			text[i] = draw_text(md, k);
			buf_init(&b[i], 256);
			lp_escape(view_of(text[i]), false, &b[i]);
			raw[i] = (struct view){ b[i].p, b[i].len };
		}
		cr_assert(tags_keep_equal(find_key(md, k), raw, n, set));
		for (uint32_t i = 0; i < set->size; i++) {
			bool any = false;
			for (unsigned t = 0; t < n; t++)
				any |= !strcmp(md->value[i][k], text[t]);
			expected[i] &= any;
		}
		for (unsigned i = 0; i < n; i++)
			buf_fini(&b[i]);
		assert_is(set, md, expected, "keep");
	}
}

/* Which values has a key among these series? */
static void check_values(struct model *md, const struct series_set *set)
{
	unsigned k = draw(&md->seed, KEYS - 2);
	const struct tag_key *key = find_key(md, k);

	for (uint32_t v = 0; key && v < tag_key_value_count(key); v += 1 + draw(&md->seed, 5)) {
		const struct tag_value *value = tag_key_value_at(key, v);
		struct buf plain;
		uint32_t all = 0;
		bool here = false;
		buf_init(&plain, 256);
		lp_unescape(tag_value_text(value), false, &plain);
		for (uint32_t i = 0; i < md->count; i++) {
			bool has = view_is((struct view){ plain.p, plain.len }, md->value[i][k]);
			all += has;
			here |= has && series_set_has(set, i);
		}
		cr_assert_eq(tag_value_series_count(value), all);
		cr_assert_eq(tag_value_is_in(value, set), here);
		buf_fini(&plain);
	}
}

Test(tags, choices_are_those_of_a_naive_model)
{
	bool *expected = calloc(SERIES, 1);

	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct model md;
		model_init(&md, seed);
		for (unsigned q = 0; q < QUERIES; q++) {
			struct series_set set;
			grow(&md, 1 + (uint32_t)((uint64_t)(SERIES - 1) * q / QUERIES));
			/* often of a moment that has passed: what came later is not in it */
			cr_assert(series_set_init(&set, md.count - draw(&md.seed, md.count)));
			unsigned k = draw(&md.seed, KEYS), kind = q % 3;
			if (kind == 0)
				check_equal(&md, k, &set, expected);
			else if (kind == 1)
				check_matching(&md, k, &set, expected);
			else
				check_keep(&md, &set, expected);
			check_values(&md, &set);
			series_set_fini(&set);
		}
		model_fini(&md);
	}
	free(expected);
}

Test(tags, keys_and_values_are_listed_once_in_order_of_appearance)
{
	struct model md;

	model_init(&md, 7);
	grow(&md, SERIES);
	const struct tags *t = measurement_tags(md.m);
	cr_assert_eq(tags_key_count(t), KEYS);
	for (uint32_t i = 0; i < KEYS; i++) {
		const struct tag_key *k = tags_key_at(t, i);
		uint32_t series = 0;
		cr_assert_eq(tags_find_key(t, tag_key_name(k)), k);
		for (uint32_t v = 0; v < tag_key_value_count(k); v++) {
			const struct tag_value *value = tag_key_value_at(k, v);
			cr_assert_eq(tag_key_find_value(k, tag_value_text(value)), value, "%u %u", i, v);
			series += tag_value_series_count(value);
		}
		cr_assert_eq(series, tag_key_series_count(k));
	}
	cr_assert_eq(tag_key_value_count(find_key(&md, 3)), SERIES);
	cr_assert_null(tags_find_key(t, view_of("nothing")));
	model_fini(&md);
}

Test(tags, a_key_that_no_series_has_is_empty_everywhere)
{
	struct model md;
	struct series_set set;
	const struct view none = { "", 0 }, some = view_of("x");

	model_init(&md, 8);
	grow(&md, 100);
	cr_assert(series_set_init(&set, 100));
	tags_choose_equal(NULL, some, &set);
	cr_assert_eq(series_set_count(&set), 0);
	tags_choose_equal(NULL, none, &set);
	cr_assert_eq(series_set_count(&set), 100);
	cr_assert(tags_keep_equal(NULL, &none, 1, &set));
	cr_assert_eq(series_set_count(&set), 100);
	cr_assert(tags_keep_equal(NULL, &some, 1, &set));
	cr_assert_eq(series_set_count(&set), 0);
	cr_assert(tags_keep_equal(NULL, &none, 0, &set));
	series_set_fini(&set);
	model_fini(&md);
}

/* Where few series are left whole chunks of the lists are stepped over: they must be long for that. */
Test(tags, few_series_are_found_in_long_lists)
{
	enum { MANY = 60000 };
	struct catalogue *c;
	struct catalogue_refusal refusal;
	struct series_set set;
	struct errbuf eb;
	char key[64];
	struct measurement *m = NULL;

	cr_assert_eq(catalogue_new(&c, &(struct catalogue_opts){ 0 }, &eb), ERR_OK);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(key, sizeof key, "m,%sid=%u,s=%s", i % 7 ? "a=b," : "", i, i % 3 ? "yes" : "no");
		struct series *s = catalogue_add_series(c, CATALOGUE_DEFAULT_DB, view_of(key), false, &refusal);
		cr_assert(s);
		m = s->measurement;
	}
	const struct tags *t = measurement_tags(m);
	const struct view yes = view_of("yes"), none = { "", 0 };
	for (uint32_t i = 0; i < MANY; i += 997) {
		char id[16];
		snprintf(id, sizeof id, "%u", i);
		const struct view text = view_of(id);
		cr_assert(series_set_init(&set, MANY));
		series_set_fill(&set);
		cr_assert(tags_keep_equal(tags_find_key(t, view_of("id")), &text, 1, &set));
		cr_assert_eq(series_set_count(&set), 1);
		cr_assert(tags_keep_equal(tags_find_key(t, view_of("s")), &yes, 1, &set));
		cr_assert_eq(series_set_count(&set), i % 3 ? 1 : 0, "%u", i);
		series_set_add(&set, i);
		cr_assert(tags_keep_equal(tags_find_key(t, view_of("a")), &none, 1, &set));
		cr_assert_eq(series_set_count(&set), i % 7 ? 0 : 1, "%u", i);
		series_set_fini(&set);
	}
	catalogue_free(c);
}

Test(posting, gives_back_what_was_added_and_seeks_like_a_walk)
{
	enum { N = 20000 };
	uint32_t *all = malloc(N * sizeof *all);

	for (uint64_t seed = 1; seed <= 6; seed++) {
		uint64_t s = seed;
		uint32_t n = 0, next = draw(&s, 5), got = 0;
		struct posting p = { 0 };
		struct arena a;
		arena_init(&a, 4096, (size_t)1 << 30);
		for (; n < N && next < UINT32_C(3) << 30; n++) {
			all[n] = next;
			cr_assert(posting_prepare(&p, &a));
			posting_add(&p, next);
			next += 1 + draw(&s, seed < 3 ? 2 : draw(&s, 100) ? 300 : UINT32_C(1) << 26);
		}
		struct posting_cursor c = posting_begin(&p);
		for (uint32_t i = 0; i < n; i++)
			cr_assert(posting_next(&c, &got) && got == all[i], "seed %u: %u", (unsigned)seed, i);
		cr_assert_not(posting_next(&c, &got));
		for (unsigned round = 0; round < 200; round++) {
			c = posting_begin(&p);
			for (uint32_t i = 0; i < n;) {
				i += draw(&s, 1 + draw(&s, n));
				uint32_t least = i < n ? all[i] - draw(&s, 2) * (i && all[i] - all[i - 1] > 1)
						       : all[n - 1] + 1;
				cr_assert_eq(posting_seek(&c, least, &got), i < n);
				if (i < n)
					cr_assert_eq(got, all[i]);
				i++;
			}
		}
		arena_fini(&a);
	}
	free(all);
}
