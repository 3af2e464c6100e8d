/* How far the record was found to have what is here, as JSON. Any thread. */
#ifndef EDGE_VERIFY_VIEW_H
#define EDGE_VERIFY_VIEW_H

#include "edge/routes.h"

/* The member "verified": [{"database","from_ms","until_ms","at_ms","deep"}], of each database how far the record was found
 * equal last; [] where nobody has looked. */
void verify_view_verified(struct buf *b, const struct services *s);
/* The member "verify", the last comparison in short: {"state","started_ms","ended_ms","next_ms","lacking_hours","more_hours",
 * "repaired_hours","error"}; null where there is no record. */
void verify_view_last(struct buf *b, const struct services *s);

#endif
