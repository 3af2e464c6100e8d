/* A borrowed piece of text, not terminated. It never outlives the bytes it points into. */
#ifndef BASE_VIEW_H
#define BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct view {
	const char *p;
	size_t len;
};

static inline struct view view_of(const char *s)
{
	return (struct view){ s, strlen(s) };
}

static inline bool view_eq(struct view a, struct view b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool view_is(struct view a, const char *s)
{
	return view_eq(a, view_of(s));
}

/* As strcmp, bytes compared unsigned. */
static inline int view_cmp(struct view a, struct view b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.p, b.p, n) : 0;

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

/* The length of v, or of as many whole characters as fit into max bytes. */
static inline size_t view_cut(struct view v, size_t max)
{
	if (v.len <= max)
		return v.len;
	while (max && ((unsigned char)v.p[max] & 0xC0) == 0x80)
		max--;
	return max;
}

#endif
