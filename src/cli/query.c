#include "cli/query.h"

#include <stdio.h>
#include <string.h>

static const char *const epochs[] = { "ns", "u", "us", "ms", "s", "m", "h" };

bool query_epoch_is_known(const char *unit)
{
	for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++)
		if (!strcmp(unit, epochs[i]))
			return true;
	return false;
}

struct run {
	const struct query_opts *o;
	const struct query_output *out;
	struct answer *answer;
	struct show *show; /* NULL: the answer is passed on as it comes */
	char last[512]; /* that was complained of */
	bool bad, stopped;
	struct errbuf why;
};

static void say(struct run *r, struct view text, const char *before)
{
	char line[sizeof r->last];

	snprintf(line, sizeof line, "%s%.*s", before, (int)view_cut(text, sizeof line - 32), text.p ? text.p : "");
	if (!strcmp(line, r->last))
		return; /* "not executed", of each statement behind the one that failed */
	memcpy(r->last, line, sizeof line);
	r->out->complain(r->out->arg, line);
}

static void on_error(void *arg, struct view text)
{
	struct run *r = arg;

	r->bad = true;
	say(r, text, "");
}

static void on_warning(void *arg, struct view text)
{
	say(arg, text, "warning: ");
}

static bool on_series(void *arg, const struct answer_series *s)
{
	struct run *r = arg;

	return !r->show || show_answer_series(r->show, s);
}

static bool on_row(void *arg, const struct answer_cell *cells)
{
	struct run *r = arg;

	return !r->show || show_answer_row(r->show, cells);
}

static bool on_series_end(void *arg)
{
	struct run *r = arg;

	return !r->show || show_series_end(r->show);
}

static bool take(void *arg, struct view piece)
{
	struct run *r = arg;

	if (!r->show && !r->out->write(r->out->arg, piece)) {
		r->stopped = true;
		return false;
	}
	enum err e = answer_take(r->answer, piece, &r->why);
	r->stopped = e == ERR_CLOSED;
	return e == ERR_OK;
}

/* ---- the request ---- */

static const char *epoch_sent(const struct query_opts *o)
{
	if (!o->epoch)
		return o->format == SHOW_JSON ? NULL : "ns";
	return !strcmp(o->epoch, "us") ? "u" : o->epoch;
}

/* JSON is to be one document; all else is better read as it is made. */
static void make_request(const struct query_opts *o, struct view text, struct buf *path, struct buf *body)
{
	buf_str(path, "/query");
	client_add_parameter(path, "db", o->db ? o->db : "metrics");
	client_add_parameter(path, "epoch", epoch_sent(o));
	client_add_parameter(path, "chunked", o->format == SHOW_JSON ? NULL : "true");
	client_add_parameter(path, "source", o->from);
	buf_char(path, 0);
	buf_str(body, "q=");
	client_add_escaped(body, text);
}

/* What was asked for and what was got: a daemon that knows nothing of `source` must not pass for one that obeys. */
static bool is_from(const char *from, const char *source)
{
	if (!from || !*source)
		return true;
	return strcmp(from, "local") ? !strstr(source, "local") : !strcmp(source, "local");
}

static int outcome(struct run *r, const struct client *c, const struct client_answer *a, enum err e, struct errbuf *eb)
{
	struct errbuf why;

	if (r->stopped)
		return EXIT_BAD;
	if (e == ERR_CLOSED) {
		r->out->complain(r->out->arg, r->why.text);
		return EXIT_BAD;
	}
	if (e != ERR_OK) {
		r->out->complain(r->out->arg, eb->text);
		return e == ERR_UNAVAILABLE ? EXIT_UNREACHABLE : EXIT_BAD;
	}
	if (a->status != 200) {
		int status = client_explain(c, a, &why);
		r->out->complain(r->out->arg, why.text);
		return status;
	}
	/* an empty answer is that of no statement: a comment, a semicolon */
	if (answer_end(r->answer, &why) != ERR_OK) {
		if (!r->stopped)
			r->out->complain(r->out->arg, why.text);
		return EXIT_BAD;
	}
	if (answer_is_cut(r->answer)) {
		r->out->complain(r->out->arg, "the server has cut the answer short: it has a ceiling of rows");
		return EXIT_BAD;
	}
	if (!is_from(r->o->from, a->source)) {
		errbuf_set(&why, ERR_INVALID, "--from %s was not obeyed: the answer is from %s", r->o->from, a->source);
		r->out->complain(r->out->arg, why.text);
		return EXIT_BAD;
	}
	return r->bad ? EXIT_BAD : EXIT_GOOD;
}

