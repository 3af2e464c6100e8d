#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/timetext.h"
#include "cli/commands.h"
#include "cli/outfile.h"
#include "cli/table.h"

enum { PAGE = 1000, SHOWN = 50, LINE_SHOWN = 70, WORDS_SHOWN = 100 };

static const char help[] =
    "Usage: holdfast quarantine [list] [FILTER]... [--limit N] [--format table|csv|json]\n"
    "       holdfast quarantine export [FILTER]... [-o FILE]\n"
    "       holdfast quarantine replay [FILTER]...\n"
    "       holdfast quarantine drop FILTER... | --all\n"
    "Points that InfluxDB or a mirror refused, with its words. list shows the newest; export writes line protocol that\n"
    "holdfast import reads; replay sends them again, once the cause is mended: those that are delivered are gone from\n"
    "here, those that are refused again stay; drop drops them for good.\n\n"
    "  --target TARGET         influxdb or mirror:NAME\n"
    "  --reason REASON         type_conflict, beyond_retention, too_long, unparsable, poison, skipped or other\n"
    "  --db DATABASE           of that one alone; export needs it where there are several\n"
    "  --since TIME, --until TIME  refused then: -1h, 2026-01-31T12:00:00Z, seconds since the epoch\n"
    "  --limit N               at most so many, default 50\n"
    "  -o FILE                 default standard output; FILE is replaced only when the export is whole\n\n"
    "Exit status: 0; 1 if it failed, or points stay because their target is not configured; 3 if the daemon does not\n"
    "answer.\n";

struct wish {
	const char *target, *reason, *db, *since, *until, *format, *file;
	uint64_t limit;
	bool limited, all;
};

enum what { LIST, EXPORT, REPLAY, DROP, WHATS };

static const char *const whats[WHATS] = { "list", "export", "replay", "drop" };

static double number(const json_t *o, const char *name)
{
	return json_number_value(json_object_get(o, name));
}

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static void add_filter(struct buf *path, const struct wish *w)
{
	client_add_parameter(path, "target", w->target);
	client_add_parameter(path, "reason", w->reason);
	client_add_parameter(path, "db", w->db);
	client_add_parameter(path, "from", w->since);
	client_add_parameter(path, "to", w->until);
}

static bool has_filter(const struct wish *w)
{
	return w->target || w->reason || w->db || w->since || w->until;
}

/* ---- list ---- */

/* All entries that are wanted, page by page, in the first page's object. */
static json_t *ask(struct client *c, const struct wish *w, int *status)
{
	json_t *first = NULL, *entries = NULL;
	uint64_t left = w->limit;
	char after[24] = "", limit[24];

	for (;;) {
		struct buf path;
		buf_init(&path, 64 << 10);
		buf_str(&path, "/api/v1/quarantine");
		add_filter(&path, w);
		client_add_parameter(&path, "after", *after ? after : NULL);
		snprintf(limit, sizeof limit, "%u", (unsigned)(left < PAGE ? left : PAGE));
		client_add_parameter(&path, "limit", limit);
		buf_char(&path, 0);
		json_t *page = path.failed ? NULL : client_get(c, path.p, status);
		if (path.failed)
			*status = complain(EXIT_USAGE, "the options are too long");
		buf_fini(&path);
		if (!page) {
			json_decref(first);
			return NULL;
		}
		json_t *more = json_object_get(page, "entries"), *next = json_object_get(page, "next");
		left -= json_array_size(more) < left ? json_array_size(more) : left;
		bool last = !json_is_integer(next) || left == 0;
		snprintf(after, sizeof after, "%lld", (long long)json_integer_value(next));
		if (first) {
			json_array_extend(entries, more);
			json_object_set(first, "next", next);
			json_decref(page);
		} else {
			first = page;
			entries = more;
		}
		if (last)
			return first;
	}
}

static void add_shortened(struct table *t, const char *s, size_t max, bool whole)
{
	size_t n = strlen(s);

	if (whole || n <= max) {
		table_add(t, s);
		return;
	}
	while (max && ((unsigned char)s[max] & 0xc0) == 0x80) /* not within a character */
		max--;
	table_addf(t, "%.*s…", (int)max, s);
}

static struct table *make_table(const json_t *q, bool csv)
{
	static const char *const head[] = { "id", "refused", "target", "database", "reason", "status", "attempts",
		"replay", "words", "line" };
	enum { COLUMNS = sizeof head / sizeof *head };
	struct table *t = table_new(COLUMNS);
	const json_t *one;
	char when[32];
	size_t i;

