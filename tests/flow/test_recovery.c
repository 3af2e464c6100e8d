#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "flow/recovery.h"
#include "store/catalogue_store.h"
#include "support/stand.h"

/* The linker puts these in the place of the C library's, in Holdfast's own code: SQLite's calls are not seen. */
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static _Thread_local unsigned until_none; /* calls until one finds no memory; 0: all find some */

static bool is_none(void)
{
	return until_none && --until_none == 0;
}

void *__wrap_malloc(size_t n)
{
	return is_none() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_none() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return is_none() ? NULL : __real_realloc(p, n);
}

enum { ROWS = 12, POINTS = 100 };

static struct stand st;
static struct errbuf eb;

/* Rows that each make more series, more points and more fields than the ones before. */
static void begin(void)
{
	static char text[1 << 20];

	stand_open(&st, NULL);
	for (int row = 0; row < ROWS; row++) {
		size_t n = 0;
		for (int i = 0; i < POINTS * (row + 1); i++) {
			n += (size_t)snprintf(text + n, sizeof text - n, "m%d,host=h%d f=1", row, i);
			for (int f = 0; i == 1 && f < 40 * row; f++)
				n += (size_t)snprintf(text + n, sizeof text - n, ",f%d=1", f);
			n += (size_t)snprintf(text + n, sizeof text - n, " %d\n", i);
		}
		cr_assert_eq(stand_write(&st, text), (uint64_t)POINTS * (uint64_t)(row + 1));
	}
}

static void end(void)
{
	stand_remove(&st);
}

TestSuite(recovery, .init = begin, .fini = end, .timeout = 300);

/* Into a head of its own. The call that finds no memory; 0: none. True: the call was made. */
static bool recover(unsigned none, uint64_t *from_seq)
{
	struct head_opts ho = { 0 };
	struct catalogue_opts co = { 0 };
	struct catalogue *catalogue;
	struct head_stats s;
	struct head *head;
	uint64_t points, expected = 0;

	cr_assert_eq(catalogue_new(&catalogue, &co, &eb), ERR_OK);
	cr_assert_eq(catalogue_load(catalogue, spool_db(st.spool), &eb), ERR_OK);
	cr_assert_eq(head_new(&head, &ho, &eb), ERR_OK);
	until_none = none;
	enum err e = recovery_fill_head(head, catalogue, st.path, 16 << 20, 0, &points, &eb);
	bool made = none && until_none == 0;
	until_none = 0;
	*from_seq = 0;
	if (e != ERR_OK) {
		cr_assert(made);
		cr_assert_eq(e, ERR_NOMEM, "%s", eb.text);
	} else {
		head_stats(head, &s);
		for (uint64_t seq = s.from_seq; seq <= ROWS; seq++)
			expected += POINTS * seq;
		cr_assert_eq(s.points, expected, "call %u, from row %llu: %llu points, not %llu", none,
		    (unsigned long long)s.from_seq, (unsigned long long)s.points, (unsigned long long)expected);
		cr_assert_eq(points, expected);
		*from_seq = s.from_seq;
	}
	head_free(head);
	catalogue_free(catalogue);
	return made;
}

Test(recovery, a_row_that_finds_no_memory_is_left_to_the_spool_whole)
{
	unsigned begun_after[ROWS + 2] = { 0 }, hit = 0;
	uint64_t from;

	recover(0, &from);
	cr_assert_eq(from, 1, "with memory, all of it is there");
	for (unsigned none = 1; recover(none, &from); none++)
		begun_after[from]++;
	for (unsigned seq = 2; seq < ROWS + 2; seq++)
		hit += begun_after[seq] > 0;
	cr_assert_gt(hit, ROWS / 2, "%u", hit);
}
