/* TZif files, RFC 8536: the second block, with 64-bit times.
 *
 *   header 44 bytes: "TZif", version, 15 zero bytes, six 32-bit counts: isut, isstd, leap, time, type, char
 *   block: time × (4 or 8) bytes, time × 1 index, type × 6 (offset 4, dst 1, name 1), char, leap × (8 or 12), isstd, isut */
#include "query/influxql/zone.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"

enum { HEADER = 44, FILE_MAX = 1 << 20, CHANGES_MAX = 4096, NAME_MAX_LEN = 64 };

struct iql_zone {
	int32_t first; /* the offset before any change */
	uint32_t count;
	struct change {
		int64_t at;
		int32_t offset;
	} changes[];
};

struct counts {
	uint32_t isut, isstd, leap, time, type, chars;
};

static uint64_t big_endian(const unsigned char *p, unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

static bool is_utc(struct view name)
{
	return name.len == 0 || view_is(name, "UTC");
}

/* The path of a name that cannot leave the folder. */
static bool make_path(struct view name, char path[128])
{
	if (name.len == 0 || name.len > NAME_MAX_LEN || name.p[0] == '/' || memchr(name.p, '\\', name.len))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (name.p[i] <= ' ' || (name.p[i] == '.' && i + 1 < name.len && name.p[i + 1] == '.'))
			return false;
	snprintf(path, 128, "/usr/share/zoneinfo/%.*s", (int)name.len, name.p);
	return true;
}

static const unsigned char *read_header(const unsigned char *p, const unsigned char *end, struct counts *c)
{
	uint32_t *counts = &c->isut;

	if (end - p < HEADER || memcmp(p, "TZif", 4) != 0)
		return NULL;
	for (int i = 0; i < 6; i++) {
		counts[i] = (uint32_t)big_endian(p + 20 + 4 * i, 4);
		if (counts[i] > CHANGES_MAX)
			return NULL;
	}
	return p + HEADER;
}

static size_t block_size(const struct counts *c, unsigned width)
{
	return (size_t)c->time * (width + 1) + c->type * 6 + c->chars + c->leap * (width + 4) + c->isstd + c->isut;
}

static struct iql_zone *read_block(const unsigned char *p, const struct counts *c, unsigned width)
{
	const unsigned char *index = p + (size_t)c->time * width, *types = index + c->time;
	struct iql_zone *z = calloc(1, sizeof *z + c->time * sizeof *z->changes);

	if (!z)
		return NULL;
	z->count = c->time;
	z->first = (int32_t)big_endian(types, 4);
	for (uint32_t i = 0; i < c->time; i++) {
		uint64_t at = big_endian(p + (size_t)i * width, width);
		z->changes[i].at = width == 8 ? (int64_t)at : (int32_t)at;
		if (index[i] >= c->type || (i && z->changes[i].at <= z->changes[i - 1].at)) {
			free(z);
			return NULL;
		}
		z->changes[i].offset = (int32_t)big_endian(types + (size_t)index[i] * 6, 4);
	}
	return z;
}

static struct iql_zone *read_zone(const unsigned char *p, const unsigned char *end)
{
	struct counts c;
	unsigned width = 4;
	const unsigned char *block = read_header(p, end, &c);

	if (block && p[4] >= '2' && block_size(&c, 4) <= (size_t)(end - block)) {
		block = read_header(block + block_size(&c, 4), end, &c);
		width = 8;
	}
	if (!block || c.type == 0 || block_size(&c, width) > (size_t)(end - block))
		return NULL;
	return read_block(block, &c, width);
}

static enum err read_text(struct view name, struct buf *text)
{
	char path[128];
	struct errbuf ignored;

	if (!make_path(name, path))
		return ERR_NOTFOUND;
	return file_read(path, text, &ignored) == ERR_OK ? ERR_OK : ERR_NOTFOUND;
}

enum err iql_zone_open(struct iql_zone **out, struct view name)
{
	struct buf text;

	*out = NULL;
	if (is_utc(name))
		return ERR_OK;
	buf_init(&text, FILE_MAX);
	enum err e = read_text(name, &text);
	if (e == ERR_OK) {
		const unsigned char *p = (const unsigned char *)text.p;
		*out = read_zone(p, p + text.len);
		e = *out ? ERR_OK : ERR_CORRUPT;
	}
	buf_fini(&text);
	return e;
}

bool iql_zone_exists(struct view name)
{
	struct iql_zone *z;
	bool exists = iql_zone_open(&z, name) == ERR_OK;

	iql_zone_close(z);
	return exists;
}

void iql_zone_close(struct iql_zone *z)
{
	free(z);
}

int32_t iql_zone_offset(const struct iql_zone *z, int64_t utc_s)
{
	uint32_t low = 0, high = z ? z->count : 0;

	if (!z)
		return 0;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (z->changes[middle].at <= utc_s)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? z->changes[low - 1].offset : z->first;
}

/* As InfluxDB (Go) does it: the offset at local_s taken for UTC, and once more at what that gives. */
int64_t iql_zone_to_utc(const struct iql_zone *z, int64_t local_s)
{
	return local_s - iql_zone_offset(z, local_s - iql_zone_offset(z, local_s));
}
