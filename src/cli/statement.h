/* Where a statement that is typed over several lines comes to its end. Any thread. */
#ifndef CLI_STATEMENT_H
#define CLI_STATEMENT_H

#include <stdbool.h>

#include "base/view.h"

/* The text ends with a semicolon, blanks behind it, that stands in no quotes and no comment. */
bool statement_is_whole(struct view text);
/* The first word of v, which becomes what follows it, both without blanks around. Quotes around the word go. */
struct view statement_word(struct view *v);
/* Nothing that belongs in a file: it names a password. */
bool statement_is_secret(struct view text);

#endif
