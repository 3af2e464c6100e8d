#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/timetext.h"
#include "cli/commands.h"
#include "cli/table.h"

static json_int_t number(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static void add_number(struct table *t, json_int_t v)
{
	table_addf(t, "%lld", (long long)v);
}

static void add_head(struct table *t, const char *const *head, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		table_add(t, head[i]);
}

/* With the database, unless it is the usual one. */
static void add_measurement(struct table *t, const json_t *o)
{
	const char *db = text(o, "database"), *name = text(o, "measurement");

	table_addf(t, "%s%s%s", strcmp(db, "metrics") ? db : "", strcmp(db, "metrics") ? "." : "",
	    *name ? name : "(not known)");
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

static bool show_refused(const json_t *q)
{
	static const char *const head[] = { "measurement", "reason", "points", "last", "what it was" };
	const json_t *list = json_object_get(q, "offenders"), *one;
	struct table *t = table_new(5);
	json_int_t other = number(q, "other_points");
	char when[32];
	size_t i;

	if (!t)
		return false;
	add_head(t, head, 5);
	json_array_foreach(list, i, one)
	{
		timetext_format(when, number(one, "last_ms") / 1000 * INT64_C(1000000000));
		add_measurement(t, one);
		table_add(t, text(one, "reason"));
		add_number(t, number(one, "points"));
		table_add(t, when);
		table_addf(t, "%s%s%s", text(one, "error"), *text(one, "example") ? ": " : "", text(one, "example"));
	}
	if (other) {
		table_add(t, "(others)");
		table_add(t, "");
		add_number(t, other);
		table_add(t, "");
		table_add(t, "");
	}
	if (json_array_size(list))
		print_and_free(t);
	else
		table_free(t);
	return true;
}

static bool show_series(const json_t *s)
{
	static const char *const head[] = { "measurement", "series", "of at most", "fields", "tags by their values" };
	const json_t *one, *tag;
	struct table *t = table_new(5);
	struct buf tags;
	size_t i, k;

	if (!t)
		return false;
	add_head(t, head, 5);
	json_array_foreach(json_object_get(s, "top"), i, one)
	{
		add_measurement(t, one);
		add_number(t, number(one, "series"));
		add_number(t, number(one, "series_max"));
		add_number(t, number(one, "fields"));
		buf_init(&tags, 64 << 10);
		json_array_foreach(json_object_get(one, "tags"), k, tag)
		    buf_printf(&tags, "%s%s %lld", k ? ", " : "", text(tag, "key"), (long long)number(tag, "values"));
		buf_char(&tags, 0);
		table_add(t, tags.failed ? "" : tags.p);
		buf_fini(&tags);
	}
	if (i)
		print_and_free(t);
	else
		table_free(t);
	return true;
}

static int show(const json_t *q)
{
	const json_t *s = json_object_get(q, "series"), *near = json_object_get(s, "nearest");
	char since[32];

	timetext_format(since, number(q, "since_ms") / 1000 * INT64_C(1000000000));
	printf("%lld points kept and %lld refused since %s.\n", (long long)number(q, "points_total"),
	    (long long)number(q, "rejected_total"), since);
	if (!show_refused(q))
		return complain(EXIT_BAD, "out of memory");
	printf("\n%lld of at most %lld series, %lld of at most %lld measurements.\n", (long long)number(s, "count"),
	    (long long)number(s, "max"), (long long)number(s, "measurements"),
	    (long long)number(s, "measurements_max"));
	printf("Nearest ceiling: [limits] %s, %lld of %lld%s%s.\n", text(near, "limit"),
	    (long long)number(near, "have"), (long long)number(near, "max"), *text(near, "measurement") ? " by " : "",
	    text(near, "measurement"));
	if (!show_series(s))
		return complain(EXIT_BAD, "out of memory");
	return EXIT_GOOD;
}

static const char help[] =
    "Usage: holdfast quality [--json]\n"
    "What was refused since the daemon started, by measurement and reason, and which measurements and tags\n"
    "have the most series. Exit status: 0, or 3 if the daemon does not answer.\n";

int cmd_quality(struct client *c, int argc, char **argv)
{
	static const struct option list[] = { { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	bool json = false;
	int option, status = EXIT_GOOD;

	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_GOOD;
		}
		if (option != 'j')
			return complain(EXIT_USAGE, "%s is not an option of quality; see holdfast quality --help",
			    argv[optind - 1]);
		json = true;
	}
	if (optind < argc)
		return complain(EXIT_USAGE, "quality takes options only; see holdfast quality --help");
	json_t *q = client_get(c, "/api/v1/quality", &status);
	if (!q)
		return status;
	if (json) {
		json_dumpf(q, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		status = show(q);
	}
	json_decref(q);
	return status;
}
