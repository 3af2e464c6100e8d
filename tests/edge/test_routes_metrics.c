#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "support/edge_stand.h"

/* A round time some while ago, so that buckets of 10 s and of 1 m begin at it. */
enum { T = 1700000040 };

static struct edge_stand e;
static json_t *root;

static void start(void)
{
	root = NULL;
	edge_stand_open(&e, NULL, false, false);
}

static void end(void)
{
	json_decref(root);
	edge_stand_close(&e);
}

TestSuite(routes_metrics, .init = start, .fini = end, .timeout = 60);

__attribute__((format(printf, 1, 2))) static void get(const char *fmt, ...)
{
	char target[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(target, sizeof target, fmt, ap);
	va_end(ap);
	json_decref(root);
	root = edge_stand_get(&e, target, 200);
}

static void write_line(const char *series_and_fields, int64_t at_s)
{
	char line[640];

	snprintf(line, sizeof line, "%.500s %" PRId64 "000000000\n", series_and_fields, at_s);
	stand_write(&e.stand, line);
}

static void write_machine(void)
{
	static const int recv[] = { 1000, 1100, 1300, 200, 260 }; /* restarts once */
	char line[256];

	for (int i = 0; i < 5; i++) {
		snprintf(line, sizeof line,
		    "system_resources,host=here,interface=eth0,resource_type=net bytes_recv=%di,speed=100i", recv[i]);
		write_line(line, T - 10 + i * 10);
		snprintf(
		    line, sizeof line, "system_resources,cpu=cpu-total,host=here,resource_type=cpu usage_user=%d.5", i);
		write_line(line, T - 10 + i * 10);
	}
	write_line("system_resources,cpu=cpu-total,host=other,resource_type=cpu usage_user=99", T);
}

Test(routes_metrics, resources_come_by_type_with_means_and_rates)
{
	write_machine();
	get("/api/v1/metrics/resources?from=%d&to=%d&step=10s", T, T + 40);
	cr_expect_str_eq(edge_stand_list(root, "time_ms"), "1700000040000 1700000050000 1700000060000 1700000070000");
	cr_expect_eq(edge_stand_figure(root, "from_ms"), T * 1e3);
	cr_expect_eq(edge_stand_figure(root, "to_ms"), (T + 40) * 1e3);
	cr_expect_eq(edge_stand_figure(root, "step_ms"), 10000);
	cr_expect_str_eq(edge_stand_text(root, "source"), "local");
	cr_expect_str_eq(edge_stand_text(root, "host"), "here");
	cr_expect_eq(json_object_size(edge_stand_at(root, "resources")), 2);
	cr_expect_str_eq(edge_stand_list(root, "resources.cpu.0.fields.usage_user"), "1.5 2.5 3.5 4.5");
	cr_expect_str_eq(edge_stand_text(root, "resources.cpu.0.tags.cpu"), "cpu-total");
	cr_expect_eq(json_object_size(edge_stand_at(root, "resources.cpu.0.tags")), 1);
	cr_expect_eq(json_object_size(edge_stand_at(root, "resources.cpu.0.rates")), 0);
	cr_expect_str_eq(edge_stand_list(root, "resources.net.0.fields.bytes_recv"), "1100 1300 200 260");
	/* the first rate is known from the bucket before; after the restart it is not */
	cr_expect_str_eq(edge_stand_list(root, "resources.net.0.rates.bytes_recv"), "10 20 null 6");
	cr_expect_eq(json_object_size(edge_stand_at(root, "resources.net.0.rates")), 1);
}

Test(routes_metrics, counters_keep_the_last_value_and_gauges_the_mean_of_a_bucket)
{
	write_machine();
	get("/api/v1/metrics/resources?from=%d&to=%d&step=20s", T, T + 40);
	cr_expect_str_eq(edge_stand_list(root, "resources.cpu.0.fields.usage_user"), "2 4");
	cr_expect_str_eq(edge_stand_list(root, "resources.net.0.fields.bytes_recv"), "1300 260");
	cr_expect_str_eq(edge_stand_list(root, "resources.net.0.rates.bytes_recv"), "15 null");
}

Test(routes_metrics, booleans_keep_the_last_value_of_a_bucket)
{
	write_line("system_resources,host=here,resource_type=service,service=a up=true", T);
	write_line("system_resources,host=here,resource_type=service,service=a up=false", T + 1);
	get("/api/v1/metrics/resources?from=%d&to=%d&step=10s", T, T + 20);
	cr_expect_str_eq(edge_stand_list(root, "resources.service.0.fields.up"), "0 null");
}

Test(routes_metrics, empty_buckets_are_null_and_a_rate_spans_them)
{
	write_line("system_resources,host=here,interface=eth0,resource_type=net bytes_recv=100i", T);
	write_line("system_resources,host=here,interface=eth0,resource_type=net bytes_recv=400i", T + 30);
	get("/api/v1/metrics/resources?from=%d&to=%d&step=10s", T, T + 40);
	cr_expect_str_eq(edge_stand_list(root, "resources.net.0.fields.bytes_recv"), "100 null null 400");
	cr_expect_str_eq(edge_stand_list(root, "resources.net.0.rates.bytes_recv"), "null null null 10");
}

Test(routes_metrics, resource_and_host_choose)
{
	write_machine();
	get("/api/v1/metrics/resources?from=%d&to=%d&step=10s&resource=net,mem", T, T + 40);
	cr_expect_eq(json_object_size(edge_stand_at(root, "resources")), 1);
	edge_stand_at(root, "resources.net");
	get("/api/v1/metrics/resources?from=%d&to=%d&step=10s&host=other", T, T + 40);
	cr_expect_eq(json_object_size(edge_stand_at(root, "resources")), 1);
	cr_expect_str_eq(edge_stand_list(root, "resources.cpu.0.fields.usage_user"), "99 null null null");
	get("/api/v1/metrics/resources?from=%d&to=%d&step=10s&host=*&resource=cpu", T, T + 40);
	cr_expect_eq(json_array_size(edge_stand_at(root, "resources.cpu")), 2);
	cr_expect_str_eq(edge_stand_text(root, "resources.cpu.1.tags.host"), "other");
}

Test(routes_metrics, no_data_is_an_empty_answer)
{
	get("/api/v1/metrics/resources");
	cr_expect_eq(json_object_size(edge_stand_at(root, "resources")), 0);
	cr_expect_eq(edge_stand_figure(root, "step_ms"), 15000); /* the last hour in at most 360 buckets */
	get("/api/v1/metrics/performance");
	cr_expect_eq(json_array_size(edge_stand_at(root, "services")), 0);
}

Test(routes_metrics, a_services_resources_and_an_unknown_ones)
{
	write_line("system_resources,host=here,resource_type=service,service=checkout cpu=1", T);
	get("/api/v1/metrics/resources/checkout?from=%d&to=%d&step=10s", T, T + 10);
	cr_expect_str_eq(edge_stand_list(root, "resources.service.0.fields.cpu"), "1");
	cr_expect_str_eq(edge_stand_text(root, "service"), "checkout");
	get("/api/v1/metrics/resources/checkout?from=%d&to=%d&step=10s", T + 100, T + 110); /* known, nothing then */
	cr_expect_eq(json_object_size(edge_stand_at(root, "resources")), 0);
	json_decref(root);
	root = edge_stand_get(&e, "/api/v1/metrics/resources/chekout", 404);
	cr_expect_str_eq(edge_stand_text(root, "error.code"), "not_found");
	cr_expect_str_eq(edge_stand_text(root, "error.hint"), "known are: checkout");
}

Test(routes_metrics, hint_names_the_nearest_services)
{
	static const char *const names[] = { "alpha", "billing", "checkout", "delivery", "checkin" };
	char line[128];

	for (size_t i = 0; i < 5; i++) {
		snprintf(
		    line, sizeof line, "service_performance,service=%s,operation=o,status=success count=1i", names[i]);
		write_line(line, T);
	}
	json_decref(root);
	root = edge_stand_get(&e, "/api/v1/metrics/performance/checkouts", 404);
	cr_expect(strstr(edge_stand_text(root, "error.hint"), "known are: checkout, checkin, ") != NULL, "%s",
	    edge_stand_text(root, "error.hint"));
	cr_expect(strstr(edge_stand_text(root, "error.hint"), " and 2 more") != NULL, "%s",
	    edge_stand_text(root, "error.hint"));
}

static void write_calls(void)
{
	const char *head = "service_performance,host=a,operation=GET\\ /cart,service=checkout,status=";
	char line[512];

	snprintf(line, sizeof line,
	    "%ssuccess count=8i,duration_ms_sum=80,duration_ms_min=2,duration_ms_max=30,"
	    "duration_ms_p50=9,duration_ms_p90=20,duration_ms_p95=25,duration_ms_p99=29",
	    head);
	write_line(line, T);
	snprintf(line, sizeof line,
	    "%serror count=2i,duration_ms_sum=100,duration_ms_min=40,duration_ms_max=60,"
	    "duration_ms_p50=50,duration_ms_p90=55,duration_ms_p95=56,duration_ms_p99=57",
	    head);
	write_line(line, T);
	snprintf(line, sizeof line,
	    "%ssuccess count=10i,duration_ms_sum=60,duration_ms_min=1,duration_ms_max=20,"
	    "duration_ms_p50=6,duration_ms_p90=10,duration_ms_p95=11,duration_ms_p99=12",
	    head);
	write_line(line, T + 10);
	write_line("service_performance,host=a,operation=POST\\ /pay,service=checkout,status=success "
		   "count=1i,duration_ms_sum=500",
	    T);
	write_line("service_performance,host=b,operation=x,service=stock,status=success count=100i,errors=7i", T);
}

Test(routes_metrics, performance_of_a_service_by_operation)
{
	write_calls();
	get("/api/v1/metrics/performance/checkout?from=%d&to=%d&step=10s", T, T + 20);
	cr_expect_str_eq(edge_stand_text(root, "percentiles"), "upper_bound");
	cr_expect_str_eq(edge_stand_text(root, "service"), "checkout");
	cr_expect_eq(json_array_size(edge_stand_at(root, "operations")), 2);
	cr_expect_str_eq(edge_stand_text(root, "operations.0.operation"), "GET /cart");
	cr_expect_eq(edge_stand_figure(root, "operations.0.count"), 20);
	cr_expect_eq(edge_stand_figure(root, "operations.0.throughput_per_s"), 1);
	cr_expect_eq(edge_stand_figure(root, "operations.0.errors"), 2);
	cr_expect_eq(edge_stand_figure(root, "operations.0.error_rate"), 0.1);
	cr_expect_eq(edge_stand_figure(root, "operations.0.success_rate"), 0.9);
	cr_expect_eq(edge_stand_figure(root, "operations.0.mean_ms"), 12);
	cr_expect_eq(edge_stand_figure(root, "operations.0.min_ms"), 1);
	cr_expect_eq(edge_stand_figure(root, "operations.0.max_ms"), 60);
	cr_expect_eq(edge_stand_figure(root, "operations.0.p50_ms"), 50);
	cr_expect_eq(edge_stand_figure(root, "operations.0.p90_ms"), 55);
	cr_expect_eq(edge_stand_figure(root, "operations.0.p95_ms"), 56);
	cr_expect_eq(edge_stand_figure(root, "operations.0.p99_ms"), 57);
	cr_expect_str_eq(edge_stand_list(root, "operations.0.series.count"), "10 10");
	cr_expect_str_eq(edge_stand_list(root, "operations.0.series.errors"), "2 0");
	cr_expect_str_eq(edge_stand_list(root, "operations.0.series.mean_ms"), "18 6");
	cr_expect_str_eq(edge_stand_list(root, "operations.0.series.throughput_per_s"), "1 1");
	cr_expect_str_eq(edge_stand_list(root, "operations.0.series.error_rate"), "0.2 0");
	cr_expect_str_eq(edge_stand_list(root, "operations.0.series.success_rate"), "0.8 1");
	cr_expect_str_eq(edge_stand_list(root, "operations.0.series.min_ms"), "2 1");
	cr_expect_str_eq(edge_stand_list(root, "operations.0.series.max_ms"), "60 20");
	cr_expect_str_eq(edge_stand_list(root, "operations.0.series.p50_ms"), "50 6");
	cr_expect_str_eq(edge_stand_list(root, "operations.0.series.p90_ms"), "55 10");
	cr_expect_str_eq(edge_stand_list(root, "operations.0.series.p95_ms"), "56 11");
	cr_expect_str_eq(edge_stand_list(root, "operations.0.series.p99_ms"), "57 12");
	cr_expect_str_eq(edge_stand_text(root, "operations.1.operation"), "POST /pay");
	cr_expect_eq(edge_stand_figure(root, "operations.1.mean_ms"), 500);
	cr_expect(isnan(edge_stand_figure(root, "operations.1.p99_ms")));
	cr_expect_str_eq(edge_stand_list(root, "operations.1.series.mean_ms"), "500 null");
}

Test(routes_metrics, durations_of_single_requests_give_true_percentiles)
{
	char line[128];

	for (int i = 0; i < 40; i++) {
		snprintf(line, sizeof line, "service_performance,operation=o%d,service=shop,status=%s duration_ms=%d",
		    i % 2, i % 4 ? "success" : "error", i + 1);
		write_line(line, T + i / 2);
	}
	get("/api/v1/metrics/performance?from=%d&to=%d&step=10s", T, T + 20);
	cr_expect_str_eq(edge_stand_text(root, "percentiles"), "exact");
	cr_expect_str_eq(edge_stand_text(root, "services.0.percentiles"), "exact");
	cr_expect_eq(edge_stand_figure(root, "services.0.count"), 40);
	cr_expect_eq(edge_stand_figure(root, "services.0.errors"), 10);
	cr_expect_eq(edge_stand_figure(root, "services.0.mean_ms"), 20.5);
	cr_expect_eq(edge_stand_figure(root, "services.0.min_ms"), 1);
	cr_expect_eq(edge_stand_figure(root, "services.0.max_ms"), 40);
	cr_expect_eq(edge_stand_figure(root, "services.0.p50_ms"), 20);
	cr_expect_eq(edge_stand_figure(root, "services.0.p95_ms"), 38);
	cr_expect_eq(edge_stand_figure(root, "services.0.p99_ms"), 40);
	cr_expect_str_eq(edge_stand_list(root, "services.0.series.count"), "20 20");
	cr_expect_str_eq(edge_stand_list(root, "services.0.series.p95_ms"), "19 39");
	get("/api/v1/metrics/performance/shop?from=%d&to=%d&step=10s&operation=o1", T, T + 20);
	cr_expect_str_eq(edge_stand_text(root, "operations.0.percentiles"), "exact");
	cr_expect_eq(edge_stand_figure(root, "operations.0.p50_ms"), 20);
	cr_expect_eq(edge_stand_figure(root, "operations.0.p90_ms"), 36);
	write_calls(); /* beside intervals' own percentiles the word is said of all, and of each */
	get("/api/v1/metrics/performance?from=%d&to=%d&step=10s", T, T + 20);
	cr_expect_str_eq(edge_stand_text(root, "percentiles"), "upper_bound");
	cr_expect_str_eq(edge_stand_text(root, "services.1.service"), "shop");
	cr_expect_str_eq(edge_stand_text(root, "services.1.percentiles"), "exact");
	cr_expect_str_eq(edge_stand_text(root, "services.2.percentiles"), "upper_bound");
}

Test(routes_metrics, percentiles_of_a_part_of_the_requests_are_not_shown)
{
	write_line("service_performance,operation=o,service=s,status=success duration_ms=5", T);
	write_line("service_performance,operation=o,service=s,status=error count=3i,duration_ms_sum=900", T);
	get("/api/v1/metrics/performance?from=%d&to=%d&step=10s", T, T + 10);
	cr_expect_eq(edge_stand_figure(root, "services.0.count"), 4);
	cr_expect(isnan(edge_stand_figure(root, "services.0.p95_ms")));
	cr_expect_str_eq(edge_stand_list(root, "services.0.series.p95_ms"), "null");
}

Test(routes_metrics, percentiles_of_resources_are_those_of_the_samples)
{
	write_machine();
	get("/api/v1/metrics/resources?from=%d&to=%d&step=20s&percentiles=50,99", T - 20, T + 40);
	cr_expect_str_eq(edge_stand_text(root, "percentiles"), "exact");
	cr_expect_str_eq(edge_stand_list(root, "resources.cpu.0.percentiles.usage_user.p50"), "0.5 1.5 3.5");
	cr_expect_str_eq(edge_stand_list(root, "resources.cpu.0.percentiles.usage_user.p99"), "0.5 2.5 4.5");
}

Test(routes_metrics, percentiles_of_the_whole_range_come_beside_those_over_time)
{
	write_machine();
	get("/api/v1/metrics/resources?from=%d&to=%d&step=20s&percentiles=50,100", T - 20, T + 40);
	cr_expect_eq(edge_stand_figure(root, "resources.cpu.0.range_percentiles.usage_user.p50"), 2.5);
	cr_expect_eq(edge_stand_figure(root, "resources.cpu.0.range_percentiles.usage_user.p100"), 4.5);
	cr_expect_eq(json_object_size(edge_stand_at(root, "resources.net.0.range_percentiles")), 1, "no counters");
	get("/api/v1/metrics/resources?from=%d&to=%d", T, T + 40);
	cr_expect_null(json_object_get(edge_stand_at(root, "resources.cpu.0"), "percentiles"));
	static const char *const bad[] = { "0", "101", "x", "50;95", "1,2,3,4,5,6,7,8,9" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char target[128];
		snprintf(target, sizeof target, "/api/v1/metrics/resources?percentiles=%s", bad[i]);
		json_decref(root);
		root = edge_stand_get(&e, target, 400);
		cr_expect_str_eq(edge_stand_text(root, "error.code"), "bad_parameter");
	}
}

Test(routes_metrics, performance_of_all_services_busiest_first_within_the_limit)
{
	write_calls();
	get("/api/v1/metrics/performance?from=%d&to=%d&step=10s", T, T + 20);
	cr_expect_eq(json_array_size(edge_stand_at(root, "services")), 2);
	cr_expect_str_eq(edge_stand_text(root, "services.0.service"), "stock");
	cr_expect_eq(edge_stand_figure(root, "services.0.errors"), 7);
	cr_expect_str_eq(edge_stand_text(root, "services.1.service"), "checkout");
	cr_expect_eq(edge_stand_figure(root, "services.1.count"), 21);
	get("/api/v1/metrics/performance?from=%d&to=%d&limit=1", T, T + 20);
	cr_expect_eq(json_array_size(edge_stand_at(root, "services")), 1);
	get("/api/v1/metrics/performance?from=%d&to=%d&host=a", T, T + 20);
	cr_expect_eq(json_array_size(edge_stand_at(root, "services")), 1);
	get("/api/v1/metrics/performance/checkout?from=%d&to=%d&operation=POST%%20/pay", T, T + 20);
	cr_expect_eq(json_array_size(edge_stand_at(root, "operations")), 1);
	cr_expect_eq(edge_stand_figure(root, "operations.0.count"), 1);
}

Test(routes_metrics, from_is_included_and_to_is_not)
{
	write_calls();
	get("/api/v1/metrics/performance/checkout?from=%d&to=%d&step=10s&operation=GET%%20/cart", T + 1, T + 10);
	cr_expect_eq(json_array_size(edge_stand_at(root, "operations")), 0);
	get("/api/v1/metrics/performance/checkout?from=%d&to=%d&step=10s&operation=GET%%20/cart", T, T + 10);
	cr_expect_eq(edge_stand_figure(root, "operations.0.count"), 10);
}

Test(routes_metrics, times_are_taken_in_all_their_forms)
{
	get("/api/v1/metrics/resources?from=2023-11-14T22:14:00Z&to=1700000100000&step=1m");
	cr_expect_eq(edge_stand_figure(root, "from_ms"), 1700000040000);
	cr_expect_eq(edge_stand_figure(root, "to_ms"), 1700000100000);
	get("/api/v1/metrics/resources?from=-2h&to=-1h");
	cr_expect_eq(edge_stand_figure(root, "to_ms") - edge_stand_figure(root, "from_ms"), 3600000);
	get("/api/v1/metrics/resources?from=&to=&step=");
	cr_expect_eq(edge_stand_figure(root, "to_ms") - edge_stand_figure(root, "from_ms"), 3600000);
}

Test(routes_metrics, bad_parameters_are_refused_with_a_hint)
{
	static const struct {
		const char *query, *message;
	} rows[] = { { "from=yesterday", "from=yesterday is not a time" }, { "to=1e9", "to=1e9 is not a time" },
		{ "from=200&to=100", "from must be before to" }, { "from=100&to=100", "from must be before to" },
		{ "step=10q", "step=10q is not a duration" }, { "step=0", "step=0 is not a duration" },
		{ "step=-1s", "step=-1s is not a duration" }, { "step=1ns", "step=1ns is too small" },
		{ "from=-1d&step=1s", "that would be 86400 buckets, more than 10998" },
		{ "from=-9223372036854775807", "from and to must lie between 1770 and 2169" },
		{ "from=9223372036854775807&to=-9223372036854775807", "from and to must lie between" },
		{ "from=-9223372036854775807&to=9223372036854775807", "from and to must lie between" },
		{ "step=250y", "step=250y is too large" } };
	static const char *const paths[] = { "resources", "performance" };
	char target[256];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int k = 0; k < 2; k++) {
			snprintf(target, sizeof target, "/api/v1/metrics/%s?%s", paths[k], rows[i].query);
			json_decref(root);
			root = edge_stand_get(&e, target, 400);
			cr_expect_str_eq(edge_stand_text(root, "error.code"), "bad_parameter");
			cr_expect(strstr(edge_stand_text(root, "error.message"), rows[i].message) != NULL, "%s: %s",
			    rows[i].query, edge_stand_text(root, "error.message"));
		}
}

