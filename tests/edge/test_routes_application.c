/* What applications measure, and what they see of their databases. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "support/edge_stand.h"

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

TestSuite(routes_application, .init = start, .fini = end, .timeout = 60);

static void get_path(const char *path, const char *more)
{
	char target[512];

	snprintf(target, sizeof target, "%s?from=%d&to=%d&step=10s%s", path, T, T + 20, more);
	json_decref(root);
	root = edge_stand_get(&e, target, 200);
}

static void get_error(const char *target, int status)
{
	json_decref(root);
	root = edge_stand_get(&e, target, status);
}

static size_t size(const char *path)
{
	return json_array_size(edge_stand_at(root, path));
}

static void put(const char *series_and_fields, int64_t at_s)
{
	char line[640];

	snprintf(line, sizeof line, "%.500s %" PRId64 "000000000\n", series_and_fields, at_s);
	stand_write(&e.stand, line);
}

static void put_application(void)
{
	put("application_metrics,host=a,metric=orders,metric_type=business,service=shop value=3i", T);
	put("application_metrics,host=b,metric=orders,metric_type=business,service=shop value=4i", T + 1);
	put("application_metrics,host=a,metric=orders,metric_type=business,service=shop value=5i", T + 10);
	put("application_metrics,host=a,metric=queue,metric_type=custom,service=shop level=7.5", T);
	put("application_metrics,host=a,metric=queue,metric_type=custom,service=shop level=2.5", T + 5);
	put("application_metrics,host=a,metric=import,metric_type=data_processing,service=batch "
	    "count=4i,duration_ms_sum=100,duration_ms_min=10,duration_ms_max=40,duration_ms_p95=38",
	    T);
	for (int i = 1; i <= 20; i++) {
		char line[160];
		snprintf(line, sizeof line,
		    "application_metrics,host=a,metric=render,metric_type=custom,service=shop duration_ms=%d", i);
		put(line, T + i - 1);
	}
}

#define APPLICATION "/api/v1/metrics/application"

Test(routes_application, counters_add_up)
{
	put_application();
	get_path(APPLICATION "/business", "");
	cr_expect_str_eq(edge_stand_text(root, "source"), "local");
	cr_expect_str_eq(edge_stand_text(root, "metric_type"), "business");
	cr_expect_str_eq(edge_stand_list(root, "time_ms"), "1700000040000 1700000050000");
	cr_expect_eq(edge_stand_figure(root, "total"), 1);
	cr_expect_str_eq(edge_stand_text(root, "metrics.0.service"), "shop");
	cr_expect_str_eq(edge_stand_text(root, "metrics.0.metric"), "orders");
	cr_expect_str_eq(edge_stand_text(root, "metrics.0.values.value.kind"), "counter");
	cr_expect_eq(edge_stand_figure(root, "metrics.0.values.value.points"), 3);
	cr_expect_eq(edge_stand_figure(root, "metrics.0.values.value.sum"), 12);
	cr_expect_eq(edge_stand_figure(root, "metrics.0.values.value.rate_per_s"), 0.6);
	cr_expect_eq(edge_stand_figure(root, "metrics.0.values.value.last"), 5);
	cr_expect_eq(edge_stand_figure(root, "metrics.0.values.value.last_ms"), (T + 10) * 1e3);
	cr_expect_str_eq(edge_stand_list(root, "metrics.0.values.value.series.sum"), "7 5");
	cr_expect_str_eq(edge_stand_list(root, "metrics.0.values.value.series.rate_per_s"), "0.7 0.5");
	cr_expect(json_is_null(edge_stand_at(root, "metrics.0.timer")));
}

Test(routes_application, gauges_have_means_and_ends)
{
	put_application();
	get_path(APPLICATION "/custom", "&metric=queue");
	cr_expect_eq(size("metrics"), 1);
	cr_expect_str_eq(edge_stand_text(root, "metrics.0.values.level.kind"), "gauge");
	cr_expect(isnan(edge_stand_figure(root, "metrics.0.values.level.sum")));
	cr_expect_eq(edge_stand_figure(root, "metrics.0.values.level.mean"), 5);
	cr_expect_eq(edge_stand_figure(root, "metrics.0.values.level.min"), 2.5);
	cr_expect_eq(edge_stand_figure(root, "metrics.0.values.level.max"), 7.5);
	cr_expect_eq(edge_stand_figure(root, "metrics.0.values.level.last"), 2.5);
	cr_expect_str_eq(edge_stand_list(root, "metrics.0.values.level.series.mean"), "5 null");
	cr_expect_str_eq(edge_stand_list(root, "metrics.0.values.level.series.last"), "2.5 null");
}

Test(routes_application, booleans_have_their_last_alone_as_influxdb_can_tell_no_more)
{
	put("application_metrics,metric=door,metric_type=custom,service=shop open=true", T);
	put("application_metrics,metric=door,metric_type=custom,service=shop open=false", T + 1);
	get_path(APPLICATION "/custom", "");
	cr_expect_str_eq(edge_stand_text(root, "metrics.0.values.open.kind"), "state");
	cr_expect_eq(edge_stand_figure(root, "metrics.0.values.open.last"), 0);
	cr_expect(isnan(edge_stand_figure(root, "metrics.0.values.open.mean")));
	cr_expect_str_eq(edge_stand_list(root, "metrics.0.values.open.series.last"), "0 null");
	cr_expect_eq(json_object_size(edge_stand_at(root, "metrics.0.values.open.series")), 1);
}

Test(routes_application, timers_have_percentiles)
{
	put_application();
	get_path(APPLICATION, "&service=batch");
	cr_expect_eq(size("metrics"), 1);
	cr_expect_eq(json_object_size(edge_stand_at(root, "metrics.0.values")), 0);
	cr_expect_eq(edge_stand_figure(root, "metrics.0.timer.count"), 4);
	cr_expect_eq(edge_stand_figure(root, "metrics.0.timer.mean_ms"), 25);
	cr_expect_eq(edge_stand_figure(root, "metrics.0.timer.p95_ms"), 38);
	cr_expect_str_eq(edge_stand_text(root, "metrics.0.timer.percentiles"), "upper_bound");
	get_path(APPLICATION, "&metric=render");
	cr_expect_eq(edge_stand_figure(root, "metrics.0.timer.count"), 20);
	cr_expect_str_eq(edge_stand_text(root, "metrics.0.timer.percentiles"), "exact");
	cr_expect_eq(edge_stand_figure(root, "metrics.0.timer.p95_ms"), 19);
	cr_expect_str_eq(edge_stand_list(root, "metrics.0.timer.series.max_ms"), "10 20");
}

Test(routes_application, limit_says_what_it_left_out)
{
	put_application();
	get_path(APPLICATION, "&limit=2");
	cr_expect_eq(size("metrics"), 2);
	cr_expect_eq(edge_stand_figure(root, "total"), 4);
	get_path(APPLICATION, "&host=b");
	cr_expect_eq(edge_stand_figure(root, "total"), 1);
	get_path(APPLICATION, "&host=*");
	cr_expect_eq(edge_stand_figure(root, "total"), 4);
}

Test(routes_application, unknown_names_are_404_with_the_nearest)
{
	get_path(APPLICATION "/user_activity", ""); /* known by its nature, without any data */
	cr_expect_eq(size("metrics"), 0);
	get_error(APPLICATION "/busines", 404);
	cr_expect_str_eq(edge_stand_text(root, "error.hint"), "did you mean business?");
	put_application();
	get_error(APPLICATION "/zzzzzzzz", 404);
	cr_expect(
	    strstr(edge_stand_text(root, "error.hint"), "known are: "), "%s", edge_stand_text(root, "error.hint"));
	get_error(APPLICATION "?service=shopp", 404);
	cr_expect(strstr(edge_stand_text(root, "error.hint"), "known are: shop, batch"), "%s",
	    edge_stand_text(root, "error.hint"));
	get_error(APPLICATION "?metric=order", 404);
	cr_expect(strstr(edge_stand_text(root, "error.hint"), "known are: orders, "), "%s",
	    edge_stand_text(root, "error.hint"));
	get_error(APPLICATION "?metrik=orders", 400);
	cr_expect_str_eq(edge_stand_text(root, "error.hint"), "did you mean metric?");
	edge_stand_read_error = ERR_IO;
	get_error(APPLICATION, 500);
}

