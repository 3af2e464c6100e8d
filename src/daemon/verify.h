/* holdfastd --verify: is a backup, or the data folder of a stopped holdfastd, whole? Main thread. */
#ifndef DAEMON_VERIFY_H
#define DAEMON_VERIFY_H

#include "base/err.h"

/* Faults go to standard error as they are found, totals to standard output. Locks the folder meanwhile. ERR_OK: whole;
 * ERR_CORRUPT: not, eb sums up; ERR_EXISTS: a holdfastd has it; ERR_NOTFOUND, ERR_INVALID: there is nothing to look at. */
NODISCARD enum err verify_folder(const char *dir, struct errbuf *eb);

/* The sum of a backup's file as SHA256SUMS gives it. ERR_NOTFOUND: it does not. */
NODISCARD enum err verify_expected_sum(const char *dir, const char *name, char hex[65], struct errbuf *eb);

#endif
