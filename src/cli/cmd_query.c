#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/commands.h"
#include "cli/query.h"
#include "cli/query_metrics.h"

static const char help[] =
    "Usage: holdfast query [OPTION]... 'STATEMENT'      InfluxQL; - reads it from standard input\n"
    "       holdfast query resources [RESOURCE]... [--host HOST] [--service SERVICE] [OPTION]...\n"
    "       holdfast query performance [SERVICE] [OPTION]...\n\n"
    "Of a statement:\n"
    "  --db DATABASE           default metrics\n"
    "  --format FORMAT         table (the default), csv, json, or line: one value a line\n"
    "  --utc                   times in UTC; a terminal is shown those of the local zone else\n"
    "  --epoch UNIT            times as numbers: ns, us, ms, s, m or h since the epoch\n"
    "  --watch[=SECONDS]       ask again every 2 or so many seconds, until Ctrl-C\n"
    "  --from local|record     the local store or InfluxDB alone; default as the daemon is configured\n\n"
    "Of resources and performance:\n"
    "  --from TIME, --to TIME  -1h (the default), 2026-01-31T12:00:00Z, seconds since the epoch\n"
    "  --step DURATION         the figures over time instead of last, min, mean and max\n"
    "  --percentiles LIST      of resources, these percentiles too: 50,95,99.9\n"
    "  --format FORMAT         table (the default), csv or json\n\n"
    "RESOURCE: cpu mem swap disk diskio net system kernel processes pressure. Of counters the rise a second is shown.\n"
    "Tables for a terminal have a line for the course of each number; elsewhere they are plain. NO_COLOR is obeyed.\n";

enum mode { MODE_STATEMENT = 1, MODE_RESOURCES = 2, MODE_PERFORMANCE = 4 };

/* Which options are there, by their letter, and for what. */
static const struct {
	const char *name;
	int letter;
	unsigned modes;
} allowed[] = {
	{ "db", 'd', MODE_STATEMENT },
	{ "utc", 'u', MODE_STATEMENT },
	{ "epoch", 'e', MODE_STATEMENT },
	{ "watch", 'w', MODE_STATEMENT },
	{ "from", 'f', MODE_STATEMENT | MODE_RESOURCES | MODE_PERFORMANCE },
	{ "format", 'F', MODE_STATEMENT | MODE_RESOURCES | MODE_PERFORMANCE },
	{ "to", 't', MODE_RESOURCES | MODE_PERFORMANCE },
	{ "step", 's', MODE_RESOURCES | MODE_PERFORMANCE },
	{ "host", 'H', MODE_RESOURCES | MODE_PERFORMANCE },
	{ "service", 'S', MODE_RESOURCES },
	{ "percentiles", 'p', MODE_RESOURCES },
};

enum { ALLOWED = sizeof allowed / sizeof *allowed };

struct given {
	const char *value[ALLOWED]; /* NULL: not given */
};

static const char *value(const struct given *g, int letter)
{
	for (int i = 0; i < ALLOWED; i++)
		if (allowed[i].letter == letter)
			return g->value[i];
	return NULL;
}

/* -1: help was printed. */
static int parse(struct given *g, int argc, char **argv)
{
	static const struct option list[] = { { "db", required_argument, NULL, 'd' }, { "utc", no_argument, NULL, 'u' },
		{ "epoch", required_argument, NULL, 'e' }, { "watch", optional_argument, NULL, 'w' },
		{ "from", required_argument, NULL, 'f' }, { "to", required_argument, NULL, 't' },
		{ "step", required_argument, NULL, 's' }, { "host", required_argument, NULL, 'H' },
		{ "service", required_argument, NULL, 'S' }, { "format", required_argument, NULL, 'F' },
		{ "percentiles", required_argument, NULL, 'p' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	int option;

	*g = (struct given){ 0 };
	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return -1;
		}
		int i = 0;
		while (i < ALLOWED && allowed[i].letter != option)
			i++;
		if (i == ALLOWED)
			return complain(EXIT_USAGE,
			    "%s is not an option of query, or lacks its value; see holdfast query --help",
			    argv[optind - 1]);
		g->value[i] = optarg ? optarg : "";
	}
	return EXIT_GOOD;
}

static int check_options(const struct given *g, enum mode mode, const char *what)
{
	for (int i = 0; i < ALLOWED; i++)
		if (g->value[i] && !(allowed[i].modes & mode))
			return complain(
			    EXIT_USAGE, "--%s is not for %s; see holdfast query --help", allowed[i].name, what);
	return EXIT_GOOD;
}

/* ---- a statement ---- */

