/* Lines from a person or from a pipe. For a person, if libedit was there at configure: editing, and a history that outlives
 * the process. One thread; one at a time. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include <signal.h>
#include <stdbool.h>

#include "base/view.h"

enum lines_got { LINES_LINE, LINES_INTERRUPTED, LINES_END };
enum { LINES_REMEMBERED = 1000 };

struct lines;

/* person: someone types, and wants a prompt. history: a file, made if it is missing; NULL: none. interrupted: what the
 * caller's handler of SIGINT sets, and the caller clears; none gets lost between two looks at it. NULL: out of memory. */
struct lines *lines_open(bool person, const char *history, const volatile sig_atomic_t *interrupted);
void lines_close(struct lines *l); /* saves the history */
/* *out, without its end, lives until the next call. LINES_INTERRUPTED: Ctrl-C. */
enum lines_got lines_next(struct lines *l, const char *prompt, struct view *out);
void lines_remember(struct lines *l, const char *text);

#endif
