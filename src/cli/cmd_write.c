#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/num.h"
#include "cli/batches.h"
#include "cli/commands.h"

enum { READ_STEP = 256 << 10, LINE_LIMIT = 64 << 20, TRIES = 5, SHOWN_REQUESTS = 10 };

struct writing {
	struct client *client;
	struct buf path;
	const char *name; /* of what is read now */
	uint64_t line; /* its line ends that are dealt with: a quoted value may hold some */
	uint64_t written, refused, not_taken, not_sent; /* lines */
	unsigned refusals; /* requests with refused lines */
	int status; /* not EXIT_GOOD: it has stopped, what comes is counted only */
	bool open_end; /* it stopped in a pipe, whose rest is not counted */
};

static void show_message(const struct client_answer *a)
{
	json_error_t why;
	json_t *root = json_loadb(a->body.p, a->body.len, 0, &why), *error = json_object_get(root, "error");
	const char *text = json_string_value(error);

	if (!text)
		text = json_string_value(json_object_get(error, "message"));
	complain(0, "%s", text ? text : "refused");
	json_decref(root);
}

/* "3 unparsable, 17 too_old": by their lines in what is read. How many. */
static unsigned show_lines(const struct writing *w, const char *p)
{
	unsigned told = 0;

	while (*p) {
		size_t digits = strspn(p, "0123456789"), n;
		uint64_t line;
		if (!num_parse_u64((struct view){ p, digits }, &line))
			break;
		p += digits + (p[digits] == ' ');
		n = strcspn(p, ",");
		complain(0, "%s:%" PRIu64 ": %.*s", w->name, w->line + line, (int)n, p);
		p += n;
		p += strspn(p, ", ");
		told++;
	}
	return told;
}

static void tell_refused(struct writing *w, const struct client_answer *a, unsigned lines)
{
	uint64_t count = 0;
	unsigned told;

	if (!num_parse_u64(view_of(a->refused), &count) || count == 0 || count > lines)
		count = lines; /* none of the request was kept */
	w->refused += count;
	w->written += lines - count;
	if (w->refusals++ >= SHOWN_REQUESTS)
		return;
	show_message(a);
	if ((told = show_lines(w, a->refused_lines)) < count)
		complain(0, "%s: %" PRIu64 "%s in the %u lines from line %" PRIu64 " on", w->name, count - told,
		    told ? " more" : "", lines, w->line + 1);
}

static void ask(struct writing *w, struct view text, unsigned lines)
{
	struct client_answer a;
	struct errbuf eb;

	for (unsigned i = 0; i < TRIES; i++) {
		if (client_ask(w->client, w->path.p, &text, &a, &eb) != ERR_OK) {
			client_answer_fini(&a);
			w->not_taken += lines;
			w->status = complain(
			    EXIT_UNREACHABLE, "%s; stopped at line %" PRIu64 " of %s", eb.text, w->line + 1, w->name);
			return;
		}
		if (a.status != 503 || i + 1 == TRIES)
			break;
		time_t pause = a.retry_after_s > 0 && a.retry_after_s < 30 ? a.retry_after_s : 1;
		client_answer_fini(&a);
		nanosleep(&(struct timespec){ .tv_sec = pause }, NULL);
	}
	if (a.status == 400) {
		tell_refused(w, &a, lines);
	} else if (a.status < 200 || a.status > 299) {
		show_message(&a);
		w->not_taken += lines;
		w->status = complain(
		    EXIT_BAD, "HTTP %d; stopped at line %" PRIu64 " of %s", a.status, w->line + 1, w->name);
	} else {
		w->written += lines;
	}
	client_answer_fini(&a);
}

