/* SHA-256, by OpenSSL, as sha256sum writes it. Owner: one thread. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include "base/err.h"
#include "base/view.h"

enum { SHA256_HEX = 65 }; /* with the terminator */

struct sha256 {
	void *ctx;
};

NODISCARD enum err sha256_init(struct sha256 *s, struct errbuf *eb); /* ERR_NOMEM */
void sha256_fini(struct sha256 *s); /* also after a failed init, and twice */
void sha256_add(struct sha256 *s, struct view v);
/* Of what was added; the sum begins anew. */
void sha256_take(struct sha256 *s, char hex[SHA256_HEX]);
/* Of a file as it lies on the disk: what the kernel still has of it in memory is let go first, where it can be.
 * ERR_NOTFOUND, ERR_IO, ERR_NOMEM. */
NODISCARD enum err sha256_file(const char *path, char hex[SHA256_HEX], struct errbuf *eb);

#endif
