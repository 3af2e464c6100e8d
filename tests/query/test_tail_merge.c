/* query/tail_merge, query/result_kept, query/record_select_read: the record's answer as it comes, and the local end of it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/record_select.h"
#include "query/tail_merge.h"

/* ---- an answer as text: "name,k=v (c1 c2): 1 2; 3 null" ---- */

struct text {
	struct buf out;
	unsigned enough_after; /* rows; 0: never */
	unsigned rows;
};

static void put_view(struct buf *b, struct view v)
{
	buf_append(b, v.p, v.len);
}

static bool text_series(void *arg, const struct result_series *s)
{
	struct text *t = arg;

	if (t->out.len)
		buf_char(&t->out, '\n');
	put_view(&t->out, s->name);
	for (uint32_t i = 0; i < s->tag_count; i++) {
		buf_char(&t->out, ',');
		put_view(&t->out, s->tags[i].key);
		buf_char(&t->out, '=');
		put_view(&t->out, s->tags[i].value);
	}
	buf_str(&t->out, " (");
	for (uint32_t i = 0; i < s->column_count; i++) {
		if (i)
			buf_char(&t->out, ' ');
		put_view(&t->out, s->columns[i]);
	}
	buf_str(&t->out, "):");
	return true;
}

static uint32_t width; /* columns of the rows that come */

static bool text_row(void *arg, const struct cell *cells)
{
	struct text *t = arg;

	for (uint32_t i = 0; i < width; i++) {
		buf_char(&t->out, ' ');
		switch (cells[i].type) {
		case CELL_NULL:
			buf_str(&t->out, "null");
			break;
		case CELL_FLOAT:
			buf_double(&t->out, cells[i].f);
			break;
		case CELL_INTEGER:
			buf_i64(&t->out, cells[i].i);
			break;
		case CELL_UNSIGNED:
			buf_u64(&t->out, cells[i].u);
			buf_char(&t->out, 'u');
			break;
		case CELL_BOOLEAN:
			buf_str(&t->out, cells[i].b ? "true" : "false");
			break;
		case CELL_STRING:
			buf_char(&t->out, '\'');
			put_view(&t->out, cells[i].s);
			buf_char(&t->out, '\'');
			break;
		}
	}
	buf_char(&t->out, ';');
	return ++t->rows != t->enough_after;
}

static bool text_series_width(void *arg, const struct result_series *s)
{
	width = s->column_count;
	return text_series(arg, s);
}

static struct result_sink text_sink(struct text *t)
{
	buf_init(&t->out, 1 << 20);
	return (struct result_sink){ .series = text_series_width, .row = text_row, .arg = t };
}

static void expect(struct text *t, const char *wanted)
{
	buf_char(&t->out, 0);
	cr_assert_str_eq(t->out.p ? t->out.p : "", wanted);
	buf_fini(&t->out);
}

/* ---- reading ---- */

static enum err read_all(struct text *t, const char *const *documents, bool *partial, struct errbuf *eb)
{
	const struct result_sink sink = text_sink(t);
	struct record_select_reader *r;
	enum err e = ERR_OK;

	cr_assert_eq(record_select_reader_new(&r, &sink), ERR_OK);
	for (; e == ERR_OK && *documents; documents++) {
		/* a copy on the heap, so that a read beyond its end is seen */
		size_t n = strlen(*documents);
		char *copy = malloc(n + 1);
		memcpy(copy, *documents, n);
		e = record_select_read(r, (struct view){ copy, n }, partial, eb);
		free(copy);
	}
	record_select_reader_free(r);
	return e;
}

Test(record_select, reads_every_type)
{
	const char *const documents[] = {
		"{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m \\u00e9\",\"tags\":{\"h\":\"a\\\"b\"},"
		"\"columns\":[\"time\",\"v\",\"w\"],\"values\":[[-5,1.5,null],[7,18446744073709551615,true],"
		"[8,\"x\\ny\",\"\"],[9,-9223372036854775808,1e-7]]}]}]}",
		NULL
	};
	struct text t = { 0 };
	struct errbuf eb;
	bool partial;

	cr_assert_eq(read_all(&t, documents, &partial, &eb), ERR_OK);
	cr_assert_not(partial);
	expect(&t,
	    "m \xc3\xa9,h=a\"b (time v w): -5 1.5 null; 7 18446744073709551615u true; 8 'x\ny' ''; "
	    "9 -9223372036854775808 0.0000001;");
}

