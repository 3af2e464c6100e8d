/* Swap space from /proc/meminfo, and what went in and out from /proc/vmstat, in bytes since the start. */
#include <unistd.h>

#include "edge/collect_part.h"

enum { VMSTAT_MAX = 65536 };

struct state {
	struct collect_source vmstat;
	uint64_t page_bytes, in, out;
	bool known;
};

static void init(const struct collect_ctx *x, void *state)
{
	struct state *s = state;

	collect_source_init(&s->vmstat, x, "vmstat", VMSTAT_MAX);
	s->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
}

static void fini(void *state)
{
	collect_source_fini(&((struct state *)state)->vmstat);
}

static bool read_space(struct scan text, uint64_t *total, uint64_t *unused)
{
	bool have_total = false, have_unused = false;
	struct scan line;
	struct view key;

	while (!(have_total && have_unused) && scan_line(&text, &line)) {
		if (*line.at != 'S' || !scan_until(&line, ':', &key))
			continue;
		if (view_is(key, "SwapTotal"))
			have_total = scan_u64(&line, total);
		else if (view_is(key, "SwapFree"))
			have_unused = scan_u64(&line, unused);
	}
	return have_total && have_unused && *unused <= *total && *total <= UINT64_MAX / 1024;
}

static enum err read_traffic(struct state *s, struct collect_ctx *x, struct errbuf *eb)
{
	struct scan text, line;
	enum err e = collect_source_read(&s->vmstat, x, &text, eb);
	bool have_in = false, have_out = false;
	struct view key;
	uint64_t n;

	if (e != ERR_OK)
		return e;
	while (!(have_in && have_out) && scan_line(&text, &line)) {
		if (line.end - line.at < 5 || memcmp(line.at, "pswp", 4) != 0 || !scan_word(&line, &key) ||
		    !scan_u64(&line, &n))
			continue;
		if (view_is(key, "pswpin")) {
			s->in = n * s->page_bytes;
			have_in = true;
		} else if (view_is(key, "pswpout")) {
			s->out = n * s->page_bytes;
			have_out = true;
		}
	}
	s->known = have_in && have_out;
	return s->known ? ERR_OK : errbuf_set(eb, ERR_CORRUPT, "%s does not say what was swapped", s->vmstat.path);
}

static enum err run(struct collect_ctx *x, void *state, struct errbuf *eb)
{
	struct state *s = state;
	struct scan text;
	uint64_t total, unused;
	enum err e = collect_source_read(&x->meminfo, x, &text, eb);

	if (e == ERR_OK && !read_space(text, &total, &unused))
		e = errbuf_set(eb, ERR_CORRUPT, "%s does not say how much swap there is", x->meminfo.path);
	if (e != ERR_OK)
		return e;
	/* Without swap nothing moves: spare a file that costs more than the others together. */
	if (total > 0 || !s->known)
		e = read_traffic(s, x, eb);
	total *= 1024;
	unused *= 1024;
	collect_begin(x);
	lp_tag(&x->w, "host", x->host);
	lp_tag(&x->w, "resource_type", "swap");
	collect_count(x, "total", total);
	collect_count(x, "used", total - unused);
	collect_count(x, "free", unused);
	lp_float(&x->w, "used_percent", collect_percent(total - unused, total));
	if (e == ERR_OK) {
		collect_count(x, "in", s->in);
		collect_count(x, "out", s->out);
	}
	collect_end(x);
	return e == ERR_NOTFOUND ? ERR_OK : e; /* not every kernel counts them */
}

const struct collector collect_swap = { "swap", sizeof(struct state), init, run, fini };
