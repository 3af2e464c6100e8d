/* Points that a target refused: listed, as line protocol, sent again, dropped. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "base/timetext.h"
#include "edge/http_form.h"
#include "edge/routes_internal.h"
#include "edge/spool_view.h"
#include "flow/quarantine_control.h"
#include "wire/json_write.h"

enum { SHOWN = 100, SHOWN_MAX = 1000, LINE_SHOWN = 4096, STEP = 500, FORM_MAX = 16 << 10 };
enum { PIECE_MAX = 64 << 20 };

/* ---- the filter ---- */

struct wish {
	struct http_form_parts form; /* which the filter's texts may be of */
	struct quarantine_filter filter;
	bool any; /* there is a filter */
};

static const char *get(const struct http_request *rq, const struct wish *w, const char *name)
{
	const char *value = http_form_get(rq, &w->form, name);

	return value && *value ? value : NULL;
}

static bool read_reason(struct http_request *rq, const char *text, enum quarantine_reason *out)
{
	char hint[256] = "";

	if (!text || quarantine_reason_find(view_of(text), out))
		return true;
	for (int r = 0; r < QUARANTINE_REASONS; r++)
		snprintf(hint + strlen(hint), sizeof hint - strlen(hint), "%s%s", r ? ", " : "one of ",
		    quarantine_reason_name((enum quarantine_reason)r));
	http_fail(rq, 400, "bad_parameter", hint, "there is no reason %.60s", text);
	return false;
}

/* Names of the query string were checked by the table of routes. */
static bool check_form(struct http_request *rq, const struct http_params *form)
{
	static const char *const known[] = { "target", "reason", "db", "from", "to", "all" };
	const size_t n = sizeof known / sizeof *known;

	for (unsigned i = 0; i < form->count; i++) {
		size_t k = 0;
		while (k < n && strcmp(form->item[i].name, known[k]) != 0)
			k++;
		if (k < n)
			continue;
		http_fail(rq, 400, "bad_parameter", "target, reason, db, from, to or all",
		    "there is no parameter %.60s", form->item[i].name);
		return false;
	}
	return true;
}

/* False: answered. http_form_fini(&w->form) in any case. */
static bool read_wish(struct http_request *rq, struct wish *w)
{
	*w = (struct wish){ .filter = QUARANTINE_ALL };
	if (http_form_read(rq, &w->form, FORM_MAX) != ERR_OK || !check_form(rq, &w->form.params))
		return false;
	const char *reason = get(rq, w, "reason");
	int64_t now = clock_wall_ns();
	w->filter.target = get(rq, w, "target");
	w->filter.database = get(rq, w, "db");
	if (!read_reason(rq, reason, &w->filter.reason) ||
	    !routes_time(rq, "from", get(rq, w, "from"), now, &w->filter.from_ns) ||
	    !routes_time(rq, "to", get(rq, w, "to"), now, &w->filter.to_ns))
		return false;
	w->any = w->filter.target || w->filter.database || reason || get(rq, w, "from") || get(rq, w, "to");
	return true;
}

/* ---- the list ---- */

static void write_count(void *arg, const char *target, enum quarantine_reason code, const struct quarantine_sum *sum)
{
	void *const *both = arg;
	const struct services *s = both[0];
	struct buf *b = both[1];

	json_open(b, NULL, '{');
	json_put_string(b, "target", target);
	json_put_bool(b, "configured", replication_find(s->replication, target) != NULL);
	json_put_string(b, "reason_code", quarantine_reason_name(code));
	json_put_u64(b, "points", sum->points);
	json_put_u64(b, "bytes", sum->bytes);
	json_put_u64(b, "replay_points", sum->replay);
	json_close(b, '}');
}

struct page {
	struct buf *json;
	unsigned limit, count;
	uint64_t last_id;
	bool more;
};

static bool write_entry(void *arg, const struct quarantine_entry *e)
{
	struct page *p = arg;
	struct buf *b = p->json;

	p->more = p->count == p->limit;
	if (p->more)
		return false;
	p->count++;
	p->last_id = e->id;
	json_open(b, NULL, '{');
	json_put_u64(b, "id", e->id);
	json_put_string(b, "target", e->target);
	json_put_time_ms(b, "at_ms", e->at_ns);
	json_put_string(b, "database", e->database);
	json_put_i64(b, "status", e->status);
	json_put_string(b, "reason_code", quarantine_reason_name(e->code));
	json_put_text(b, "reason", e->reason);
	json_put_text(b, "line", (struct view){ e->line.p, e->line.len < LINE_SHOWN ? e->line.len : LINE_SHOWN });
	json_put_u64(b, "attempts", e->attempts);
	json_put_bool(b, "replay_requested", e->replay);
	json_close(b, '}');
	return true;
}

