/* Readers of the catalogue's tags while series are added; a plain program, since ThreadSanitizer does not start under
 * Criterion. Under it every race is a report; without it every choice is checked against the keys all the same. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/catalogue.h"
#include "store/tags.h"

enum { ADDERS = 2, READERS = 3, EACH = 15000 };

static struct catalogue *catalogue;
static atomic_int adding;
static atomic_uint failures, choices;

static void *add_all(void *arg)
{
	unsigned id = *(const unsigned *)arg;
	struct catalogue_refusal refusal;
	char key[96];

	for (unsigned i = 0; i < EACH; i++) {
		snprintf(key, sizeof key, i % 5 ? "m,adder=%u,id=%u-%u,mod=m%u,some=1" : "m,adder=%u,id=%u-%u,mod=m%u",
		    id, id, i, i % 10);
		failures += !catalogue_add_series(catalogue, CATALOGUE_DEFAULT_DB, view_of(key), false, &refusal);
	}
	atomic_fetch_sub(&adding, 1);
	return NULL;
}

static bool contains(struct view key, const char *text)
{
	return memmem(key.p, key.len, text, strlen(text)) != NULL;
}

/* Exactly the series of that moment whose keys hold the text (or do not). */
static void check(const struct measurement *m, const struct series_set *set, const char *text, bool holds)
{
	for (uint32_t i = 0; i < set->size; i++)
		failures += series_set_has(set, i) != (contains(measurement_series(m, i)->key, text) == holds);
	choices++;
}

static bool is_seven(void *arg, struct view plain)
{
	(void)arg;
	return view_is(plain, "m7");
}

static void read_once(const struct measurement *m)
{
	const struct tags *t = measurement_tags(m);
	struct series_set set;
	const struct view two = view_of("m2"), one = view_of("1");

	if (!series_set_init(&set, measurement_series_count(m)))
		exit(1);
	tags_choose_equal(tags_find_key(t, view_of("mod")), view_of("m3"), &set);
	check(m, &set, "mod=m3", true);
	series_set_not(&set);
	check(m, &set, "mod=m3", false);
	series_set_fill(&set);
	if (!tags_keep_equal(tags_find_key(t, view_of("mod")), &two, 1, &set) ||
	    !tags_keep_equal(tags_find_key(t, view_of("some")), &one, 1, &set))
		exit(1);
	check(m, &set, "mod=m2,some=1", true);
	series_set_fini(&set);
	if (!series_set_init(&set, measurement_series_count(m)))
		exit(1);
	tags_choose_equal(tags_find_key(t, view_of("some")), (struct view){ "", 0 }, &set);
	check(m, &set, "some=1", false);
	series_set_fini(&set);
	if (!series_set_init(&set, measurement_series_count(m)) ||
	    !tags_choose_matching(tags_find_key(t, view_of("mod")), is_seven, NULL, &set))
		exit(1);
	check(m, &set, "mod=m7", true);
	const struct tag_key *id = tags_find_key(t, view_of("id"));
	for (uint32_t i = 0; id && i < tag_key_value_count(id); i += 1 + i / 8)
		failures += tag_key_find_value(id, tag_value_text(tag_key_value_at(id, i))) != tag_key_value_at(id, i);
	series_set_fini(&set);
}

static void *read_all(void *arg)
{
	(void)arg;
	do {
		const struct measurement *m = catalogue_find_measurement(catalogue, CATALOGUE_DEFAULT_DB, view_of("m"));
		if (m)
			read_once(m);
	} while (atomic_load(&adding));
	return NULL;
}

int main(void)
{
	pthread_t t[ADDERS + READERS];
	unsigned ids[ADDERS];
	struct errbuf eb;

	if (catalogue_new(&catalogue, &(struct catalogue_opts){ 0 }, &eb) != ERR_OK)
		return 1;
	atomic_store(&adding, ADDERS);
	for (unsigned i = 0; i < ADDERS; i++) {
		ids[i] = i;
		pthread_create(&t[i], NULL, add_all, &ids[i]);
	}
	for (unsigned i = 0; i < READERS; i++)
		pthread_create(&t[ADDERS + i], NULL, read_all, NULL);
	for (unsigned i = 0; i < ADDERS + READERS; i++)
		pthread_join(t[i], NULL);
	uint64_t n = catalogue_series_count(catalogue);
	catalogue_free(catalogue);
	printf("1..2\n%s 1 - every choice held the series of its moment and no others (%u choices)\n",
	    atomic_load(&failures) ? "not ok" : "ok", atomic_load(&choices));
	printf("%s 2 - every series was added once\n", n == (uint64_t)ADDERS * EACH ? "ok" : "not ok");
	return 0;
}
