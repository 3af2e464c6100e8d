/* The figures of the record and of the daemon's own files: what flow/figures.h needs, put together, and the clocks beside
 * the record's connections. Main thread, but for open and close. */
#ifndef DAEMON_OWN_FIGURES_H
#define DAEMON_OWN_FIGURES_H

#include "edge/influx.h"
#include "flow/figures.h"

struct own_figures;

NODISCARD enum err own_figures_new(struct own_figures **out, struct errbuf *eb);
void own_figures_free(struct own_figures *f); /* after all that is timed; NULL is fine */

/* Of one connection: a context for record_timed_ops, which lives as long as f. Once. */
struct record_timed *own_figures_of_delivery(struct own_figures *f, struct influx *client);
/* For record_access: contexts of record_timed_ops. NULL: none could be made, which is logged. Any thread. */
void *own_figures_open(struct own_figures *f, struct influx_server *server);
void own_figures_close(void *context);

/* record of opts is set here, if server is not NULL. */
NODISCARD enum err own_figures_start(
    struct own_figures *f, const struct figures_opts *opts, struct influx_server *server, struct errbuf *eb);
void own_figures_stop(struct own_figures *f); /* before what opts has; NULL is fine */

#endif
