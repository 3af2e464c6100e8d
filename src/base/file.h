/* Files and folders. Any thread. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the whole file (also of /proc, whose files have no size) to b. ERR_NOTFOUND, ERR_TOOBIG, ERR_IO. */
NODISCARD enum err file_read(const char *path, struct buf *b, struct errbuf *eb);
/* As file_read, relative to a directory descriptor. */
NODISCARD enum err file_read_at(int dir_fd, const char *path, struct buf *b, struct errbuf *eb);
/* As file_read, of an open file from its beginning, however often: for those of /proc that are read again and again.
 * ERR_NOTFOUND: the kernel has it switched off. path is for the message. */
NODISCARD enum err file_reread(int fd, const char *path, struct buf *b, struct errbuf *eb);
/* The folder and its missing parents; an existing one is left as it is. */
NODISCARD enum err file_make_dirs(const char *path, mode_t mode, struct errbuf *eb);
/* Creates the file if missing and locks it against other processes until *fd is closed. ERR_EXISTS if held. */
NODISCARD enum err file_lock(const char *path, int *fd, struct errbuf *eb);

#endif
