/* What result_json.c's documents are filled with. Owner: the thread of the result_json. */
#ifndef QUERY_RESULT_JSON_ROWS_H
#define QUERY_RESULT_JSON_ROWS_H

#include "query/result_json.h"

/* result_json.c. Of a pretty answer: a line's end, and the indentation of what follows. */
void result_json_line(struct result_json *j, unsigned depth);

/* Without the comma in front. */
void result_json_put_row(struct result_json *j, const struct cell *cells);
/* The rows with commas between them, flushed as they come; of an answer that is not pretty. false: nobody wants more. */
bool result_json_put_run(struct result_json *j, const struct result_run *r);

#endif
