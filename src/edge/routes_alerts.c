/* GET /api/v1/alerts: all that is amiss now, the worst first. So far the appliance's own conditions; rules of the
 * operator's come into the same list, with the rule that made them. */
#include <stdlib.h>

#include "edge/gathered.h"
#include "wire/json_write.h"

void routes_alerts(struct http_request *rq, void *arg)
{
	struct services *s = arg;
	struct gathered *g = gathered_or_fail(rq, s);
	struct buf b;

	if (!g)
		return;
	buf_init(&b, ROUTES_JSON_MAX);
	json_open(&b, NULL, '{');
	json_put_time_ms(&b, "now_ms", g->now_ns);
	json_put_string(&b, "state", sentence_state_name(g->sentence.state));
	json_open(&b, "alerts", '[');
	for (unsigned i = 0; i < g->alert_count; i++) {
		const struct sentence *a = &g->alerts[i];
		json_open(&b, NULL, '{');
		json_put_string(&b, "name", a->name);
		json_put_string(&b, "source", "appliance");
		json_put_string(&b, "state", sentence_state_name(a->state));
		json_put_string(&b, "summary", a->summary);
		json_put_string(&b, "detail", a->detail);
		json_put_time_ms(&b, "since_ms", a->since_ns);
		json_put_null(&b, "rule");
		json_close(&b, '}');
	}
	json_close(&b, ']');
	json_close(&b, '}');
	http_respond_json(rq, 200, &b);
	buf_fini(&b);
	free(g);
}