Test(routes_metrics, the_hint_for_too_many_buckets_is_a_step_that_works)
{
	json_decref(root);
	root = edge_stand_get(&e, "/api/v1/metrics/resources?from=-1d&to=now&step=1s", 400);
	cr_expect_str_eq(edge_stand_text(root, "error.hint"), "a step of 300s would do");
	get("/api/v1/metrics/resources?from=-1d&to=now&step=300s");
}

Test(routes_metrics, failing_reads_are_500_with_the_reason)
{
	edge_stand_read_error = ERR_IO;
	json_decref(root);
	root = edge_stand_get(&e, "/api/v1/metrics/resources", 500);
	cr_expect_str_eq(edge_stand_text(root, "error.code"), "internal");
	cr_expect_str_eq(edge_stand_text(root, "error.message"), "the test says so");
	json_decref(root);
	root = edge_stand_get(&e, "/api/v1/metrics/performance", 500);
}

Test(routes_metrics, a_resource_that_there_is_not_is_refused_with_what_is_known)
{
	json_decref(root);
	root = edge_stand_get(&e, "/api/v1/metrics/resources?resource=cpu,nope", 400);
	cr_expect_str_eq(edge_stand_text(root, "error.message"), "there is no resource nope");
	cr_expect(
	    strstr(edge_stand_text(root, "error.hint"), "known are: "), "%s", edge_stand_text(root, "error.hint"));
	get("/api/v1/metrics/resources?resource=temp"); /* not here, but it may be */
}

