#include "support/damage.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/frame.h"
#include "store/spool.h"

static struct errbuf eb;

static uint64_t next(uint64_t *x)
{
	*x = *x * 6364136223846793005U + 1442695040888963407U;
	return *x >> 33;
}

static size_t text_of(unsigned seq, char *out)
{
	uint64_t x = seq;
	size_t n = (size_t)sprintf(out, "m v=%ui,s=\"", seq);
	size_t size = seq % 7 == 0 ? 40000 : seq % 5 == 0 ? 6000 : 200;

	for (size_t i = 0; i < size; i++)
		out[n++] = (char)('a' + next(&x) % 26);
	return n + (size_t)sprintf(out + n, "\" %u\n", seq);
}

void damage_make_spool(const char *path)
{
	struct frame_packer *p;
	struct spool *s;
	struct buf frame;
	char *text = malloc(50000);

	cr_assert_eq(spool_open(&s, path, &eb), ERR_OK, "%s", eb.text);
	cr_assert_eq(frame_packer_new(&p), ERR_OK);
	buf_init(&frame, 1 << 20);
	for (unsigned seq = 1; seq <= DAMAGE_ROWS; seq++) {
		buf_clear(&frame);
		cr_assert_eq(frame_pack(p, (struct view){ text, text_of(seq, text) }, &frame), ERR_OK);
		struct spool_row row = { .db = 1,
			.points = 1,
			.received_ns = seq,
			.min_ns = seq,
			.max_ns = seq,
			.payload = { frame.p, frame.len } };
		cr_assert_eq(spool_begin(s, &eb), ERR_OK);
		cr_assert_eq(spool_append(s, &row, &eb), ERR_OK);
		cr_assert_eq(spool_commit(s, &eb), ERR_OK);
		spool_checkpoint(s);
	}
	frame_packer_free(p);
	buf_fini(&frame);
	free(text);
	spool_close(s);
}

long damage_size(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : (long)st.st_size;
}

void damage_copy(const char *from, const char *to)
{
	long size = damage_size(from);
	char *all = malloc((size_t)size);
	int a = open(from, O_RDONLY), b = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert(a >= 0 && b >= 0);
	cr_assert_eq(read(a, all, (size_t)size), size);
	cr_assert_eq(write(b, all, (size_t)size), size);
	close(a);
	close(b);
	free(all);
}

void damage_lay_out(const char *from, const char *to)
{
	static const char *const beside[] = { "-wal", "-shm", "-damaged" };
	char name[200];

	for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
		snprintf(name, sizeof name, "%s%s", to, beside[i]);
		unlink(name);
	}
	damage_copy(from, to);
}

void damage_check_whole(const char *path, const char *situation)
{
	sqlite3 *db;
	sqlite3_stmt *q;

	cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_prepare_v2(db, "PRAGMA quick_check", -1, &q, NULL), SQLITE_OK);
	cr_assert_eq(sqlite3_step(q), SQLITE_ROW);
	cr_assert_str_eq((const char *)sqlite3_column_text(q, 0), "ok", "%s", situation);
	sqlite3_finalize(q);
	sqlite3_close(db);
}

void damage_pages_of(const char *path, unsigned page_size, unsigned pages, uint64_t seed, bool spare_first)
{
	static unsigned char page[DAMAGE_PAGE], other[DAMAGE_PAGE];
	uint64_t count = (uint64_t)damage_size(path) / page_size, first = spare_first ? 1 : 0;
	int fd = open(path, O_RDWR);

	cr_assert(fd >= 0 && count > 2);
	for (unsigned i = 0; i < pages; i++) {
		off_t at = (off_t)(first + next(&seed) % (count - first)) * page_size;
		off_t from = (off_t)(first + next(&seed) % (count - first)) * page_size;
		cr_assert_eq(pread(fd, page, page_size, at), (ssize_t)page_size);
		switch (next(&seed) % 5) {
		case 0:
			memset(page, 0, page_size);
			break;
		case 1:
			for (size_t j = 0; j < page_size; j++)
				page[j] = (unsigned char)next(&seed);
			break;
		case 2:
			for (int j = 0; j < 8; j++)
				page[next(&seed) % page_size] ^= (unsigned char)(1 << next(&seed) % 8);
			break;
		case 3: /* in the page's header */
			page[next(&seed) % 12] ^= (unsigned char)(1 << next(&seed) % 8);
			break;
		case 4: /* written to the wrong place */
			cr_assert_eq(pread(fd, other, page_size, from), (ssize_t)page_size);
			memcpy(page, other, page_size);
			break;
		}
		cr_assert_eq(pwrite(fd, page, page_size, at), (ssize_t)page_size);
	}
	close(fd);
}

void damage_pages(const char *path, unsigned pages, uint64_t seed, bool spare_first)
{
	damage_pages_of(path, DAMAGE_PAGE, pages, seed, spare_first);
}

unsigned damage_readable(const char *path, bool have[DAMAGE_ROWS + 1])
{
	struct frame_unpacker *u;
	char *want = malloc(50000), name[4200];
	sqlite3_stmt *st = NULL;
	struct buf text;
	sqlite3 *db;
	unsigned count = 0;

	memset(have, 0, (DAMAGE_ROWS + 1) * sizeof *have);
	snprintf(name, sizeof name, "file:%s?immutable=1", path);
	cr_assert_eq(sqlite3_open_v2(name, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL), SQLITE_OK);
	cr_assert_eq(frame_unpacker_new(&u), ERR_OK);
	buf_init(&text, 1 << 20);
	if (sqlite3_prepare_v2(db, "SELECT db, payload FROM spool WHERE seq = ?", -1, &st, NULL) == SQLITE_OK) {
		for (unsigned seq = 1; seq <= DAMAGE_ROWS; seq++) {
			sqlite3_bind_int(st, 1, (int)seq);
			buf_clear(&text);
			if (sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0) == 1) {
				struct view v = { sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1) };
				have[seq] = v.len && frame_unpack(u, v, &text) == ERR_OK &&
				    text.len == text_of(seq, want) && !memcmp(text.p, want, text.len);
			}
			count += have[seq];
			sqlite3_reset(st);
		}
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	frame_unpacker_free(u);
	buf_fini(&text);
	free(want);
	return count;
}

void damage_remove_folder(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	char name[4200];

	while (d && (e = readdir(d))) {
		snprintf(name, sizeof name, "%s/%s", dir, e->d_name);
		if (*e->d_name != '.')
			unlink(name);
	}
	if (d)
		closedir(d);
	rmdir(dir);
}
