#include "config.h"

#include "cli/lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- with libedit ---- */

#ifdef HAVE_LIBEDIT
#include <histedit.h>

struct editor {
	EditLine *el;
	History *history;
	char *file; /* NULL: none */
	const char *prompt;
};

static char *prompt_of(EditLine *el)
{
	struct editor *e = NULL;

	el_get(el, EL_CLIENTDATA, &e);
	return (char *)e->prompt;
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

static struct editor *editor_open(const char *file)
{
	struct editor *e = calloc(1, sizeof *e);
	HistEvent event;

	if (!e)
		return NULL;
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
	el_set(e->el, EL_SIGNAL, 1);
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
		return n < 0 && errno == EINTR ? LINES_INTERRUPTED : LINES_END;
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

static struct editor *editor_open(const char *file)
{
	(void)file;
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
	struct editor *editor; /* NULL: plain lines */
	char *line;
	size_t cap;
};

struct lines *lines_open(bool person, const char *history)
{
	struct lines *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->person = person;
	l->editor = person ? editor_open(history) : NULL;
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
		fputs(prompt, stdout);
		fflush(stdout);
	}
	ssize_t n = getline(&l->line, &l->cap, stdin);
	if (n < 0 && errno == EINTR && ferror(stdin)) {
		clearerr(stdin);
		return LINES_INTERRUPTED;
	}
	*out = (struct view){ l->line, n < 0 ? 0 : (size_t)n };
	return n < 0 ? LINES_END : LINES_LINE;
}

enum lines_got lines_next(struct lines *l, const char *prompt, struct view *out)
{
	enum lines_got got = l->editor ? editor_next(l->editor, prompt, out) : plain_next(l, prompt, out);

	while (got == LINES_LINE && out->len && (out->p[out->len - 1] == '\n' || out->p[out->len - 1] == '\r'))
		out->len--;
	return got;
}

void lines_remember(struct lines *l, const char *text)
{
	if (l->editor)
		editor_remember(l->editor, text);
}
