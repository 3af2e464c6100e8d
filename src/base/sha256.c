#include "base/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 256 << 10 };

enum err sha256_init(struct sha256 *s, struct errbuf *eb)
{
	s->ctx = EVP_MD_CTX_new();
	if (s->ctx && EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL) == 1)
		return ERR_OK;
	sha256_fini(s);
	return errbuf_set(eb, ERR_NOMEM, "no memory for a checksum");
}

void sha256_fini(struct sha256 *s)
{
	EVP_MD_CTX_free(s->ctx);
	s->ctx = NULL;
}

void sha256_add(struct sha256 *s, struct view v)
{
	EVP_DigestUpdate(s->ctx, v.p, v.len);
}

void sha256_take(struct sha256 *s, char hex[SHA256_HEX])
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	EVP_DigestFinal_ex(s->ctx, sum, &n);
	for (unsigned i = 0; i < SHA256_HEX / 2; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", sum[i]);
	EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL);
}

static enum err add_file(struct sha256 *s, int fd, const char *path, struct errbuf *eb)
{
	char *piece = malloc(PIECE);
	ssize_t n = 0;

	if (!piece)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	while ((n = read(fd, piece, PIECE)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			sha256_add(s, (struct view){ piece, (size_t)n });
	free(piece);
	return n == 0 ? ERR_OK : errbuf_set(eb, ERR_IO, "cannot read %s: %s", path, strerror(errno));
}

enum err sha256_file(const char *path, char hex[SHA256_HEX], struct errbuf *eb)
{
	struct sha256 s;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errbuf_set(
		    eb, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot open %s: %s", path, strerror(errno));
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	enum err e = sha256_init(&s, eb);
	if (e == ERR_OK)
		e = add_file(&s, fd, path, eb);
	if (e == ERR_OK)
		sha256_take(&s, hex);
	sha256_fini(&s);
	close(fd);
	return e;
}
