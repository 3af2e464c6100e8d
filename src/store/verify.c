#include "store/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store/database.h"
#include "store/spool.h"
#include "store/store.h"
#include "store/verify_internal.h"

void verify_fault(struct verify *v, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n = v->file ? snprintf(text, sizeof text, "%s: ", v->file) : 0;

	va_start(ap, fmt);
	vsnprintf(text + n, sizeof text - (size_t)n, fmt, ap);
	va_end(ap);
	v->report->faults++;
	v->sink->fault(v->sink->arg, text);
}

enum err verify_step_failed(struct verify *v, const char *doing, struct errbuf *eb)
{
	enum err e = database_error(v->db, doing, eb);

	if (e != ERR_CORRUPT)
		return e;
	verify_fault(v, "%s", eb->text);
	return ERR_OK;
}

/* SQLite's own check: pages, records, the index, the types of the columns. */
static enum err check_structure(struct verify *v, struct errbuf *eb)
{
	sqlite3_stmt *st;
	int rc;
	enum err e = database_prepare(v->db, &st, "PRAGMA integrity_check(20)", eb);

	if (e != ERR_OK)
		return e == ERR_CORRUPT ? verify_step_failed(v, "look at its pages", eb) : e;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(st, 0);
		if (text && strcmp(text, "ok") != 0)
			verify_fault(v, "%.300s", text);
	}
	if (rc != SQLITE_DONE)
		e = verify_step_failed(v, "look at its pages", eb);
	sqlite3_finalize(st);
	return e;
}

static enum err check_opened(struct verify *v, const char *path, const struct database_schema *schema,
    enum err (*contents)(struct verify *v, struct errbuf *eb), struct errbuf *eb)
{
	int version = 0;
	enum err e = database_identify(v->db, path, schema, &version, eb);

	if (e == ERR_CORRUPT || (e == ERR_OK && version == 0)) {
		verify_fault(v, "it is not a database, or its beginning is damaged");
		return ERR_OK;
	}
	if (e != ERR_OK)
		return e;
	uint64_t before = v->report->faults;
	e = check_structure(v, eb);
	if (e == ERR_OK)
		e = contents(v, eb);
	if (e == ERR_CORRUPT) { /* so damaged that not even a question can be asked; the structure says so too */
		if (v->report->faults == before)
			verify_fault(v, "%s", eb->text);
		e = ERR_OK;
	}
	return e;
}

static enum err check_file(struct verify *v, const char *dir, const char *name, const struct database_schema *schema,
    enum err (*contents)(struct verify *v, struct errbuf *eb), struct errbuf *eb)
{
	char path[4096];
	struct stat st;

	v->file = name;
	if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
		return errbuf_set(eb, ERR_INVALID, "the folder's name is too long");
	if (stat(path, &st) != 0) {
		verify_fault(v, "it is missing");
		return ERR_OK;
	}
	enum err e = database_open_still(&v->db, path, eb);
	if (e == ERR_CORRUPT) {
		verify_fault(v, "%s", eb->text);
		return ERR_OK;
	}
	if (e != ERR_OK)
		return e;
	e = check_opened(v, path, schema, contents, eb);
	sqlite3_close(v->db);
	v->db = NULL;
	return e;
}

enum err verify_files(const char *dir, const struct verify_sink *sink, struct verify_report *out, struct errbuf *eb)
{
	struct verify v = { .sink = sink, .report = out };
	struct database_schema spool, store;

	*out = (struct verify_report){ 0 };
	spool_schema(&spool);
	store_schema(&store);
	/* the store first: the spool's rows are held against its compacted_seq */
	enum err e = check_file(&v, dir, "store.db", &store, verify_store, eb);
	if (e == ERR_OK)
		e = check_file(&v, dir, "spool.db", &spool, verify_spool, eb);
	v.file = NULL;
	if (e == ERR_OK && out->faults == 0 && out->compacted_seq > out->last_seq)
		verify_fault(&v,
		    "the two files are not of one moment: store.db has rows up to %llu, spool.db gave numbers up to %llu only",
		    (unsigned long long)out->compacted_seq, (unsigned long long)out->last_seq);
	return e;
}
