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
/* Writes the file anew, mode 600: after a crash it has either the old contents or the new. */
NODISCARD enum err file_replace(const char *path, struct view contents, struct errbuf *eb);
/* Makes names in the folder of path durable: after a rename. */
NODISCARD enum err file_sync_folder_of(const char *path, struct errbuf *eb);
/* The folder and its missing parents; an existing one is left as it is. */
NODISCARD enum err file_make_dirs(const char *path, mode_t mode, struct errbuf *eb);
/* Locks the folder against other processes until *fd is closed. ERR_EXISTS: held by another. */
NODISCARD enum err file_lock_dir(const char *path, int *fd, struct errbuf *eb);

#endif
