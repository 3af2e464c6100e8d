/* /proc/diskstats: what each block device and partition did since the start. Loop devices and RAM disks only repeat
 * what lies below them, and are left out. */
#include "edge/collect_part.h"

enum { DISKSTATS_MAX = 1 << 20, SECTOR_BYTES = 512, NAME_MAX_BYTES = 64 };
enum {
	READS,
	READS_MERGED,
	READ_SECTORS,
	READ_MS,
	WRITES,
	WRITES_MERGED,
	WRITE_SECTORS,
	WRITE_MS,
	IN_PROGRESS,
	IO_MS,
	WEIGHTED_MS,
	COLUMNS
};

static void init(const struct collect_ctx *x, void *state)
{
	collect_source_init(state, x, "diskstats", DISKSTATS_MAX);
}

static void fini(void *state)
{
	collect_source_fini(state);
}

/* "ram0", "loop12". */
static bool is_numbered(struct view name, const char *prefix)
{
	size_t n = strlen(prefix);

	return name.len > n && memcmp(name.p, prefix, n) == 0 && (unsigned char)(name.p[n] - '0') <= 9;
}

static uint64_t sectors(uint64_t n)
{
	return n > UINT64_MAX / SECTOR_BYTES ? UINT64_MAX : n * SECTOR_BYTES;
}

static void write_line(struct collect_ctx *x, const char *name, const uint64_t v[COLUMNS])
{
	collect_begin(x);
	lp_tag(&x->w, "host", x->host);
	lp_tag(&x->w, "name", name);
	lp_tag(&x->w, "resource_type", "diskio");
	collect_count(x, "reads", v[READS]);
	collect_count(x, "writes", v[WRITES]);
	collect_count(x, "read_bytes", sectors(v[READ_SECTORS]));
	collect_count(x, "write_bytes", sectors(v[WRITE_SECTORS]));
	collect_count(x, "read_time", v[READ_MS]);
	collect_count(x, "write_time", v[WRITE_MS]);
	collect_count(x, "io_time", v[IO_MS]);
	collect_count(x, "weighted_io_time", v[WEIGHTED_MS]);
	collect_count(x, "iops_in_progress", v[IN_PROGRESS]);
	collect_count(x, "merged_reads", v[READS_MERGED]);
	collect_count(x, "merged_writes", v[WRITES_MERGED]);
	collect_end(x);
}

static enum err run(struct collect_ctx *x, void *state, struct errbuf *eb)
{
	struct collect_source *s = state;
	struct scan text, line;
	enum err e = collect_source_read(s, x, &text, eb);
	unsigned lines = 0;

	if (e != ERR_OK)
		return e;
	while (scan_line(&text, &line)) {
		uint64_t number[2], v[COLUMNS];
		struct view word;
		char name[NAME_MAX_BYTES];
		lines++;
		if (scan_u64s(&line, number, 2) < 2 || !scan_word(&line, &word) || !scan_copy(word, name, sizeof name))
			return errbuf_set(eb, ERR_CORRUPT, "%s: line %u names no device", s->path, lines);
		if (is_numbered(word, "loop") || is_numbered(word, "ram"))
			continue;
		if (scan_u64s(&line, v, COLUMNS) < COLUMNS)
			return errbuf_set(eb, ERR_CORRUPT, "%s: the figures of %s are not numbers", s->path, name);
		write_line(x, name, v);
	}
	return ERR_OK;
}

const struct collector collect_diskio = { "diskio", sizeof(struct collect_source), init, run, fini };
