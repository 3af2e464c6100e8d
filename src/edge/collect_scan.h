/* Reads the kernel's text files: lines of words between blanks. Nothing is allocated; views point into the text.
 * Any thread. */
#ifndef EDGE_COLLECT_SCAN_H
#define EDGE_COLLECT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

struct scan {
	const char *at, *end;
};

/* The next line, without its newline; false at the end. A last line without newline is not given out: it is cut. */
bool scan_line(struct scan *text, struct scan *line);
/* The next word; false at the end of s. */
bool scan_word(struct scan *s, struct view *word);
/* What stands before the next `until`, which is skipped, without leading blanks; false if there is none. */
bool scan_until(struct scan *s, char until, struct view *word);
/* The next word as a number. False, and s stays, if it is none or does not fit. */
bool scan_u64(struct scan *s, uint64_t *n);
/* As many numbers as follow each other, at most max; returns how many. */
unsigned scan_u64s(struct scan *s, uint64_t *n, unsigned max);
/* A terminated copy; false if it does not fit or is empty. */
bool scan_copy(struct view v, char *out, size_t size);

#endif
