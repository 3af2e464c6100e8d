/* Passwords and tokens in files. Any thread. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/err.h"

enum { SECRET_MAX_BYTES = 4096 };

/* The file's contents without blanks at its end, for secret_free. ERR_INVALID with words that say what to do: group or
 * others may read it, it is empty, too long, holds bytes that no header may hold, or cannot be read. */
NODISCARD enum err secret_read(const char *path, char **out, struct errbuf *eb);
void secret_free(char *secret); /* wipes it; NULL is fine */

#endif
