#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/timetext.h"

enum { LINE_MAX_BYTES = 2048 };

static _Atomic int threshold = LOG_INFO;

void log_set_level(enum log_level level)
{
	atomic_store(&threshold, (int)level);
}

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };

	return names[level];
}

/* True if this line may be written; *held is what was kept back since the last one. */
static int admit(struct log_site *site, uint32_t *held)
{
	int64_t minute = clock_mono_ns() / (60 * NS_PER_S) + 1, seen = atomic_load(&site->minute);

	if (seen != minute && atomic_compare_exchange_strong(&site->minute, &seen, minute))
		atomic_store(&site->lines, 0);
	if (atomic_fetch_add(&site->lines, 1) >= LOG_SITE_LINES) {
		atomic_fetch_add(&site->held, 1);
		return 0;
	}
	*held = atomic_exchange(&site->held, 0);
	return 1;
}

void log_write(struct log_site *site, enum log_level level, const char *fmt, ...)
{
	static const int syslog_level[] = { 3, 4, 6, 7 };
	char line[LINE_MAX_BYTES], when[32];
	uint32_t held = 0;
	int n = 0, saved = errno;
	va_list ap;

	if ((int)level > atomic_load(&threshold) || !admit(site, &held))
		return;
	if (getenv("JOURNAL_STREAM")) {
		n = snprintf(line, sizeof line, "<%d>", syslog_level[level]);
	} else {
		timetext_format(when, clock_wall_ns() / NS_PER_MS * NS_PER_MS);
		n = snprintf(line, sizeof line, "%s %s: ", when, log_level_name(level));
	}
	va_start(ap, fmt);
	int k = vsnprintf(line + n, sizeof line - (size_t)n - 64, fmt, ap);
	va_end(ap);
	if (k > 0)
		n += k < (int)sizeof line - n - 64 ? k : (int)sizeof line - n - 65;
	for (int i = 0; i < n; i++) /* one event, one line, whatever a peer put into it */
		if (line[i] == '\n' || line[i] == '\r')
			line[i] = ' ';
	if (held)
		n += snprintf(line + n, sizeof line - (size_t)n, " (%u more like this were held back)", held);
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0) {
		/* nowhere left to say it */
	}
	errno = saved;
}
