/* /proc/meminfo in Telegraf's terms: cached includes what the slab gives back, used is neither free nor a cache. */
#include "edge/collect_part.h"

struct row {
	const char *key, *field;
	unsigned unit;
};

/* In the kernel's own order, so that the next row is nearly always the one sought. What a kernel lacks is left out. */
static const struct row rows[] = {
	{ "MemTotal", "total", 1024 },
	{ "MemFree", "free", 1024 },
	{ "MemAvailable", "available", 1024 },
	{ "Buffers", "buffered", 1024 },
	{ "Cached", "cached", 1024 },
	{ "SwapCached", "swap_cached", 1024 },
	{ "Active", "active", 1024 },
	{ "Inactive", "inactive", 1024 },
	{ "HighTotal", "high_total", 1024 },
	{ "HighFree", "high_free", 1024 },
	{ "LowTotal", "low_total", 1024 },
	{ "LowFree", "low_free", 1024 },
	{ "SwapTotal", "swap_total", 1024 },
	{ "SwapFree", "swap_free", 1024 },
	{ "Dirty", "dirty", 1024 },
	{ "Writeback", "write_back", 1024 },
	{ "Mapped", "mapped", 1024 },
	{ "Shmem", "shared", 1024 },
	{ "Slab", "slab", 1024 },
	{ "SReclaimable", "sreclaimable", 1024 },
	{ "SUnreclaim", "sunreclaim", 1024 },
	{ "PageTables", "page_tables", 1024 },
	{ "WritebackTmp", "write_back_tmp", 1024 },
	{ "CommitLimit", "commit_limit", 1024 },
	{ "Committed_AS", "committed_as", 1024 },
	{ "VmallocTotal", "vmalloc_total", 1024 },
	{ "VmallocUsed", "vmalloc_used", 1024 },
	{ "VmallocChunk", "vmalloc_chunk", 1024 },
	{ "HugePages_Total", "huge_pages_total", 1 },
	{ "HugePages_Free", "huge_pages_free", 1 },
	{ "Hugepagesize", "huge_page_size", 1024 },
};
enum { TOTAL, FREE, AVAILABLE, BUFFERED, CACHED, SRECLAIMABLE = 19, ROWS = sizeof rows / sizeof *rows };

struct values {
	uint64_t v[ROWS];
	bool have[ROWS];
};

static enum err read_values(struct scan text, struct values *out, const char *path, struct errbuf *eb)
{
	struct scan line;
	unsigned next = 0;

	*out = (struct values){ 0 };
	while (scan_line(&text, &line)) {
		struct view key;
		uint64_t n;
		if (!scan_until(&line, ':', &key))
			return errbuf_set(eb, ERR_CORRUPT, "%s has a line without a name", path);
		for (unsigned tried = 0; tried < ROWS; tried++) {
			unsigned i = (next + tried) % ROWS;
			if (!view_is(key, rows[i].key))
				continue;
			if (!scan_u64(&line, &n) || __builtin_mul_overflow(n, rows[i].unit, &out->v[i]))
				return errbuf_set(eb, ERR_CORRUPT, "%s: %s is not a number", path, rows[i].key);
			out->have[i] = true;
			next = i + 1;
			break;
		}
	}
	if (!out->have[TOTAL] || !out->have[FREE] || out->v[TOTAL] == 0)
		return errbuf_set(eb, ERR_CORRUPT, "%s does not say how much memory there is", path);
	return ERR_OK;
}

static enum err run(struct collect_ctx *x, void *state, struct errbuf *eb)
{
	struct values m;
	struct scan text;
	enum err e = collect_source_read(&x->meminfo, x, &text, eb);

	(void)state;
	if (e == ERR_OK)
		e = read_values(text, &m, x->meminfo.path, eb);
	if (e != ERR_OK)
		return e;
	m.v[CACHED] += m.v[SRECLAIMABLE];
	uint64_t unused = m.v[FREE] + m.v[BUFFERED] + m.v[CACHED];
	uint64_t used = unused < m.v[TOTAL] ? m.v[TOTAL] - unused : 0;
	collect_begin(x);
	lp_tag(&x->w, "host", x->host);
	lp_tag(&x->w, "resource_type", "mem");
	for (unsigned i = 0; i < ROWS; i++)
		if (m.have[i])
			collect_count(x, rows[i].field, m.v[i]);
	collect_count(x, "used", used);
	lp_float(&x->w, "used_percent", collect_percent(used, m.v[TOTAL]));
	if (m.have[AVAILABLE])
		lp_float(&x->w, "available_percent", collect_percent(m.v[AVAILABLE], m.v[TOTAL]));
	collect_end(x);
	return ERR_OK;
}

const struct collector collect_mem = { "mem", 0, NULL, run, NULL };
