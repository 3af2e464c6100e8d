/* /proc/pressure: the share of time in which some, or all, work stood still for want of a resource. */
#include "base/num.h"
#include "edge/collect_part.h"

enum { PRESSURE_MAX = 4096, AVERAGES = 3 };

static const char *const resources[] = { "cpu", "memory", "io" };
static const char *const paths[] = { "pressure/cpu", "pressure/memory", "pressure/io" };
static const char *const averages[AVERAGES] = { "avg10", "avg60", "avg300" };
enum { RESOURCES = sizeof resources / sizeof *resources };

struct state {
	struct collect_source source[RESOURCES];
};

static void init(const struct collect_ctx *x, void *state)
{
	for (int i = 0; i < RESOURCES; i++)
		collect_source_init(&((struct state *)state)->source[i], x, paths[i], PRESSURE_MAX);
}

static void fini(void *state)
{
	for (int i = 0; i < RESOURCES; i++)
		collect_source_fini(&((struct state *)state)->source[i]);
}

/* "some avg10=0.28 avg60=0.13 avg300=0.03 total=5756099" */
static bool read_line(struct scan line, char type[8], double avg[AVERAGES], uint64_t *total)
{
	struct view word, key;

	if (!scan_word(&line, &word) || !scan_copy(word, type, 8))
		return false;
	for (int i = 0; i < AVERAGES; i++)
		if (!scan_until(&line, '=', &key) || !view_is(key, averages[i]) || !scan_word(&line, &word) ||
		    !num_parse_double(word, &avg[i]))
			return false;
	return scan_until(&line, '=', &key) && view_is(key, "total") && scan_u64(&line, total);
}

static enum err write_resource(struct collect_ctx *x, struct collect_source *s, const char *resource, struct errbuf *eb)
{
	struct scan text, line;
	enum err e = collect_source_read(s, x, &text, eb);

	if (e == ERR_OK && text.at == text.end)
		e = errbuf_set(eb, ERR_CORRUPT, "%s is empty", s->path);
	while (e == ERR_OK && scan_line(&text, &line)) {
		double avg[AVERAGES];
		uint64_t total;
		char type[8];
		if (!read_line(line, type, avg, &total)) {
			e = errbuf_set(eb, ERR_CORRUPT, "%s is not as it should be", s->path);
			break;
		}
		collect_begin(x);
		lp_tag(&x->w, "host", x->host);
		lp_tag(&x->w, "resource", resource);
		lp_tag(&x->w, "resource_type", "pressure");
		lp_tag(&x->w, "type", type);
		for (int i = 0; i < AVERAGES; i++)
			lp_float(&x->w, averages[i], avg[i]);
		collect_count(x, "total", total);
		collect_end(x);
	}
	return e;
}

static enum err run(struct collect_ctx *x, void *state, struct errbuf *eb)
{
	struct state *s = state;
	enum err worst = ERR_OK;

	for (int i = 0; i < RESOURCES; i++) {
		struct errbuf why;
		enum err e = write_resource(x, &s->source[i], resources[i], &why);
		if (e != ERR_OK && (worst == ERR_OK || (worst == ERR_NOTFOUND && e != worst))) {
			worst = e;
			*eb = why;
		}
	}
	return worst;
}

const struct collector collect_pressure = { "pressure", sizeof(struct state), init, run, fini };