static int read_options(const struct given *g, struct query_opts *o, double *watch)
{
	const char *format = value(g, 'F'), *seconds = value(g, 'w');

	*o = (struct query_opts){
		.db = value(g, 'd'), .epoch = value(g, 'e'), .from = value(g, 'f'), .utc = value(g, 'u')
	};
	if (format && !show_format_find(format, &o->format))
		return complain(EXIT_USAGE, "--format %s is not table, csv, json or line", format);
	if (o->from && strcmp(o->from, "local") && strcmp(o->from, "record"))
		return complain(EXIT_USAGE,
		    "--from %s is not local or record; a range of time belongs into the statement: WHERE time > now() "
		    "- 1h",
		    o->from);
	if (o->epoch && !query_epoch_is_known(o->epoch))
		return complain(EXIT_USAGE, "--epoch %s is not ns, us, ms, s, m or h", o->epoch);
	if (o->epoch && o->utc)
		return complain(EXIT_USAGE, "--epoch and --utc exclude each other");
	*watch = seconds ? 2 : 0;
	if (seconds && *seconds && (!num_parse_double(view_of(seconds), watch) || *watch < 0.1 || *watch > 86400))
		return complain(EXIT_USAGE, "--watch=%s is not a number of seconds from 0.1 to 86400", seconds);
	return EXIT_GOOD;
}

/* From standard input, to its end. */
static int read_statement(struct buf *text)
{
	ssize_t n;

	do {
		if (!buf_reserve(text, 4096))
			return complain(
			    EXIT_USAGE, "the statement is too long; at most %d bytes are taken", QUERY_TEXT_MAX);
		n = read(STDIN_FILENO, text->p + text->len, 4096);
		if (n < 0)
			return complain(EXIT_BAD, "standard input cannot be read: %m");
		text->len += (size_t)n;
	} while (n > 0);
	return EXIT_GOOD;
}

static bool is_blank(struct view text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!strchr(" \t\r\n", text.p[i]))
			return false;
	return true;
}

static int statement(struct client *c, const struct given *g, const char *text)
{
	struct query_opts o;
	struct terminal t;
	struct buf from_input;
	struct view v = view_of(text);
	double watch;
	int status = read_options(g, &o, &watch);

	if (status != EXIT_GOOD)
		return status;
	setlocale(LC_CTYPE, "");
	terminal_read(&t);
	buf_init(&from_input, QUERY_TEXT_MAX + 4096);
	if (!strcmp(text, "-")) {
		status = read_statement(&from_input);
		v = (struct view){ from_input.p, from_input.len };
	}
	if (status == EXIT_GOOD && is_blank(v))
		status = complain(EXIT_USAGE, "there is no statement; see holdfast query --help");
	else if (status == EXIT_GOOD && v.len > QUERY_TEXT_MAX)
		status = complain(EXIT_USAGE, "the statement is too long; at most %d bytes are taken", QUERY_TEXT_MAX);
	else if (status == EXIT_GOOD)
		status = watch > 0 ? query_watch(c, &o, v, watch) : query_print(c, &o, &t, v);
	buf_fini(&from_input);
	return status;
}

/* ---- the command ---- */

static int metrics(struct client *c, const struct given *g, enum mode mode, unsigned count, char **names)
{
	struct metrics_opts o = { .from = value(g, 'f'),
		.to = value(g, 't'),
		.step = value(g, 's'),
		.host = value(g, 'H'),
		.service = value(g, 'S'),
		.percentiles = value(g, 'p') };
	const char *format = value(g, 'F');
	enum show_format found = SHOW_TABLE;

	if (format && (!show_format_find(format, &found) || found == SHOW_LINE))
		return complain(EXIT_USAGE, "--format %s is not table, csv or json", format);
	o.format = found == SHOW_CSV ? METRICS_CSV : found == SHOW_JSON ? METRICS_JSON : METRICS_TABLE;
	if (mode == MODE_RESOURCES)
		return query_resources(c, &o, count, names);
	if (count > 1)
		return complain(EXIT_USAGE, "query performance takes one service; see holdfast query --help");
	return query_performance(c, &o, count, names);
}

int cmd_query(struct client *c, int argc, char **argv)
{
	struct given g;
	int status = parse(&g, argc, argv);

	if (status != EXIT_GOOD)
		return status < 0 ? EXIT_GOOD : status;
	if (optind == argc)
		return complain(
		    EXIT_USAGE, "query what? 'SELECT ...', resources or performance; see holdfast query --help");
	char *what = argv[optind++], **rest = argv + optind;
	unsigned count = (unsigned)(argc - optind);
	enum mode mode = !strcmp(what, "resources") ? MODE_RESOURCES
	    : !strcmp(what, "performance")	    ? MODE_PERFORMANCE
						    : MODE_STATEMENT;
	status = check_options(&g, mode, mode == MODE_STATEMENT ? "a statement" : what);
	if (status != EXIT_GOOD)
		return status;
	if (mode != MODE_STATEMENT)
		return metrics(c, &g, mode, count, rest);
	if (count)
		return complain(EXIT_USAGE, "a statement is one argument: put it in quotes; see holdfast query --help");
	return statement(c, &g, what);
}
