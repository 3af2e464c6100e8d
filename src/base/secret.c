#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err check(int fd, const char *path, struct errbuf *eb)
{
	struct stat st;

	if (fstat(fd, &st))
		return errbuf_set(eb, ERR_INVALID, "cannot look at %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return errbuf_set(eb, ERR_INVALID, "%s is not a file", path);
	if (st.st_mode & 077)
		return errbuf_set(eb, ERR_INVALID, "others can read %s; chmod 600 it", path);
	if (st.st_size > SECRET_MAX_BYTES)
		return errbuf_set(
		    eb, ERR_INVALID, "%s is too long for a secret: more than %d bytes", path, SECRET_MAX_BYTES);
	return ERR_OK;
}

static enum err check_text(const char *text, size_t n, const char *path, struct errbuf *eb)
{
	if (!n)
		return errbuf_set(eb, ERR_INVALID, "%s is empty", path);
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 127)
			return errbuf_set(eb, ERR_INVALID, "%s holds more than one line, or control characters", path);
	return ERR_OK;
}

enum err secret_read(const char *path, char **out, struct errbuf *eb)
{
	char text[SECRET_MAX_BYTES + 1];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	size_t n = 0;
	ssize_t got = 1;

	*out = NULL;
	if (fd < 0)
		return errbuf_set(eb, ERR_INVALID, "cannot open %s: %s", path, strerror(errno));
	enum err e = check(fd, path, eb);
	while (e == ERR_OK && got > 0 && n < SECRET_MAX_BYTES)
		if ((got = read(fd, text + n, SECRET_MAX_BYTES - n)) > 0)
			n += (size_t)got;
	if (e == ERR_OK && got < 0)
		e = errbuf_set(eb, ERR_INVALID, "cannot read %s: %s", path, strerror(errno));
	close(fd);
	while (n && strchr(" \t\r\n", text[n - 1]))
		n--;
	text[n] = 0;
	if (e == ERR_OK)
		e = check_text(text, n, path, eb);
	if (e == ERR_OK && !(*out = strdup(text)))
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	explicit_bzero(text, sizeof text);
	return e;
}

void secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
}
