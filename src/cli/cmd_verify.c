#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/table.h"

enum { POLL_US = 200000, TIME_TEXT = 32, OUT_MAX = 64 << 20 };

static const char help[] =
    "Usage: holdfast verify [--since TIME] [--until TIME] [--deep] [--repair] [--json] [--no-wait | --last]\n"
    "Has the daemon compare what is here with what InfluxDB has: of each measurement and hour how many values each field\n"
    "has, the first and the last time. What is not delivered yet, what lies in quarantine, and what retention let go of\n"
    "on either side is no difference. Exits with 1 if something differs.\n\n"
    "  --since TIME, --until TIME  2026-01-31T12:00:00Z, seconds since the epoch, or -2d; default: all of raw retention\n"
    "  --deep                      every value, bit for bit\n"
    "  --repair                    what InfluxDB lacks, or has otherwise, is sent again from here; look again afterwards\n"
    "  --json                      what GET /api/v1/verify answers\n"
    "  --wait                      until it is done: the default\n"
    "  --no-wait                   return at once\n"
    "  --last                      begin nothing, show how it was the last time\n";

struct wish {
	const char *since, *until;
	bool deep, repair, json, no_wait, last;
};

static double number(const json_t *o, const char *name)
{
	return json_number_value(json_object_get(o, name));
}

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static void time_text(char out[TIME_TEXT], double ms, const char *form)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	if (ms <= 0 || !gmtime_r(&t, &tm) || !strftime(out, TIME_TEXT, form, &tm))
		snprintf(out, TIME_TEXT, "-");
}

static void add_time(struct table *t, const json_t *side, const char *name)
{
	char cell[TIME_TEXT];

	time_text(cell, number(side, name), "%H:%M:%S");
	table_add(t, cell);
}

static void add_row(struct table *t, const json_t *d)
{
	const json_t *sides[] = { json_object_get(d, "here"), json_object_get(d, "record") };
	char hour[TIME_TEXT];

	time_text(hour, number(d, "hour_ms"), "%Y-%m-%dT%H:%MZ");
	table_add(t, text(d, "database"));
	table_add(t, text(d, "measurement"));
	table_add(t, hour);
	table_add(t, text(d, "kind"));
	for (int i = 0; i < 2; i++) {
		table_addf(t, "%.0f", number(sides[i], "values"));
		add_time(t, sides[i], "first_ms");
		add_time(t, sides[i], "last_ms");
	}
	table_addf(t, number(d, "fields") > 1 ? "%s and %.0f more" : "%s", text(d, "field"), number(d, "fields") - 1);
	table_add(t, json_is_true(json_object_get(d, "repaired")) ? "sent again" : "");
}

static void show_list(const json_t *list)
{
	static const char *const heads[] = { "DATABASE", "MEASUREMENT", "HOUR", "KIND", "HERE", "FIRST", "LAST",
		"INFLUXDB", "FIRST", "LAST", "FIELD", "" };
	struct table *t = table_new(sizeof heads / sizeof *heads);
	struct buf out;
	size_t i;
	json_t *d;

	if (!t || json_array_size(list) == 0) {
		table_free(t);
		return;
	}
	buf_init(&out, OUT_MAX);
	for (i = 0; i < sizeof heads / sizeof *heads; i++)
		table_add(t, heads[i]);
	json_array_foreach(list, i, d) add_row(t, d);
	table_print(t, &out);
	fwrite(out.p, 1, out.len, stdout);
	buf_fini(&out);
	table_free(t);
}

static double differences(const json_t *o, const char *name)
{
	return number(json_object_get(o, "differences"), name);
}

static void show_totals(const json_t *o)
{
	double lost = differences(o, "missing_in_record") + differences(o, "differs"),
	       more = differences(o, "missing_here");
	double old = differences(o, "retention_here") + differences(o, "retention_record");
	size_t listed = json_array_size(json_object_get(o, "list"));

	printf("%.0f hours of measurements compared: %.0f lack something in InfluxDB or differ, %.0f have more there\n",
	    number(o, "hours"), lost, more);
	if (lost + more + old > (double)listed)
		printf("%zu of them are listed\n", listed);
	if (differences(o, "retention_record") > 0)
		printf("%.0f have fewer there, because InfluxDB's retention let go of points\n",
		    differences(o, "retention_record"));
	if (differences(o, "retention_here") > 0)
		printf("%.0f have fewer here, because retention here let go of points\n",
		    differences(o, "retention_here"));
	if (number(o, "hours_waiting") > 0)
		printf("%.0f could not be compared yet: not delivered, or written to meanwhile\n",
		    number(o, "hours_waiting"));
	if (number(o, "quarantined_values") > 0)
		printf("%.0f values are in quarantine, and left out\n", number(o, "quarantined_values"));
	if (number(o, "repaired") > 0)
		printf("%.0f hours are sent again; holdfast verify tells afterwards\n", number(o, "repaired"));
	if (more > 0)
		printf("holdfast backfill brings back what InfluxDB has more\n");
}

/* What "everything" does not mean: ", but for 3 values in quarantine". */
static void put_exceptions(char *out, size_t size, const json_t *o)
{
	double left_out = number(o, "quarantined_values"), let_go = differences(o, "retention_record");
	int n = 0;

	*out = 0;
	if (left_out > 0)
		n = snprintf(out, size, ", but for %.0f value%s in quarantine", left_out, left_out == 1 ? "" : "s");
	if (let_go > 0)
		snprintf(out + n, size - (size_t)n,
		    "%s what its retention has let go of in %.0f hour%s of measurements", n ? " and" : ", but for",
		    let_go, let_go == 1 ? "" : "s");
}