Test(record_select, a_series_goes_on_in_the_next_document)
{
	const char *const documents[] = {
		"{\"results\":[{\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\"values\":[[1,1]],\"partial\":true}],\"partial\":true}]}",
		"{\"results\":[{\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\"values\":[[2,2]]}],\"partial\":true}]}",
		"{\"results\":[{\"series\":[{\"name\":\"n\",\"columns\":[\"time\",\"v\"],\"values\":[[3,3]]}]}]}", NULL
	};
	struct text t = { 0 };
	struct errbuf eb;
	bool partial;

	cr_assert_eq(read_all(&t, documents, &partial, &eb), ERR_OK);
	cr_assert_not(partial);
	expect(&t, "m (time v): 1 1; 2 2;\nn (time v): 3 3;");
}

Test(record_select, words_of_an_error)
{
	const char *const statement[] = { "{\"results\":[{\"statement_id\":0,\"error\":\"database not found: x\"}]}",
		NULL };
	const char *const other[] = { "{\"results\":[{\"statement_id\":0,\"error\":\"undefined function f()\"}]}",
		NULL };
	const char *const request[] = { "{\"error\":\"error parsing query: \\\"q\\\"\"}", NULL };
	struct text t = { 0 };
	struct errbuf eb;
	bool partial;

	cr_assert_eq(read_all(&t, statement, &partial, &eb), ERR_NOTFOUND);
	cr_assert_str_eq(eb.text, "database not found: x");
	buf_fini(&t.out);
	cr_assert_eq(read_all(&t, other, &partial, &eb), ERR_INVALID);
	cr_assert_str_eq(eb.text, "undefined function f()");
	buf_fini(&t.out);
	cr_assert_eq(read_all(&t, request, &partial, &eb), ERR_INVALID);
	cr_assert_str_eq(eb.text, "error parsing query: \"q\"");
	buf_fini(&t.out);
}

Test(record_select, cut_short_at_every_byte_is_an_error)
{
	static const char whole[] =
	    "{\"results\":[{\"statement_id\":0,\"series\":[{\"name\":\"m\",\"tags\":{\"a\":\"b\"},"
	    "\"columns\":[\"time\",\"v\"],\"values\":[[1,1.5],[2,\"\\u00e9\"]]}]}]}";
	char text[sizeof whole];
	struct errbuf eb;
	bool partial;

	for (size_t n = 0; n + 1 < sizeof whole; n++) {
		const char *const documents[] = { text, NULL };
		struct text t = { 0 };
		memcpy(text, whole, n);
		text[n] = 0;
		cr_assert_eq(read_all(&t, documents, &partial, &eb), ERR_CORRUPT, "%zu bytes", n);
		buf_fini(&t.out);
	}
}

Test(record_select, rows_that_are_none_are_refused)
{
	static const char *const values[] = { "[[1]]", "[[1,2,3]]", "[[1.5,2]]", "[[null,2]]", "[[1,{}]]", "[1]", "{}",
		"[[1,1e999]]" };
	struct errbuf eb;
	bool partial;

	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char text[300];
		const char *const documents[] = { text, NULL };
		struct text t = { 0 };
		snprintf(text, sizeof text,
		    "{\"results\":[{\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\"values\":%s}]}]}",
		    values[i]);
		cr_assert_eq(read_all(&t, documents, &partial, &eb), ERR_CORRUPT, "%s", values[i]);
		buf_fini(&t.out);
	}
}