static void put_databases(void)
{
	put("database_metrics,database=orders,host=a,metric_type=query,operation=SELECT,service=shop,status=success "
	    "count=8i,duration_ms_sum=80,duration_ms_max=30,duration_ms_p95=25",
	    T);
	put("database_metrics,database=orders,host=a,metric_type=query,operation=SELECT,service=shop,status=error "
	    "count=2i,duration_ms_sum=20,duration_ms_max=50,duration_ms_p95=45",
	    T);
	put("database_metrics,database=orders,host=a,metric_type=query,operation=INSERT,service=shop,status=success "
	    "count=30i,duration_ms_sum=90",
	    T + 10);
	put("database_metrics,database=orders,host=a,metric_type=pool,service=shop "
	    "pool_size=10i,pool_in_use=4i,pool_idle=6i,pool_waiting=0i",
	    T);
	put("database_metrics,database=orders,host=a,metric_type=pool,service=shop "
	    "pool_size=10i,pool_in_use=9i,pool_idle=1i,pool_waiting=3i",
	    T + 10);
	put("database_metrics,database=orders,host=a,metric_type=transaction,service=shop "
	    "transactions=10i,commits=9i,rollbacks=1i",
	    T);
	put("database_metrics,database=orders,host=b,metric_type=transaction,service=shop "
	    "transactions=10i,commits=7i,rollbacks=3i",
	    T);
	put("database_metrics,database=orders,host=a,metric_type=health,service=shop up=true", T);
	put("database_metrics,database=orders,host=a,metric_type=health,service=shop up=false", T + 10);
	put("database_metrics,database=users,host=a,metric_type=health,service=shop up=true", T);
}

