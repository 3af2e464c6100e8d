#include "edge/provision_view.h"

#include "base/clock.h"
#include "wire/json_write.h"

static void write_place(struct buf *b, const struct provision_stats *s)
{
	json_open(b, NULL, '{');
	json_put_string(b, "database", s->database);
	json_put_string(b, "state", provision_state_name(s->state));
	if (s->found_ns >= 0)
		json_put_i64(b, "retention_ms", s->found_ns / NS_PER_MS);
	else
		json_put_null(b, "retention_ms");
	if (s->want_ns)
		json_put_i64(b, "wanted_ms", s->want_ns / NS_PER_MS);
	else
		json_put_null(b, "wanted_ms");
	json_put_bool(b, "set_by_holdfast", s->set_by_us);
	json_put_time_ms(b, "looked_ms", s->looked_ns);
	json_put_time_ms(b, "changed_ms", s->changed_ns);
	json_put_string_or_null(b, "error", s->error);
	json_close(b, '}');
}

void provision_view(struct buf *b, struct provision *p)
{
	struct provision_stats s;

	json_open(b, "places", '[');
	for (unsigned i = 0; p && provision_stats(p, i, &s); i++)
		write_place(b, &s);
	json_close(b, ']');
}
