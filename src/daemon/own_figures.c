#include "daemon/own_figures.h"

#include <stdlib.h>

#include "base/log.h"

struct own_figures {
	struct record_times times;
	struct record_timed delivery;
	struct influx *client; /* of the figures' thread; NULL: they have no record */
	struct figures *figures; /* NULL: not started */
};

enum err own_figures_new(struct own_figures **out, struct errbuf *eb)
{
	struct own_figures *f = calloc(1, sizeof *f);

	*out = f;
	if (!f)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	record_times_init(&f->times);
	return ERR_OK;
}

void own_figures_free(struct own_figures *f)
{
	if (!f)
		return;
	influx_close(f->client);
	record_times_fini(&f->times);
	free(f);
}

struct record_timed *own_figures_of_delivery(struct own_figures *f, struct influx *client)
{
	f->delivery = (struct record_timed){ &influx_ops, client, &f->times };
	return &f->delivery;
}

void *own_figures_open(struct own_figures *f, struct influx_server *server)
{
	struct record_timed *r = malloc(sizeof *r);
	struct influx *client = NULL;
	struct errbuf eb = { "out of memory" };

	if (r && influx_open(&client, server, &eb) == ERR_OK) {
		*r = (struct record_timed){ &influx_ops, client, &f->times };
		return r;
	}
	free(r);
	log_error("no connection for reads: %s", eb.text);
	return NULL;
}

void own_figures_close(void *context)
{
	struct record_timed *r = context;

	influx_close(r->ctx);
	free(r);
}

enum err own_figures_start(
    struct own_figures *f, const struct figures_opts *opts, struct influx_server *server, struct errbuf *eb)
{
	struct figures_opts o = *opts;
	enum err e = server ? influx_open(&f->client, server, eb) : ERR_OK;

	if (e != ERR_OK)
		return e;
	o.times = &f->times;
	if (server) {
		o.record = &influx_ops;
		o.record_ctx = f->client;
	}
	return figures_start(&f->figures, &o, eb);
}

void own_figures_stop(struct own_figures *f)
{
	if (!f)
		return;
	figures_stop(f->figures);
	f->figures = NULL;
}
