#include "wire/tar_write.h"

#include <stdio.h>
#include <string.h>

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[6],
	    version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is one block");

#define OCTAL_MAX ((UINT64_C(1) << 33) - 1) /* eleven digits */

/* Digits up to the last byte, which is 0. */
static void put_octal(char *to, size_t n, uint64_t v)
{
	to[--n] = 0;
	while (n) {
		to[--n] = (char)('0' + (v & 7));
		v >>= 3;
	}
}

static void put_binary(char *to, size_t n, uint64_t v)
{
	for (size_t i = n; i-- > 1; v >>= 8)
		to[i] = (char)(v & 255);
	to[0] = (char)0x80;
}

void tar_header(char out[TAR_BLOCK], const char *name, uint64_t size, int64_t time_s)
{
	struct header h = { .checksum = "        ", .type = '0' }; /* it counts as spaces */
	unsigned sum = 0;

	memcpy(h.name, name, strnlen(name, sizeof h.name));
	put_octal(h.mode, sizeof h.mode, 0600);
	put_octal(h.uid, sizeof h.uid, 0);
	put_octal(h.gid, sizeof h.gid, 0);
	if (size <= OCTAL_MAX)
		put_octal(h.size, sizeof h.size, size);
	else
		put_binary(h.size, sizeof h.size, size);
	put_octal(h.mtime, sizeof h.mtime, time_s > 0 ? (uint64_t)time_s & OCTAL_MAX : 0);
	memcpy(h.magic, "ustar", sizeof h.magic);
	memcpy(h.version, "00", sizeof h.version);
	memcpy(h.user, "root", 5);
	memcpy(h.group, "root", 5);
	memcpy(out, &h, TAR_BLOCK);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)out[i];
	snprintf(out + offsetof(struct header, checksum), sizeof h.checksum, "%06o", sum); /* then 0 and a space */
}
