/* How many series, measurements, tag keys, tag values, fields there are; also for each group of GROUP BY. A group is the set
 * of the series with the same values of the tags it is grouped by; what is counted in it is the same as without groups.
 * SHOW MEASUREMENT CARDINALITY groups over all measurements, the others within each. */
#include <stdlib.h>

#include "query/budget_sort.h"
#include "query/show_part.h"
#include "wire/lp_key.h"

enum { TAGS_MAX = 128 };

struct counting {
	struct show *s;
	struct regex *keys; /* WITH KEY */
	struct view *tags; /* GROUP BY: plain, sorted */
	uint32_t tag_count;
	struct show_window window; /* of each group's one row */
};

/* A series and where it belongs: the values of the tags, each after its length. */
struct member {
	struct view group;
	uint32_t measurement, ordinal;
};

static enum err put(struct counting *c, struct view name, const struct result_tag *tags, uint64_t count)
{
	static const struct view column = { "count", 5 };
	struct result_series series = {
		.name = name, .tags = tags, .tag_count = c->tag_count, .columns = &column, .column_count = 1
	};
	struct cell cell = { .type = CELL_INTEGER, .i = (int64_t)count };

	if (count == 0 || c->window.skip)
		return ERR_OK;
	if (!c->s->sink->series(c->s->sink->arg, &series))
		return ERR_CLOSED;
	return show_row(c->s, &cell);
}

/* ---- what is counted ---- */

static enum err count_keys(
    struct counting *c, const struct show_measurement *m, const struct series_set *set, bool all, uint64_t *count)
{
	uint32_t keys = tags_key_count(measurement_tags(m->m));
	bool *used = calloc(keys + 1, 1);

	if (!used)
		return errbuf_set(c->s->eb, ERR_NOMEM, "out of memory");
	enum err e = show_mark_keys(c->s, m, set, all, used, keys);
	for (uint32_t i = 0; i < keys; i++)
		*count += used[i];
	free(used);
	return e;
}

/* Values of several keys that are the same count once, as in InfluxDB. */
static bool is_counted_before(
    const struct tags *t, const bool *wanted, uint32_t key, struct view value, const struct series_set *set)
{
	for (uint32_t i = 0; i < key; i++) {
		const struct tag_value *v = wanted[i] ? tag_key_find_value(tags_key_at(t, i), value) : NULL;
		if (v && tag_value_is_in(v, set))
			return true;
	}
	return false;
}

static enum err count_values(
    struct counting *c, const struct show_measurement *m, const struct series_set *set, uint64_t *count)
{
	const struct tags *t = measurement_tags(m->m);
	uint32_t keys = tags_key_count(t);
	bool *wanted = calloc(keys + 1, 1);
	enum err e = wanted ? ERR_OK : errbuf_set(c->s->eb, ERR_NOMEM, "out of memory");

	for (uint32_t k = 0; k < keys && e == ERR_OK; k++) {
		struct view name;
		uint32_t values = tag_key_value_count(tags_key_at(t, k));
		e = show_plain(c->s, tag_key_name(tags_key_at(t, k)), false, &name);
		wanted[k] = e == ERR_OK && show_wants_key(c->s, name, c->keys, &e);
		for (uint32_t i = 0; wanted[k] && i < values && e == ERR_OK; i++) {
			const struct tag_value *v = tag_key_value_at(tags_key_at(t, k), i);
			*count += tag_value_is_in(v, set) && !is_counted_before(t, wanted, k, tag_value_text(v), set);
			e = budget_check(c->s->env->budget, c->s->eb);
		}
	}
	free(wanted);
	return e;
}

static enum err count_in(
    struct counting *c, const struct show_measurement *m, const struct series_set *set, bool all, uint64_t *count)
{
	uint32_t series = series_set_count(set);

	*count = 0;
	if (series == 0)
		return ERR_OK;
	switch (c->s->st->kind) {
	case IQL_SHOW_TAG_KEY_CARDINALITY:
		return count_keys(c, m, set, all, count);
	case IQL_SHOW_TAG_VALUES_CARDINALITY:
		return count_values(c, m, set, count);
	case IQL_SHOW_FIELD_KEY_CARDINALITY:
		*count = measurement_layout(m->m)->count;
		return ERR_OK;
	case IQL_SHOW_MEASUREMENT_CARDINALITY:
		*count = 1;
		return ERR_OK;
	default:
		*count = series;
		return ERR_OK;
	}
}

/* ---- GROUP BY ---- */

static enum err add_tag(struct counting *c, struct view plain)
{
	uint32_t i = 0;

	while (i < c->tag_count && view_cmp(c->tags[i], plain) < 0)
		i++;
	if (i < c->tag_count && view_eq(c->tags[i], plain))
		return ERR_OK;
	if (c->tag_count == TAGS_MAX)
		return errbuf_set(c->s->eb, ERR_INVALID, "more than %d tags to group by", TAGS_MAX);
	memmove(&c->tags[i + 1], &c->tags[i], (c->tag_count - i) * sizeof *c->tags);
	c->tags[i] = plain;
	c->tag_count++;
	return ERR_OK;
}

