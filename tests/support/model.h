/* A naive model of what was written: every point in a list, the last write of each field. Random data in random order,
 * the same in the store and in the model; reads are compared cell by cell. One at a time. */
#ifndef TESTS_SUPPORT_MODEL_H
#define TESTS_SUPPORT_MODEL_H

#include "base/buf.h"
#include "support/stand.h"

enum { MODEL_SERIES = 5, MODEL_FIELDS = 3, MODEL_SLOTS = 4000 };
#define MODEL_BASE_NS (INT64_C(1795000000) * NS_PER_S / TIER_DAY_NS * TIER_DAY_NS)
#define MODEL_SPAN_NS (3 * TIER_DAY_NS)

void model_begin(uint64_t seed); /* forgets everything */
uint64_t model_random(uint64_t n); /* below n */
/* Lines of points, mostly one after the other, sometimes anywhere, sometimes the same again; terminated. */
void model_make(struct buf *lines, unsigned points);
void model_write(struct stand *s, unsigned points);
/* Of a series, field and range. */
struct read_cell model_cell(unsigned series, unsigned field, int64_t from_ns, int64_t to_ns);
uint64_t model_count(void); /* of values */

/* Fails the test with the stage's name where an answer differs, or is not complete. */
void model_check_read(struct stand *s, int64_t from_ns, int64_t to_ns, int64_t step_ns, const char *stage);
void model_check(struct stand *s, const char *stage); /* several reads: by hour, by day, odd ranges and steps */
/* After a loss: every raw value that is there is the model's; how many there are. */
uint64_t model_check_subset(struct stand *s, const char *stage);

#endif
