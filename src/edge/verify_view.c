#include "edge/verify_view.h"

#include "wire/json_write.h"

void verify_view_verified(struct buf *b, const struct services *s)
{
	struct verified list[CATALOGUE_DATABASES_MAX];
	uint32_t n = s->verifier ? verifier_verified(s->verifier, list) : 0;

	json_open(b, "verified", '[');
	for (uint32_t i = 0; i < n; i++) {
		json_open(b, NULL, '{');
		json_put_string(b, "database", catalogue_database_name(s->catalogue, list[i].db));
		json_put_time_ms(b, "from_ms", list[i].from_ns);
		json_put_time_ms(b, "until_ms", list[i].until_ns);
		json_put_time_ms(b, "at_ms", list[i].at_ns);
		json_put_bool(b, "deep", list[i].deep);
		json_close(b, '}');
	}
	json_close(b, ']');
}

void verify_view_last(struct buf *b, const struct services *s)
{
	struct verifier_stats t;

	if (!s->verifier) {
		json_put_null(b, "verify");
		return;
	}
	verifier_stats(s->verifier, &t);
	json_open(b, "verify", '{');
	json_put_string(b, "state", verifier_state_name(t.state));
	json_put_time_ms(b, "started_ms", t.started_ns);
	json_put_time_ms(b, "ended_ms", t.ended_ns);
	json_put_time_ms(b, "next_ms", t.next_ns);
	json_put_u64(b, "lacking_hours", t.differences[VERIFIER_MISSING_IN_RECORD] + t.differences[VERIFIER_DIFFERS]);
	json_put_u64(b, "more_hours", t.differences[VERIFIER_MISSING_HERE]);
	json_put_u64(b, "repaired_hours", t.repaired);
	json_put_string_or_null(b, "error", t.error);
	json_close(b, '}');
}
