/* What a start asks of the machine before anything is written. Main thread. */
#ifndef DAEMON_START_H
#define DAEMON_START_H

#include <stddef.h>

#include "daemon/config.h"

/* The tag host: as configured, else the machine's name. */
NODISCARD enum err start_find_host(const struct config *c, char *out, size_t size, struct errbuf *eb);
/* Is the port to be had? The server itself asks again. ERR_INVALID: not, and what to do. */
NODISCARD enum err start_try_port(const struct config *c, struct errbuf *eb);

#endif
