/* Sorting of what grows with the data: within the memory of a request, and no longer than anybody waits for it. */
#ifndef QUERY_BUDGET_SORT_H
#define QUERY_BUDGET_SORT_H

#include "query/budget.h"

/* As qsort and qsort_r, but what compares alike stays as it was. Takes room for as much again while it runs. On an error (of
 * budget_take or budget_check) the elements are all there, in no order. */
NODISCARD enum err budget_sort(struct budget *b, void *of, size_t count, size_t size,
    int (*compare)(const void *, const void *), struct errbuf *eb);
NODISCARD enum err budget_sort_r(struct budget *b, void *of, size_t count, size_t size,
    int (*compare)(const void *, const void *, void *), void *arg, struct errbuf *eb);

#endif
