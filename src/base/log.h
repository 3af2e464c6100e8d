/* The log: one line an event, to stderr, with the level in front (as <3> under systemd). Each call site may write
 * LOG_SITE_LINES lines a minute; what it holds back is counted and said with its next line. Any thread. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdatomic.h>
#include <stdint.h>

#define LOG_SITE_LINES 10

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_site {
	_Atomic int64_t minute;
	_Atomic uint32_t lines, held;
};

void log_set_level(enum log_level level);
const char *log_level_name(enum log_level level);
void log_write(struct log_site *site, enum log_level level, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define LOG_AT(level, ...) \
	do { \
		static struct log_site log_site_here; \
		log_write(&log_site_here, (level), __VA_ARGS__); \
	} while (0)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)

#endif
