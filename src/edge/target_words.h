/* What an operator is told of one target of replication: its name, its section, what to do. Pure: figures in, text out. */
#ifndef EDGE_TARGET_WORDS_H
#define EDGE_TARGET_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "flow/replicator.h"

enum { TARGET_WORDS_NAME = REPLICATOR_TARGET_BYTES + 16, TARGET_WORDS_ADVICE = 320 };

bool target_words_is_record(const char *target);
/* "InfluxDB", "the mirror NAME" */
void target_words_name(const char *target, char out[TARGET_WORDS_NAME]);
/* What somebody must do, or who will do it if nobody must: one or two sentences. "": nothing is amiss. */
void target_words_advice(const struct replicator_stats *t, char out[TARGET_WORDS_ADVICE]);

#endif
