/* holdfastd --restore: a backup becomes the store of a data folder. restore.c opens with the steps. Main thread. */
#ifndef DAEMON_RESTORE_H
#define DAEMON_RESTORE_H

#include <stdbool.h>

#include "base/err.h"

struct restore_opts {
	const char *backup, *data_dir;
	bool force; /* sets a store that is there aside */
	/* Before each step that changes the folder; false: stop as if the power had failed. NULL but for tests. */
	bool (*step)(void *arg);
	void *arg;
};

/* What restore_run would refuse for at once, before anything is read. Makes the data folder if it is not there. */
NODISCARD enum err restore_check(const struct restore_opts *opts, struct errbuf *eb);
/* The backup was verified before; its files are copied and held against SHA256SUMS. ERR_EXISTS: a holdfastd runs there,
 * or there is a store and no force; ERR_CORRUPT: a file is not as SHA256SUMS says; ERR_FULL, ERR_IO, ERR_INVALID. After a
 * failure the folder is as it was, or restore_finish makes it as it was to become. */
NODISCARD enum err restore_run(const struct restore_opts *opts, struct errbuf *eb);
/* Completes a restore that was cut short after it was decided; before the files of a data folder, which is locked, are
 * opened. */
NODISCARD enum err restore_finish(const char *data_dir, struct errbuf *eb);

#endif
