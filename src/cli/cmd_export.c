#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/outfile.h"
#include "cli/progress.h"

static const char help[] =
    "Usage: holdfast export [--db DATABASE] [--measurement M] [--from TIME] [--to TIME] [--format FORMAT] [-o FILE]\n\n"
    "  --measurement M         one only; default all\n"
    "  --from TIME, --to TIME  -1h, 2026-01-31T12:00:00Z, seconds since the epoch; default all there is\n"
    "  --format FORMAT         lp (line protocol, the default), csv or jsonl\n"
    "  -o FILE                 default standard output; FILE is replaced only when the export is whole\n\n"
    "holdfast import reads all three back exactly. Exit status 1 if points may be missing.\n";

struct exporting {
	struct outfile out;
	struct progress progress;
	uint64_t bytes;
	struct errbuf why; /* of a failed write */
};

static bool take(void *arg, struct view piece)
{
	struct exporting *x = arg;

	if (outfile_write(&x->out, piece, &x->why) != ERR_OK)
		return false;
	x->bytes += piece.len;
	progress_show(&x->progress, x->bytes, 0, NULL, 0);
	return true;
}

/* What is told when the answer has come to its end. */
static int finish(const struct client *c, const struct client_answer *a)
{
	if (a->status != 200)
		return client_complain(c, a);
	if (!*a->complete)
		return complain(EXIT_BAD, "the answer does not say whether it is complete; is it a Holdfast?");
	fprintf(stderr, "%s points exported\n", a->points);
	if (!strcmp(a->complete, "yes"))
		return EXIT_GOOD;
	return complain(EXIT_BAD, "points may be missing: %s", a->reason);
}

static int run(struct client *c, const char *path, const char *file)
{
	struct exporting x = { 0 };
	struct client_answer a;
	struct errbuf eb;
	int status;

	if (outfile_open(&x.out, file, &eb) != ERR_OK)
		return complain(EXIT_BAD, "%s", eb.text);
	progress_init(&x.progress);
	enum err e = client_stream(c, path, NULL, take, &x, &a, &eb);
	progress_clear(&x.progress);
	if (e == ERR_OK)
		status = finish(c, &a);
	else
		status = complain(
		    e == ERR_UNAVAILABLE ? EXIT_UNREACHABLE : EXIT_BAD, "%s", e == ERR_CLOSED ? x.why.text : eb.text);
	/* an export with a gap is all that can be had: it stays, and the exit status tells */
	bool keep = e == ERR_OK && a.status == 200 && *a.complete;
	client_answer_fini(&a);
	if (outfile_close(&x.out, keep, &eb) != ERR_OK)
		status = complain(EXIT_BAD, "%s", eb.text);
	return status;
}

int cmd_export(struct client *c, int argc, char **argv)
{
	static const struct option list[] = { { "db", required_argument, NULL, 'd' },
		{ "measurement", required_argument, NULL, 'm' }, { "from", required_argument, NULL, 'f' },
		{ "to", required_argument, NULL, 't' }, { "format", required_argument, NULL, 'F' },
		{ "output", required_argument, NULL, 'o' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	const char *db = NULL, *measurement = NULL, *from = NULL, *to = NULL, *format = "lp", *file = NULL;
	struct buf path;
	int option;

	while ((option = getopt_long(argc, argv, "o:", list, NULL)) != -1) {
		switch (option) {
		case 'd':
			db = optarg;
			break;
		case 'm':
			measurement = optarg;
			break;
		case 'f':
			from = optarg;
			break;
		case 't':
			to = optarg;
			break;
		case 'F':
			format = optarg;
			break;
		case 'o':
			file = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_GOOD;
		default:
			return complain(EXIT_USAGE,
			    "%s is not an option of export, or lacks its value; see holdfast export --help",
			    argv[optind - 1]);
		}
	}
	if (optind < argc)
		return complain(EXIT_USAGE, "export takes options only; see holdfast export --help");
	if (strcmp(format, "lp") && strcmp(format, "csv") && strcmp(format, "jsonl"))
		return complain(EXIT_USAGE, "--format %s is not lp, csv or jsonl", format);
	buf_init(&path, 64 << 10);
	buf_str(&path, "/api/v1/export");
	client_add_parameter(&path, "db", db);
	client_add_parameter(&path, "measurement", measurement);
	client_add_parameter(&path, "from", from);
	client_add_parameter(&path, "to", to);
	client_add_parameter(&path, "format", format);
	buf_char(&path, 0);
	int status = path.failed ? complain(EXIT_USAGE, "the options are too long") : run(c, path.p, file);
	buf_fini(&path);
	return status;
}