static void fill_report(struct query_report *report, const struct client_answer *a, const struct show *show)
{
	snprintf(report->source, sizeof report->source, "%s", a->source);
	snprintf(report->complete, sizeof report->complete, "%s", a->complete);
	snprintf(report->tier, sizeof report->tier, "%s", a->tier);
	snprintf(report->reason, sizeof report->reason, "%s", a->reason);
	if (!show)
		return;
	report->series = show_series_count(show);
	report->has_newest = show_newest(show, &report->newest_ns);
}

int query_run(struct client *c, const struct query_opts *o, struct view text, const struct query_output *out,
    struct query_report *report)
{
	struct run r = { .o = o, .out = out };
	const struct answer_sink sink = { on_series, on_row, on_series_end, on_error, on_warning, &r };
	const struct show_opts shown = { .format = o->format,
		.time = o->epoch						     ? SHOW_TIME_AS_SENT
		    : o->utc || !out->terminal->is_terminal || o->format == SHOW_CSV ? SHOW_TIME_UTC
										     : SHOW_TIME_LOCAL,
		.terminal = out->terminal,
		.write = out->write,
		.arg = out->arg };
	struct client_answer a = { 0 };
	struct buf path, body;
	struct errbuf eb;
	int status = EXIT_BAD;

	*report = (struct query_report){ 0 };
	buf_init(&path, 64 << 10);
	buf_init(&body, 3 * QUERY_TEXT_MAX + 16);
	make_request(o, text, &path, &body);
	r.answer = answer_new(&sink);
	r.show = o->format == SHOW_JSON ? NULL : show_new(&shown);
	if (!r.answer || (!r.show && o->format != SHOW_JSON)) {
		out->complain(out->arg, "out of memory");
	} else if (path.failed || body.failed) {
		out->complain(out->arg, "the statement is too long");
	} else {
		struct view sent = { body.p, body.len };
		enum err e = client_stream(c, path.p, &sent, take, &r, &a, &eb);
		status = outcome(&r, c, &a, e, &eb);
		if (e == ERR_OK && a.status == 200)
			fill_report(report, &a, r.show);
	}
	client_answer_fini(&a);
	answer_free(r.answer);
	show_free(r.show);
	buf_fini(&path);
	buf_fini(&body);
	return status;
}

void query_describe(const struct query_report *r, struct buf *out)
{
	if (!*r->source)
		return;
	buf_str(out, r->source);
	if (*r->complete)
		buf_str(out, !strcmp(r->complete, "yes") ? ", complete" : ", not complete");
	if (*r->reason)
		buf_printf(out, ": %s", r->reason);
	if (*r->tier)
		buf_printf(out, ", tier %s", r->tier);
}

/* ---- to standard output ---- */

static bool print(void *arg, struct view text)
{
	(void)arg;
	return fwrite(text.p, 1, text.len, stdout) == text.len;
}

static void complain_now(void *arg, const char *text)
{
	(void)arg;
	fflush(stdout);
	complain(0, "%s", text);
}

int query_print(struct client *c, const struct query_opts *o, const struct terminal *t, struct view text)
{
	const struct query_output out = { t, print, complain_now, NULL };
	struct query_report report;
	struct buf line;
	int status = query_run(c, o, text, &out, &report);

	if (status == EXIT_GOOD && t->is_terminal && o->format != SHOW_JSON && report.series == 0)
		puts("(no rows)");
	if (fflush(stdout) != 0 || ferror(stdout))
		return complain(EXIT_BAD, "standard output cannot be written");
	buf_init(&line, 1024);
	query_describe(&report, &line);
	if (line.len)
		fprintf(stderr, "source: %.*s\n", (int)line.len, line.p);
	buf_fini(&line);
	return status;
}
