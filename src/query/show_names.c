/* Databases, policies, measurements, tag keys, field keys: lists that are small, sorted by name. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "query/show_part.h"
#include "wire/lp_key.h"

enum err show_databases(struct show *s)
{
	static const char *const columns[] = { "name" };
	enum err e = show_series(s, view_of("databases"), columns, 1, true);
	const char *name;

	for (uint32_t id = 1; e == ERR_OK && id <= CATALOGUE_DATABASES_MAX; id++) {
		if (!(name = catalogue_database_name(s->env->catalogue, id)))
			continue;
		struct cell c = show_text(view_of(name));
		e = show_row(s, &c);
	}
	return e;
}

/* As Go writes a duration: 720h0m0s. */
static struct view duration(char text[40], int64_t ns)
{
	int64_t s = ns / NS_PER_S;
	int n;

	if (s >= 3600)
		n = snprintf(text, 40, "%lldh%dm%ds", (long long)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
	else
		n = snprintf(text, 40, "%ds", (int)s);
	return (struct view){ text, (size_t)n };
}

/* What InfluxDB would choose for a policy of that length. */
static int64_t shard_duration(int64_t retention_ns)
{
	const int64_t day = 86400 * NS_PER_S;

	return retention_ns == 0 || retention_ns > 180 * day ? 7 * day : retention_ns > 2 * day ? day : day / 24;
}

enum err show_policies(struct show *s)
{
	static const char *const columns[] = { "name", "duration", "shardGroupDuration", "replicaN", "default" };
	char keep[40], shard[40];
	struct cell cells[5] = { show_text(view_of("autogen")), show_text(duration(keep, s->env->retention_ns)),
		show_text(duration(shard, shard_duration(s->env->retention_ns))), { .type = CELL_INTEGER, .i = 1 },
		{ .type = CELL_BOOLEAN, .b = true } };
	enum err e = show_series(s, (struct view){ "", 0 }, columns, 5, true);

	return e == ERR_OK ? show_row(s, cells) : e;
}

enum err show_measurements(struct show *s)
{
	static const char *const columns[] = { "name" };
	struct show_window w = show_window_of(&s->st->limits);
	bool begun = false;
	enum err e;

	if (s->db == 0) /* InfluxDB does not even look at the condition */
		return ERR_OK;
	bool *keep = show_alloc(s, s->count + 1, 1, &e);

	if (e == ERR_OK)
		e = show_filter_measurements(s, keep);
	for (uint32_t i = 0; i < s->count && e == ERR_OK; i++) {
		struct cell c = show_text(s->list[i].name);
		if (!keep[i] || !show_window_take(&w))
			continue;
		if (!begun)
			e = show_series(s, view_of("measurements"), columns, 1, true);
		begun = true;
		if (e == ERR_OK)
			e = show_row(s, &c);
	}
	return e;
}

/* ---- tag keys ---- */

static uint32_t key_number(const struct tags *t, const char *key, size_t len, uint32_t keys)
{
	for (uint32_t i = 0; i < keys; i++)
		if (view_eq(tag_key_name(tags_key_at(t, i)), (struct view){ key, len }))
			return i;
	return keys;
}

/* The keys of one series, which are in its own key: measurement,key=value,… with escapes. */
static uint32_t mark_series(const struct tags *t, struct view series, size_t name_len, bool *used, uint32_t keys)
{
	const char *p = series.p + name_len, *end = series.p + series.len;
	uint32_t fresh = 0;

	while (p < end) {
		const char *key = ++p; /* behind the comma */
		while (p < end && (*p != '=' || p[-1] == '\\'))
			p++;
		uint32_t i = key_number(t, key, (size_t)(p - key), keys);
		if (i < keys && !used[i]) {
			used[i] = true;
			fresh++;
		}
		for (p++; p < end && (*p != ',' || p[-1] == '\\'); p++)
			;
	}
	return fresh;
}

enum err show_mark_keys(
    struct show *s, const struct show_measurement *m, const struct series_set *set, bool all, bool *used, uint32_t keys)
{
	const struct tags *t = measurement_tags(m->m);
	size_t name_len = measurement_name(m->m).len;
	uint32_t left = keys;
	enum err e = ERR_OK;

