/* The daemon's program, for what only it can do with files. It is looked for beside this one, then where it is installed.
 * One thread. */
#ifndef CLI_HOLDFASTD_H
#define CLI_HOLDFASTD_H

#include "base/err.h"

/* Its path into out. ERR_NOTFOUND, with where it was looked for. */
NODISCARD enum err holdfastd_find(char out[4096], struct errbuf *eb);
/* Runs it and waits; argv[0] is filled in. Its exit status, or -1 with eb if it did not run or was killed. */
int holdfastd_run(const char **argv, struct errbuf *eb);

#endif
