/* /proc/stat: what each cpu did since the sample before, in percent of its time. The kernel counts guest time in user
 * time too, and guest_nice in nice; here each is told once. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "edge/collect_part.h"

enum { USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, GUEST, GUEST_NICE, TIMES };
enum { TIMES_MIN = IDLE + 1, CPU_MAX = 8192 };

static const char *const fields[TIMES] = { "usage_user", "usage_nice", "usage_system", "usage_idle", "usage_iowait",
	"usage_irq", "usage_softirq", "usage_steal", "usage_guest", "usage_guest_nice" };

struct cpu {
	uint64_t sample; /* when it was seen last; 0: never */
	uint64_t ticks[TIMES];
};

struct state {
	uint64_t sample;
	struct cpu *cpus; /* the total, then cpu0, cpu1, … */
	size_t n;
};

/* False if a counter went back (the cpu was switched off, or the machine was restored) or no time has passed. */
static bool take_usage(const uint64_t *was, const uint64_t *is, double percent[TIMES])
{
	uint64_t d[TIMES], total = 0;

	for (int i = 0; i < TIMES; i++) {
		d[i] = is[i] - was[i];
		if (is[i] >= was[i])
			continue;
		if (i != IOWAIT)
			return false;
		d[i] = 0; /* the kernel itself takes some back, now and then */
	}
	for (int i = USER; i <= STEAL; i++)
		total += d[i];
	if (total == 0)
		return false;
	d[USER] -= d[GUEST] < d[USER] ? d[GUEST] : d[USER];
	d[NICE] -= d[GUEST_NICE] < d[NICE] ? d[GUEST_NICE] : d[NICE];
	for (int i = 0; i < TIMES; i++)
		percent[i] = nearbyint(1e4 * (double)d[i] / (double)total) / 100;
	return true;
}

static struct cpu *find_cpu(struct state *s, size_t i)
{
	if (i < s->n)
		return &s->cpus[i];
	size_t n = s->n ? 2 * s->n : 16;
	while (n <= i)
		n *= 2;
	struct cpu *cpus = realloc(s->cpus, n * sizeof *cpus);
	if (!cpus)
		return NULL;
	memset(cpus + s->n, 0, (n - s->n) * sizeof *cpus);
	s->cpus = cpus;
	s->n = n;
	return &s->cpus[i];
}

/* "cpu" is 0, "cpu7" 8. */
static bool read_line(struct scan *line, size_t *index, struct view *name, uint64_t ticks[TIMES])
{
	uint64_t n;

	if (!scan_word(line, name))
		return false;
	*index = 0;
	if (name->len > 3) {
		struct scan digits = { name->p + 3, name->p + name->len };
		if (!scan_u64(&digits, &n) || n >= CPU_MAX)
			return false;
		*index = (size_t)n + 1;
	}
	memset(ticks, 0, TIMES * sizeof *ticks); /* old kernels have fewer columns */
	return scan_u64s(line, ticks, TIMES) >= TIMES_MIN;
}

static void write_line(struct collect_ctx *x, const char *cpu, const double percent[TIMES])
{
	collect_begin(x);
	lp_tag(&x->w, "cpu", cpu);
	lp_tag(&x->w, "host", x->host);
	lp_tag(&x->w, "resource_type", "cpu");
	for (int i = 0; i < TIMES; i++)
		lp_float(&x->w, fields[i], percent[i]);
	collect_end(x);
}

static enum err run(struct collect_ctx *x, void *state, struct errbuf *eb)
{
	struct state *s = state;
	struct scan text, line;
	enum err e = collect_source_read(&x->stat, x, &text, eb);
	unsigned lines = 0;

	if (e != ERR_OK)
		return e;
	for (s->sample++; scan_line(&text, &line); lines++) {
		uint64_t ticks[TIMES];
		double percent[TIMES];
		struct view name;
		char tag[16] = "cpu-total";
		size_t index;
		if (line.end - line.at < 3 || memcmp(line.at, "cpu", 3) != 0)
			break;
		if (!read_line(&line, &index, &name, ticks) || (index && !scan_copy(name, tag, sizeof tag)))
			return errbuf_set(eb, ERR_CORRUPT, "%s: line %u is not a cpu's times", x->stat.path, lines + 1);
		struct cpu *cpu = find_cpu(s, index);
		if (!cpu)
			return errbuf_set(eb, ERR_NOMEM, "no memory for the times of %s", tag);
		/* One that was away may have begun anew: it needs a sample from before. */
		if (cpu->sample > 0 && cpu->sample + 1 == s->sample && take_usage(cpu->ticks, ticks, percent))
			write_line(x, tag, percent);
		cpu->sample = s->sample;
		memcpy(cpu->ticks, ticks, sizeof ticks);
	}
	return lines ? ERR_OK : errbuf_set(eb, ERR_CORRUPT, "%s has no cpu", x->stat.path);
}

static void fini(void *state)
{
	free(((struct state *)state)->cpus);
}

const struct collector collect_cpu = { "cpu", sizeof(struct state), NULL, run, fini };
