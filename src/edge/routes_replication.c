/* The targets: how far each is, and what somebody may do about it. */
#include <stdlib.h>
#include <string.h>

#include "edge/http_form.h"
#include "edge/replication_view.h"
#include "edge/routes_internal.h"
#include "wire/json_write.h"

enum { FORM_MAX = 16 << 10 };

static void respond(struct http_request *rq, const struct services *s)
{
	struct replicator_stats *targets = calloc(REPLICATION_TARGETS_MAX, sizeof *targets);
	struct buf b;

	if (!targets) {
		http_fail(rq, 503, "overloaded", NULL, "out of memory");
		return;
	}
	unsigned count = replication_view_stats(s, targets);
	buf_init(&b, ROUTES_JSON_MAX);
	json_open(&b, NULL, '{');
	replication_view(&b, s, targets, count, true);
	json_close(&b, '}');
	http_respond_json(rq, 200, &b);
	buf_fini(&b);
	free(targets);
}

void routes_replication(struct http_request *rq, void *arg)
{
	respond(rq, arg);
}

/* ---- control ---- */

static enum err pause(struct replicator *r, struct errbuf *eb)
{
	(void)eb;
	replicator_pause(r);
	return ERR_OK;
}

static enum err resume(struct replicator *r, struct errbuf *eb)
{
	(void)eb;
	replicator_resume(r);
	return ERR_OK;
}

static enum err retry(struct replicator *r, struct errbuf *eb)
{
	(void)eb;
	replicator_retry_now(r);
	return ERR_OK;
}

static const struct {
	const char *name;
	enum err (*act)(struct replicator *r, struct errbuf *eb); /* ERR_NOTFOUND: there is nothing to do it to */
} actions[] = { { "pause", pause }, { "resume", resume }, { "retry", retry }, { "skip-held", replicator_skip_held } };

static void no_such_target(struct http_request *rq, const struct services *s, const char *target)
{
	struct buf hint;

	buf_init(&hint, 4096);
	buf_str(&hint, "there are: ");
	for (unsigned i = 0; i < replication_count(s->replication); i++)
		buf_printf(&hint, "%s%s", i ? ", " : "", replicator_target(replication_at(s->replication, i)));
	buf_char(&hint, 0);
	http_fail(rq, 404, "not_found", hint.failed ? NULL : hint.p, "there is no target %.100s", target);
	buf_fini(&hint);
}

static void control(struct http_request *rq, struct services *s, const char *target)
{
	const char *name = strrchr(http_path(rq), '/') + 1; /* the path's last part is the action */
	unsigned count = replication_count(s->replication), done = 0, i = 0;
	struct errbuf eb = { "" };

	if (count == 0) {
		http_fail(rq, 400, "bad_parameter",
		    "set url in [influxdb], or add a section [mirror \"name\"], and restart", "there are no targets");
		return;
	}
	if (target && !replication_find(s->replication, target)) {
		no_such_target(rq, s, target);
		return;
	}
	while (strcmp(actions[i].name, name) != 0)
		i++;
	if (actions[i].act == retry && s->read_secrets) /* they may be what was mended */
		s->read_secrets(s->read_secrets_arg);
	for (unsigned k = 0; k < count; k++) {
		struct replicator *r = replication_at(s->replication, k);
		if (!target || !strcmp(replicator_target(r), target))
			done += actions[i].act(r, &eb) == ERR_OK;
	}
	if (done)
		respond(rq, s);
	else
		http_fail(rq, 409, "conflict", NULL, "%s", target ? eb.text : "nothing is held for any target");
}

void routes_replication_control(struct http_request *rq, void *arg)
{
	struct http_form_parts form;

	if (http_form_read(rq, &form, FORM_MAX) == ERR_OK) {
		const char *target = http_form_get(rq, &form, "target");
		const struct http_params *p = &form.params;
		unsigned odd = 0;
		while (odd < p->count && !strcmp(p->item[odd].name, "target"))
			odd++;
		if (odd < p->count) /* a slip must not mean all targets */
			http_fail(rq, 400, "bad_parameter", "target", "there is no parameter %.60s", p->item[odd].name);
		else
			control(rq, arg, target && *target ? target : NULL);
	}
	http_form_fini(&form);
}
