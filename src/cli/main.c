#include <curl/curl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"

static const struct {
	const char *name, *help;
	int (*run)(struct client *c, int argc, char **argv);
} commands[] = {
	{ "status", "is all well, and what to do if not", cmd_status },
	{ "query", "InfluxQL, and metrics as a table", cmd_query },
	{ "shell", "InfluxQL, one statement after the other", cmd_shell },
	{ "quality", "what is refused, and which measurements grow", cmd_quality },
	{ "replication", "how far each target is, and pause, resume, retry", cmd_replication },
	{ "quarantine", "points that InfluxDB or a mirror refused: list, export, replay, drop", cmd_quarantine },
	{ "compact", "make everything small now", cmd_compact },
	{ "write", "line protocol from files or standard input", cmd_write },
	{ "export", "points to a file, as line protocol, CSV or JSON lines", cmd_export },
	{ "import", "points from such a file", cmd_import },
	{ "backfill", "what InfluxDB has, back into the local store", cmd_backfill },
	{ "verify", "has InfluxDB all that is here? and what it lacks sent again", cmd_verify },
	{ "backup", "everything, as of one moment, to a folder", cmd_backup },
	{ "restore", "a backup becomes the store, while holdfastd is stopped", cmd_restore },
};

static void usage(FILE *out)
{
	fprintf(out, "Usage: holdfast [--url URL] COMMAND [OPTION]...\n\n");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].help);
	fprintf(out,
	    "\n  --url URL  the daemon, default http://127.0.0.1:8686 (or HOLDFAST_URL)\n"
	    "  --help, --version\n\n"
	    "holdfast COMMAND --help says more. Exit status: 0 good, 1 bad, 2 wrong usage, 3 no answer.\n");
}

int main(int argc, char **argv)
{
	static const struct option list[] = { { "url", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
	const char *url = getenv("HOLDFAST_URL");
	struct client client;
	struct errbuf eb;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+", list, NULL)) != -1) {
		switch (option) {
		case 'u':
			url = optarg;
			break;
		case 'h':
			usage(stdout);
			return EXIT_GOOD;
		case 'v':
			puts("holdfast " HF_VERSION);
			return EXIT_GOOD;
		default:
			return complain(EXIT_USAGE, "%s is not an option, or lacks its value; see holdfast --help",
			    argv[optind - 1]);
		}
	}
	if (optind == argc) {
		usage(stderr);
		return EXIT_USAGE;
	}
	const char *name = argv[optind];
	if (!strcmp(name, "help")) {
		usage(stdout);
		return EXIT_GOOD;
	}
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(name, commands[i].name))
			continue;
		curl_global_init(CURL_GLOBAL_DEFAULT);
		if (client_open(&client, url && *url ? url : "http://127.0.0.1:8686", &eb) != ERR_OK)
			return complain(EXIT_BAD, "%s", eb.text);
		int n = argc - optind;
		char **rest = argv + optind;
		optind = 0; /* getopt begins anew */
		int status = commands[i].run(&client, n, rest);
		client_close(&client);
		curl_global_cleanup();
		return status;
	}
	return complain(EXIT_USAGE, "%s is not a command; see holdfast --help", name);
}
