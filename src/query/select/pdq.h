/* Pattern-defeating quicksort (O. Peters) with the choices of Go 1.19's sort.Sort, step by step: it is not stable, and which of
 * equal values comes where shows in InfluxDB's answers.
 * keys are what is sorted, order goes with them: mostly 0, 1, 2… before, so that it says where each came from. */
#ifndef QUERY_SELECT_PDQ_H
#define QUERY_SELECT_PDQ_H

#include <stdbool.h>
#include <stdint.h>

/* Never more than O(n log n) steps; recursion no deeper than log n. */
void pdq_sort(uint64_t *keys, uint32_t *order, uint32_t n);
/* Only until the one at `place`, below n, is what it would be: O(n) steps as a rule. What is elsewhere may be anything. */
void pdq_select(uint64_t *keys, uint32_t *order, uint32_t n, uint32_t place);

#endif
