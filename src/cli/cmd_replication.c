#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/table.h"
#include "cli/verified.h"

enum { COLUMNS = 9 };

static double number(const json_t *o, const char *name)
{
	return json_number_value(json_object_get(o, name));
}

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

/* What `state` means, with since when. */
static void add_state(struct table *t, const json_t *o)
{
	static const struct {
		const char *name, *words;
	} states[] = { { "starting", "connecting" }, { "up", "in step" }, { "catching_up", "catching up" },
		{ "down", "down" }, { "held", "refuses" }, { "paused", "paused" } };
	const char *name = text(o, "state"), *words = name;

	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (!strcmp(states[i].name, name))
			words = states[i].words;
	table_add(t, words);
}

static void add_span(struct table *t, double s)
{
	if (s < 100)
		table_addf(t, "%.1f s", s);
	else if (s < 6000)
		table_addf(t, "%.0f min", s / 60);
	else if (s < 48 * 3600)
		table_addf(t, "%.1f h", s / 3600);
	else
		table_addf(t, "%.1f d", s / 86400);
}

static void add_size(struct table *t, double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned u = 0;

	for (; bytes >= 1024 && u < 4; u++)
		bytes /= 1024;
	table_addf(t, u ? "%.1f %s" : "%.0f %s", bytes, units[u]);
}

static void add_row(struct table *t, const json_t *o)
{
	const json_t *eta = json_object_get(o, "eta_s"), *latency = json_object_get(o, "latency_ms");

	table_add(t, text(o, "target"));
	add_state(t, o);
	table_addf(t, "%.0f", number(o, "lag_points"));
	add_size(t, number(o, "lag_bytes"));
	add_span(t, number(o, "lag_s"));
	table_addf(t, "%.0f", number(o, "points_per_s"));
	if (json_is_number(eta))
		add_span(t, json_number_value(eta));
	else
		table_add(t, "-");
	if (json_is_number(json_object_get(latency, "p99")))
		table_addf(t, "%.1f ms", number(latency, "p99"));
	else
		table_add(t, "-");
	table_addf(t, "%.0f", number(o, "quarantined_points"));
}

static void print_and_free(struct table *t)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	table_print(t, &out);
	fwrite(out.p, 1, out.len, stdout);
	buf_fini(&out);
	table_free(t);
}

/* Under the table: what is amiss with each, and what to do. */
static void explain(const json_t *o)
{
	double owed = number(json_object_get(o, "owed"), "points_estimate");
	bool trouble = *text(o, "advice");

	if (trouble)
		printf("\n%s: %s\n", text(o, "target"), text(o, "advice"));
	if (trouble && *text(o, "last_error") && strcmp(text(o, "state"), "paused") != 0)
		printf("  last error: %s\n", text(o, "last_error"));
	if (owed > 0)
		printf("%s%s: about %.0f points more are only in the store; they are sent in their turn.\n",
		    trouble ? "" : "\n", text(o, "target"), owed);
}

static int show(const json_t *answer)
{
	static const char *const head[COLUMNS] = { "target", "state", "lag points", "bytes", "oldest", "points/s",
		"to go", "write p99", "quarantine" };
	const json_t *targets = json_object_get(answer, "targets"), *one;
	struct table *t = table_new(COLUMNS);
	char verified[VERIFIED_LINE];
	size_t i;

	if (!t)
		return complain(EXIT_BAD, "out of memory");
	for (i = 0; i < COLUMNS; i++)
		table_add(t, head[i]);
	json_array_foreach(targets, i, one) add_row(t, one);
	print_and_free(t);
	json_array_foreach(targets, i, one) explain(one);
	verified_line(answer, verified);
	if (*verified)
		printf("\n%s\n", verified);
	return EXIT_GOOD;
}

/* Every figure as it is in the API, a row a target. */
static int show_csv(const json_t *targets)
{
	static const char *const plain[] = { "target", "kind", "url", "api", "database", "server_version", "state",
		"since_ms", "held_databases", "lag_points", "lag_bytes", "lag_s", "live.points", "live.lag_s",
		"backlog.points", "backlog.bytes", "replay.points", "owed.points_estimate", "owed.span_s",
		"delivered_points_total", "points_per_s", "eta_s", "pace_points_per_s", "latency_ms.p50",
		"latency_ms.p99", "requests_total", "failed_requests_total", "retries_total", "sent_bytes_total",
		"last_ok_ms", "last_error_ms", "next_try_ms", "quarantined_points", "last_error", "advice" };
	const unsigned n = sizeof plain / sizeof *plain;
	struct table *t = table_new(n);
	const json_t *one;
	struct buf out;
	size_t i;

	if (!t)
		return complain(EXIT_BAD, "out of memory");
	for (i = 0; i < n; i++)
		table_add(t, plain[i]);
	json_array_foreach(targets, i, one)
	{
		for (unsigned k = 0; k < n; k++) {
			const char *dot = strchr(plain[k], '.');
			char part[32] = "";
			snprintf(part, sizeof part, "%.*s", dot ? (int)(dot - plain[k]) : 0, plain[k]);
			const json_t *v = json_object_get(
			    dot ? json_object_get(one, part) : one, dot ? dot + 1 : plain[k]);
			if (json_is_number(v))
				table_addf(t, "%.15g", json_number_value(v));
			else
				table_add(t, json_is_string(v) ? json_string_value(v) : "");
		}
	}
	buf_init(&out, 4 << 20);
	table_print_csv(t, &out);
	fwrite(out.p, 1, out.len, stdout);
	buf_fini(&out);
	table_free(t);
	return EXIT_GOOD;
}