Test(record_select, values_before_columns_are_refused)
{
	const char *const documents[] = {
		"{\"results\":[{\"series\":[{\"name\":\"m\",\"values\":[[1,1]],\"columns\":[\"time\",\"v\"]}]}]}", NULL
	};
	struct text t = { 0 };
	struct errbuf eb;
	bool partial;

	cr_assert_eq(read_all(&t, documents, &partial, &eb), ERR_CORRUPT);
	buf_fini(&t.out);
}

Test(record_select, the_sink_may_have_enough)
{
	const char document[] =
	    "{\"results\":[{\"series\":[{\"name\":\"m\",\"columns\":[\"time\",\"v\"],\"values\":[[1,1],[2,2],[3,3]]}]}]}";
	struct text t = { .enough_after = 2 };
	const struct result_sink sink = text_sink(&t);
	struct record_select_reader *r;
	struct errbuf eb;
	bool partial;

	cr_assert_eq(record_select_reader_new(&r, &sink), ERR_OK);
	cr_assert_eq(record_select_read(r, view_of(document), &partial, &eb), ERR_CLOSED);
	record_select_reader_free(r);
	expect(&t, "m (time v): 1 1; 2 2;");
}

/* ---- merging ---- */

static struct budget budget = { .max_bytes = 1 << 20 };

static struct result_series head_of(
    const char *host, struct result_tag *tag, const struct view *columns, uint32_t count)
{
	*tag = (struct result_tag){ view_of("h"), view_of(host) };
	return (struct result_series){ .name = view_of("m"),
		.tags = tag,
		.tag_count = 1,
		.columns = columns,
		.column_count = count,
		.first_is_time = true };
}

static void push_rows(
    const struct result_sink *sink, const char *host, const char *column, const int64_t *times, unsigned n, int64_t add)
{
	const struct view columns[] = { view_of("time"), view_of(column) };
	struct result_tag tag;
	struct result_series s = head_of(host, &tag, columns, 2);

	cr_assert(sink->series(sink->arg, &s));
	for (unsigned i = 0; i < n; i++) {
		const struct cell row[] = { { .type = CELL_INTEGER, .i = times[i] },
			{ .type = CELL_INTEGER, .i = times[i] + add } };
		cr_assert(sink->row(sink->arg, row));
	}
}

Test(tail_merge, the_local_end_takes_the_place_of_the_records)
{
	static const int64_t rising[] = { 1, 2, 3, 4 }, both[] = { 3, 4, 5 };
	struct errbuf eb;
	struct result_kept local;
	struct text t = { 0 };
	const struct result_sink out = text_sink(&t);
	struct tail_merge m = { .local = &local, .from_ns = 3, .out = &out };

	result_kept_init(&local, &budget, &eb);
	struct result_sink keep = result_kept_sink(&local);
	push_rows(&keep, "a", "v", both, 3, 100); /* here alone, before */
	push_rows(&keep, "c", "v", both, 3, 100);
	push_rows(&keep, "e", "v", both, 3, 100); /* here alone, behind */
	struct result_sink in = tail_merge_sink(&m);
	push_rows(&in, "b", "v", rising, 4, 0); /* there alone */
	push_rows(&in, "c", "v", rising, 4, 0);
	push_rows(&in, "d", "v", rising, 2, 0);
	cr_assert_eq(tail_merge_finish(&m), ERR_OK);
	tail_merge_fini(&m);
	result_kept_fini(&local);
	cr_assert_eq(budget.used_bytes, 0);
	expect(&t,
	    "m,h=a (time v): 3 103; 4 104; 5 105;\nm,h=b (time v): 1 1; 2 2; 3 3; 4 4;\n"
	    "m,h=c (time v): 1 1; 2 2; 3 103; 4 104; 5 105;\nm,h=d (time v): 1 1; 2 2;\n"
	    "m,h=e (time v): 3 103; 4 104; 5 105;");
}

