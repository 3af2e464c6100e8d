#include "cli/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/text.h"

enum { WIDTH = 80, HEIGHT = 24, WIDTH_MIN = 20, LENGTH_MAX = 4096 };

static const char enter[] = "\033[?1049h\033[?25l\033[H\033[2J", leave[] = "\033[?25h\033[?1049l";

/* The window says it, else the environment; a length no terminal has is not believed. */
static unsigned length(unsigned short of_window, const char *variable, unsigned other)
{
	const char *text = getenv(variable);
	uint64_t n = of_window;

	if (n == 0 && (!text || !num_parse_u64(view_of(text), &n) || n == 0))
		n = other;
	return n < LENGTH_MAX ? (unsigned)n : LENGTH_MAX;
}

void terminal_read(struct terminal *t)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool dumb = !term || !*term || !strcmp(term, "dumb");
	struct winsize w = { 0 };

	*t = (struct terminal){ .is_terminal = isatty(STDOUT_FILENO) == 1 };
	if (!t->is_terminal)
		return;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0)
		w = (struct winsize){ 0 };
	t->width = length(w.ws_col, "COLUMNS", WIDTH);
	t->width = t->width < WIDTH_MIN ? WIDTH_MIN : t->width;
	t->height = length(w.ws_row, "LINES", HEIGHT);
	t->color = !dumb && !(no_color && *no_color);
	t->screen = !dumb;
	t->utf8 = text_is_utf8();
}

/* ---- the screen ---- */

static void put(const char *s, size_t n)
{
	ssize_t done = write(STDOUT_FILENO, s, n); /* what could be done about it? the terminal is gone */

	(void)done;
}

static void on_end(int sig)
{
	put(leave, sizeof leave - 1);
	signal(sig, SIG_DFL);
	raise(sig); /* comes when this handler returns, and ends us as if it had not been there */
}

static void on_suspend(int sig)
{
	int before = errno;

	(void)sig;
	put(leave, sizeof leave - 1);
	raise(SIGSTOP);
	put(enter, sizeof enter - 1);
	errno = before;
}

static void on_window(int sig)
{
	(void)sig; /* it has interrupted the sleep: that is all */
}

static const struct {
	int sig;
	void (*handler)(int);
} handlers[] = { { SIGINT, on_end }, { SIGTERM, on_end }, { SIGHUP, on_end }, { SIGQUIT, on_end },
	{ SIGTSTP, on_suspend }, { SIGWINCH, on_window } };

static void handle(bool own)
{
	struct sigaction action = { 0 };

	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
		action.sa_handler = own ? handlers[i].handler : SIG_DFL;
		sigaction(handlers[i].sig, &action, NULL);
	}
}

void terminal_screen_enter(void)
{
	handle(true);
	put(enter, sizeof enter - 1);
}

void terminal_screen_leave(void)
{
	put(leave, sizeof leave - 1);
	handle(false);
}
