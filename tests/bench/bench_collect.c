/* What collecting this machine costs: N rounds on the real /proc into a sink that keeps nothing.
 *
 *	bench_collect [rounds [pause_ms]]
 *
 * With a pause between the rounds (200 ms by default) caches are as cold as in the daemon. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/num.h"
#include "edge/collect_part.h"

static bool forget(void *arg, struct view lines, uint64_t points)
{
	(void)points;
	*(size_t *)arg += lines.len;
	return true;
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void pause_ms(uint64_t ms)
{
	struct timespec t = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * NS_PER_MS };

	nanosleep(&t, NULL);
}

static void report(struct collect *c, double rounds, int64_t spent_cpu_ns, size_t bytes, const uint64_t *all)
{
	struct collect_stats s;
	double total_us = 0, values = 0;

	collect_stats(c, &s);
	for (unsigned i = 0; i < s.count; i++) {
		double us = (double)collect_spent_ns(c, i) / 1e3 / rounds;
		printf("%-10s %8.2f us a round %7.1f values  %s\n", s.collector[i].name, us, (double)all[i] / rounds,
		    s.collector[i].error);
		total_us += us;
		values += (double)all[i] / rounds;
	}
	struct rusage ru;
	getrusage(RUSAGE_SELF, &ru);
	double cpu_us = (double)spent_cpu_ns / 1e3 / rounds;
	printf("%-10s %8.2f us a round %7.1f values, %.0f bytes\n", "all", total_us, values, (double)bytes / rounds);
	printf(
	    "%.3f us a value (wall), %.3f us of cpu a value, %.4f %% of a core at one round a second, %ld KiB peak\n",
	    total_us / values, cpu_us / values, cpu_us / 1e4, ru.ru_maxrss);
}

int main(int argc, char **argv)
{
	uint64_t rounds = 25, pause = 200, values[COLLECT_MAX] = { 0 };
	struct collect *c;
	struct errbuf eb;
	size_t bytes = 0;

	if ((argc > 1 && (!num_parse_u64(view_of(argv[1]), &rounds) || rounds == 0)) ||
	    (argc > 2 && !num_parse_u64(view_of(argv[2]), &pause))) {
		fputs("usage: bench_collect [rounds [pause_ms]]\n", stderr);
		return 2;
	}
	struct collect_opts opts = { .host = "bench", .interval_ns = NS_PER_S, .sink = forget, .sink_arg = &bytes };
	if (collect_new(&c, &opts, &eb) != ERR_OK) {
		fprintf(stderr, "%s\n", eb.text);
		return 1;
	}
	int64_t spent = 0;
	for (uint64_t i = 0; i < rounds; i++) {
		pause_ms(pause);
		int64_t start = cpu_ns();
		collect_run_once(c, clock_wall_ns());
		spent += cpu_ns() - start;
		struct collect_stats s;
		collect_stats(c, &s);
		for (unsigned k = 0; k < s.count; k++)
			values[k] += s.collector[k].values;
	}
	report(c, (double)rounds, spent, bytes, values);
	collect_free(c);
	return 0;
}
