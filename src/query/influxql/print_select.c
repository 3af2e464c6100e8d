#include "query/influxql/print_part.h"

static void print_source(const struct iql_source *s, struct buf *out)
{
	if (s->subquery) {
		buf_char(out, '(');
		iql_print_select(s->subquery, out);
		buf_char(out, ')');
		return;
	}
	if (s->database.len) {
		iql_print_name(s->database, false, out);
		buf_char(out, '.');
	}
	if (s->policy.len)
		iql_print_name(s->policy, false, out);
	if (s->policy.len || s->database.len)
		buf_char(out, '.');
	if (s->is_regex)
		iql_print_regex(s->name, out);
	else
		iql_print_name(s->name, false, out);
}

void iql_print_sources(const struct iql_source *s, struct buf *out)
{
	if (s)
		buf_str(out, " FROM ");
	for (; s; s = s->next) {
		print_source(s, out);
		if (s->next)
			buf_str(out, ", ");
	}
}

void iql_print_condition(const struct iql_expr *e, struct buf *out)
{
	if (!e)
		return;
	buf_str(out, " WHERE ");
	iql_print_expr(e, out);
}

void iql_print_dimensions(const struct iql_dimension *d, struct buf *out)
{
	if (d)
		buf_str(out, " GROUP BY ");
	for (; d; d = d->next) {
		iql_print_expr(d->expr, out);
		if (d->next)
			buf_str(out, ", ");
	}
}

void iql_print_order(enum iql_order o, struct buf *out)
{
	static const char *const texts[] = { "", " ORDER BY ASC", " ORDER BY DESC", " ORDER BY time ASC",
		" ORDER BY time DESC" };

	buf_str(out, texts[o]);
}

static void print_limit(const char *word, int64_t n, struct buf *out)
{
	if (!n)
		return;
	buf_str(out, word);
	buf_i64(out, n);
}

void iql_print_limits(const struct iql_limits *l, struct buf *out)
{
	print_limit(" LIMIT ", l->limit, out);
	print_limit(" OFFSET ", l->offset, out);
	print_limit(" SLIMIT ", l->slimit, out);
	print_limit(" SOFFSET ", l->soffset, out);
}

static void print_fill(const struct iql_select *s, struct buf *out)
{
	static const char *const names[] = { " fill(null)", " fill(none)", "", " fill(previous)", " fill(linear)" };

	if (s->fill == IQL_FILL_NUMBER) {
		buf_str(out, " fill(");
		iql_print_expr(s->fill_value, out);
		buf_char(out, ')');
	} else if (s->fill != IQL_FILL_NULL || s->fill_is_set) {
		buf_str(out, names[s->fill]);
	}
}

static void print_into(const struct iql_select *s, struct buf *out)
{
	const struct iql_source *t = s->into;

	buf_str(out, " INTO ");
	if (!s->into_backreference) {
		print_source(t, out);
		return;
	}
	if (t->database.len) {
		iql_print_name(t->database, false, out);
		buf_char(out, '.');
	}
	iql_print_name(t->policy, false, out);
	buf_str(out, ".:MEASUREMENT");
}

void iql_print_select(const struct iql_select *s, struct buf *out)
{
	buf_str(out, "SELECT ");
	for (const struct iql_field *f = s->fields; f; f = f->next) {
		iql_print_expr(f->expr, out);
		if (f->alias.p) {
			buf_str(out, " AS ");
			iql_print_name(f->alias, false, out);
		}
		if (f->next)
			buf_str(out, ", ");
	}
	if (s->into)
		print_into(s, out);
	iql_print_sources(s->sources, out);
	iql_print_condition(s->condition, out);
	iql_print_dimensions(s->dimensions, out);
	print_fill(s, out);
	iql_print_order(s->order, out);
	iql_print_limits(&s->limits, out);
	if (s->zone.p) {
		buf_str(out, " TZ(");
		iql_print_string(s->zone, out);
		buf_char(out, ')');
	}
}
