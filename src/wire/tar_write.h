/* Archives as tar writes them (POSIX ustar; sizes of 8 GiB and more in binary, as GNU tar, bsdtar and busybox read
 * them). An archive is: for each file its header, its bytes, zeros up to a multiple of TAR_BLOCK; then TAR_END zeros. */
#ifndef WIRE_TAR_WRITE_H
#define WIRE_TAR_WRITE_H

#include <stddef.h>
#include <stdint.h>

enum { TAR_BLOCK = 512, TAR_END = 2 * TAR_BLOCK, TAR_NAME_MAX = 100 };

/* A file of root's with mode 600. name: at most TAR_NAME_MAX bytes. time_s: since the epoch. */
void tar_header(char out[TAR_BLOCK], const char *name, uint64_t size, int64_t time_s);
/* How many zeros follow so many bytes of a file. */
static inline size_t tar_padding(uint64_t size)
{
	return (size_t)(-size % TAR_BLOCK);
}
/* Of a file in the archive, with header and zeros. */
static inline uint64_t tar_size(uint64_t size)
{
	return TAR_BLOCK + size + tar_padding(size);
}

#endif