#define DATABASE "/api/v1/metrics/database"

Test(routes_application, queries_of_a_database_and_their_operations)
{
	put_databases();
	get_path(DATABASE "/orders", "");
	cr_expect_str_eq(edge_stand_text(root, "database"), "orders");
	cr_expect_eq(size("databases"), 1);
	cr_expect_eq(edge_stand_figure(root, "databases.0.queries.count"), 40);
	cr_expect_eq(edge_stand_figure(root, "databases.0.queries.throughput_per_s"), 2);
	cr_expect_eq(edge_stand_figure(root, "databases.0.queries.error_rate"), 0.05);
	cr_expect_eq(edge_stand_figure(root, "databases.0.queries.mean_ms"), 4.75);
	cr_expect_eq(edge_stand_figure(root, "databases.0.queries.max_ms"), 50);
	cr_expect_eq(edge_stand_figure(root, "databases.0.queries.p95_ms"), 45);
	cr_expect_str_eq(edge_stand_list(root, "databases.0.queries.series.count"), "10 30");
	cr_expect_eq(edge_stand_figure(root, "databases.0.operations_total"), 2);
	cr_expect_str_eq(edge_stand_text(root, "databases.0.operations.0.operation"), "INSERT");
	cr_expect_str_eq(edge_stand_text(root, "databases.0.operations.1.operation"), "SELECT");
	cr_expect_eq(edge_stand_figure(root, "databases.0.operations.1.errors"), 2);
	get_path(DATABASE "/orders", "&operation=SELECT");
	cr_expect_eq(edge_stand_figure(root, "databases.0.queries.count"), 10);
	cr_expect_eq(edge_stand_figure(root, "databases.0.operations_total"), 1);
}

