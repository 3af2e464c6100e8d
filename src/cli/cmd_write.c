#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/batches.h"
#include "cli/commands.h"

enum { READ_STEP = 256 << 10, LINE_LIMIT = 64 << 20, TRIES = 5, SHOWN_REASONS = 10 };

struct writing {
	struct client *client;
	struct buf path;
	unsigned long long sent; /* lines */
	unsigned refusals; /* requests with refused lines */
};

static void show_refusal(struct writing *w, const struct client_answer *a)
{
	json_error_t why;
	json_t *root = json_loadb(a->body.p, a->body.len, 0, &why), *error = json_object_get(root, "error");
	const char *text = json_string_value(error);

	if (!text)
		text = json_string_value(json_object_get(error, "message"));
	if (w->refusals++ < SHOWN_REASONS)
		complain(0, "%s", text ? text : "refused");
	json_decref(root);
}

/* EXIT_GOOD also when lines were refused: the others are written and the rest goes on. */
static int send_batch(struct writing *w, struct view text, unsigned lines)
{
	struct client_answer a;
	struct errbuf eb;
	int status = EXIT_GOOD;

	for (unsigned i = 0; i < TRIES; i++) {
		if (client_ask(w->client, w->path.p, &text, &a, &eb) != ERR_OK) {
			client_answer_fini(&a);
			return complain(EXIT_UNREACHABLE, "%s", eb.text);
		}
		if (a.status != 503 || i + 1 == TRIES)
			break;
		time_t pause = a.retry_after_s > 0 && a.retry_after_s < 30 ? a.retry_after_s : 1;
		client_answer_fini(&a);
		nanosleep(&(struct timespec){ .tv_sec = pause }, NULL);
	}
	w->sent += lines;
	if (a.status == 400) {
		show_refusal(w, &a);
	} else if (a.status < 200 || a.status > 299) {
		show_refusal(w, &a);
		status = complain(EXIT_BAD, "HTTP %d; stopped after %llu lines", a.status, w->sent - lines);
	}
	client_answer_fini(&a);
	return status;
}

static int send_ready(struct writing *w, struct buf *text, bool end)
{
	size_t at = 0, n;
	unsigned lines;
	int status = EXIT_GOOD;

	while (status == EXIT_GOOD && at < text->len &&
	    (n = batch_cut((struct view){ text->p + at, text->len - at }, end, &lines)) > 0) {
		/* wait for a full request while more may come */
		if (!end && lines < BATCH_LINES && n < BATCH_BYTES)
			break;
		status = send_batch(w, (struct view){ text->p + at, n }, lines);
		at += n;
	}
	memmove(text->p, text->p + at, text->len - at);
	text->len -= at;
	return status;
}

static int write_file(struct writing *w, FILE *f, const char *name)
{
	struct buf text;
	int status = EXIT_GOOD;
	bool end = false;

	buf_init(&text, LINE_LIMIT);
	while (status == EXIT_GOOD && !end) {
		if (!buf_reserve(&text, READ_STEP)) {
			status = complain(EXIT_BAD, "%s: a line longer than 64 MiB; is a quote missing?", name);
			break;
		}
		size_t n = fread(text.p + text.len, 1, READ_STEP, f);
		text.len += n;
		if (ferror(f)) {
			status = complain(EXIT_BAD, "cannot read %s", name);
			break;
		}
		end = feof(f);
		status = send_ready(w, &text, end);
	}
	buf_fini(&text);
	return status;
}

static const char help[] =
    "Usage: holdfast write [--db DATABASE] [--precision ns|us|ms|s] [FILE]...\n"
    "Writes line protocol from the files, or standard input, in requests of up to 5,000 lines. Lines that are refused\n"
    "are told with their reason, the others are written. Exit status 1 if any was refused.\n";

int cmd_write(struct client *c, int argc, char **argv)
{
	static const struct option list[] = { { "db", required_argument, NULL, 'd' },
		{ "precision", required_argument, NULL, 'p' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	struct writing w = { .client = c };
	const char *db = "metrics", *precision = "ns";
	int option, status = EXIT_GOOD;

	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (option) {
		case 'd':
			db = optarg;
			break;
		case 'p':
			precision = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_GOOD;
		default:
			return complain(EXIT_USAGE,
			    "%s is not an option of write, or lacks its value; see holdfast write --help",
			    argv[optind - 1]);
		}
	}
	if (strcmp(precision, "ns") && strcmp(precision, "us") && strcmp(precision, "ms") && strcmp(precision, "s"))
		return complain(EXIT_USAGE, "--precision %s is not ns, us, ms or s", precision);
	buf_init(&w.path, 64 << 10);
	buf_str(&w.path, "/write");
	client_add_parameter(&w.path, "db", db);
	client_add_parameter(&w.path, "precision", precision);
	buf_char(&w.path, 0);
	if (optind == argc)
		status = write_file(&w, stdin, "standard input");
	for (int i = optind; status == EXIT_GOOD && i < argc; i++) {
		FILE *f = fopen(argv[i], "r");
		if (!f) {
			status = complain(EXIT_USAGE, "cannot open %s", argv[i]);
			break;
		}
		status = write_file(&w, f, argv[i]);
		fclose(f);
	}
	buf_fini(&w.path);
	if (w.refusals > SHOWN_REASONS)
		complain(0, "(and %u more refusals)", w.refusals - SHOWN_REASONS);
	fprintf(stderr, "%llu lines sent%s\n", w.sent,
	    w.refusals ? "; those told above were refused, the others are written" : "");
	return status == EXIT_GOOD && w.refusals ? EXIT_BAD : status;
}
