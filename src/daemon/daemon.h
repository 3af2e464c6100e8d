/* The appliance as a whole: opens every part in order, stops them in reverse. Main thread. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "daemon/config.h"

struct daemon;

/* ERR_INVALID, ERR_EXISTS: the configuration cannot work as it is (a port in use, a foreign database); nothing on disk
 * was changed. */
NODISCARD enum err daemon_start(struct daemon **out, const struct config *config, struct errbuf *eb);
void daemon_stop(struct daemon *d); /* NULL is fine */
uint16_t daemon_port(const struct daemon *d);
void daemon_reload(struct daemon *d); /* SIGHUP: tries the record again at once */

#endif
