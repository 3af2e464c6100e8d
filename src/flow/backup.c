/* The archive
 *
 *   manifest.json   format (1), who and when, sizes, versions of the schemas, spool.last_seq, store.compacted_seq
 *   spool.db        released as soon as it was read: its log grows fastest
 *   store.db
 *   SHA256SUMS      of the three, as sha256sum reads it. Last, so an archive without it was cut short
 *
 * The moment: on the compactor's thread the store is held (store/freeze), and while the compactor waits, on the writer's
 * thread the spool. Each is held still for the time of one checkpoint; then both go on, into their logs. So what the
 * store's image says is compacted is in rows that had been committed before the spool's image: its compacted_seq is at
 * most the spool's last_seq, and every row above it is in the spool's image, unless a ceiling had let it go before.
 *
 * While a file is held its log grows. At a ceiling, or when the disk is short of room, the backup is broken off, never
 * a write. */
#include "flow/backup.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/timetext.h"
#include "wire/json_write.h"
#include "wire/tar_write.h"

enum { PIECE = 128 << 10, TEXT_MAX = 64 << 10, FORMAT = 1 };
#define LOG_MAX_BYTES (UINT64_C(512) << 20)
#define PATIENCE_NS (10 * NS_PER_S)
#define RETRY_NS (250 * NS_PER_MS)

enum member { MANIFEST, SPOOL, STORE, SUMS, MEMBERS };
static const char *const names[MEMBERS] = { "manifest.json", "spool.db", "store.db", "SHA256SUMS" };

struct run {
	enum member member; /* MEMBERS: the end of the archive; above it: done */
	bool begun; /* the member's header was given out */
	uint64_t at, size[MEMBERS];
	struct sha256 sha;
	char sums[SUMS][SHA256_HEX];
	struct buf text; /* of the manifest, then of the sums */
	char *piece;
	uint64_t last_seq, compacted_seq;
	int64_t began_mono_ns;
};

struct backup {
	struct backup_opts opts;
	struct freeze *freeze[MEMBERS]; /* NULL: the text is given out */
	pthread_mutex_t lock; /* stats, and that watch breaks no later run */
	struct backup_stats stats;
	struct run run; /* of the thread that began */
};

enum err backup_new(struct backup **out, const struct backup_opts *opts, struct errbuf *eb)
{
	struct backup *b = calloc(1, sizeof *b);

	*out = b;
	if (!b)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	b->opts = *opts;
	if (!b->opts.log_max_bytes)
		b->opts.log_max_bytes = LOG_MAX_BYTES;
	if (!b->opts.patience_ns)
		b->opts.patience_ns = PATIENCE_NS;
	b->freeze[SPOOL] = spool_freeze(opts->spool);
	b->freeze[STORE] = store_freeze(opts->store);
	pthread_mutex_init(&b->lock, NULL);
	return ERR_OK;
}

void backup_free(struct backup *b)
{
	if (!b)
		return;
	pthread_mutex_destroy(&b->lock);
	free(b);
}

/* ---- the moment ---- */

static void release(struct backup *b)
{
	freeze_release(b->freeze[SPOOL]);
	freeze_release(b->freeze[STORE]);
}

/* The writer's thread. */
static enum err hold_spool(struct spool *s, void *arg, struct errbuf *eb)
{
	struct backup *b = arg;

	b->run.last_seq = spool_last_seq(s);
	return spool_take_freeze(s, eb);
}

/* The compactor's thread. */
static enum err hold_both(struct store *s, void *arg, struct errbuf *eb)
{
	struct backup *b = arg;
	struct store_totals t;

	store_totals(s, &t);
	b->run.compacted_seq = t.compacted_seq;
	enum err e = store_take_freeze(s, eb);
	if (e == ERR_OK)
		e = committer_call_between(b->opts.committer, hold_spool, b, eb);
	return e;
}

static enum err take_moment(struct backup *b, struct errbuf *eb)
{
	int64_t until = clock_mono_ns() + b->opts.patience_ns;
	const struct timespec pause = { .tv_nsec = RETRY_NS };

	for (;;) {
		enum err e = compactor_call_between(b->opts.compactor, hold_both, b, eb);
		if (e == ERR_OK)
			return ERR_OK;
		release(b);
		if (e != ERR_UNAVAILABLE || clock_mono_ns() >= until)
			return e;
		nanosleep(&pause, NULL);
	}
}

/* ---- the archive ---- */

