#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/table.h"
#include "cli/verified.h"

static double number(const json_t *o, const char *name)
{
	return json_number_value(json_object_get(o, name));
}

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static void add_size(struct table *t, double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned u = 0;

	for (; bytes >= 1024 && u < 4; u++)
		bytes /= 1024;
	table_addf(t, u ? "%.1f %s" : "%.0f %s", bytes, units[u]);
}

static void add_row(struct table *t, const char *name, double v, const char *unit)
{
	table_add(t, name);
	table_addf(t, "%.15g%s%s", v, *unit ? " " : "", unit);
}

static void add_target(struct table *t, const json_t *r)
{
	table_add(t, text(r, "name"));
	table_addf(t, "%s, %.0f points and %.1f s behind, %.0f in quarantine", text(r, "state"),
	    number(r, "lag_points"), number(r, "lag_s"), number(r, "quarantined_points"));
	if (*text(r, "last_error")) {
		table_add(t, "last error");
		table_add(t, text(r, "last_error"));
	}
}

static int show(const json_t *s)
{
	const json_t *collect = json_object_get(s, "collect"), *spool = json_object_get(s, "spool");
	const json_t *ingest = json_object_get(s, "ingest"), *one;
	struct table *t = table_new(2);
	char verified[VERIFIED_LINE];
	struct buf out;
	size_t i;

	if (!t)
		return complain(EXIT_BAD, "out of memory");
	printf("%s\n%s\n\n", text(s, "summary"), text(s, "detail"));
	table_add(t, "host");
	table_addf(t, "%s, holdfastd %s", text(s, "host"), text(s, "version"));
	table_add(t, "collecting");
	table_addf(t,
	    json_is_true(json_object_get(collect, "enabled")) ? "%g values/s, %zu collectors, %zu failing" : "off",
	    number(collect, "values_per_s"), json_array_size(json_object_get(collect, "collectors")),
	    json_array_size(json_object_get(collect, "failing")));
	table_add(t, "received");
	table_addf(t, "%g values/s, %.0f points in all, %.0f refused", number(ingest, "values_per_s"),
	    number(ingest, "points_total"), number(ingest, "rejected_total"));
	table_add(t, "spool");
	add_size(t, number(spool, "bytes"));
	add_row(t, "points held", number(spool, "points"), "");
	json_array_foreach(json_object_get(json_object_get(s, "replication"), "targets"), i, one) add_target(t, one);
	if (i == 0) {
		table_add(t, "InfluxDB");
		table_add(t, "none");
	}
	const json_t *owed = json_object_get(json_object_get(s, "replication"), "owed");
	if (number(owed, "ranges") > 0) {
		table_add(t, "not in InfluxDB");
		table_addf(t, "%.0f ranges, %.0f s in all (see holdfast status --json)", number(owed, "ranges"),
		    number(owed, "seconds"));
	}
	verified_line(json_object_get(s, "replication"), verified);
	if (*verified) {
		table_add(t, "verified");
		table_add(t, verified);
	}
	size_t gaps = json_array_size(json_object_get(s, "gaps"));
	if (gaps)
		add_row(t, "gaps", (double)gaps, "(see holdfast status --json)");
	buf_init(&out, 64 << 10);
	table_print(t, &out);
	fwrite(out.p, 1, out.len, stdout);
	buf_fini(&out);
	table_free(t);
	return strcmp(text(s, "state"), "ok") ? EXIT_BAD : EXIT_GOOD;
}

static const char help[] = "Usage: holdfast status [--json]\n"
			   "Exit status: 0 all is well, 1 it is not, 3 the daemon does not answer.\n";

int cmd_status(struct client *c, int argc, char **argv)
{
	static const struct option list[] = { { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	bool json = false;
	int option, status;

	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_GOOD;
		}
		if (option != 'j')
			return complain(
			    EXIT_USAGE, "%s is not an option of status; see holdfast status --help", argv[optind - 1]);
		json = true;
	}
	if (optind < argc)
		return complain(EXIT_USAGE, "status takes options only; see holdfast status --help");
	json_t *s = client_get(c, "/api/v1/status", &status);
	if (!s)
		return status;
	if (json) {
		json_dumpf(s, stdout, JSON_INDENT(2));
		putchar('\n');
		status = strcmp(text(s, "state"), "ok") ? EXIT_BAD : EXIT_GOOD;
	} else {
		status = show(s);
	}
	json_decref(s);
	return status;
}
