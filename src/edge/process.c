#include "edge/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/num.h"

/* The second figure of /proc/self/statm: resident pages. */
static uint64_t resident_bytes(void)
{
	struct buf b;
	uint64_t pages = 0;

	buf_init(&b, 4096);
	if (file_read("/proc/self/statm", &b, NULL) == ERR_OK) {
		const char *end = b.p + b.len, *p = memchr(b.p, ' ', b.len);
		const char *stop = p ? memchr(p + 1, ' ', (size_t)(end - p - 1)) : NULL;
		if (!stop || !num_parse_u64((struct view){ p + 1, (size_t)(stop - p - 1) }, &pages))
			pages = 0;
	}
	buf_fini(&b);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void process_usage(struct process_usage *out)
{
	struct rusage u;

	*out = (struct process_usage){ .memory_bytes = resident_bytes() };
	if (getrusage(RUSAGE_SELF, &u) != 0)
		return;
	out->cpu_s = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	out->memory_peak_bytes = (uint64_t)u.ru_maxrss * 1024;
	if (out->memory_peak_bytes < out->memory_bytes) /* the kernel counts lazily */
		out->memory_peak_bytes = out->memory_bytes;
}
