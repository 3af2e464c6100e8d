/* /proc/net/dev: what each interface moved since the start; `lo` is one of them. */
#include "edge/collect_part.h"

enum { NET_MAX = 1 << 20, NAME_MAX_BYTES = 64, HEAD_LINES = 2 };
enum { RX_BYTES, RX_PACKETS, RX_ERRORS, RX_DROPS, TX_BYTES = 8, TX_PACKETS, TX_ERRORS, TX_DROPS, COLUMNS = 16 };

static void init(const struct collect_ctx *x, void *state)
{
	collect_source_init(state, x, "net/dev", NET_MAX);
}

static void fini(void *state)
{
	collect_source_fini(state);
}

static void write_line(struct collect_ctx *x, const char *name, const uint64_t v[COLUMNS])
{
	collect_begin(x);
	lp_tag(&x->w, "host", x->host);
	lp_tag(&x->w, "interface", name);
	lp_tag(&x->w, "resource_type", "net");
	collect_count(x, "bytes_sent", v[TX_BYTES]);
	collect_count(x, "bytes_recv", v[RX_BYTES]);
	collect_count(x, "packets_sent", v[TX_PACKETS]);
	collect_count(x, "packets_recv", v[RX_PACKETS]);
	collect_count(x, "err_in", v[RX_ERRORS]);
	collect_count(x, "err_out", v[TX_ERRORS]);
	collect_count(x, "drop_in", v[RX_DROPS]);
	collect_count(x, "drop_out", v[TX_DROPS]);
	collect_end(x);
}

static enum err run(struct collect_ctx *x, void *state, struct errbuf *eb)
{
	struct collect_source *s = state;
	struct scan text, line;
	enum err e = collect_source_read(s, x, &text, eb);
	unsigned lines = 0;

	if (e != ERR_OK)
		return e;
	while (scan_line(&text, &line)) {
		uint64_t v[COLUMNS];
		struct view word;
		char name[NAME_MAX_BYTES];
		if (++lines <= HEAD_LINES)
			continue;
		if (!scan_until(&line, ':', &word) || !scan_copy(word, name, sizeof name))
			return errbuf_set(eb, ERR_CORRUPT, "%s: line %u names no interface", s->path, lines);
		if (scan_u64s(&line, v, COLUMNS) < COLUMNS)
			return errbuf_set(eb, ERR_CORRUPT, "%s: the figures of %s are not numbers", s->path, name);
		write_line(x, name, v);
	}
	return lines >= HEAD_LINES ? ERR_OK : errbuf_set(eb, ERR_CORRUPT, "%s has no heading", s->path);
}

const struct collector collect_net = { "net", sizeof(struct collect_source), init, run, fini };
