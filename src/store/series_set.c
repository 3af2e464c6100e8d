#include "store/series_set.h"

#include <stdlib.h>
#include <string.h>

static size_t words_of(const struct series_set *s)
{
	return ((size_t)s->size + 63) / 64;
}

/* Bits beyond size stay zero, so that counting and walking need not look. */
static void trim(struct series_set *s)
{
	if (s->size % 64)
		s->words[s->size / 64] &= (UINT64_C(1) << s->size % 64) - 1;
}

bool series_set_init(struct series_set *s, uint32_t size)
{
	s->size = size;
	s->words = calloc(words_of(s) + 1, sizeof *s->words);
	if (!s->words)
		s->size = 0;
	return s->words;
}

void series_set_fini(struct series_set *s)
{
	free(s->words);
	*s = (struct series_set){ 0 };
}

void series_set_fill(struct series_set *s)
{
	memset(s->words, 0xFF, words_of(s) * sizeof *s->words);
	trim(s);
}

void series_set_not(struct series_set *s)
{
	for (size_t i = 0; i < words_of(s); i++)
		s->words[i] = ~s->words[i];
	trim(s);
}

void series_set_and(struct series_set *s, const struct series_set *other)
{
	for (size_t i = 0; i < words_of(s); i++)
		s->words[i] &= other->words[i];
}

void series_set_or(struct series_set *s, const struct series_set *other)
{
	for (size_t i = 0; i < words_of(s); i++)
		s->words[i] |= other->words[i];
}

uint32_t series_set_count(const struct series_set *s)
{
	uint32_t n = 0;

	for (size_t i = 0; i < words_of(s); i++)
		n += (uint32_t)__builtin_popcountll(s->words[i]);
	return n;
}

bool series_set_next(const struct series_set *s, uint32_t *at)
{
	size_t i = *at / 64;

	if (*at >= s->size)
		return false;
	uint64_t word = s->words[i] & ~UINT64_C(0) << *at % 64;
	while (!word)
		if (++i == words_of(s))
			return false;
		else
			word = s->words[i];
	*at = (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(word);
	return true;
}