/* o: the job that the list is of. */
static void show_verified(const json_t *o)
{
	const json_t *list = json_object_get(o, "verified");
	char but[160];
	size_t i;
	json_t *d;

	put_exceptions(but, sizeof but, o);
	json_array_foreach(list, i, d)
	{
		char from[TIME_TEXT], until[TIME_TEXT], at[TIME_TEXT];
		time_text(from, number(d, "from_ms"), "%Y-%m-%dT%H:%M:%SZ");
		time_text(until, number(d, "until_ms"), "%Y-%m-%dT%H:%M:%SZ");
		time_text(at, number(d, "at_ms"), "%Y-%m-%dT%H:%M:%SZ");
		if (number(d, "until_ms") > number(d, "from_ms"))
			printf("%s: InfluxDB had everything from %s up to %s, as of %s%s%s\n", text(d, "database"),
			    from, until, at, json_is_true(json_object_get(d, "deep")) ? ", value for value" : "", but);
	}
}

/* The exit status. */
static int show(const json_t *o, const struct wish *w)
{
	const char *error = text(o, "error");

	if (w->json) {
		json_dumpf(o, stdout, JSON_INDENT(2));
		fputc('\n', stdout);
	} else if (number(o, "started_ms") > 0) {
		show_list(json_object_get(o, "list"));
		show_totals(o);
	}
	bool failed = !strcmp(text(o, "state"), "failed");
	/* what an older look found would read as the answer of this one */
	if (!w->json && (w->last || (!failed && strcmp(text(o, "state"), "cancelled") != 0)))
		show_verified(o);
	if (failed)
		return complain(EXIT_BAD, "%s", error);
	if (!strcmp(text(o, "state"), "cancelled"))
		return complain(EXIT_BAD, "it was cancelled");
	return differences(o, "missing_in_record") + differences(o, "differs") + differences(o, "missing_here") > 0
	    ? EXIT_BAD
	    : EXIT_GOOD;
}

static void show_progress(const json_t *o)
{
	double from = number(o, "since_ms"), part = (number(o, "at_ms") - from) / (number(o, "until_ms") - from);

	fprintf(stderr, "\r\033[K%s %.0f %%, %.60s", text(o, "database"), part > 0 && part <= 1 ? 100 * part : 0,
	    text(o, "measurement"));
	fflush(stderr);
}

/* Asks until it has ended. The exit status. */
static int wait_for(struct client *c, const struct wish *w)
{
	bool terminal = isatty(STDERR_FILENO) == 1;

	for (;;) {
		int status;
		json_t *o = client_get(c, "/api/v1/verify", &status);
		if (!o)
			return status;
		bool running = !strcmp(text(o, "state"), "running") && !w->last;
		if (terminal && running)
			show_progress(o);
		else if (terminal)
			fputs("\r\033[K", stderr);
		if (!running)
			status = show(o, w);
		json_decref(o);
		if (!running)
			return status;
		usleep(POLL_US);
	}
}

static int begin(struct client *c, const struct wish *w)
{
	const struct view nothing = { "", 0 };
	struct client_answer a;
	struct errbuf eb;
	struct buf path;

	buf_init(&path, 64 << 10);
	buf_str(&path, "/api/v1/verify");
	client_add_parameter(&path, "since", w->since);
	client_add_parameter(&path, "until", w->until);
	client_add_parameter(&path, "deep", w->deep ? "yes" : NULL);
	client_add_parameter(&path, "repair", w->repair ? "yes" : NULL);
	buf_char(&path, 0);
	int status = EXIT_GOOD;
	if (path.failed)
		status = complain(EXIT_USAGE, "the options are too long");
	else if (client_ask(c, path.p, &nothing, &a, &eb) != ERR_OK)
		status = complain(EXIT_UNREACHABLE, "%s", eb.text);
	else {
		status = a.status == 202 ? EXIT_GOOD : client_complain(c, &a);
		client_answer_fini(&a);
	}
	buf_fini(&path);
	return status;
}

int cmd_verify(struct client *c, int argc, char **argv)
{
	static const struct option list[] = { { "since", required_argument, NULL, 's' },
		{ "until", required_argument, NULL, 'u' }, { "deep", no_argument, NULL, 'd' },
		{ "repair", no_argument, NULL, 'r' }, { "json", no_argument, NULL, 'j' },
		{ "wait", no_argument, NULL, 'w' }, { "no-wait", no_argument, NULL, 'n' },
		{ "last", no_argument, NULL, 'l' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	struct wish w = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (option) {
		case 's':
			w.since = optarg;
			break;
		case 'u':
			w.until = optarg;
			break;
		case 'd':
			w.deep = true;
			break;
		case 'r':
			w.repair = true;
			break;
		case 'j':
			w.json = true;
			break;
		case 'w':
			break;
		case 'n':
			w.no_wait = true;
			break;
		case 'l':
			w.last = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_GOOD;
		default:
			return complain(EXIT_USAGE,
			    "%s is not an option of verify, or lacks its value; see holdfast verify --help",
			    argv[optind - 1]);
		}
	}
	if (optind < argc)
		return complain(EXIT_USAGE, "%s: verify takes no arguments", argv[optind]);
	int status = w.last ? EXIT_GOOD : begin(c, &w);
	return status == EXIT_GOOD && !w.no_wait ? wait_for(c, &w) : status;
}