static enum err write_list(
    struct services *s, const struct quarantine_filter *f, unsigned limit, struct buf *b, struct errbuf *eb)
{
	struct page p = { .json = b, .limit = limit };
	void *both[] = { s, b };
	struct quarantine_sum all;
	sqlite3 *db = spool_view_lock(s->spool_view);
	enum err e = quarantine_count(db, NULL, &all, eb);

	json_open(b, NULL, '{');
	json_put_u64(b, "points", all.points);
	json_put_u64(b, "bytes", all.bytes);
	json_put_u64(b, "max_points", QUARANTINE_MAX_POINTS);
	json_put_u64(b, "max_bytes", QUARANTINE_MAX_BYTES);
	json_put_u64(b, "replay_points", all.replay);
	json_open(b, "counts", '[');
	if (e == ERR_OK)
		e = quarantine_counts(db, write_count, both, eb);
	json_close(b, ']');
	json_open(b, "entries", '[');
	if (e == ERR_OK)
		e = quarantine_list(db, f, limit + 1, write_entry, &p, eb);
	spool_view_unlock(s->spool_view);
	json_close(b, ']');
	if (p.more)
		json_put_u64(b, "next", p.last_id);
	else
		json_put_null(b, "next");
	json_close(b, '}');
	return e;
}

static void list(struct http_request *rq, struct services *s, struct quarantine_filter *f)
{
	const char *after = routes_parameter(rq, "after");
	struct errbuf eb = { "" };
	unsigned limit;
	uint64_t id;
	struct buf b;

	if (!routes_limit(rq, SHOWN, SHOWN_MAX, &limit))
		return;
	if (after && (!num_parse_u64(view_of(after), &id) || id < 1 || id > INT64_MAX)) {
		http_fail(rq, 400, "bad_parameter", "`next` of the page before", "after=%.40s is no number of an entry",
		    after);
		return;
	}
	if (after)
		f->until_id = id - 1;
	f->newest_first = true;
	buf_init(&b, ROUTES_JSON_MAX);
	enum err e = write_list(s, f, limit, &b, &eb);
	if (e == ERR_OK)
		http_respond_json(rq, 200, &b);
	else
		http_fail(rq, 500, "internal", NULL, "%s", eb.text);
	buf_fini(&b);
}

void routes_quarantine(struct http_request *rq, void *arg)
{
	struct wish w;

	if (read_wish(rq, &w))
		list(rq, arg, &w.filter);
	http_form_fini(&w.form);
}

/* ---- as line protocol ---- */

struct piece {
	struct buf text;
	unsigned count;
	uint64_t last_id;
};

static bool write_line(void *arg, const struct quarantine_entry *e)
{
	struct piece *p = arg;
	char when[32];

	timetext_format(when, e->at_ns);
	buf_printf(&p->text, "# %s, refused %s by ", quarantine_reason_name(e->code), when);
	buf_str(&p->text, e->target);
	buf_str(&p->text, ": ");
	for (size_t i = 0; i < e->reason.len; i++)
		buf_char(&p->text, (unsigned char)e->reason.p[i] < ' ' ? ' ' : e->reason.p[i]);
	buf_char(&p->text, '\n');
	buf_view(&p->text, e->line);
	buf_char(&p->text, '\n');
	p->count++;
	p->last_id = e->id;
	return !p->text.failed;
}

static enum err next_piece(struct services *s, struct quarantine_filter *f, struct piece *p, struct errbuf *eb)
{
	buf_clear(&p->text);
	p->count = 0;
	enum err e = quarantine_list(spool_view_lock(s->spool_view), f, STEP, write_line, p, eb);
	spool_view_unlock(s->spool_view);
	if (e == ERR_OK && p->text.failed)
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	f->after_id = p->last_id;
	return e;
}

struct databases {
	char first[256];
	bool several;
};

static bool note_database(void *arg, const struct quarantine_entry *e)
{
	struct databases *d = arg;

	if (!*d->first)
		snprintf(d->first, sizeof d->first, "%s", e->database);
	d->several = strncmp(d->first, e->database, sizeof d->first - 1) != 0;
	return !d->several;
}