	for (i = 0; t && i < COLUMNS; i++)
		table_add(t, head[i]);
	json_array_foreach(json_object_get(q, "entries"), i, one)
	{
		if (!t)
			break;
		timetext_format(when, (int64_t)number(one, "at_ms") * 1000000);
		table_addf(t, "%.0f", number(one, "id"));
		table_add(t, when);
		table_add(t, text(one, "target"));
		table_add(t, text(one, "database"));
		table_add(t, text(one, "reason_code"));
		table_addf(t, "%.0f", number(one, "status"));
		table_addf(t, "%.0f", number(one, "attempts"));
		table_add(t, json_is_true(json_object_get(one, "replay_requested")) ? "yes" : "no");
		add_shortened(t, text(one, "reason"), WORDS_SHOWN, csv);
		add_shortened(t, text(one, "line"), LINE_SHOWN, csv);
	}
	return t;
}

static void show_counts(const json_t *q)
{
	const json_t *one;
	size_t i;

	printf("%.0f points in quarantine", number(q, "points"));
	if (number(q, "replay_points") > 0)
		printf(", %.0f of them are being sent again", number(q, "replay_points"));
	puts(number(q, "points") > 0 ? ":" : ".");
	json_array_foreach(json_object_get(q, "counts"), i, one)
	    printf("  %.0f %s by %s%s\n", number(one, "points"), text(one, "reason_code"), text(one, "target"),
		json_is_false(json_object_get(one, "configured")) ? ", which is not configured any more" : "");
}

