/* What the files of the sentence have in common. */
#ifndef EDGE_SENTENCE_PART_H
#define EDGE_SENTENCE_PART_H

#include <stddef.h>

#include "edge/sentence.h"

enum { SENTENCE_TEXT = 32 }; /* of a figure in words */

const char *sentence_or_unknown(const char *s);
/* How long what is free of the spool lasts at the present rate; "" if that can't be told. */
void sentence_room_left(const struct sentence_facts *f, char *out, size_t size);

/* ---- sentence_targets.c ---- */

/* Of the record, or of the mirrors, the worst in that state. False: none is. */
bool sentence_target(const struct sentence_facts *f, enum replicator_state state, bool record, struct sentence *out);
bool sentence_quarantine(const struct sentence_facts *f, struct sentence *out);
/* "kept here and in InfluxDB 0.9 s later." */
void sentence_where_kept(const struct sentence_facts *f, char *out, size_t size);

#endif