Test(routes_application, pools_transactions_and_health)
{
	put_databases();
	get_path(DATABASE "/performance", "");
	cr_expect(json_is_null(edge_stand_at(root, "database")));
	cr_expect_eq(edge_stand_figure(root, "total"), 2);
	cr_expect_eq(size("databases.0.pools"), 1);
	cr_expect_str_eq(edge_stand_text(root, "databases.0.pools.0.service"), "shop");
	cr_expect_eq(edge_stand_figure(root, "databases.0.pools.0.in_use"), 9);
	cr_expect_eq(edge_stand_figure(root, "databases.0.pools.0.waiting"), 3);
	cr_expect_eq(edge_stand_figure(root, "databases.0.pools.0.utilisation"), 0.9);
	cr_expect_str_eq(edge_stand_list(root, "databases.0.pools.0.series.utilisation"), "0.4 0.9");
	cr_expect_eq(edge_stand_figure(root, "databases.0.transactions.commits"), 16);
	cr_expect_eq(edge_stand_figure(root, "databases.0.transactions.rollbacks"), 4);
	cr_expect_eq(edge_stand_figure(root, "databases.0.transactions.rollback_rate"), 0.2);
	cr_expect_str_eq(edge_stand_list(root, "databases.0.transactions.series.transactions"), "20 null");
	cr_expect(json_is_false(edge_stand_at(root, "databases.0.health.0.up")));
	cr_expect_eq(edge_stand_figure(root, "databases.0.health.0.availability"), 0.5);
	cr_expect_str_eq(edge_stand_list(root, "databases.0.health.0.series.up"), "1 0");
	cr_expect_str_eq(edge_stand_text(root, "databases.1.database"), "users");
	cr_expect(json_is_null(edge_stand_at(root, "databases.1.queries")));
	cr_expect(json_is_null(edge_stand_at(root, "databases.1.transactions")));
	cr_expect_eq(size("databases.1.pools"), 0);
	get_path(DATABASE, "&host=b");
	cr_expect_eq(edge_stand_figure(root, "databases.0.transactions.commits"), 7);
	get_path(DATABASE, "&limit=1");
	cr_expect_eq(size("databases"), 1);
	cr_expect_eq(edge_stand_figure(root, "total"), 2);
}

Test(routes_application, timed_transactions_and_figures_of_health)
{
	put("database_metrics,database=sqlite,host=a,metric_type=transaction,operation=commit,service=spool "
	    "transactions=4i,commits=4i,rollbacks=0i,count=4i,duration_ms_sum=8,duration_ms_max=5",
	    T);
	put("database_metrics,database=sqlite,host=a,metric_type=transaction,operation=checkpoint,service=spool "
	    "count=1i,duration_ms_sum=9",
	    T);
	put("database_metrics,database=sqlite,host=a,metric_type=transaction,operation=idle,service=spool commits=0i",
	    T);
	put("database_metrics,database=sqlite,host=a,metric_type=health,service=spool up=true,wal_bytes=4096i,lag=0.5",
	    T);
	put("database_metrics,database=sqlite,host=a,metric_type=health,service=spool up=true,wal_bytes=8192i", T + 10);
	get_path(DATABASE "/sqlite", "");
	cr_expect(json_is_null(edge_stand_at(root, "databases.0.queries")));
	cr_expect_eq(edge_stand_figure(root, "databases.0.transactions.commits"), 4);
	cr_expect_eq(size("databases.0.transactions.operations"), 2);
	cr_expect_str_eq(edge_stand_text(root, "databases.0.transactions.operations.0.operation"), "commit");
	cr_expect_eq(edge_stand_figure(root, "databases.0.transactions.operations.0.count"), 4);
	cr_expect_eq(edge_stand_figure(root, "databases.0.transactions.operations.0.mean_ms"), 2);
	cr_expect_eq(edge_stand_figure(root, "databases.0.transactions.operations.1.mean_ms"), 9);
	cr_expect_eq(edge_stand_figure(root, "databases.0.health.0.figures.wal_bytes"), 8192);
	cr_expect_eq(edge_stand_figure(root, "databases.0.health.0.figures.lag"), 0.5);
}

Test(routes_application, unknown_database_is_404_with_the_nearest)
{
	get_path(DATABASE, "");
	cr_expect_eq(size("databases"), 0);
	put_databases();
	get_error(DATABASE "/order", 404);
	cr_expect_str_eq(edge_stand_text(root, "error.hint"), "known are: orders, users");
	get_error(DATABASE "?service=shopp", 404);
	cr_expect_str_eq(edge_stand_text(root, "error.hint"), "known are: shop");
	get_error(DATABASE "/orders", 200); /* known, nothing in the last hour */
	cr_expect_eq(size("databases"), 0);
	edge_stand_read_error = ERR_NOMEM;
	get_error(DATABASE, 503);
	cr_expect_str_eq(edge_stand_text(root, "error.code"), "overloaded");
}