static void put_file(struct buf *b, const char *key, enum member m, const struct backup *k)
{
	json_open(b, key, '{');
	json_put_string(b, "file", names[m]);
	json_put_u64(b, "bytes", k->run.size[m]);
	json_put_u64(b, "schema", freeze_version(k->freeze[m]));
	if (m == SPOOL)
		json_put_u64(b, "last_seq", k->run.last_seq);
	else
		json_put_u64(b, "compacted_seq", k->run.compacted_seq);
	json_close(b, '}');
}

static void write_manifest(struct buf *b, const struct backup *k)
{
	char time[32];

	timetext_format(time, k->stats.began_ns / NS_PER_S * NS_PER_S);
	json_open(b, NULL, '{');
	json_put_u64(b, "format", FORMAT);
	json_put_string(b, "holdfast", k->opts.version);
	json_put_string(b, "host", k->opts.host);
	json_put_string(b, "time", time);
	put_file(b, "spool", SPOOL, k);
	put_file(b, "store", STORE, k);
	json_close(b, '}');
	buf_char(b, '\n');
}

/* All sizes are known before the first byte. */
static uint64_t plan(struct backup *b)
{
	struct run *r = &b->run;
	uint64_t total = TAR_END;

	r->size[SPOOL] = freeze_bytes(b->freeze[SPOOL]);
	r->size[STORE] = freeze_bytes(b->freeze[STORE]);
	write_manifest(&r->text, b);
	r->size[MANIFEST] = r->text.len;
	for (enum member m = MANIFEST; m < SUMS; m++)
		r->size[SUMS] += SHA256_HEX - 1 + 2 + strlen(names[m]) + 1;
	for (enum member m = MANIFEST; m < MEMBERS; m++)
		total += tar_size(r->size[m]);
	return total;
}

static void end_run(struct backup *b)
{
	release(b);
	sha256_fini(&b->run.sha);
	buf_fini(&b->run.text);
	free(b->run.piece);
	b->run.piece = NULL;
}

static enum err begin(struct backup *b, struct errbuf *eb)
{
	struct run *r = &b->run;
	enum err e = disk_space_check(b->opts.disk, eb);

	*r = (struct run){ .piece = malloc(PIECE + TAR_BLOCK), .began_mono_ns = clock_mono_ns() };
	buf_init(&r->text, TEXT_MAX);
	if (!r->piece)
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (e == ERR_OK)
		e = sha256_init(&r->sha, eb);
	if (e == ERR_OK)
		e = take_moment(b, eb);
	return e;
}

static bool start_running(struct backup *b)
{
	pthread_mutex_lock(&b->lock);
	bool mine = !b->stats.running;
	if (mine) {
		b->stats.running = true;
		b->stats.bytes = b->stats.size_bytes = 0;
		b->stats.began_ns = clock_wall_ns();
	}
	pthread_mutex_unlock(&b->lock);
	return mine;
}

enum err backup_begin(struct backup *b, uint64_t *size_bytes, struct errbuf *eb)
{
	if (!start_running(b)) {
		counter_add(COUNTER_BACKUP_REFUSED, 1);
		return errbuf_set(eb, ERR_EXISTS, "another backup runs");
	}
	enum err e = begin(b, eb);
	if (e == ERR_OK) {
		*size_bytes = plan(b);
		if (b->run.text.failed)
			e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	}
	if (e != ERR_OK) {
		counter_add(COUNTER_BACKUP_REFUSED, 1);
		end_run(b);
	}
	pthread_mutex_lock(&b->lock);
	b->stats.running = e == ERR_OK;
	b->stats.size_bytes = e == ERR_OK ? *size_bytes : 0;
	pthread_mutex_unlock(&b->lock);
	if (e == ERR_OK)
		log_info("a backup of %llu bytes begins", (unsigned long long)*size_bytes);
	return e;
}

static void write_sums(struct run *r)
{
	buf_clear(&r->text);
	for (enum member m = MANIFEST; m < SUMS; m++)
		buf_printf(&r->text, "%s  %s\n", r->sums[m], names[m]);
}

static void begin_member(struct backup *b, struct view *piece)
{
	struct run *r = &b->run;

	if (r->member == SUMS)
		write_sums(r);
	tar_header(r->piece, names[r->member], r->size[r->member], b->stats.began_ns / NS_PER_S);
	*piece = (struct view){ r->piece, TAR_BLOCK };
	r->at = 0;
	r->begun = true;
}

static void end_member(struct backup *b)
{
	struct run *r = &b->run;

	if (r->member < SUMS)
		sha256_take(&r->sha, r->sums[r->member]);
	if (b->freeze[r->member])
		freeze_release(b->freeze[r->member]);
	r->member++;
	r->begun = false;
}

