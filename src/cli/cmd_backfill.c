#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"

enum { POLL_US = 200000 };

static const char help[] =
    "Usage: holdfast backfill [--from TIME] [--to TIME] [--measurement M] [--no-wait]\n"
    "Has the daemon read back from InfluxDB what it has of the range, into the local store. Points that are here already\n"
    "stay as they are; doing it twice changes nothing. Points older than [retention] raw are left.\n\n"
    "  --from TIME, --to TIME  2026-01-31T12:00:00Z, seconds since the epoch, or -2d; default: all of raw retention\n"
    "  --measurement M         that one alone\n"
    "  --no-wait               return at once; GET /api/v1/backfill tells how far it is, DELETE ends it\n";

static double number(const json_t *o, const char *name)
{
	return json_number_value(json_object_get(o, name));
}

static void show(const json_t *o)
{
	double from = number(o, "from_ms"), to = number(o, "to_ms"), part = (number(o, "at_ms") - from) / (to - from);
	double all = number(o, "measurements"), done = number(o, "measurements_done");
	const char *name = json_string_value(json_object_get(o, "measurement"));

	fprintf(stderr, "\r\033[K%.0f points (%.0f %%), %.60s", number(o, "points"),
	    all > 0 ? 100 * (done + (done < all && part > 0 && part < 1 ? part : 0)) / all : 0, name ? name : "");
	fflush(stderr);
}

/* Asks until it has ended. The exit status. */
static int wait_for(struct client *c)
{
	bool terminal = isatty(STDERR_FILENO) == 1;

	for (;;) {
		int status;
		json_t *o = client_get(c, "/api/v1/backfill", &status);
		if (!o)
			return status;
		const char *state = json_string_value(json_object_get(o, "state"));
		const char *error = json_string_value(json_object_get(o, "error"));
		bool running = state && !strcmp(state, "running"), done = state && !strcmp(state, "done");
		if (terminal && running)
			show(o);
		else if (terminal)
			fputs("\r\033[K", stderr);
		if (done || (state && !running))
			fprintf(stderr, "%.0f points read back, %.0f left because they are older than raw retention\n",
			    number(o, "points"), number(o, "old_points"));
		if (!running && number(o, "refused_values") > 0)
			complain(0,
			    "%.0f values could not be kept: of another type here, or without room for their series",
			    number(o, "refused_values"));
		if (!running && !done)
			complain(0, "%s", error ? error : "it was cancelled");
		json_decref(o);
		if (!running)
			return done ? EXIT_GOOD : EXIT_BAD;
		usleep(POLL_US);
	}
}

static int begin(struct client *c, const struct buf *path, bool wait)
{
	const struct view nothing = { "", 0 };
	struct client_answer a;
	struct errbuf eb;

	if (client_ask(c, path->p, &nothing, &a, &eb) != ERR_OK)
		return complain(EXIT_UNREACHABLE, "%s", eb.text);
	int status = a.status == 202 ? EXIT_GOOD : client_complain(c, &a);
	client_answer_fini(&a);
	return status == EXIT_GOOD && wait ? wait_for(c) : status;
}

int cmd_backfill(struct client *c, int argc, char **argv)
{
	static const struct option list[] = { { "from", required_argument, NULL, 'f' },
		{ "to", required_argument, NULL, 't' }, { "measurement", required_argument, NULL, 'm' },
		{ "no-wait", no_argument, NULL, 'n' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	const char *from = NULL, *to = NULL, *measurement = NULL;
	struct buf path;
	bool wait = true;
	int option;

	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (option) {
		case 'f':
			from = optarg;
			break;
		case 't':
			to = optarg;
			break;
		case 'm':
			measurement = optarg;
			break;
		case 'n':
			wait = false;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_GOOD;
		default:
			return complain(EXIT_USAGE,
			    "%s is not an option of backfill, or lacks its value; see holdfast backfill --help",
			    argv[optind - 1]);
		}
	}
	if (optind < argc)
		return complain(EXIT_USAGE, "%s: backfill takes no arguments", argv[optind]);
	buf_init(&path, 64 << 10);
	buf_str(&path, "/api/v1/backfill");
	client_add_parameter(&path, "from", from);
	client_add_parameter(&path, "to", to);
	client_add_parameter(&path, "measurement", measurement);
	buf_char(&path, 0);
	int status = path.failed ? complain(EXIT_USAGE, "the options are too long") : begin(c, &path, wait);
	buf_fini(&path);
	return status;
}
