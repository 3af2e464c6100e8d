/* /proc/stat beyond the cpus, and the random number generator's pool. */
#include "edge/collect_part.h"

enum { ENTROPY_MAX = 64 };

static const struct {
	const char *key, *field;
} rows[] = {
	{ "intr", "interrupts" },
	{ "ctxt", "context_switches" },
	{ "btime", "boot_time" },
	{ "processes", "processes_forked" },
};
enum { ROWS = sizeof rows / sizeof *rows };

static void init(const struct collect_ctx *x, void *state)
{
	collect_source_init(state, x, "sys/kernel/random/entropy_avail", ENTROPY_MAX);
}

static void fini(void *state)
{
	collect_source_fini(state);
}

static unsigned read_rows(struct scan text, uint64_t v[ROWS])
{
	struct scan line;
	struct view key;
	unsigned next = 0;

	while (next < ROWS && scan_line(&text, &line))
		if (scan_word(&line, &key) && view_is(key, rows[next].key)) {
			if (!scan_u64(&line, &v[next]))
				break;
			next++;
		}
	return next;
}

static enum err run(struct collect_ctx *x, void *state, struct errbuf *eb)
{
	struct collect_source *pool = state;
	uint64_t v[ROWS], entropy = 0;
	struct scan text;
	enum err e = collect_source_read(&x->stat, x, &text, eb);

	if (e != ERR_OK)
		return e;
	unsigned have = read_rows(text, v);
	if (have < ROWS)
		return errbuf_set(eb, ERR_CORRUPT, "%s has no figure for %s", x->stat.path, rows[have].key);
	e = collect_source_read(pool, x, &text, eb);
	struct scan line;
	if (e == ERR_OK && (!scan_line(&text, &line) || !scan_u64(&line, &entropy)))
		e = errbuf_set(eb, ERR_CORRUPT, "%s is not a number", pool->path);
	collect_begin(x);
	lp_tag(&x->w, "host", x->host);
	lp_tag(&x->w, "resource_type", "kernel");
	for (unsigned i = 0; i < ROWS; i++)
		collect_count(x, rows[i].field, v[i]);
	if (e == ERR_OK)
		collect_count(x, "entropy_avail", entropy);
	collect_end(x);
	return e == ERR_NOTFOUND ? ERR_OK : e; /* containers often hide it */
}

const struct collector collect_kernel = { "kernel", sizeof(struct collect_source), init, run, fini };
