/* EXPLAIN: what a SELECT would read, and after ANALYZE what it did read. */
#include "base/clock.h"
#include "query/influxql/literal.h"
#include "query/influxql/print.h"
#include "query/select/resolve.h"
#include "store/tags.h"

struct lines {
	const struct result_sink *sink;
	struct buf text;
	bool stopped;
};

static void begin_line(struct lines *l, const char *label)
{
	buf_clear(&l->text);
	buf_str(&l->text, label);
}

static void end_line(struct lines *l)
{
	struct cell c = { .type = CELL_STRING, .s = { l->text.p ? l->text.p : "", l->text.len } };

	if (!l->stopped)
		l->stopped = !l->sink->row(l->sink->arg, &c);
}

static void number_line(struct lines *l, const char *label, uint64_t n)
{
	begin_line(l, label);
	buf_u64(&l->text, n);
	end_line(l);
}

static void print_time(struct lines *l, int64_t ns)
{
	if (ns == IQL_TIME_MIN)
		buf_str(&l->text, "the beginning");
	else if (ns >= IQL_TIME_MAX)
		buf_str(&l->text, "the end");
	else
		buf_i64(&l->text, ns);
}

static void describe_sources(struct lines *l, const struct select_node *n)
{
	for (uint32_t i = 0; i < n->from_count; i++) {
		const struct select_from *f = &n->from[i];
		if (!f->measurement)
			continue;
		begin_line(l, "MEASUREMENT: ");
		buf_view(&l->text, f->name);
		end_line(l);
		number_line(l, "  SERIES IN ALL: ", measurement_series_count(f->measurement));
	}
}

static void describe_node(struct lines *l, const struct select_node *n, unsigned number)
{
	number_line(l, "QUERY ", number);
	for (uint32_t i = 0; i < n->column_count; i++) {
		begin_line(l, "EXPRESSION: ");
		iql_print_expr(n->columns[i].expr, &l->text);
		end_line(l);
	}
	if (n->select->filter) {
		begin_line(l, "CONDITION: ");
		iql_print_expr(n->select->filter, &l->text);
		end_line(l);
	}
	describe_sources(l, n);
	begin_line(l, "RANGE: ");
	print_time(l, n->read_from_ns);
	buf_str(&l->text, " to ");
	print_time(l, n->read_to_ns);
	end_line(l);
	if (n->grid.interval_ns) {
		begin_line(l, "BUCKETS OF: ");
		iql_duration_print(n->grid.interval_ns, &l->text);
		end_line(l);
		if (n->grid.from_ns != IQL_TIME_MIN)
			number_line(l, "BUCKETS: ", window_count(&n->grid));
	}
	begin_line(l, "TAGS OF GROUPS: ");
	for (uint32_t i = 0; i < n->group_by_count; i++) {
		if (i)
			buf_str(&l->text, ", ");
		buf_view(&l->text, n->group_by[i]);
	}
	if (!n->group_by_count)
		buf_str(&l->text, "none");
	end_line(l);
	begin_line(l, "WAY: ");
	buf_str(&l->text,
	    n->is_empty	    ? "nothing to read"
		: n->is_raw ? "rows merged by time"
			    : "accumulators of buckets");
	end_line(l);
}

static void describe_run(struct lines *l, const struct select_work *w, int64_t took_ns)
{
	static const char *const tiers[TIERS] = { "raw", "1m", "1h", "1d" };
	const struct result_report *r = w->report;

	number_line(l, "SERIES: ", w->seen.series);
	number_line(l, "GROUPS: ", w->seen.groups);
	begin_line(l, "TIERS:");
	for (unsigned i = 0; i < TIERS; i++)
		if (r->tiers & 1u << i) {
			buf_char(&l->text, ' ');
			buf_str(&l->text, tiers[i]);
		}
	end_line(l);
	number_line(l, "BLOCKS READ: ", r->blocks);
	number_line(l, "PIECES READ: ", r->pieces);
	number_line(l, "CHUNKS READ: ", r->chunks);
	number_line(l, "ROWS READ: ", r->rows);
	number_line(l, "ROWS OF THE ANSWER: ", w->seen.rows);
	number_line(l, "MEMORY AT ITS END, BYTES: ", w->env->budget->used_bytes);
	number_line(l, "MICROSECONDS: ", (uint64_t)took_ns / 1000);
}

static bool ignore_series(void *arg, const struct result_series *s)
{
	(void)arg;
	(void)s;
	return true;
}

static bool ignore_row(void *arg, const struct cell *cells)
{
	(void)arg;
	(void)cells;
	return true;
}

static enum err explain(struct select_work *w, struct iql_select *s, bool analyze, struct lines *l)
{
	struct view column = view_of("QUERY PLAN");
	struct result_series header = { .columns = &column, .column_count = 1 };
	struct result_sink ignored = { .series = ignore_series, .row = ignore_row };
	int64_t began_ns = clock_mono_ns();
	unsigned number = 0;
	enum err e = select_prepare(w, s);

	if (e == ERR_OK && analyze)
		e = select_work_run(w, &ignored);
	if (e != ERR_OK)
		return e;
	if (!l->sink->series(l->sink->arg, &header))
		return ERR_OK;
	for (const struct select_node *n = w->first; n; n = n->next)
		describe_node(l, n, ++number);
	if (analyze)
		describe_run(l, w, clock_mono_ns() - began_ns);
	return l->text.failed ? select_no_memory(w) : ERR_OK;
}

enum err select_explain(const struct select_env *env, struct arena *a, struct iql_select *s, bool analyze,
    const struct result_sink *sink, struct result_report *report, struct errbuf *eb)
{
	struct select_work *w = arena_alloc(a, sizeof *w, 16);
	struct lines l = { .sink = sink };

	if (!w)
		return errbuf_set(eb, ERR_NOMEM, "the statement needs more memory than there is for it");
	*w = (struct select_work){ .env = env, .arena = a, .report = report, .eb = eb };
	buf_init(&l.text, 1 << 20);
	enum err e = explain(w, s, analyze, &l);
	buf_fini(&l.text);
	select_work_end(w);
	return e;
}