/* All tags of the measurements, or those that match. */
static enum err add_matching(struct counting *c, struct regex *regex)
{
	struct show *s = c->s;
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < s->count; i++) {
		const struct tags *t = measurement_tags(s->list[i].m);
		uint32_t keys = tags_key_count(t);
		for (uint32_t k = 0; k < keys && e == ERR_OK; k++) {
			struct view plain;
			bool yes = true;
			e = show_plain(s, tag_key_name(tags_key_at(t, k)), false, &plain);
			if (e == ERR_OK && regex)
				e = regex_match(regex, plain, &yes, s->eb);
			if (e == ERR_OK && yes)
				e = add_tag(c, plain);
		}
	}
	return e;
}

static enum err add_dimension(struct counting *c, const struct iql_expr *d)
{
	struct regex *regex;
	enum err e;

	switch (d->kind) {
	case IQL_REF:
		return add_tag(c, d->text);
	case IQL_WILDCARD:
		return add_matching(c, NULL);
	case IQL_REGEX:
		e = regex_compile(&regex, d->text, c->s->eb);
		if (e == ERR_OK) {
			e = add_matching(c, regex);
			regex_free(regex);
		}
		return e;
	default:
		return errbuf_set(c->s->eb, ERR_INVALID,
		    "GROUP BY time of a cardinality is not supported by Holdfast: names have no time; group by tags");
	}
}

static enum err read_dimensions(struct counting *c)
{
	enum err e = ERR_OK;

	if (c->s->st->dimensions)
		c->tags = show_alloc(c->s, (TAGS_MAX + 1) * sizeof *c->tags, 8, &e);
	for (const struct iql_dimension *d = c->s->st->dimensions; d && e == ERR_OK; d = d->next)
		e = add_dimension(c, d->expr);
	return e;
}

/* The value of a series' tag in its key, as it is written there. escaped: ",key=". */
static struct view tag_of(struct view key, size_t name_len, struct view escaped)
{
	for (const char *p = key.p + name_len, *end = key.p + key.len; p < end;) {
		const char *stop = p + 1;
		while (stop < end && (*stop != ',' || stop[-1] == '\\'))
			stop++;
		if ((size_t)(stop - p) >= escaped.len && !memcmp(p, escaped.p, escaped.len))
			return (struct view){ p + escaped.len, (size_t)(stop - p) - escaped.len };
		p = stop;
	}
	return (struct view){ "", 0 };
}

/* ",key=" of each tag, as keys write it. */
static enum err escape_tags(struct counting *c, struct view *out)
{
	struct buf b;
	enum err e = ERR_OK;

	buf_init(&b, 1 << 20);
	for (uint32_t i = 0; i < c->tag_count && e == ERR_OK; i++) {
		buf_clear(&b);
		buf_char(&b, ',');
		lp_escape(c->tags[i], false, &b);
		buf_char(&b, '=');
		char *copy = b.failed ? NULL : show_alloc(c->s, b.len, 1, &e);
		if (copy)
			memcpy(copy, b.p, b.len);
		else if (e == ERR_OK)
			e = errbuf_set(c->s->eb, ERR_NOMEM, "out of memory");
		out[i] = (struct view){ copy, b.len };
	}
	buf_fini(&b);
	return e;
}

/* Values are plain and each ends with a zero byte, so that groups sort by their values. */
static enum err group_of(struct counting *c, const struct view *escaped, struct view key, size_t name_len,
    struct buf *scratch, struct view *out)
{
	enum err e = ERR_OK;

	buf_clear(scratch);
	for (uint32_t i = 0; i < c->tag_count; i++) {
		struct view v = tag_of(key, name_len, escaped[i]);
		lp_unescape(v, false, scratch);
		buf_char(scratch, 0);
	}
	char *copy = scratch->failed ? NULL : show_alloc(c->s, scratch->len, 1, &e);
	if (!copy)
		return e != ERR_OK ? e : errbuf_set(c->s->eb, ERR_NOMEM, "out of memory");
	memcpy(copy, scratch->p, scratch->len);
	*out = (struct view){ copy, scratch->len };
	return ERR_OK;
}

static enum err collect_members(
    struct counting *c, uint32_t index, const struct series_set *set, struct member *list, uint32_t *n)
{
	const struct show_measurement *m = &c->s->list[index];
	size_t name_len = measurement_name(m->m).len;
	struct view escaped[TAGS_MAX];
	struct buf scratch;
	enum err e = escape_tags(c, escaped);

	buf_init(&scratch, 1 << 20);
	for (uint32_t at = 0; e == ERR_OK && series_set_next(set, &at); at++) {
		struct member *x = &list[(*n)++];
		*x = (struct member){ .measurement = index, .ordinal = at };
		e = group_of(c, escaped, measurement_series(m->m, at)->key, name_len, &scratch, &x->group);
		if (e == ERR_OK)
			e = budget_check(c->s->env->budget, c->s->eb);
	}
	buf_fini(&scratch);
	return e;
}

