#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"

enum { POLL_US = 200000 };

static void usage(FILE *out)
{
	fprintf(out,
	    "Usage: holdfast compact [--wait]\n\n"
	    "Has the daemon bring everything into its smallest form now: what is in memory and in the spool goes to\n"
	    "blocks, open windows are merged, rollups made, and free space goes back to the file system. It does all of\n"
	    "this by itself in time.\n\n"
	    "  --wait  return when it is done\n");
}

static double number(const json_t *o, const char *name)
{
	return json_number_value(json_object_get(o, name));
}

/* Asks until the request is done. The exit status. */
static int wait_for(struct client *c, double request)
{
	bool terminal = isatty(STDERR_FILENO);
	int status = EXIT_GOOD, failure;

	for (;;) {
		json_t *storage = client_get(c, "/api/v1/storage", &failure); /* says why there is none, if so */
		if (!storage)
			return failure;
		const json_t *work = json_object_get(storage, "compaction");
		bool done = number(work, "done_request") >= request;
		const char *error = json_string_value(json_object_get(work, "error"));
		if (terminal)
			fprintf(stderr, "\r%.0f pieces to merge \033[K", number(work, "pieces"));
		if (done && terminal)
			fputs("\r\033[K", stderr);
		status = done && error ? complain(EXIT_BAD, "%s", error) : EXIT_GOOD;
		if (done && !error)
			printf("%.0f MiB used of %.0f MiB\n", number(storage, "used_bytes") / 1048576,
			    number(storage, "max_bytes") / 1048576);
		json_decref(storage);
		if (done)
			return status;
		usleep(POLL_US);
	}
}

int cmd_compact(struct client *c, int argc, char **argv)
{
	static const struct option list[] = { { "wait", no_argument, NULL, 'w' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	const struct view nothing = { "", 0 };
	struct client_answer a;
	struct errbuf eb;
	bool wait = false;
	int option;

	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
		if (option == 'h') {
			usage(stdout);
			return EXIT_GOOD;
		}
		if (option != 'w')
			return complain(EXIT_USAGE, "see holdfast compact --help");
		wait = true;
	}
	if (optind < argc)
		return complain(EXIT_USAGE, "%s: compact takes no arguments", argv[optind]);
	if (client_ask(c, "/api/v1/compact", &nothing, &a, &eb) != ERR_OK)
		return complain(EXIT_UNREACHABLE, "%s", eb.text);
	json_t *answer = json_loadb(a.body.p, a.body.len, 0, NULL);
	int status = EXIT_GOOD;
	if (a.status != 202)
		status = complain(EXIT_BAD, "the daemon answered %d", a.status);
	else if (wait)
		status = wait_for(c, number(answer, "request"));
	json_decref(answer);
	client_answer_fini(&a);
	return status;
}
