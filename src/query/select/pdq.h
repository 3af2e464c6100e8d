/* Pattern-defeating quicksort (O. Peters) with the choices of Go 1.19's sort.Sort, step by step: it is not stable, and which of
 * equal values comes where shows in InfluxDB's answers. */
#ifndef QUERY_SELECT_PDQ_H
#define QUERY_SELECT_PDQ_H

#include <stdbool.h>
#include <stdint.h>

/* Elements are known by their place. Never more than O(n log n) steps; recursion no deeper than log n. */
void pdq_sort(uint32_t n, bool (*is_less)(void *arg, uint32_t i, uint32_t j),
    void (*swap)(void *arg, uint32_t i, uint32_t j), void *arg);

#endif
