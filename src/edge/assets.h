/* The page's files, compiled in by build-aux/embed.sh. */
#ifndef EDGE_ASSETS_H
#define EDGE_ASSETS_H

#include <stddef.h>

struct asset {
	const char *path, *mime, *etag; /* path: "/app.js"; etag: with its quotes */
	const unsigned char *raw;
	size_t raw_len;
	const unsigned char *gz; /* the same by gzip */
	size_t gz_len;
};

extern const struct asset assets[];
extern const size_t assets_count;

#endif
