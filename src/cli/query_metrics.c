#include "cli/query_metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timetext.h"
#include "cli/table.h"

enum { RANKS_MAX = 8 };

struct query {
	const struct metrics_opts *o;
	char ranks[RANKS_MAX][24]; /* p95, as the answer names them */
	unsigned rank_count;
};

static void add_number(struct table *t, const json_t *v)
{
	if (json_is_null(v) || !v)
		table_add(t, "-");
	else if (json_is_integer(v))
		table_addf(t, "%lld", (long long)json_integer_value(v));
	else
		table_addf(t, "%.6g", json_number_value(v));
}

static int print(const struct table *t, const struct query *q, const json_t *root)
{
	struct buf out;

	buf_init(&out, (size_t)256 << 20);
	if (q->o->format == METRICS_CSV)
		table_print_csv(t, &out);
	else
		table_print(t, &out);
	if (out.failed)
		return complain(EXIT_BAD, "the answer is too large; ask for a shorter range or a larger --step");
	fwrite(out.p, 1, out.len, stdout);
	buf_fini(&out);
	const char *reason = json_string_value(json_object_get(root, "reason"));
	fprintf(stderr, "source: %s, %s%s%s\n", json_string_value(json_object_get(root, "source")),
	    json_is_true(json_object_get(root, "complete")) ? "complete" : "not complete", reason ? ": " : "",
	    reason ? reason : "");
	return EXIT_GOOD;
}

/* ---- resources ---- */

static void add_tags(struct table *t, const char *type, const json_t *tags)
{
	struct buf b;
	const char *key;
	json_t *v;

	buf_init(&b, 4096);
	buf_str(&b, type);
	json_object_foreach((json_t *)tags, key, v)
	{
		buf_char(&b, ' ');
		buf_str(&b, key);
		buf_char(&b, '=');
		buf_str(&b, json_string_value(v) ? json_string_value(v) : "");
	}
	buf_char(&b, 0);
	table_add(t, b.failed ? type : b.p);
	buf_fini(&b);
}

/* Without --step: what an operator asks first of each figure. percentiles: of the range; NULL: there are none. */
static void add_summary(struct table *t, const struct query *q, const char *type, const json_t *tags, const char *name,
    const json_t *values, const json_t *percentiles)
{
	double low = INFINITY, high = -INFINITY, sum = 0;
	const json_t *last = NULL;
	size_t i, n = 0;
	json_t *v;

	json_array_foreach(values, i, v)
	{
		if (!json_is_number(v))
			continue;
		double d = json_number_value(v);
		low = fmin(low, d);
		high = fmax(high, d);
		sum += d;
		last = v;
		n++;
	}
	if (n == 0)
		return;
	add_tags(t, type, tags);
	table_add(t, name);
	add_number(t, last);
	table_addf(t, "%.6g", low);
	table_addf(t, "%.6g", sum / (double)n);
	table_addf(t, "%.6g", high);
	for (unsigned k = 0; k < q->rank_count; k++)
		add_number(t, json_object_get(percentiles, q->ranks[k]));
}

static void add_over_time(
    struct table *t, const json_t *times, const char *type, const json_t *tags, const char *name, const json_t *values)
{
	size_t i;
	json_t *v;
	char when[32];

	json_array_foreach(values, i, v)
	{
		if (!json_is_number(v))
			continue;
		timetext_format(when, json_integer_value(json_array_get(times, i)) * INT64_C(1000000));
		table_add(t, when);
		add_tags(t, type, tags);
		table_add(t, name);
		add_number(t, v);
	}
}

static void add_fields(struct table *t, const struct query *q, const json_t *times, const char *type, const json_t *one)
{
	const json_t *tags = json_object_get(one, "tags"), *rates = json_object_get(one, "rates"),
		     *of_range = json_object_get(one, "range_percentiles");
	const char *name;
	json_t *values;
	char rate[256];

	json_object_foreach(json_object_get(one, "fields"), name, values)
	{
		const json_t *shown = json_object_get(rates, name); /* of a counter its rise says more */
		snprintf(rate, sizeof rate, "%s%s", name, shown ? "/s" : "");
		if (q->o->step)
			add_over_time(t, times, type, tags, rate, shown ? shown : values);
		else
			add_summary(t, q, type, tags, rate, shown ? shown : values, json_object_get(of_range, name));
		for (unsigned k = 0; q->o->step && k < q->rank_count; k++) {
			const json_t *own = json_object_get(json_object_get(one, "percentiles"), name);
			snprintf(rate, sizeof rate, "%s %s", name, q->ranks[k]);
			add_over_time(t, times, type, tags, rate, json_object_get(own, q->ranks[k]));
		}
	}
}

static int show_resources(const struct query *q, const json_t *root)
{
	static const char *const summary[] = { "resource", "figure", "last", "min", "mean", "max" };
	static const char *const series[] = { "time", "resource", "figure", "value" };
	struct table *t = table_new(q->o->step ? 4 : 6 + q->rank_count);
	const char *type;
	json_t *list, *one;
	size_t i;

	if (!t)
		return complain(EXIT_BAD, "out of memory");
	for (i = 0; i < (q->o->step ? 4 : 6); i++)
		table_add(t, q->o->step ? series[i] : summary[i]);
	for (i = 0; !q->o->step && i < q->rank_count; i++)
		table_add(t, q->ranks[i]);
	json_object_foreach(json_object_get(root, "resources"), type, list)
	{
		json_array_foreach(list, i, one) add_fields(t, q, json_object_get(root, "time_ms"), type, one);
	}
	int status = print(t, q, root);
	table_free(t);
	return status;
}

