/* What a SELECT answers, as JSON of InfluxDB's form with times in ns. */
#ifndef TESTS_SUPPORT_SELECT_JSON_H
#define TESTS_SUPPORT_SELECT_JSON_H

#include "base/buf.h"
#include "query/budget.h"
#include "support/stand.h"

/* {"series":[…]}, {"error":"…"}, {}; the budget's limits hold. Of one statement; the database is `metrics`. */
enum err select_json(struct stand *s, const char *text, struct budget *b, struct buf *out);

#endif
