/* Load, uptime, how many cpus are on line, who is logged in. */
#include <utmp.h>

#include "base/file.h"
#include "base/num.h"
#include "edge/collect_part.h"

enum { UPTIME_MAX = 256, UTMP_MAX = 1 << 20 };

static const char *const loads[] = { "load1", "load5", "load15" };
enum { LOADS = sizeof loads / sizeof *loads };

struct state {
	struct collect_source uptime;
	struct buf utmp;
};

static void init(const struct collect_ctx *x, void *state)
{
	struct state *s = state;

	collect_source_init(&s->uptime, x, "uptime", UPTIME_MAX);
	buf_init(&s->utmp, UTMP_MAX);
}

static void fini(void *state)
{
	struct state *s = state;

	collect_source_fini(&s->uptime);
	buf_fini(&s->utmp);
}

static enum err read_load(struct collect_ctx *x, double load[LOADS], struct errbuf *eb)
{
	struct scan text, line;
	struct view word;
	enum err e = collect_source_read(&x->loadavg, x, &text, eb);

	if (e != ERR_OK)
		return e;
	bool good = scan_line(&text, &line);
	for (int i = 0; good && i < LOADS; i++)
		good = scan_word(&line, &word) && num_parse_double(word, &load[i]);
	return good ? ERR_OK : errbuf_set(eb, ERR_CORRUPT, "%s has no load", x->loadavg.path);
}

static enum err read_uptime(struct collect_ctx *x, struct collect_source *s, uint64_t *seconds, struct errbuf *eb)
{
	struct scan text;
	struct view word;
	enum err e = collect_source_read(s, x, &text, eb);

	if (e != ERR_OK)
		return e;
	if (!scan_until(&text, '.', &word) || !num_parse_u64(word, seconds))
		return errbuf_set(eb, ERR_CORRUPT, "%s has no uptime", s->path);
	return ERR_OK;
}

static enum err count_cpus(struct collect_ctx *x, uint64_t *n, struct errbuf *eb)
{
	struct scan text, line;
	enum err e = collect_source_read(&x->stat, x, &text, eb);

	*n = 0;
	if (e != ERR_OK)
		return e;
	while (scan_line(&text, &line) && line.end - line.at > 3 && memcmp(line.at, "cpu", 3) == 0)
		*n += line.at[3] != ' ';
	return *n ? ERR_OK : errbuf_set(eb, ERR_CORRUPT, "%s has no cpu", x->stat.path);
}

/* Read plainly: the C library's way takes locks and has one position for the whole process. */
static enum err count_users(struct collect_ctx *x, struct buf *b, uint64_t *n, struct errbuf *eb)
{
	buf_clear(b);
	enum err e = file_read(x->utmp, b, eb);
	*n = 0;
	for (size_t at = 0; e == ERR_OK && at + sizeof(struct utmp) <= b->len; at += sizeof(struct utmp)) {
		struct utmp u;
		memcpy(&u, b->p + at, sizeof u);
		*n += u.ut_type == USER_PROCESS;
	}
	return e;
}

static enum err run(struct collect_ctx *x, void *state, struct errbuf *eb)
{
	struct state *s = state;
	double load[LOADS];
	uint64_t uptime, cpus, users;
	enum err e = read_load(x, load, eb);

	if (e == ERR_OK)
		e = read_uptime(x, &s->uptime, &uptime, eb);
	if (e == ERR_OK)
		e = count_cpus(x, &cpus, eb);
	if (e != ERR_OK)
		return e;
	e = count_users(x, &s->utmp, &users, eb);
	collect_begin(x);
	lp_tag(&x->w, "host", x->host);
	lp_tag(&x->w, "resource_type", "system");
	for (int i = 0; i < LOADS; i++)
		lp_float(&x->w, loads[i], load[i]);
	collect_count(x, "n_cpus", cpus);
	if (e == ERR_OK)
		collect_count(x, "n_users", users);
	collect_count(x, "uptime", uptime);
	collect_end(x);
	return e == ERR_NOTFOUND ? ERR_OK : e; /* not every system keeps that file */
}

const struct collector collect_system = { "system", sizeof(struct state), init, run, fini };