Test(tail_merge, falling_the_local_rows_come_first)
{
	static const int64_t record[] = { 4, 3, 2, 1 }, here[] = { 5, 4, 3, 2 };
	struct errbuf eb;
	struct result_kept local;
	struct text t = { 0 };
	const struct result_sink out = text_sink(&t);
	struct tail_merge m = { .local = &local, .from_ns = 3, .descending = true, .out = &out };

	result_kept_init(&local, &budget, &eb);
	struct result_sink keep = result_kept_sink(&local);
	push_rows(&keep, "c", "v", here, 4, 100);
	struct result_sink in = tail_merge_sink(&m);
	push_rows(&in, "c", "v", record, 4, 0);
	cr_assert_eq(tail_merge_finish(&m), ERR_OK);
	tail_merge_fini(&m);
	result_kept_fini(&local);
	expect(&t, "m,h=c (time v): 5 105; 4 104; 3 103; 2 2; 1 1;");
}

Test(tail_merge, a_column_that_the_record_does_not_know_yet_comes_last)
{
	static const int64_t record[] = { 1, 2 }, here[] = { 2, 3 };
	struct errbuf eb;
	struct result_kept local;
	struct text t = { 0 };
	const struct result_sink out = text_sink(&t);
	struct tail_merge m = { .local = &local, .from_ns = 2, .out = &out };

	result_kept_init(&local, &budget, &eb);
	struct result_sink keep = result_kept_sink(&local);
	push_rows(&keep, "c", "new", here, 2, 100);
	struct result_sink in = tail_merge_sink(&m);
	push_rows(&in, "c", "v", record, 2, 0);
	cr_assert_eq(tail_merge_finish(&m), ERR_OK);
	tail_merge_fini(&m);
	result_kept_fini(&local);
	expect(&t, "m,h=c (time v new): 1 1 null; 2 null 102; 3 null 103;");
}

Test(tail_merge, above_the_budget_nothing_more_is_kept)
{
	static const int64_t times[64] = { 0 };
	struct budget small = { .max_bytes = 2500 };
	struct errbuf eb;
	struct result_kept k;
	const struct view columns[] = { view_of("time"), view_of("v") };
	struct result_tag tag;
	bool more = true;

	result_kept_init(&k, &small, &eb);
	struct result_sink keep = result_kept_sink(&k);
	struct result_series s = head_of("a", &tag, columns, 2);
	more = keep.series(keep.arg, &s);
	for (unsigned i = 0; more && i < 64; i++) {
		const struct cell row[] = { { .type = CELL_INTEGER, .i = times[i] }, { .type = CELL_NULL } };
		more = keep.row(keep.arg, row);
	}
	cr_assert_not(more);
	cr_assert_eq(k.error, ERR_TOOBIG);
	cr_assert(strstr(eb.text, "shorter range"));
	result_kept_fini(&k);
	cr_assert_eq(small.used_bytes, 0);
}

Test(tail_merge, falling_answers_have_their_series_falling_too)
{
	static const int64_t record[] = { 4, 3, 2, 1 }, here[] = { 5, 4, 3, 2 };
	struct errbuf eb;
	struct result_kept local;
	struct text t = { 0 };
	const struct result_sink out = text_sink(&t);
	struct tail_merge m = { .local = &local, .from_ns = 3, .descending = true, .out = &out };

	result_kept_init(&local, &budget, &eb);
	struct result_sink keep = result_kept_sink(&local);
	push_rows(&keep, "c", "v", here, 4, 100);
	push_rows(&keep, "a", "v", here, 4, 100);
	struct result_sink in = tail_merge_sink(&m);
	push_rows(&in, "d", "v", record, 4, 0);
	push_rows(&in, "b", "v", record, 4, 0);
	push_rows(&in, "a", "v", record, 4, 0);
	cr_assert_eq(tail_merge_finish(&m), ERR_OK);
	tail_merge_fini(&m);
	result_kept_fini(&local);
	expect(&t,
	    "m,h=d (time v): 4 4; 3 3; 2 2; 1 1;\nm,h=c (time v): 5 105; 4 104; 3 103; 2 102;\n"
	    "m,h=b (time v): 4 4; 3 3; 2 2; 1 1;\nm,h=a (time v): 5 105; 4 104; 3 103; 2 2; 1 1;");
}
