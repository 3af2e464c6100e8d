/* query --watch. On a terminal each answer is drawn in one write over the one before; what does not fit stays away. While the
 * daemon does not answer, the last answer stays, and the first line says how old it is. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/query.h"
#include "cli/text.h"

enum { FRAME_MAX = 4 << 20, REASON_MAX = 512 };

struct frame {
	struct buf text;
	unsigned lines, room;
	uint64_t more; /* lines that found no room */
	char trouble[REASON_MAX]; /* the first that was said */
};

struct watch {
	struct client *client;
	const struct query_opts *opts;
	struct view text;
	double seconds;
	struct terminal terminal;
	struct frame shown, next;
	struct query_report report; /* of what is shown */
	int64_t answered_ns; /* monotonic: of what is shown */
};

static bool add(void *arg, struct view text)
{
	struct frame *f = arg;

	while (text.len) {
		const char *end = memchr(text.p, '\n', text.len);
		size_t n = end ? (size_t)(end - text.p) + 1 : text.len;
		if (f->lines < f->room && f->text.len + n < FRAME_MAX)
			buf_append(&f->text, text.p, n);
		else
			f->more += end != NULL;
		f->lines += end && f->lines < f->room;
		text = (struct view){ text.p + n, text.len - n };
	}
	return true;
}

static void note(void *arg, const char *text)
{
	struct frame *f = arg;

	if (!*f->trouble)
		snprintf(f->trouble, sizeof f->trouble, "%s", text);
}

static void sleep_for(double seconds)
{
	struct timespec t = { (time_t)seconds, (long)((seconds - floor(seconds)) * 1e9) };

	nanosleep(&t, NULL); /* a signal ends it early: the window has another size */
}

/* ---- drawing ---- */

static void put_age(struct buf *b, double seconds)
{
	if (seconds < 120)
		buf_printf(b, "%.0f s", seconds);
	else if (seconds < 7200)
		buf_printf(b, "%.0f min", seconds / 60);
	else if (seconds < 172800)
		buf_printf(b, "%.0f h", seconds / 3600);
	else
		buf_printf(b, "%.0f d", seconds / 86400);
}

static void put_headline(const struct watch *w, struct buf *line)
{
	const struct query_report *r = &w->report;
	double age = (double)(clock_mono_ns() - w->answered_ns) / 1e9;

	buf_printf(line, "every %g s", w->seconds);
	if (*r->source)
		buf_str(line, "  ");
	query_describe(r, line);
	if (r->has_newest) {
		buf_str(line, "  newest row ");
		put_age(line, fmax(0, (double)(clock_wall_ns() - r->newest_ns) / 1e9));
		buf_str(line, " old");
	}
	if (*w->next.trouble) {
		buf_str(line, "  as of ");
		put_age(line, age);
		buf_printf(line, " ago: %s", w->next.trouble);
	}
}

static void draw(const struct watch *w)
{
	const struct terminal *t = &w->terminal;
	struct buf screen, line;

	buf_init(&screen, 2 * FRAME_MAX);
	buf_init(&line, 4096);
	put_headline(w, &line);
	buf_str(&screen, "\033[H\033[?7l");
	buf_str(&screen, !t->color ? "" : *w->next.trouble ? "\033[1;31m" : "\033[2m");
	text_put_cut(&screen, (struct view){ line.p, line.len }, t->width, t->utf8);
	buf_str(&screen, t->color ? "\033[0m\033[K\r\n\033[K\r\n" : "\033[K\r\n\033[K\r\n");
	for (size_t at = 0; at < w->shown.text.len;) {
		const char *p = w->shown.text.p + at, *end = memchr(p, '\n', w->shown.text.len - at);
		size_t n = end ? (size_t)(end - p) : w->shown.text.len - at;
		buf_append(&screen, p, n);
		buf_str(&screen, "\033[K\r\n");
		at += n + (end != NULL);
	}
	if (w->shown.more)
		buf_printf(&screen, "(%llu lines more)\033[K", (unsigned long long)w->shown.more);
	buf_str(&screen, "\033[J\033[?7h");
	fwrite(screen.p, 1, screen.len, stdout);
	fflush(stdout);
	buf_fini(&screen);
	buf_fini(&line);
}

/* ---- asking ---- */

static int ask(struct watch *w)
{
	struct query_output out = { &w->terminal, add, note, &w->next };
	struct query_report report;

	terminal_read(&w->terminal);
	buf_clear(&w->next.text);
	w->next.lines = 0;
	w->next.more = 0;
	*w->next.trouble = 0;
	w->next.room = w->terminal.height > 4 ? w->terminal.height - 3 : 1; /* two above, one below */
	int status = query_run(w->client, w->opts, w->text, &out, &report);
	if (status != EXIT_GOOD)
		return status;
	struct frame swap = w->shown;
	w->shown = w->next;
	w->next = swap;
	*w->next.trouble = 0;
	w->report = report;
	w->answered_ns = clock_mono_ns();
	return status;
}

static int on_screen(struct watch *w)
{
	int status;

	buf_init(&w->shown.text, FRAME_MAX);
	buf_init(&w->next.text, FRAME_MAX);
	status = ask(w);
	if (status != EXIT_GOOD) {
		complain(0, "%s", w->next.trouble);
	} else {
		terminal_screen_enter();
		while (!ferror(stdout)) {
			draw(w);
			sleep_for(w->seconds);
			(void)ask(w); /* what is wrong stands in the first line */
		}
		terminal_screen_leave();
		status = EXIT_BAD;
	}
	buf_fini(&w->shown.text);
	buf_fini(&w->next.text);
	return status;
}

int query_watch(struct client *c, const struct query_opts *o, struct view text, double seconds)
{
	struct watch w = { .client = c, .opts = o, .text = text, .seconds = seconds };

	terminal_read(&w.terminal);
	if (w.terminal.screen)
		return on_screen(&w);
	for (bool first = true;; first = false) {
		int status = query_print(c, o, &w.terminal, text);
		if ((status != EXIT_GOOD && first) || ferror(stdout))
			return status;
		sleep_for(seconds);
		if (o->format == SHOW_TABLE || o->format == SHOW_LINE)
			putchar('\n');
	}
}
