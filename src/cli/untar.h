/* Takes a tar archive apart as it arrives: plain files, one after the other (POSIX ustar, sizes in octal or binary).
 * Anything else in it is an error. One thread. */
#ifndef CLI_UNTAR_H
#define CLI_UNTAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

enum { UNTAR_BLOCK = 512 };

struct untar_sink {
	enum err (*begin)(void *arg, const char *name, uint64_t size, struct errbuf *eb);
	enum err (*data)(void *arg, struct view piece, struct errbuf *eb);
	enum err (*end)(void *arg, struct errbuf *eb); /* of the file */
	void *arg;
};

struct untar {
	const struct untar_sink *sink;
	char header[UNTAR_BLOCK];
	unsigned have; /* of the header */
	uint64_t left; /* of the file */
	unsigned padding; /* behind it */
	bool ended; /* the archive's own end was there */
};

void untar_init(struct untar *u, const struct untar_sink *sink);
/* The next bytes. ERR_CORRUPT: not an archive as described; or the sink's own error. */
NODISCARD enum err untar_take(struct untar *u, struct view piece, struct errbuf *eb);

#endif
