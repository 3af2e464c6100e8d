/* holdfast shell: statements one after the other, over as many lines as they need. */
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/lines.h"
#include "cli/query.h"
#include "cli/statement.h"

enum { NAME_MAX_BYTES = 256 };

struct shell {
	struct client *client;
	struct query_opts o;
	struct lines *lines;
	struct buf text; /* of the statement so far */
	char db[NAME_MAX_BYTES], epoch[4];
	bool person, failed;
};

static const char help[] =
    "Usage: holdfast shell [--db DATABASE] [--format FORMAT] [--utc | --epoch UNIT]\n\n"
    "Statements of InfluxQL, over as many lines as they need, each ended by a semicolon at a line's end, and:\n"
    "  USE DATABASE                  default metrics\n"
    "  FORMAT table|csv|json|line\n"
    "  PRECISION rfc3339|local|UNIT  times as text, or as numbers: ns, us, ms, s, m or h since the epoch\n"
    "  HELP, EXIT (or Ctrl-D)\n\n"
    "Ctrl-C ends a query, or drops what was typed. The history is in $XDG_STATE_HOME/holdfast/history, but for statements\n"
    "that name a password.\n";

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* ---- its own commands ---- */

static void set_precision(struct shell *sh, struct view word)
{
	char unit[sizeof sh->epoch];

	snprintf(unit, sizeof unit, "%.*s", word.len < sizeof unit ? (int)word.len : 0, word.p);
	if (view_is(word, "rfc3339") || view_is(word, "local")) {
		sh->o.epoch = NULL;
		sh->o.utc = *word.p == 'r';
	} else if (query_epoch_is_known(unit)) {
		memcpy(sh->epoch, unit, sizeof unit);
		sh->o.epoch = sh->epoch;
	} else {
		sh->failed = true;
		complain(0, "precision is rfc3339, local, ns, us, ms, s, m or h");
	}
}

static void set_format(struct shell *sh, struct view word)
{
	char name[16];

	snprintf(name, sizeof name, "%.*s", word.len < sizeof name ? (int)word.len : 0, word.p);
	if (show_format_find(name, &sh->o.format))
		return;
	sh->failed = true;
	complain(0, "format is table, csv, json or line");
}

static void set_database(struct shell *sh, struct view word)
{
	if (word.len && word.len < sizeof sh->db) {
		snprintf(sh->db, sizeof sh->db, "%.*s", (int)word.len, word.p);
		return;
	}
	sh->failed = true;
	complain(0, "use which database? SHOW DATABASES; lists them");
}

static bool is_word(struct view v, const char *word)
{
	return v.len == strlen(word) && !strncasecmp(v.p, word, v.len);
}

enum done { DONE_NOTHING, DONE_COMMAND, DONE_EXIT };

/* Is the line one of its own? */
static enum done command(struct shell *sh, struct view line)
{
	while (line.len && strchr("; \t", line.p[line.len - 1]))
		line.len--;
	struct view word = statement_word(&line), argument = statement_word(&line);
	if (line.len)
		return DONE_NOTHING;
	if (is_word(word, "exit") || is_word(word, "quit"))
		return DONE_EXIT;
	if (is_word(word, "help"))
		fputs(help, stdout);
	else if (is_word(word, "use"))
		set_database(sh, argument);
	else if (is_word(word, "format"))
		set_format(sh, argument);
	else if (is_word(word, "precision"))
		set_precision(sh, argument);
	else
		return DONE_NOTHING;
	return DONE_COMMAND;
}

/* ---- statements ---- */

static void run(struct shell *sh)
{
	struct terminal t;
	struct view text = { sh->text.p, sh->text.len };

	if (sh->text.failed) {
		sh->failed = true;
		complain(0, "the statement is too long; at most %d bytes are taken", QUERY_TEXT_MAX);
	} else {
		if (!statement_is_secret(text)) {
			buf_char(&sh->text, 0);
			if (!sh->text.failed)
				lines_remember(sh->lines, sh->text.p);
		}
		terminal_read(&t);
		interrupted = 0;
		clearerr(stdout); /* a Ctrl-C may have ended a write of the statement before */
		sh->failed |= query_print(sh->client, &sh->o, &t, text) != EXIT_GOOD;
	}
	buf_clear(&sh->text);
}

