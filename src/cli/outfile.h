/* A file that takes its name only when it is whole: written as NAME.part beside it, synced, renamed. What is not a
 * regular file (/dev/null, a pipe) is written as it is. One thread. */
#ifndef CLI_OUTFILE_H
#define CLI_OUTFILE_H

#include "base/buf.h"

struct outfile {
	int fd;
	char *name, *part; /* part NULL: written in place */
};

/* name NULL or "-": standard output. ERR_EXISTS: another process writes that file. */
NODISCARD enum err outfile_open(struct outfile *f, const char *name, struct errbuf *eb);
NODISCARD enum err outfile_write(struct outfile *f, struct view piece, struct errbuf *eb);
/* keep: it is whole and takes its name; else it goes. Always closes. */
NODISCARD enum err outfile_close(struct outfile *f, bool keep, struct errbuf *eb);

#endif