/* The member's next bytes, with the zeros behind its last ones. */
static enum err continue_member(struct backup *b, struct view *piece, struct errbuf *eb)
{
	struct run *r = &b->run;
	uint64_t size = r->size[r->member], left = size - r->at;
	size_t n = left < PIECE ? (size_t)left : PIECE, zeros = n == left ? tar_padding(size) : 0;
	enum err e = ERR_OK;

	if (b->freeze[r->member])
		e = freeze_read(b->freeze[r->member], r->at, n, r->piece, eb);
	else
		memcpy(r->piece, r->text.p + r->at, n);
	if (e != ERR_OK)
		return e;
	sha256_add(&r->sha, (struct view){ r->piece, n });
	memset(r->piece + n, 0, zeros);
	*piece = (struct view){ r->piece, n + zeros };
	r->at += n;
	if (r->at == size)
		end_member(b);
	return ERR_OK;
}

enum err backup_next(struct backup *b, struct view *piece, struct errbuf *eb)
{
	struct run *r = &b->run;
	enum err e = ERR_OK;

	if (r->member > MEMBERS)
		return ERR_NOTFOUND;
	if (r->member == MEMBERS) {
		memset(r->piece, 0, TAR_END);
		*piece = (struct view){ r->piece, TAR_END };
		r->member++;
	} else if (r->begun) {
		e = continue_member(b, piece, eb);
	} else {
		begin_member(b, piece);
	}
	if (e != ERR_OK)
		return e;
	counter_add(COUNTER_BACKUP_BYTES, piece->len);
	pthread_mutex_lock(&b->lock);
	b->stats.bytes += piece->len;
	pthread_mutex_unlock(&b->lock);
	return ERR_OK;
}

void backup_end(struct backup *b, const char *why)
{
	end_run(b);
	pthread_mutex_lock(&b->lock);
	struct backup_stats *s = &b->stats;
	s->running = false;
	s->last = why ? BACKUP_FAILED : BACKUP_OK;
	s->last_ns = s->began_ns;
	s->last_took_ns = clock_mono_ns() - b->run.began_mono_ns;
	s->last_bytes = s->bytes;
	snprintf(s->error, sizeof s->error, "%s", why ? why : "");
	if (!why)
		s->last_ok_ns = s->began_ns;
	struct backup_stats t = *s;
	pthread_mutex_unlock(&b->lock);
	counter_add(why ? COUNTER_BACKUP_FAILED : COUNTER_BACKUP_COMPLETE, 1);
	if (why)
		log_warn("a backup failed after %llu of %llu bytes: %s", (unsigned long long)t.bytes,
		    (unsigned long long)t.size_bytes, why);
	else
		log_info("a backup was sent: %llu bytes in %lld ms", (unsigned long long)t.bytes,
		    (long long)(t.last_took_ns / NS_PER_MS));
}

/* ---- beside it ---- */

static uint64_t log_growth(const struct backup *b, enum member m)
{
	return freeze_is_held(b->freeze[m]) ? freeze_log_bytes(b->freeze[m]) : 0;
}

static void break_off(struct backup *b, const char *why)
{
	freeze_break(b->freeze[SPOOL], why);
	freeze_break(b->freeze[STORE], why);
}

void backup_watch(struct backup *b)
{
	struct disk_space_stats disk = { .low = false };
	char why[256];

	pthread_mutex_lock(&b->lock);
	if (b->stats.running && b->stats.size_bytes) {
		uint64_t spool = log_growth(b, SPOOL), store = log_growth(b, STORE),
			 most = spool > store ? spool : store;
		b->stats.log_bytes = spool + store;
		if (b->opts.disk)
			disk_space_stats(b->opts.disk, &disk);
		snprintf(why, sizeof why,
		    "the log of %s has grown by %.1f MiB meanwhile, [server] backup_log allows %.1f MiB; take the backup "
		    "faster, at a quieter time, or allow more",
		    spool > store ? "spool.db" : "store.db", (double)most / 1048576,
		    (double)b->opts.log_max_bytes / 1048576);
		if (disk.low)
			break_off(b, "the disk is short of room ([server] min_free_disk)");
		else if (most > b->opts.log_max_bytes)
			break_off(b, why);
	}
	pthread_mutex_unlock(&b->lock);
}

void backup_stats(struct backup *b, struct backup_stats *out)
{
	pthread_mutex_lock(&b->lock);
	*out = b->stats;
	pthread_mutex_unlock(&b->lock);
	if (!out->running)
		out->bytes = out->size_bytes = out->log_bytes = 0;
}