Test(routes_metrics, long_parameters_do_no_harm)
{
	char target[4000];

	snprintf(target, sizeof target, "/api/v1/metrics/resources?resource=%03000d", 1);
	json_decref(root);
	root = edge_stand_get(&e, target, 400);
	snprintf(target, sizeof target, "/api/v1/metrics/resources/%0900d", 1);
	json_decref(root);
	root = edge_stand_get(&e, target, 404);
	get("/api/v1/metrics/resources?resource=,,,&host=%%22%%5c%%3d,");
}

/* A parser for the text format: every sample belongs to a name that HELP and TYPE introduced once, just before. */
static void check_exposition(char *body)
{
	char name[128] = "", seen[16384] = "", word[130];
	unsigned samples = 0;
	bool typed = false;
	char *save = NULL;

	for (char *line = strtok_r(body, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "# HELP ", 7)) {
			size_t n = strcspn(line + 7, " ");
			cr_assert(n > 0 && n < sizeof name && line[7 + n] == ' ' && line[8 + n], "%s", line);
			snprintf(name, sizeof name, "%.*s", (int)n, line + 7);
			snprintf(word, sizeof word, " %s ", name);
			cr_assert(strstr(seen, word) == NULL, "%s twice", name);
			strncat(seen, word, sizeof seen - strlen(seen) - 1);
			typed = false;
		} else if (!strncmp(line, "# TYPE ", 7)) {
			size_t n = strlen(name);
			cr_assert(!strncmp(line + 7, name, n), "%s", line);
			cr_assert(!strcmp(line + 7 + n, " counter") || !strcmp(line + 7 + n, " gauge"), "%s", line);
			typed = true;
		} else {
			size_t n = strspn(line, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:");
			cr_assert(typed && n == strlen(name) && !strncmp(line, name, n), "%s under %s", line, name);
			const char *value = line + n;
			if (*value == '{') {
				cr_assert((value = strstr(value, "\"} ")) != NULL, "%s", line);
				value += 2;
			}
			char *stop;
			cr_assert(*value == ' ', "%s", line);
			double v = strtod(value + 1, &stop);
			cr_assert(*stop == 0 && stop > value + 1 && v >= 0, "%s", line);
			samples++;
		}
	}
	cr_assert_gt(samples, COUNTER_COUNT + 15);
}

Test(routes_metrics, exposition_is_well_formed_and_counts)
{
	char h[256];

	stand_write(&e.stand, "m v=1,w=2 1700000000000000000\n");
	struct reply r = client_request(e.port, "GET", "/metrics", "", NULL, 0);
	cr_assert_eq(r.status, 200);
	cr_expect_str_eq(reply_header(&r, "Content-Type", h), "text/plain; version=0.0.4; charset=utf-8");
	cr_expect(strstr(r.body, "\nholdfast_values_total 2\n") != NULL);
	cr_expect(strstr(r.body, "\nholdfast_spool_rows 1\n") != NULL);
	cr_expect(strstr(r.body, "\nholdfast_replication_targets 0\n") != NULL);
	cr_expect(strstr(r.body, "\nholdfast_build_info{version=\"1.2.3\"} 1\n") != NULL);
	check_exposition(r.body);
	reply_free(&r);
}
