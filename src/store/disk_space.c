#include "store/disk_space.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/log.h"

#define INTERVAL_NS NS_PER_S
#define UNKNOWN UINT64_MAX
#define MIB 1048576.0

struct disk_space {
	struct disk_space_opts opts;
	char *path;
	_Atomic int64_t measured_ns; /* monotonic; who moves it on measures */
	_Atomic uint64_t free_bytes;
	_Atomic bool low;
};

static bool by_statvfs(void *arg, const char *path, uint64_t *free_bytes)
{
	struct statvfs v;

	(void)arg;
	if (statvfs(path, &v))
		return false;
	*free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
	return true;
}

static void measure(struct disk_space *d)
{
	uint64_t bytes = UNKNOWN;

	if (!d->opts.measure(d->opts.arg, d->path, &bytes)) {
		bytes = UNKNOWN;
		log_warn("cannot tell how much room is left under %s", d->path);
	}
	bool low = bytes < d->opts.reserve_bytes, was = atomic_exchange(&d->low, low);
	atomic_store(&d->free_bytes, bytes);
	if (low && !was)
		log_error("writes are refused: %.1f MiB are free under %s, [server] min_free_disk is %.1f MiB",
		    (double)bytes / MIB, d->path, (double)d->opts.reserve_bytes / MIB);
	else if (was && !low)
		log_info("there is room under %s again: writes are taken", d->path);
}

static void measure_if_due(struct disk_space *d)
{
	int64_t last = atomic_load(&d->measured_ns), now = clock_mono_ns();

	if (now - last >= INTERVAL_NS && atomic_compare_exchange_strong(&d->measured_ns, &last, now))
		measure(d);
}

enum err disk_space_new(
    struct disk_space **out, const char *path, const struct disk_space_opts *opts, struct errbuf *eb)
{
	struct disk_space *d = calloc(1, sizeof *d);

	*out = NULL;
	if (d)
		d->path = strdup(path);
	if (!d || !d->path) {
		disk_space_free(d);
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	d->opts = *opts;
	if (!d->opts.measure)
		d->opts.measure = by_statvfs;
	atomic_store(&d->measured_ns, clock_mono_ns());
	measure(d);
	*out = d;
	return ERR_OK;
}

void disk_space_free(struct disk_space *d)
{
	if (!d)
		return;
	free(d->path);
	free(d);
}

void disk_space_stats(struct disk_space *d, struct disk_space_stats *out)
{
	measure_if_due(d);
	uint64_t bytes = atomic_load(&d->free_bytes);
	*out = (struct disk_space_stats){ .free_bytes = bytes == UNKNOWN ? 0 : bytes,
		.reserve_bytes = d->opts.reserve_bytes,
		.known = bytes != UNKNOWN,
		.low = bytes < d->opts.reserve_bytes };
}

enum err disk_space_check(struct disk_space *d, struct errbuf *eb)
{
	struct disk_space_stats st;

	if (!d)
		return ERR_OK;
	disk_space_stats(d, &st);
	if (!st.low)
		return ERR_OK;
	return errbuf_set(eb, ERR_FULL,
	    "disk_full: %.1f MiB are free under %s, writes need %.1f MiB ([server] min_free_disk)",
	    (double)st.free_bytes / MIB, d->path, (double)st.reserve_bytes / MIB);
}
