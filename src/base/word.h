/* Words that people write, and the known ones they may have meant. */
#ifndef BASE_WORD_H
#define BASE_WORD_H

#include <stdbool.h>
#include <stddef.h>

enum { WORD_BYTES = 64 };

/* Levenshtein's distance, of the first WORD_BYTES bytes. */
unsigned word_distance(const char *a, const char *b);

/* In a list of words with a space between them: */
bool word_is_in(const char *list, const char *word);
/* The nearest one that is near enough to be meant, into out. False: none is. */
bool word_nearest(const char *list, const char *word, char *out, size_t size);

#endif