static int compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int c = view_cmp(x->group, y->group);

	if (c == 0)
		c = (x->measurement > y->measurement) - (x->measurement < y->measurement);
	return c ? c : (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

static void read_tags(const struct counting *c, struct view group, struct result_tag *tags)
{
	const char *p = group.p;

	for (uint32_t i = 0; i < c->tag_count; i++) {
		tags[i] = (struct result_tag){ c->tags[i], view_of(p) };
		p += tags[i].value.len + 1;
	}
}

/* The members of one group, which may be of several measurements. */
static enum err show_group(struct counting *c, struct view name, const struct member *list, uint32_t n)
{
	struct result_tag tags[TAGS_MAX];
	uint64_t total = 0, count;
	enum err e = ERR_OK;

	for (uint32_t i = 0, j; i < n && e == ERR_OK; i = j) {
		const struct show_measurement *m = &c->s->list[list[i].measurement];
		struct series_set set;
		if (!series_set_init(&set, m->series))
			return errbuf_set(c->s->eb, ERR_NOMEM, "out of memory");
		for (j = i; j < n && list[j].measurement == list[i].measurement; j++)
			series_set_add(&set, list[j].ordinal);
		e = count_in(c, m, &set, false, &count);
		total += count;
		series_set_fini(&set);
	}
	if (e != ERR_OK)
		return e;
	read_tags(c, list[0].group, tags);
	return put(c, name, tags, total);
}

static enum err show_groups(struct counting *c, struct view name, struct member *list, uint32_t n)
{
	enum err e = budget_sort(c->s->env->budget, list, n, sizeof *list, compare_members, c->s->eb);

	for (uint32_t i = 0, j; i < n && e == ERR_OK; i = j) {
		for (j = i; j < n && view_eq(list[j].group, list[i].group); j++)
			;
		e = show_group(c, name, list + i, j - i);
	}
	return e;
}

/* ---- */

static enum err count_grouped(struct counting *c, bool together)
{
	struct show *s = c->s;
	uint32_t n = 0;
	enum err e = ERR_OK;

	for (uint32_t from = 0, to; from < s->count && e == ERR_OK; from = to) {
		uint64_t room = 0;
		to = together ? s->count : from + 1;
		for (uint32_t i = from; i < to; i++)
			room += s->list[i].series;
		struct member *list = show_alloc(s, (room + 1) * sizeof *list, 8, &e);
		n = 0;
		for (uint32_t i = from; i < to && e == ERR_OK; i++) {
			struct series_set set;
			bool all;
			e = show_filter(s, &s->list[i], true, &set, &all);
			if (e == ERR_OK)
				e = collect_members(c, i, &set, list, &n);
			series_set_fini(&set);
		}
		if (e == ERR_OK)
			e = show_groups(c, together ? (struct view){ "", 0 } : s->list[from].name, list, n);
	}
	return e;
}

static enum err count_plain(struct counting *c, bool together)
{
	struct show *s = c->s;
	uint64_t total = 0, count;
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < s->count && e == ERR_OK; i++) {
		struct series_set set;
		bool all;
		e = show_filter(s, &s->list[i], true, &set, &all);
		if (e == ERR_OK)
			e = count_in(c, &s->list[i], &set, all, &count);
		series_set_fini(&set);
		if (e == ERR_OK && !together)
			e = put(c, s->list[i].name, NULL, count);
		else if (e == ERR_OK)
			total += count;
	}
	return e == ERR_OK && together ? put(c, (struct view){ "", 0 }, NULL, total) : e;
}

/* One figure for the database, which InfluxDB estimates. */
static enum err show_estimate(struct show *s)
{
	static const char *const columns[] = { "cardinality estimation" };
	struct cell c = { .type = CELL_INTEGER };
	enum err e = show_series(s, (struct view){ "", 0 }, columns, 1, true);

	if (s->st->kind == IQL_SHOW_MEASUREMENT_CARDINALITY)
		c.i = s->count;
	for (uint32_t i = 0; s->st->kind == IQL_SHOW_SERIES_CARDINALITY && i < s->count; i++)
		c.i += s->list[i].series;
	return e == ERR_OK ? show_row(s, &c) : e;
}

bool show_is_estimate(const struct iql_statement *st)
{
	return (st->kind == IQL_SHOW_MEASUREMENT_CARDINALITY || st->kind == IQL_SHOW_SERIES_CARDINALITY) && !st->flag &&
	    !st->sources && !st->condition && !st->dimensions && !st->limits.limit && !st->limits.offset;
}

enum err show_cardinality(struct show *s)
{
	struct counting c = { .s = s, .window = show_window_of(&s->st->limits) };
	bool together = s->st->kind == IQL_SHOW_MEASUREMENT_CARDINALITY;
	enum err e = ERR_OK;

	if (show_is_estimate(s->st))
		return show_estimate(s);
	if (s->st->kind == IQL_SHOW_TAG_VALUES_CARDINALITY)
		e = show_key_regex(s, &c.keys);
	if (e == ERR_OK)
		e = read_dimensions(&c);
	if (e == ERR_OK)
		e = s->st->dimensions ? count_grouped(&c, together) : count_plain(&c, together);
	regex_free(c.keys);
	return e;
}