/* 1 if any target needs somebody. */
static int verdict(const json_t *targets)
{
	const json_t *one;
	size_t i;

	json_array_foreach(targets, i, one) if (*text(one, "advice")) return EXIT_BAD;
	return EXIT_GOOD;
}

enum format { TABLE, CSV, JSON };

static int print(const json_t *answer, enum format format)
{
	const json_t *targets = json_object_get(answer, "targets");
	int status = EXIT_GOOD;

	if (format == JSON) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (format == CSV) {
		status = show_csv(targets);
	} else if (json_array_size(targets) == 0) {
		puts(
		    "There are no targets: points are kept on this machine only. Set url in [influxdb] to deliver them.");
	} else {
		status = show(answer);
	}
	return status == EXIT_GOOD ? verdict(targets) : status;
}

static int act(struct client *c, const char *action, const char *target, enum format format)
{
	const struct view nothing = { "", 0 };
	struct client_answer a;
	struct errbuf eb;
	struct buf path;
	int status;

	buf_init(&path, 8192);
	buf_printf(&path, "/api/v1/replication/%s", action);
	client_add_parameter(&path, "target", target);
	buf_char(&path, 0);
	if (path.failed) {
		buf_fini(&path);
		return complain(EXIT_USAGE, "the target's name is too long");
	}
	enum err e = client_ask(c, path.p, &nothing, &a, &eb);
	buf_fini(&path);
	if (e != ERR_OK)
		return complain(EXIT_UNREACHABLE, "%s", eb.text);
	if (a.status != 200) {
		status = client_complain(c, &a);
	} else if (format == TABLE) {
		printf("%s: done\n", action);
		status = EXIT_GOOD;
	} else {
		json_t *answer = json_loadb(a.body.p, a.body.len, 0, NULL);
		(void)print(answer, format);
		json_decref(answer);
		status = EXIT_GOOD;
	}
	client_answer_fini(&a);
	return status;
}

static const char help[] =
    "Usage: holdfast replication [--format table|csv|json]\n"
    "       holdfast replication pause|resume|retry|skip-held [--target TARGET]\n\n"
    "How far each target is, InfluxDB and the mirrors, and what to do where one needs somebody.\n\n"
    "  pause      deliver nothing until resume, also over restarts; what comes is kept\n"
    "  resume     go on\n"
    "  retry      try at once instead of waiting for the next time\n"
    "  skip-held  set aside what the server refuses to take, with its reason, into the quarantine\n\n"
    "  --target TARGET  influxdb or mirror:NAME; default: all\n"
    "  --format FORMAT  table, csv or json (or --json)\n\n"
    "Exit status of the list: 0 all is well, 1 a target is down, refuses or is paused.\n";

static bool read_format(const char *name, enum format *out)
{
	static const char *const names[] = { "table", "csv", "json" };

	for (unsigned i = 0; i < 3; i++)
		if (!strcmp(name, names[i])) {
			*out = (enum format)i;
			return true;
		}
	return false;
}

static bool is_action(const char *name)
{
	static const char *const names[] = { "pause", "resume", "retry", "skip-held" };

	for (unsigned i = 0; i < 4; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

int cmd_replication(struct client *c, int argc, char **argv)
{
	static const struct option list[] = { { "target", required_argument, NULL, 't' },
		{ "format", required_argument, NULL, 'f' }, { "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	const char *target = NULL;
	enum format format = TABLE;
	int option, status;

	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_GOOD;
		} else if (option == 't') {
			target = optarg;
		} else if (option == 'j') {
			format = JSON;
		} else if (option != 'f' || !read_format(optarg, &format)) {
			return complain(EXIT_USAGE,
			    "%s is not an option of replication, or lacks its value; see holdfast replication --help",
			    argv[optind - 1]);
		}
	}
	const char *action = optind < argc ? argv[optind] : NULL;
	if (optind + 1 < argc || (action && !is_action(action)))
		return complain(
		    EXIT_USAGE, "%s: pause, resume, retry or skip-held", optind + 1 < argc ? argv[optind + 1] : action);
	if (action)
		return act(c, action, target, format);
	if (target)
		return complain(EXIT_USAGE, "--target goes with pause, resume, retry or skip-held");
	json_t *answer = client_get(c, "/api/v1/replication", &status);
	if (!answer)
		return status;
	status = print(answer, format);
	json_decref(answer);
	return status;
}
