/* What the scheduler (collect.c) and the collectors (collect_*.c) agree on, and what tests drive. All of it belongs to
 * the thread that runs the rounds.
 *
 * A collector reads everything about one point before it begins its line, so that what it has written stays right when
 * it fails later. It returns ERR_NOTFOUND if this machine does not offer its source, anything else if it failed. */
#ifndef EDGE_COLLECT_PART_H
#define EDGE_COLLECT_PART_H

#include <stddef.h>
#include <stdint.h>
#include <sys/statvfs.h>

#include "base/buf.h"
#include "base/err.h"
#include "edge/collect.h"
#include "edge/collect_scan.h"
#include "wire/lp_write.h"

#define COLLECT_PATH_MAX 256 /* bytes of a source's path with its folder */

struct collect_ctx;

/* A file under /proc that stays open and is read anew each round, once however many ask for it. */
struct collect_source {
	char path[COLLECT_PATH_MAX];
	int fd; /* -1: not open */
	uint64_t round; /* of what text holds; 0: nothing */
	struct buf text;
};

void collect_source_init(struct collect_source *s, const struct collect_ctx *x, const char *path, size_t max_bytes);
void collect_source_fini(struct collect_source *s);
/* ERR_NOTFOUND: there is no such file, or the kernel has it switched off. ERR_CORRUPT: cut short; an empty
 * file is for the collector to judge. */
NODISCARD enum err collect_source_read(
    struct collect_source *s, const struct collect_ctx *x, struct scan *text, struct errbuf *eb);

struct collect_ctx {
	const char *proc, *utmp, *host;
	int (*statvfs)(const char *path, struct statvfs *out);
	int64_t now_ns; /* the round's timestamp */
	uint64_t round; /* from 1 */
	struct collect_source stat, meminfo, loadavg; /* what several collectors read */
	struct buf out;
	struct lp_writer w;
	uint64_t tried; /* points begun this round; those that did not fit into out are dropped */
};

struct collector {
	const char *name; /* the tag resource_type */
	size_t state_size; /* zeroed before init; 0: none */
	void (*init)(const struct collect_ctx *x, void *state); /* NULL: nothing to do; also fini */
	enum err (*run)(struct collect_ctx *x, void *state, struct errbuf *eb);
	void (*fini)(void *state);
};

extern const struct collector collect_cpu, collect_disk, collect_diskio, collect_kernel, collect_mem, collect_net,
    collect_pressure, collect_processes, collect_swap, collect_system;

/* A line: begin, the tags in sorted order of their keys, fields through x->w, end. */
void collect_begin(struct collect_ctx *x);
void collect_end(struct collect_ctx *x);
/* A count; above INT64_MAX, which integers cannot say, it stays there. */
void collect_count(struct collect_ctx *x, const char *field, uint64_t v);
/* 100 * part / whole with four decimals; 0 of nothing. */
double collect_percent(uint64_t part, uint64_t whole);

/* collect_start without the thread: the caller runs the rounds. */
NODISCARD enum err collect_new(struct collect **out, const struct collect_opts *opts, struct errbuf *eb);
void collect_free(struct collect *c);
void collect_run_once(struct collect *c, int64_t now_ns);
/* All the time the i-th collector has taken so far. */
int64_t collect_spent_ns(const struct collect *c, unsigned i);

/* The timestamp of a round that runs at wall_ns: rounded down to the interval if that is a second or more. */
int64_t collect_stamp_ns(int64_t wall_ns, int64_t interval_ns);
/* The deadline after the one that was served, now_ns: rounds whose time has passed are left out, and counted. */
int64_t collect_next_ns(int64_t deadline_ns, int64_t interval_ns, int64_t now_ns, uint64_t *missed);

#endif
