#include "daemon/verify.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/sha256.h"
#include "store/verify.h"

enum { PATH_ROOM = 4096, TEXT_MAX = 64 << 10, FORMAT = 1, FAULTS_TOLD = 20 };

static void tell(void *arg, const char *what)
{
	uint64_t *told = arg;

	if ((*told)++ < FAULTS_TOLD)
		fprintf(stderr, "holdfastd: %s\n", what);
}

static bool is_there(const char *dir, const char *name)
{
	char path[PATH_ROOM];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return stat(path, &st) == 0;
}

static enum err read_text(const char *dir, const char *name, struct buf *b, struct errbuf *eb)
{
	char path[PATH_ROOM];

	buf_init(b, TEXT_MAX);
	if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
		return errbuf_set(eb, ERR_INVALID, "the folder's name is too long");
	enum err e = file_read(path, b, eb);
	buf_char(b, 0);
	return e == ERR_OK && b->failed ? errbuf_set(eb, ERR_INVALID, "%s is too large", path) : e;
}

enum err verify_expected_sum(const char *dir, const char *name, char hex[SHA256_HEX], struct errbuf *eb)
{
	struct buf b;
	enum err e = read_text(dir, "SHA256SUMS", &b, eb);
	char *rest = b.p, *line;

	if (e == ERR_OK)
		e = errbuf_set(eb, ERR_NOTFOUND, "SHA256SUMS has no line for %s", name);
	while (rest && (line = strsep(&rest, "\n"))) {
		if (strlen(line) < SHA256_HEX + 1 || strcmp(line + SHA256_HEX + 1, name) != 0)
			continue;
		memcpy(hex, line, SHA256_HEX - 1);
		hex[SHA256_HEX - 1] = 0;
		e = ERR_OK;
	}
	buf_fini(&b);
	return e;
}

static enum err check_sum(const char *dir, const char *name, uint64_t *faults, struct errbuf *eb)
{
	char want[SHA256_HEX] = "", have[SHA256_HEX], path[PATH_ROOM], what[200];
	enum err e = verify_expected_sum(dir, name, want, eb);

	if (e == ERR_NOTFOUND) {
		tell(faults, eb->text);
		return ERR_OK;
	}
	if (e != ERR_OK)
		return e;
	snprintf(path, sizeof path, "%s/%s", dir, name);
	e = sha256_file(path, have, eb);
	if (e == ERR_NOTFOUND) /* told by who reads the file */
		return ERR_OK;
	if (e == ERR_OK && strcmp(have, want) != 0) {
		snprintf(what, sizeof what, "%s: it is not as it was sent: its SHA-256 differs from SHA256SUMS", name);
		tell(faults, what);
	}
	return e;
}

/* *about: "backup of web-01, 2026-01-31T12:00:00Z, Holdfast 0.1.0" */
static enum err check_manifest(const char *dir, char about[200], struct errbuf *eb)
{
	struct buf b;
	const char *host, *time, *version;
	int format = 0;
	enum err e = read_text(dir, "manifest.json", &b, eb);
	json_t *root = e == ERR_OK ? json_loads(b.p, 0, NULL) : NULL;

	if (e == ERR_OK &&
	    json_unpack(
		root, "{s:i,s:s,s:s,s:s}", "format", &format, "host", &host, "time", &time, "holdfast", &version) != 0)
		e = errbuf_set(eb, ERR_INVALID, "%s/manifest.json is not a backup's", dir);
	else if (e == ERR_OK && format != FORMAT)
		e = errbuf_set(eb, ERR_INVALID,
		    "%s has the backup format %d, this holdfastd knows %d; use the one that made it (%s)", dir, format,
		    FORMAT, version);
	if (e == ERR_OK)
		snprintf(about, 200, "backup of %.60s, %.40s, Holdfast %.40s", host, time, version);
	json_decref(root);
	buf_fini(&b);
	return e;
}

static enum err check_backup(const char *dir, uint64_t *faults, char about[200], struct errbuf *eb)
{
	static const char *const names[] = { "manifest.json", "spool.db", "store.db" };
	enum err e = ERR_OK;

	if (!is_there(dir, "SHA256SUMS")) {
		tell(faults, "SHA256SUMS is missing: the archive was cut short");
	} else {
		for (size_t i = 0; e == ERR_OK && i < sizeof names / sizeof *names; i++)
			e = check_sum(dir, names[i], faults, eb);
	}
	return e == ERR_OK ? check_manifest(dir, about, eb) : e;
}

static void print_totals(const struct verify_report *r)
{
	printf("spool.db: %llu rows, %llu points, numbers %llu to %llu\n", (unsigned long long)r->rows,
	    (unsigned long long)r->row_points, (unsigned long long)r->first_seq, (unsigned long long)r->last_seq);
	printf("store.db: %llu blocks, %llu pieces, %llu points in all tiers, of the spool's rows up to %llu\n",
	    (unsigned long long)r->blocks, (unsigned long long)r->pieces, (unsigned long long)r->block_points,
	    (unsigned long long)r->compacted_seq);
}

static enum err look(const char *dir, struct errbuf *eb)
{
	uint64_t faults = 0;
	struct verify_sink sink = { tell, &faults };
	struct verify_report report;
	char about[200] = "data folder";
	enum err e = ERR_OK;

	if (is_there(dir, "manifest.json") || is_there(dir, "SHA256SUMS"))
		e = check_backup(dir, &faults, about, eb);
	else if (!is_there(dir, "spool.db") && !is_there(dir, "store.db"))
		return errbuf_set(eb, ERR_NOTFOUND, "%s holds neither a backup nor a store", dir);
	if (e == ERR_OK)
		e = verify_files(dir, &sink, &report, eb);
	if (e != ERR_OK)
		return e;
	if (faults)
		return errbuf_set(eb, ERR_CORRUPT, "%s is not whole: %llu fault%s found (%s)", dir,
		    (unsigned long long)faults, faults == 1 ? "" : "s", about);
	print_totals(&report);
	printf("%s is whole (%s)\n", dir, about);
	fflush(stdout);
	return ERR_OK;
}

enum err verify_folder(const char *dir, struct errbuf *eb)
{
	int fd;
	enum err e = file_lock_dir(dir, &fd, eb);

	if (e != ERR_OK)
		return e;
	e = look(dir, eb);
	close(fd);
	return e;
}