/* A file of line protocol does not tell databases apart. False: answered. */
static bool is_of_one_database(struct http_request *rq, struct services *s, const struct quarantine_filter *f)
{
	struct databases d = { "", false };
	struct errbuf eb;

	enum err e = quarantine_list(spool_view_lock(s->spool_view), f, UINT32_MAX, note_database, &d, &eb);
	spool_view_unlock(s->spool_view);
	if (e != ERR_OK)
		http_fail(rq, 500, "internal", NULL, "%s", eb.text);
	else if (d.several)
		http_fail(rq, 400, "bad_parameter", "ask for each with db",
		    "the points are of several databases, %.100s among them", d.first);
	return e == ERR_OK && !d.several;
}

static void export(struct http_request *rq, struct services *s, struct quarantine_filter *f)
{
	struct piece p = { .last_id = 0 };
	struct errbuf eb = { "" };
	uint64_t points = 0;
	char text[24];

	buf_init(&p.text, PIECE_MAX);
	enum err e = next_piece(s, f, &p, &eb);
	if (e != ERR_OK) {
		http_fail(rq, 500, "internal", NULL, "%s", eb.text);
		buf_fini(&p.text);
		return;
	}
	http_add_header(rq, "Content-Disposition", "attachment; filename=\"holdfast-quarantine.lp\"");
	http_add_header(rq, "Trailer", "X-Holdfast-Complete, X-Holdfast-Points");
	bool go_on = http_stream_begin(rq, 200, "text/plain; charset=utf-8");
	while (go_on && e == ERR_OK && p.count) {
		points += p.count;
		go_on = http_stream_write(rq, (struct view){ p.text.p, p.text.len });
		e = next_piece(s, f, &p, &eb);
	}
	if (e != ERR_OK)
		log_error(
		    "an export of the quarantine broke off after %llu points: %s", (unsigned long long)points, eb.text);
	snprintf(text, sizeof text, "%llu", (unsigned long long)points);
	http_add_trailer(rq, "X-Holdfast-Complete", "yes");
	http_add_trailer(rq, "X-Holdfast-Points", text);
	http_stream_end(rq, go_on && e == ERR_OK);
	buf_fini(&p.text);
}

void routes_quarantine_export(struct http_request *rq, void *arg)
{
	struct wish w;

	if (read_wish(rq, &w) && (w.filter.database || is_of_one_database(rq, arg, &w.filter)))
		export(rq, arg, &w.filter);
	http_form_fini(&w.form);
}

/* ---- changes ---- */

/* False: answered. */
static bool read_change(struct http_request *rq, struct wish *w)
{
	if (!read_wish(rq, w))
		return false;
	const char *all = get(rq, w, "all");
	if ((!all && w->any) || (all && !strcmp(all, "yes")))
		return true;
	if (all)
		http_fail(rq, 400, "bad_parameter", "all=yes means all points", "all=%.40s is not yes", all);
	else
		http_fail(rq, 400, "bad_parameter", "name target, reason, db, from or to; or all=yes",
		    "that would be all points in quarantine");
	return false;
}

static void change(struct http_request *rq, struct services *s, const struct quarantine_filter *f, bool drop)
{
	const struct quarantine_control q = { s->committer, s->replication, s->spool_path };
	struct quarantine_replayed r = { 0, 0 };
	struct errbuf eb = { "" };
	uint64_t dropped = 0;
	struct buf b;

	enum err e = drop ? quarantine_control_drop(&q, f, &dropped, &eb) : quarantine_control_replay(&q, f, &r, &eb);
	if (e != ERR_OK) {
		bool later = e == ERR_CLOSED || e == ERR_FULL || e == ERR_NOMEM;
		http_fail(rq, later ? 503 : 500, later ? "overloaded" : "internal", NULL,
		    "not all of it was done, %llu points were: %s", (unsigned long long)(dropped + r.marked), eb.text);
		return;
	}
	buf_init(&b, 4096);
	json_open(&b, NULL, '{');
	if (drop) {
		json_put_u64(&b, "dropped", dropped);
	} else {
		json_put_u64(&b, "marked", r.marked);
		json_put_u64(&b, "not_configured", r.not_configured);
	}
	json_close(&b, '}');
	http_respond_json(rq, drop ? 200 : 202, &b);
	buf_fini(&b);
}

void routes_quarantine_replay(struct http_request *rq, void *arg)
{
	struct wish w;

	if (read_change(rq, &w))
		change(rq, arg, &w.filter, false);
	http_form_fini(&w.form);
}

void routes_quarantine_drop(struct http_request *rq, void *arg)
{
	struct wish w;

	if (read_change(rq, &w))
		change(rq, arg, &w.filter, true);
	http_form_fini(&w.form);
}
