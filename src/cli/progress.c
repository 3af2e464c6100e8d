#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

void progress_init(struct progress *p)
{
	*p = (struct progress){ .shown = isatty(STDERR_FILENO) == 1, .began_ns = clock_mono_ns() };
	p->next_ns = p->began_ns + NS_PER_S / 2;
}

void progress_show(struct progress *p, uint64_t bytes, uint64_t total, const char *what, uint64_t count)
{
	int64_t now = p->shown ? clock_mono_ns() : 0;

	if (!p->shown || now < p->next_ns)
		return;
	double mib = (double)bytes / 1048576, seconds = (double)(now - p->began_ns) / 1e9;
	fprintf(stderr, "\r\033[K%.1f MiB", mib);
	if (total)
		fprintf(stderr, " (%.0f %%)", 100.0 * (double)bytes / (double)total);
	if (what)
		fprintf(stderr, ", %llu %s", (unsigned long long)count, what);
	fprintf(stderr, ", %.1f MiB/s", mib / seconds);
	fflush(stderr);
	p->drawn = true;
	p->next_ns = now + NS_PER_S / 2;
}

void progress_clear(struct progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = false;
}
