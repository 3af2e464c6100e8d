#include <getopt.h>
#include <stdio.h>

#include "cli/commands.h"
#include "cli/holdfastd.h"

static const char help[] =
    "Usage: holdfast restore DIR [--data-dir DIR] [--config FILE] [--force]\n\n"
    "The backup DIR becomes the store, while holdfastd is stopped. It is verified first.\n\n"
    "  --data-dir DIR  where the store is to be; default as holdfastd has it ([server] data_dir)\n"
    "  --config FILE   holdfastd's configuration, default /etc/holdfast/holdfast.conf\n"
    "  --force         set a store that is there aside; nothing is deleted\n";

/* The daemon's program does it; the daemon itself must not run. */
int cmd_restore(struct client *c, int argc, char **argv)
{
	static const struct option list[] = { { "data-dir", required_argument, NULL, 'd' },
		{ "config", required_argument, NULL, 'c' }, { "force", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	const char *data_dir = NULL, *config = NULL;
	struct errbuf eb;
	bool force = false;
	int option;

	(void)c;
	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (option) {
		case 'd':
			data_dir = optarg;
			break;
		case 'c':
			config = optarg;
			break;
		case 'f':
			force = true;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_GOOD;
		default:
			return complain(EXIT_USAGE,
			    "%s is not an option of restore, or lacks its value; see holdfast restore --help",
			    argv[optind - 1]);
		}
	}
	if (argc - optind != 1)
		return complain(EXIT_USAGE, "restore takes one folder; see holdfast restore --help");
	const char *args[10] = { NULL, "--restore", argv[optind] };
	int n = 3;
	if (data_dir) {
		args[n++] = "--data-dir";
		args[n++] = data_dir;
	}
	if (config) {
		args[n++] = "--config";
		args[n++] = config;
	}
	if (force)
		args[n++] = "--force";
	int status = holdfastd_run(args, &eb);
	if (status < 0)
		return complain(EXIT_BAD, "%s", eb.text);
	return status == 0 ? EXIT_GOOD : EXIT_BAD;
}
