/* What standard output can do, and the alternate screen. One thread; the screen is one for the process. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>

struct terminal {
	bool is_terminal; /* all else is false or 0 where it is not */
	unsigned width, height;
	bool color; /* never with NO_COLOR or TERM=dumb */
	bool utf8;
	bool screen; /* it can be drawn anew */
};

/* setlocale must have been called. */
void terminal_read(struct terminal *t);
/* Until screen_leave, Ctrl-C, SIGTERM, SIGHUP, SIGQUIT and Ctrl-Z give the terminal back as it was before they do what they
 * always do. Signals interrupt sleeps: a window of another size, and coming back. */
void terminal_screen_enter(void);
void terminal_screen_leave(void);

#endif