/* False: that was the last one. */
static bool take(struct shell *sh, struct view line)
{
	if (sh->text.len == 0 && !sh->text.failed) {
		struct view rest = line;
		if (statement_word(&rest).len == 0)
			return true;
		enum done done = command(sh, line);
		if (done != DONE_NOTHING)
			return done == DONE_COMMAND;
	}
	if (sh->text.len)
		buf_char(&sh->text, '\n');
	buf_view(&sh->text, line);
	if (statement_is_whole((struct view){ sh->text.p, sh->text.len }))
		run(sh);
	return true;
}

static void loop(struct shell *sh)
{
	char prompt[NAME_MAX_BYTES + 8];
	struct view line;

	for (;;) {
		interrupted = 0;
		snprintf(prompt, sizeof prompt, "%s%s> ", sh->text.len ? "" : sh->db, sh->text.len ? "..." : "");
		switch (lines_next(sh->lines, prompt, &line)) {
		case LINES_LINE:
			if (!take(sh, line))
				return;
			break;
		case LINES_INTERRUPTED:
			putchar('\n');
			buf_clear(&sh->text);
			break;
		case LINES_END:
			if (sh->person)
				putchar('\n');
			else if (sh->text.len) /* a file need not end with a semicolon */
				run(sh);
			return;
		}
	}
}

/* Where it is kept, its folder made; false: nowhere. */
static bool history_file(char out[4096])
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char folder[4000];
	struct errbuf eb;
	int n = 0;

	if (state && *state == '/')
		n = snprintf(folder, sizeof folder, "%s/holdfast", state);
	else if (home && *home == '/')
		n = snprintf(folder, sizeof folder, "%s/.local/state/holdfast", home);
	if (n <= 0 || n >= (int)sizeof folder || file_make_dirs(folder, 0700, &eb) != ERR_OK)
		return false;
	snprintf(out, 4096, "%s/history", folder);
	return true;
}

static int start(struct shell *sh)
{
	struct sigaction action = { .sa_handler = on_interrupt };
	char history[4096];

	setlocale(LC_CTYPE, "");
	sh->person = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
	sh->lines = lines_open(sh->person, sh->person && history_file(history) ? history : NULL, &interrupted);
	if (!sh->lines)
		return complain(EXIT_BAD, "out of memory");
	if (sh->person) {
		sigaction(SIGINT, &action, NULL); /* without SA_RESTART: it ends the reading of a line */
		sh->client->stop = &interrupted;
		puts("Statements end with a semicolon; HELP says more.");
	}
	buf_init(&sh->text, QUERY_TEXT_MAX);
	loop(sh);
	buf_fini(&sh->text);
	lines_close(sh->lines);
	return sh->failed && !sh->person ? EXIT_BAD : EXIT_GOOD;
}

int cmd_shell(struct client *c, int argc, char **argv)
{
	static const struct option list[] = { { "db", required_argument, NULL, 'd' },
		{ "format", required_argument, NULL, 'F' }, { "utc", no_argument, NULL, 'u' },
		{ "epoch", required_argument, NULL, 'e' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	struct shell sh = { .client = c, .db = "metrics" };
	int option;

	sh.o.db = sh.db;
	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (option) {
		case 'd':
			set_database(&sh, view_of(optarg));
			break;
		case 'F':
			set_format(&sh, view_of(optarg));
			break;
		case 'u':
			sh.o.utc = true;
			break;
		case 'e':
			set_precision(&sh, view_of(optarg));
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_GOOD;
		default:
			return complain(EXIT_USAGE,
			    "%s is not an option of shell, or lacks its value; see holdfast shell --help",
			    argv[optind - 1]);
		}
		if (sh.failed)
			return EXIT_USAGE;
	}
	if (optind < argc)
		return complain(EXIT_USAGE, "shell takes options only; see holdfast shell --help");
	return start(&sh);
}