static uint64_t line_ends(const char *p, size_t n)
{
	uint64_t ends = 0;

	for (const char *end = p + n; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		ends++;
	return ends;
}

/* Refused lines stop nothing: the others are written and the rest goes on. */
static void send_ready(struct writing *w, struct buf *text, bool end)
{
	size_t at = 0, n;
	unsigned lines;

	while (at < text->len && (n = batch_cut((struct view){ text->p + at, text->len - at }, end, &lines)) > 0) {
		/* wait for a full request while more may come */
		if (!end && lines < BATCH_LINES && n < BATCH_BYTES)
			break;
		if (w->status == EXIT_GOOD)
			ask(w, (struct view){ text->p + at, n }, lines);
		else
			w->not_sent += lines;
		w->line += line_ends(text->p + at, n);
		at += n;
	}
	memmove(text->p, text->p + at, text->len - at);
	text->len -= at;
}

/* A pipe may go on for ever. */
static bool has_end(FILE *f)
{
	struct stat st;

	return !fstat(fileno(f), &st) && S_ISREG(st.st_mode);
}

static void write_file(struct writing *w, FILE *f, const char *name)
{
	struct buf text;
	bool end = false;

	w->name = name;
	w->line = 0;
	buf_init(&text, LINE_LIMIT);
	while (!end) {
		if (!buf_reserve(&text, READ_STEP)) {
			w->status = complain(EXIT_BAD, "%s: a line longer than 64 MiB; is a quote missing?", name);
			w->open_end = true;
			break;
		}
		size_t n = fread(text.p + text.len, 1, READ_STEP, f);
		text.len += n;
		if (ferror(f)) {
			w->status = complain(EXIT_BAD, "cannot read %s", name);
			w->open_end = true;
			break;
		}
		end = feof(f);
		send_ready(w, &text, end);
		if (w->status != EXIT_GOOD && !end && !has_end(f)) {
			send_ready(w, &text, true);
			w->open_end = end = true;
		}
	}
	buf_fini(&text);
}

static void show_sum(const struct writing *w, int files_left)
{
	uint64_t sent = w->written + w->refused;

	if (w->status == EXIT_GOOD && !w->refused) {
		fprintf(stderr, "%" PRIu64 " line%s sent\n", sent, sent == 1 ? "" : "s");
		return;
	}
	fprintf(stderr, "%" PRIu64 " line%s written", w->written, w->written == 1 ? "" : "s");
	if (w->refused)
		fprintf(stderr, ", %" PRIu64 " refused", w->refused);
	if (w->not_taken)
		fprintf(stderr, ", %" PRIu64 " %s", w->not_taken,
		    w->status == EXIT_UNREACHABLE ? "without an answer" : "not taken");
	if (w->not_sent)
		fprintf(stderr, ", %" PRIu64 " not sent", w->not_sent);
	if (w->open_end)
		fprintf(stderr, ", the rest of %s not sent", w->name);
	if (files_left)
		fprintf(stderr, ", %d further file%s not sent", files_left, files_left == 1 ? "" : "s");
	fputc('\n', stderr);
}

static const char help[] =
    "Usage: holdfast write [--db DATABASE] [--precision ns|us|ms|s] [FILE]...\n"
    "Writes line protocol from the files, or standard input, in requests of up to 5,000 lines. Lines that are refused\n"
    "are told with their number and reason, the others are written. Exit status 1 if any was refused.\n";

int cmd_write(struct client *c, int argc, char **argv)
{
	static const struct option list[] = { { "db", required_argument, NULL, 'd' },
		{ "precision", required_argument, NULL, 'p' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	struct writing w = { .client = c };
	const char *db = "metrics", *precision = "ns";
	int option, at;

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
		write_file(&w, stdin, "standard input");
	for (at = optind; w.status == EXIT_GOOD && at < argc; at++) {
		FILE *f = fopen(argv[at], "r");
		if (!f) {
			w.status = complain(EXIT_USAGE, "cannot open %s", argv[at]);
			break;
		}
		write_file(&w, f, argv[at]);
		fclose(f);
	}
	buf_fini(&w.path);
	if (w.refusals > SHOWN_REQUESTS)
		complain(0, "(and %u more requests with refused lines)", w.refusals - SHOWN_REQUESTS);
	show_sum(&w, argc - at);
	return w.status == EXIT_GOOD && w.refused ? EXIT_BAD : w.status;
}