/* ---- performance ---- */

static int show_performance(const struct query *q, const json_t *root)
{
	static const char *const columns[] = { "count", "throughput_per_s", "error_rate", "mean_ms", "min_ms", "max_ms",
		"p50_ms", "p90_ms", "p95_ms", "p99_ms" };
	const unsigned n = sizeof columns / sizeof *columns;
	const json_t *list = json_object_get(root, "operations");
	const char *what = list ? "operation" : "service";
	struct table *t = table_new(n + 1);
	size_t i;
	json_t *one;

	if (!t)
		return complain(EXIT_BAD, "out of memory");
	if (!list)
		list = json_object_get(root, "services");
	table_add(t, what);
	for (unsigned k = 0; k < n; k++)
		table_add(t, columns[k]);
	json_array_foreach(list, i, one)
	{
		const char *name = json_string_value(json_object_get(one, what));
		table_add(t, name && *name ? name : "(none)");
		for (unsigned k = 0; k < n; k++)
			add_number(t, json_object_get(one, columns[k]));
	}
	int status = print(t, q, root);
	table_free(t);
	return status;
}

/* ---- the command ---- */

/* What is wrong with a rank the daemon says; here it becomes the name that the answer gives it. */
static int read_percentiles(struct query *q, const char *list)
{
	char copy[256], *save = NULL, *end;

	snprintf(copy, sizeof copy, "%s", list);
	for (char *p = strtok_r(copy, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		double rank = strtod(p, &end);
		if (*end || q->rank_count == RANKS_MAX)
			return complain(EXIT_USAGE, "--percentiles %s is not up to %d numbers with commas between them",
			    list, RANKS_MAX);
		snprintf(q->ranks[q->rank_count++], sizeof *q->ranks, "p%.10g", rank);
	}
	return EXIT_GOOD;
}

static int show_json(const json_t *root)
{
	json_dumpf(root, stdout, JSON_INDENT(2));
	putchar('\n');
	return EXIT_GOOD;
}

/* Names of nothing are most likely misspelt; what was found is shown all the same. */
static int complain_of_missing(const json_t *root, unsigned count, char **names)
{
	const json_t *found = json_object_get(root, "resources");
	int status = EXIT_GOOD;

	if (count == 0 && json_object_size(found) == 0)
		return complain(EXIT_BAD, "no figures of that range; holdfast status says what is collected");
	for (unsigned i = 0; i < count; i++)
		if (json_array_size(json_object_get(found, names[i])) == 0)
			status = complain(EXIT_BAD,
			    "no figures of %s in that range; holdfast query --help lists the resources", names[i]);
	return status;
}

static void add_range(struct buf *path, const struct metrics_opts *o)
{
	client_add_parameter(path, "from", o->from);
	client_add_parameter(path, "to", o->to);
	client_add_parameter(path, "step", o->step);
	client_add_parameter(path, "host", o->host);
	buf_char(path, 0);
}

int query_resources(struct client *c, const struct metrics_opts *o, unsigned count, char **names)
{
	struct query q = { .o = o };
	struct buf path, wanted;
	int status = EXIT_USAGE;

	if (o->percentiles && read_percentiles(&q, o->percentiles) != EXIT_GOOD)
		return EXIT_USAGE;
	buf_init(&path, 64 << 10);
	buf_init(&wanted, 4096);
	buf_str(&path, "/api/v1/metrics/resources");
	if (o->service)
		client_add_segment(&path, o->service);
	for (unsigned i = 0; i < count; i++) {
		if (i)
			buf_char(&wanted, ',');
		buf_str(&wanted, names[i]);
	}
	buf_char(&wanted, 0);
	client_add_parameter(&path, "resource", count ? wanted.p : NULL);
	client_add_parameter(&path, "percentiles", o->percentiles);
	add_range(&path, o);
	if (path.failed || wanted.failed) {
		complain(0, "the arguments are too long");
	} else {
		json_t *root = client_get(c, path.p, &status);
		if (root) {
			status = o->format == METRICS_JSON ? show_json(root) : show_resources(&q, root);
			if (status == EXIT_GOOD)
				status = complain_of_missing(root, count, names);
		}
		json_decref(root);
	}
	buf_fini(&path);
	buf_fini(&wanted);
	return status;
}

int query_performance(struct client *c, const struct metrics_opts *o, unsigned count, char **names)
{
	struct query q = { .o = o };
	struct buf path;
	int status = EXIT_USAGE;

	buf_init(&path, 64 << 10);
	buf_str(&path, "/api/v1/metrics/performance");
	if (count)
		client_add_segment(&path, names[0]);
	add_range(&path, o);
	json_t *root = path.failed ? NULL : client_get(c, path.p, &status);
	if (path.failed)
		complain(0, "the arguments are too long");
	else if (root)
		status = o->format == METRICS_JSON ? show_json(root) : show_performance(&q, root);
	json_decref(root);
	buf_fini(&path);
	return status;
}
