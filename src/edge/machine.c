#include "edge/machine.h"

#include <math.h>
#include <string.h>

#include "wire/json_write.h"

enum err machine_read(const struct services *s, const char *host, int64_t from_ns, int64_t to_ns, struct read_result *r,
    struct errbuf *eb)
{
	static const char *const types[] = { "cpu", "mem", "swap", "system", "disk", "net" };
	static const char *const by[] = { "cpu", "device", "interface", "path", "resource_type" };
	const struct read_filter filters[] = { { "host", &host, 1 }, { "resource_type", types, 6 } };
	struct read_request q = { .database = "metrics",
		.measurement = "system_resources",
		.filters = filters,
		.filter_count = 2,
		.group_by = by,
		.group_count = 5,
		.from_ns = from_ns,
		.to_ns = to_ns };

	routes_one_bucket(&q);
	read_result_init(r, &q);
	return reader_read(s->reader, &q, r, eb);
}

static const struct read_cell *cell(const struct read_group *g, const char *field)
{
	const struct read_column *c = g ? read_group_column(g, field) : NULL;

	return c && c->type != VALUE_STRING && c->cells[0].count ? &c->cells[0] : NULL;
}

static double last(const struct read_group *g, const char *field)
{
	const struct read_cell *c = cell(g, field);

	return c ? c->last : NAN;
}

static bool is_of(const struct read_group *g, const char *type)
{
	return !strcmp(read_group_tag(g, "resource_type"), type);
}

/* The group of a type; of cpu that of all together. */
static const struct read_group *find(const struct read_result *r, const char *type)
{
	for (unsigned i = 0; i < r->group_count; i++) {
		const char *cpu = read_group_tag(&r->groups[i], "cpu");
		if (is_of(&r->groups[i], type) && (!*cpu || !strcmp(cpu, "cpu-total")))
			return &r->groups[i];
	}
	return NULL;
}

static double busy(const struct read_cell *idle, double v)
{
	return idle ? 100 - v : NAN;
}

static void put_cpu(struct buf *b, const struct read_group *g)
{
	const struct read_cell *idle = cell(g, "usage_idle");

	json_open(b, "cpu", '{');
	json_put_rounded(b, "used_percent", busy(idle, idle ? idle->last : 0), 2);
	json_put_rounded(b, "mean_used_percent", busy(idle, idle ? idle->sum / (double)idle->count : 0), 2);
	json_put_rounded(b, "max_used_percent", busy(idle, idle ? idle->min : 0), 2);
	json_put_rounded(b, "user_percent", last(g, "usage_user"), 2);
	json_put_rounded(b, "system_percent", last(g, "usage_system"), 2);
	json_put_rounded(b, "iowait_percent", last(g, "usage_iowait"), 2);
	json_close(b, '}');
}

static void put_memory(struct buf *b, const char *key, const struct read_group *g)
{
	json_open(b, key, '{');
	json_put_double(b, "total_bytes", last(g, "total"));
	json_put_double(b, "used_bytes", last(g, "used"));
	json_put_rounded(b, "used_percent", last(g, "used_percent"), 2);
	json_close(b, '}');
}

static void put_load(struct buf *b, const struct read_group *g)
{
	static const char *const fields[] = { "load1", "load5", "load15", "n_cpus" };

	json_open(b, "load", '{');
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		json_put_double(b, fields[i], last(g, fields[i]));
	json_put_double(b, "uptime_s", last(g, "uptime"));
	json_close(b, '}');
}

static void put_disks(struct buf *b, const struct read_result *r)
{
	json_open(b, "disks", '[');
	for (unsigned i = 0; i < r->group_count; i++) {
		const struct read_group *g = &r->groups[i];
		if (!is_of(g, "disk"))
			continue;
		json_open(b, NULL, '{');
		json_put_string_or_null(b, "path", read_group_tag(g, "path"));
		json_put_string_or_null(b, "device", read_group_tag(g, "device"));
		json_put_double(b, "total_bytes", last(g, "total"));
		json_put_double(b, "free_bytes", last(g, "free"));
		json_put_rounded(b, "used_percent", last(g, "used_percent"), 2);
		json_close(b, '}');
	}
	json_close(b, ']');
}

/* A counter's rise a second; NAN where it began anew or has but one value. The record does not tell the moments of a
 * bucket's ends: then it is over the whole range. */
static double rate(const struct read_group *g, const char *field, int64_t range_ns)
{
	const struct read_cell *c = cell(g, field);

	if (!c || c->count < 2 || c->last < c->first)
		return NAN;
	int64_t dt = c->last_ns > c->first_ns ? c->last_ns - c->first_ns : range_ns;
	return (c->last - c->first) / ((double)dt / 1e9);
}

static void put_networks(struct buf *b, const struct read_result *r, int64_t range_ns)
{
	json_open(b, "networks", '[');
	for (unsigned i = 0; i < r->group_count; i++) {
		const struct read_group *g = &r->groups[i];
		if (!is_of(g, "net"))
			continue;
		json_open(b, NULL, '{');
		json_put_string_or_null(b, "interface", read_group_tag(g, "interface"));
		json_put_rounded(b, "recv_bytes_per_s", rate(g, "bytes_recv", range_ns), 2);
		json_put_rounded(b, "sent_bytes_per_s", rate(g, "bytes_sent", range_ns), 2);
		json_close(b, '}');
	}
	json_close(b, ']');
}

/* The newest moment of anything; 0: there is nothing. */
static int64_t newest(const struct read_result *r)
{
	int64_t at = 0;

	for (unsigned g = 0; g < r->group_count; g++)
		for (unsigned i = 0; i < r->groups[g].column_count; i++) {
			const struct read_cell *c = cell(&r->groups[g], r->groups[g].columns[i].field);
			if (c && c->last_ns > at)
				at = c->last_ns;
		}
	return at;
}

void machine_put(struct buf *b, const char *key, const struct read_result *r, int64_t from_ns, int64_t to_ns)
{
	json_open(b, key, '{');
	routes_json_last(b, r, newest(r));
	put_cpu(b, find(r, "cpu"));
	put_memory(b, "memory", find(r, "mem"));
	put_memory(b, "swap", find(r, "swap"));
	put_load(b, find(r, "system"));
	put_disks(b, r);
	put_networks(b, r, to_ns - from_ns);
	json_close(b, '}');
}