static int list(struct client *c, const struct wish *w)
{
	bool csv = !strcmp(w->format, "csv");
	int status = EXIT_GOOD;
	struct buf out;
	json_t *q = ask(c, w, &status);

	if (!q)
		return status;
	if (!strcmp(w->format, "json")) {
		json_dumpf(q, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(q);
		return EXIT_GOOD;
	}
	struct table *t = make_table(q, csv);
	buf_init(&out, (size_t)1 << 30);
	if (!csv)
		show_counts(q);
	if (!t)
		status = complain(EXIT_BAD, "out of memory");
	else if (csv)
		table_print_csv(t, &out);
	else if (json_array_size(json_object_get(q, "entries")))
		table_print(t, &out);
	if (out.len)
		fwrite(out.p, 1, out.len, stdout);
	if (!csv && json_is_integer(json_object_get(q, "next")))
		printf("There are more; --limit shows them.\n");
	buf_fini(&out);
	table_free(t);
	json_decref(q);
	return status;
}

/* ---- export ---- */

struct exporting {
	struct outfile out;
	struct errbuf why; /* of a failed write */
};

static bool take(void *arg, struct view piece)
{
	struct exporting *x = arg;

	return outfile_write(&x->out, piece, &x->why) == ERR_OK;
}

static int export(struct client *c, const char *path, const char *file)
{
	struct exporting x = { 0 };
	struct client_answer a;
	struct errbuf eb;
	int status;

	if (outfile_open(&x.out, file, &eb) != ERR_OK)
		return complain(EXIT_BAD, "%s", eb.text);
	enum err e = client_stream(c, path, NULL, take, &x, &a, &eb);
	bool whole = e == ERR_OK && a.status == 200 && !strcmp(a.complete, "yes");
	if (whole) {
		fprintf(stderr, "%s points exported\n", a.points);
		status = EXIT_GOOD;
	} else if (e == ERR_OK) {
		status = a.status == 200 ? complain(EXIT_BAD, "the answer does not say that it is complete")
					 : client_complain(c, &a);
	} else {
		status = complain(
		    e == ERR_UNAVAILABLE ? EXIT_UNREACHABLE : EXIT_BAD, "%s", e == ERR_CLOSED ? x.why.text : eb.text);
	}
	client_answer_fini(&a);
	if (outfile_close(&x.out, whole, &eb) != ERR_OK)
		status = complain(EXIT_BAD, "%s", eb.text);
	return status;
}

/* ---- replay, drop ---- */

static int tell(const struct client_answer *a, bool drop)
{
	json_t *o = json_loadb(a->body.p ? a->body.p : "", a->body.len, 0, NULL);
	double stay = number(o, "not_configured");
	int status = EXIT_GOOD;

	if (!o)
		return complain(EXIT_UNREACHABLE, "the answer is no JSON; is it a Holdfast?");
	if (drop)
		printf("%.0f points dropped\n", number(o, "dropped"));
	else
		printf("%.0f points are sent again; holdfast quarantine shows what comes of it\n", number(o, "marked"));
	fflush(stdout);
	if (stay > 0)
		status = complain(EXIT_BAD,
		    "%.0f points stay: their target is not configured; holdfast quarantine export "
		    "writes them to a file",
		    stay);
	json_decref(o);
	return status;
}

static int change(struct client *c, const char *path, bool drop)
{
	const struct view nothing = { "", 0 };
	struct client_answer a;
	struct errbuf eb;

	if (client_ask(c, path, &nothing, &a, &eb) != ERR_OK)
		return complain(EXIT_UNREACHABLE, "%s", eb.text);
	int status = a.status == (drop ? 200 : 202) ? tell(&a, drop) : client_complain(c, &a);
	client_answer_fini(&a);
	return status;
}

/* ---- */

static int run(struct client *c, enum what what, const struct wish *w)
{
	struct buf path;
	int status;

	if (what == LIST)
		return list(c, w);
	if (what == DROP && !has_filter(w) && !w->all)
		return complain(EXIT_USAGE, "drop needs a filter, or --all; see holdfast quarantine --help");
	buf_init(&path, 64 << 10);
	buf_printf(&path, "/api/v1/quarantine/%s", whats[what]);
	add_filter(&path, w);
	if (what != EXPORT && !has_filter(w))
		client_add_parameter(&path, "all", "yes");
	buf_char(&path, 0);
	if (path.failed)
		status = complain(EXIT_USAGE, "the options are too long");
	else
		status = what == EXPORT ? export(c, path.p, w->file) : change(c, path.p, what == DROP);
	buf_fini(&path);
	return status;
}

/* -1: help was printed. */
static int parse(struct wish *w, int argc, char **argv)
{
	static const struct option options[] = { { "target", required_argument, NULL, 't' },
		{ "reason", required_argument, NULL, 'r' }, { "db", required_argument, NULL, 'd' },
		{ "since", required_argument, NULL, 's' }, { "until", required_argument, NULL, 'u' },
		{ "limit", required_argument, NULL, 'l' }, { "format", required_argument, NULL, 'F' },
		{ "output", required_argument, NULL, 'o' }, { "all", no_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (option) {
		case 't':
			w->target = optarg;
			break;
		case 'r':
			w->reason = optarg;
			break;
		case 'd':
			w->db = optarg;
			break;
		case 's':
			w->since = optarg;
			break;
		case 'u':
			w->until = optarg;
			break;
		case 'F':
			w->format = optarg;
			break;
		case 'o':
			w->file = optarg;
			break;
		case 'a':
			w->all = true;
			break;
		case 'l':
			w->limited = true;
			if (!num_parse_u64(view_of(optarg), &w->limit) || w->limit < 1)
				return complain(EXIT_USAGE, "--limit %s is not a number from 1 on", optarg);
			break;
		case 'h':
			fputs(help, stdout);
			return -1;
		default:
			return complain(EXIT_USAGE,
			    "%s is not an option of quarantine, or lacks its value; see holdfast quarantine --help",
			    argv[optind - 1]);
		}
	}
	return EXIT_GOOD;
}

int cmd_quarantine(struct client *c, int argc, char **argv)
{
	struct wish w = { .limit = SHOWN };
	int status = parse(&w, argc, argv), what = LIST;

	if (status != EXIT_GOOD)
		return status < 0 ? EXIT_GOOD : status;
	if (optind < argc)
		for (what = 0; what < WHATS && strcmp(argv[optind], whats[what]) != 0;)
			what++;
	if (what == WHATS || optind + 1 < argc)
		return complain(EXIT_USAGE, "quarantine takes one of list, export, replay and drop, not %s",
		    argv[what == WHATS ? optind : optind + 1]);
	if (what != LIST && (w.limited || w.format))
		return complain(EXIT_USAGE, "--limit and --format are for list");
	if (what != EXPORT && w.file)
		return complain(EXIT_USAGE, "-o is for export");
	if (what != DROP && what != REPLAY && w.all)
		return complain(EXIT_USAGE, "--all is for replay and drop");
	if (!w.format)
		w.format = "table";
	if (strcmp(w.format, "table") && strcmp(w.format, "csv") && strcmp(w.format, "json"))
		return complain(EXIT_USAGE, "--format %s is not table, csv or json", w.format);
	return run(c, (enum what)what, &w);
}
