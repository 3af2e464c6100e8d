/* The status page, compiled in. The build generates the table from web/. */
#ifndef EDGE_ASSETS_H
#define EDGE_ASSETS_H

#include <stddef.h>

struct asset {
	const char *path; /* "/index.html" */
	const char *type; /* Content-Type */
	const char *etag; /* with its quotes */
	const unsigned char *data;
	size_t size;
	const unsigned char *gzip; /* the same, packed; NULL: not worth it */
	size_t gzip_size;
};

extern const struct asset assets[]; /* ended by a NULL path */

#endif
