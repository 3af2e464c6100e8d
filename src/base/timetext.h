/* Points in time to and from text, always UTC. Any thread. */
#ifndef BASE_TIMETEXT_H
#define BASE_TIMETEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

/* RFC 3339; seconds, ms, us or ns since the epoch, told apart by their size; "now"; or relative to now: "-1h". */
bool timetext_parse(struct view v, int64_t now_ns, int64_t *out_ns);
/* 2026-01-31T12:00:00Z, with as many of nine fractional digits as needed. */
void timetext_format(char out[32], int64_t ns);

#endif
