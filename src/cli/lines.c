#include "config.h"

#include "cli/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/select.h>
#include <unistd.h>

/* SIGINT is blocked but for these waits: one that comes between a look at the flag and a read would wait for a key. */
struct waiting {
	const volatile sig_atomic_t *interrupted;
	sigset_t open; /* the signals as they were */
};

enum wait {
	WAIT_READY,
	WAIT_INTERRUPTED,
	WAIT_OTHER
}; /* other: the window has another size, we are back from a stop */

static enum wait wait_for_input(const struct waiting *w)
{
	fd_set set;

	if (*w->interrupted)
		return WAIT_INTERRUPTED;
	FD_ZERO(&set);
	FD_SET(STDIN_FILENO, &set);
	if (pselect(STDIN_FILENO + 1, &set, NULL, NULL, NULL, &w->open) >= 0 || errno != EINTR)
		return WAIT_READY; /* what is wrong the read says */
	return *w->interrupted ? WAIT_INTERRUPTED : WAIT_OTHER;
}

static void wake_up(int sig)
{
	(void)sig;
}

static void handle_window(void)
{
	struct sigaction action = { .sa_handler = wake_up };

	sigaction(SIGWINCH, &action, NULL);
	sigaction(SIGCONT, &action, NULL);
}

/* ---- with libedit ---- */

#ifdef HAVE_LIBEDIT
#include <histedit.h>
#include <wchar.h>

struct editor {
	EditLine *el;
	History *history;
	char *file; /* NULL: none */
	const char *prompt;
	const struct waiting *waiting;
};

static char *prompt_of(EditLine *el)
{
	struct editor *e = NULL;

	el_get(el, EL_CLIENTDATA, &e);
	return (char *)e->prompt;
}

/* One character: 1; 0 at the end; -1 when interrupted. */
static int next_char(EditLine *el, wchar_t *out)
{
	struct editor *e = NULL;
	mbstate_t state = { 0 };

	el_get(el, EL_CLIENTDATA, &e);
	for (;;) {
		char byte;
		enum wait w = wait_for_input(e->waiting);
		if (w == WAIT_INTERRUPTED) {
			errno = EINTR;
			return -1;
		}
		if (w == WAIT_OTHER) {
			el_resize(el);
			el_set(el, EL_REFRESH);
			continue;
		}
		ssize_t n = read(STDIN_FILENO, &byte, 1);
		if (n <= 0)
			return (int)n;
		size_t got = mbrtowc(out, &byte, 1, &state);
		if (got < (size_t)-2)
			return 1;
		if (got == (size_t)-1) /* no character of this locale: as if it had not been typed */
			state = (mbstate_t){ 0 };
	}
}

static void editor_close(struct editor *e)
{
	HistEvent event;

	if (!e)
		return;
	if (e->history && e->file)
		history(e->history, &event, H_SAVE, e->file); /* mode 600; what fails costs the history alone */
	if (e->el)
		el_end(e->el);
	if (e->history)
		history_end(e->history);
	free(e->file);
	free(e);
}

static struct editor *editor_open(const char *file, const struct waiting *waiting)
{
	struct editor *e = calloc(1, sizeof *e);
	HistEvent event;

	if (!e)
		return NULL;
	e->waiting = waiting;
	e->el = el_init("holdfast", stdin, stdout, stderr);
	e->history = history_init();
	e->file = file ? strdup(file) : NULL;
	if (!e->el || !e->history || (file && !e->file)) {
		editor_close(e);
		return NULL;
	}
	history(e->history, &event, H_SETSIZE, LINES_REMEMBERED);
	history(e->history, &event, H_SETUNIQUE, 1);
	if (file)
		history(e->history, &event, H_LOAD, file);
	el_set(e->el, EL_CLIENTDATA, e);
	el_set(e->el, EL_PROMPT, prompt_of);
	el_set(e->el, EL_EDITOR, "emacs");
	el_set(e->el, EL_HIST, history, e->history);
	el_set(e->el, EL_GETCFN, next_char);
	el_set(e->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	el_source(e->el, NULL);
	return e;
}

static enum lines_got editor_next(struct editor *e, const char *prompt, struct view *out)
{
	int n = 0;

	e->prompt = prompt;
	const char *line = el_gets(e->el, &n);
	if (!line)
		return n < 0 && *e->waiting->interrupted ? LINES_INTERRUPTED : LINES_END;
	*out = (struct view){ line, (size_t)n };
	return LINES_LINE;
}

static void editor_remember(struct editor *e, const char *text)
{
	HistEvent event;

	history(e->history, &event, H_ENTER, text);
}

/* ---- without ---- */

#else
struct editor {
	int unused;
};

static struct editor *editor_open(const char *file, const struct waiting *waiting)
{
	(void)file;
	(void)waiting;
	return NULL;
}

static void editor_close(struct editor *e)
{
	(void)e;
}

static enum lines_got editor_next(struct editor *e, const char *prompt, struct view *out)
{
	(void)e;
	(void)prompt;
	(void)out;
	return LINES_END;
}

static void editor_remember(struct editor *e, const char *text)
{
	(void)e;
	(void)text;
}
#endif

/* ---- both ---- */

struct lines {
	bool person;
	struct waiting waiting;
	struct editor *editor; /* NULL: plain lines */
	char *line;
	size_t cap;
};

struct lines *lines_open(bool person, const char *history, const volatile sig_atomic_t *interrupted)
{
	struct lines *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->person = person;
	l->waiting.interrupted = interrupted;
	l->editor = person ? editor_open(history, &l->waiting) : NULL;
	if (person)
		handle_window();
	return l;
}

void lines_close(struct lines *l)
{
	if (!l)
		return;
	editor_close(l->editor);
	free(l->line);
	free(l);
}

static enum lines_got plain_next(struct lines *l, const char *prompt, struct view *out)
{
	if (l->person) {
		enum wait w = WAIT_OTHER;
		fputs(prompt, stdout);
		fflush(stdout);
		while (w == WAIT_OTHER) /* a terminal gives line by line: none is left in stdin's buffer */
			w = wait_for_input(&l->waiting);
		if (w == WAIT_INTERRUPTED)
			return LINES_INTERRUPTED;
	}
	ssize_t n = getline(&l->line, &l->cap, stdin);
	*out = (struct view){ l->line, n < 0 ? 0 : (size_t)n };
	return n < 0 ? LINES_END : LINES_LINE;
}

enum lines_got lines_next(struct lines *l, const char *prompt, struct view *out)
{
	enum lines_got got;
	sigset_t interrupt;

	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	if (l->person)
		sigprocmask(SIG_BLOCK, &interrupt, &l->waiting.open);
	got = l->editor ? editor_next(l->editor, prompt, out) : plain_next(l, prompt, out);
	if (l->person)
		sigprocmask(SIG_SETMASK, &l->waiting.open, NULL);
	while (got == LINES_LINE && out->len && (out->p[out->len - 1] == '\n' || out->p[out->len - 1] == '\r'))
		out->len--;
	return got;
}

void lines_remember(struct lines *l, const char *text)
{
	if (l->editor)
		editor_remember(l->editor, text);
}
