#include "flow/parcel.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "wire/lp_parse.h"

#define TEXT_MAX ((size_t)128 << 20)

void parcel_init(struct parcel *p, unsigned bodies)
{
	*p = (struct parcel){ .bodies = bodies };
	for (unsigned i = 0; i < bodies; i++)
		buf_init(&p->body[i].text, TEXT_MAX);
}

void parcel_fini(struct parcel *p)
{
	for (unsigned i = 0; i < p->bodies; i++) {
		buf_fini(&p->body[i].text);
		free(p->body[i].ends);
		free(p->body[i].tags);
	}
	*p = (struct parcel){ 0 };
}

void parcel_clear(struct parcel *p)
{
	for (unsigned i = 0; i < p->bodies; i++) {
		buf_clear(&p->body[i].text);
		p->body[i].count = 0;
	}
	p->count = 0;
	p->bytes = 0;
	p->db = 0;
}

/* The names' parts are hashed one by one and added up: the same tags in another order are the same series. A comma behind a
 * backslash is a part's own. */
uint64_t parcel_series_hash(struct view key)
{
	const char *p = key.p, *end = key.p + key.len;
	uint64_t sum = 0;

	while (p < end) {
		const char *e = p;
		while ((e = memchr(e, ',', (size_t)(end - e))) && e > p && e[-1] == '\\')
			e++;
		if (!e)
			e = end;
		/* the measurement is no tag, even if it looks like one */
		sum += XXH3_64bits_withSeed(p, (size_t)(e - p), p == key.p);
		p = e + 1;
	}
	return sum;
}

static bool has_room(struct parcel_body *b)
{
	if (b->count < b->cap)
		return true;
	uint32_t cap = b->cap ? b->cap * 2 : 256;
	uint32_t *ends = realloc(b->ends, cap * sizeof *ends);
	if (ends)
		b->ends = ends;
	uint64_t *tags = realloc(b->tags, cap * sizeof *tags);
	if (tags)
		b->tags = tags;
	if (!ends || !tags)
		return false;
	b->cap = cap;
	return true;
}

bool parcel_add(struct parcel *p, struct view key, struct view line, uint64_t tag)
{
	struct parcel_body *b = &p->body[p->bodies > 1 ? parcel_series_hash(key) % p->bodies : 0];

	if (!has_room(b))
		return false;
	buf_view(&b->text, line);
	buf_char(&b->text, '\n');
	if (b->text.failed)
		return false;
	b->ends[b->count] = (uint32_t)b->text.len;
	b->tags[b->count++] = tag;
	p->count++;
	p->bytes += line.len + 1;
	return true;
}

unsigned parcel_worth(const struct parcel *p, uint32_t body_points)
{
	size_t n = p->count / body_points, by_bytes = p->bytes / PARCEL_BODY_BYTES;

	n = n > by_bytes ? n : by_bytes;
	return n > p->bodies ? p->bodies : n < 1 ? 1 : (unsigned)n;
}

static bool has_room_for(struct parcel_body *b, uint32_t count)
{
	while (b->cap - b->count < count) {
		uint32_t have = b->count;
		b->count = b->cap; /* full, as far as has_room can see */
		bool ok = has_room(b);
		b->count = have;
		if (!ok)
			return false;
	}
	return true;
}

/* All lines of from to the end of b; from keeps them if there is no memory. */
static void append(struct parcel_body *b, struct parcel_body *from)
{
	if (!from->count || !has_room_for(b, from->count) || !buf_reserve(&b->text, from->text.len))
		return;
	uint32_t base = (uint32_t)b->text.len;
	buf_append(&b->text, from->text.p, from->text.len);
	for (uint32_t i = 0; i < from->count; i++) {
		b->ends[b->count] = base + from->ends[i];
		b->tags[b->count++] = from->tags[i];
	}
	buf_clear(&from->text);
	from->count = 0;
}

void parcel_gather(struct parcel *p, unsigned n)
{
	while (n > 1 && p->bodies % n)
		n--;
	for (unsigned i = n; i < p->bodies; i++)
		append(&p->body[i % n], &p->body[i]);
}

struct view parcel_lines(const struct parcel_body *b, uint32_t from, uint32_t to)
{
	uint32_t start = from ? b->ends[from - 1] : 0;

	return (struct view){ b->text.p + start, to ? b->ends[to - 1] - start : 0 };
}

/* A value's text is left alone but for the last letter, so positions stay. */
bool parcel_make_signed(struct parcel_body *b)
{
	struct lp_parser ps;
	bool changed = false;

	lp_init(&ps, (struct view){ b->text.p, b->text.len });
	for (;;) {
		enum lp_result r = lp_next_key(&ps);
		if (r == LP_END)
			break;
		if (r == LP_BAD || lp_rest(&ps, NULL) != LP_OK)
			continue;
		for (uint32_t i = 0; i < ps.field_count; i++) {
			const struct lp_field *f = &ps.fields[i];
			if (f->value.type != VALUE_UNSIGNED || f->value.u > INT64_MAX)
				continue;
			/* the letter stands behind the digits that follow the name and its equals sign */
			char *c = b->text.p + (f->name.p + f->name.len + 1 - b->text.p);
			while (*c != 'u')
				c++;
			*c = 'i';
			changed = true;
		}
	}
	lp_fini(&ps);
	return changed;
}
