#include "cli/untar.h"

#include <string.h>

enum { NAME = 100, SIZE_AT = 124, SIZE = 12, SUM_AT = 148, SUM = 8, TYPE_AT = 156, MAGIC_AT = 257, PREFIX_AT = 345 };

void untar_init(struct untar *u, const struct untar_sink *sink)
{
	*u = (struct untar){ .sink = sink };
}

static bool read_octal(const char *p, size_t n, uint64_t *out)
{
	size_t i = 0;

	*out = 0;
	while (i < n && p[i] == ' ')
		i++;
	size_t first = i;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++) {
		if (*out >> 60)
			return false;
		*out = *out << 3 | (uint64_t)(p[i] - '0');
	}
	return i > first && (i == n || p[i] == 0 || p[i] == ' ');
}

static bool read_size(const char *p, uint64_t *out)
{
	if (!((unsigned char)*p & 0x80))
		return read_octal(p, SIZE, out);
	*out = 0;
	for (unsigned i = 1; i < SIZE; i++) {
		if (*out >> 54) /* no file is that large */
			return false;
		*out = *out << 8 | (unsigned char)p[i];
	}
	return (unsigned char)*p == 0x80;
}

/* The header's own checksum, over itself with spaces in its place. */
static bool sum_is_right(const char *h)
{
	uint64_t want, have = 0;

	for (unsigned i = 0; i < UNTAR_BLOCK; i++)
		have += i >= SUM_AT && i < SUM_AT + SUM ? ' ' : (unsigned char)h[i];
	return read_octal(h + SUM_AT, SUM, &want) && want == have;
}

static enum err take_header(struct untar *u, struct errbuf *eb)
{
	static const char zeros[UNTAR_BLOCK];
	char name[NAME + 1] = "";
	uint64_t size;

	u->have = 0;
	if (memcmp(u->header, zeros, sizeof zeros) == 0) {
		u->ended = true;
		return ERR_OK;
	}
	if (!sum_is_right(u->header) || memcmp(u->header + MAGIC_AT, "ustar", 5) != 0 ||
	    !read_size(u->header + SIZE_AT, &size))
		return errbuf_set(eb, ERR_CORRUPT, "the archive is damaged, or is none");
	memcpy(name, u->header, NAME);
	if (u->header[TYPE_AT] != '0' || u->header[PREFIX_AT] || !*name)
		return errbuf_set(eb, ERR_CORRUPT, "the archive holds something that is no plain file");
	u->left = size;
	u->padding = (unsigned)(-size % UNTAR_BLOCK);
	enum err e = u->sink->begin(u->sink->arg, name, size, eb);
	return e == ERR_OK && size == 0 ? u->sink->end(u->sink->arg, eb) : e;
}

static struct view cut(struct view *piece, uint64_t most)
{
	struct view front = { piece->p, piece->len < most ? piece->len : (size_t)most };

	piece->p += front.len;
	piece->len -= front.len;
	return front;
}

static enum err take_data(struct untar *u, struct view *piece, struct errbuf *eb)
{
	struct view data = cut(piece, u->left);
	enum err e = u->sink->data(u->sink->arg, data, eb);

	u->left -= data.len;
	return e == ERR_OK && u->left == 0 ? u->sink->end(u->sink->arg, eb) : e;
}

enum err untar_take(struct untar *u, struct view piece, struct errbuf *eb)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && piece.len && !u->ended) {
		if (u->left) {
			e = take_data(u, &piece, eb);
		} else if (u->padding) {
			u->padding -= (unsigned)cut(&piece, u->padding).len;
		} else {
			struct view part = cut(&piece, UNTAR_BLOCK - u->have);
			memcpy(u->header + u->have, part.p, part.len);
			u->have += (unsigned)part.len;
			if (u->have == UNTAR_BLOCK)
				e = take_header(u, eb);
		}
	}
	return e;
}