	if (all)
		memset(used, 1, keys);
	for (uint32_t at = 0; !all && left && e == ERR_OK && series_set_next(set, &at); at++) {
		left -= mark_series(t, measurement_series(m->m, at)->key, name_len, used, keys);
		e = budget_check(s->env->budget, s->eb);
	}
	return e;
}

/* One measurement's names, sorted, of which the window is shown. */
static enum err show_sorted(struct show *s, struct view name, struct view *names, uint32_t n)
{
	static const char *const columns[] = { "tagKey" };
	struct show_window w = show_window_of(&s->st->limits);
	bool begun = false;
	enum err e = ERR_OK;

	qsort(names, n, sizeof *names, show_compare_views);
	for (uint32_t i = 0; i < n && e == ERR_OK; i++) {
		struct cell c = show_text(names[i]);
		if (!show_window_take(&w))
			continue;
		if (!begun)
			e = show_series(s, name, columns, 1, true);
		begun = true;
		if (e == ERR_OK)
			e = show_row(s, &c);
	}
	return e;
}

static enum err tag_keys_of(struct show *s, const struct show_measurement *m)
{
	const struct tags *t = measurement_tags(m->m);
	uint32_t keys = tags_key_count(t), n = 0;
	struct series_set set;
	bool all;
	enum err e = show_filter(s, m, false, &set, &all), e2;
	bool *used = show_alloc(s, keys + 1, 1, &e2);
	struct view *names = e2 == ERR_OK ? show_alloc(s, (keys + 1) * sizeof *names, 8, &e2) : NULL;

	if (e == ERR_OK)
		e = e2;
	if (e == ERR_OK)
		e = show_mark_keys(s, m, &set, all, used, keys);
	for (uint32_t i = 0; i < keys && e == ERR_OK; i++)
		if (used[i] && tag_key_series_count(tags_key_at(t, i)))
			e = show_plain(s, tag_key_name(tags_key_at(t, i)), false, &names[n++]);
	series_set_fini(&set);
	return e == ERR_OK ? show_sorted(s, m->name, names, n) : e;
}

enum err show_tag_keys(struct show *s)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < s->count && e == ERR_OK; i++)
		e = tag_keys_of(s, &s->list[i]);
	return e;
}

/* ---- field keys ---- */

struct named_type {
	struct view name;
	enum value_type type;
};

static enum err field_keys_of(struct show *s, const struct show_measurement *m)
{
	static const char *const columns[] = { "fieldKey", "fieldType" },
				 *const types[] = { [VALUE_FLOAT] = "float",
					 [VALUE_INTEGER] = "integer",
					 [VALUE_UNSIGNED] = "unsigned",
					 [VALUE_BOOLEAN] = "boolean",
					 [VALUE_STRING] = "string" };
	const struct catalogue_layout *l = measurement_layout(m->m);
	struct show_window w = show_window_of(&s->st->limits);
	bool begun = false;
	enum err e;
	struct named_type *list = show_alloc(s, (l->count + 1) * sizeof *list, 8, &e);

	for (uint32_t i = 0; i < l->count && e == ERR_OK; i++) {
		list[i].type = l->fields[i]->type;
		e = show_plain(s, l->fields[i]->name, false, &list[i].name);
	}
	if (e == ERR_OK)
		qsort(list, l->count, sizeof *list, show_compare_views); /* the name comes first */
	for (uint32_t i = 0; i < l->count && e == ERR_OK; i++) {
		struct cell cells[2] = { show_text(list[i].name), show_text(view_of(types[list[i].type])) };
		if (!show_window_take(&w))
			continue;
		if (!begun)
			e = show_series(s, m->name, columns, 2, false);
		begun = true;
		if (e == ERR_OK)
			e = show_row(s, cells);
	}
	return e;
}

enum err show_field_keys(struct show *s)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; i < s->count && e == ERR_OK; i++)
		e = field_keys_of(s, &s->list[i]);
	return e;
}
