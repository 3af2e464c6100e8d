/* What the servers say of themselves. The text of 1.x is one of 1.6.7's answers, shortened; of 2.x and 3.x, which cannot be
 * installed here, lines as their documentation has them. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "flow/server_figures.h"

static struct server_figures f;

static const char vars[] =
    "{\n\"system\": {\"currentTime\":\"2026-11-25T09:52:56Z\",\"started\":\"2026-11-25T09:52:52Z\",\"uptime\":4},\n"
    "\"cmdline\": [\"influxd\",\"-config\",\"/dev/null\"],\n"
    "\"memstats\": {\"HeapAlloc\":99,\"PauseNs\":[0,0],\"BySize\":[{\"Size\":0}]},\n"
    "\"runtime\": {\"name\":\"runtime\",\"tags\":{},\"values\":{\"HeapAlloc\":2158952,\"NumGoroutine\":16,\"Sys\":14660872}},\n"
    "\"queryExecutor\": {\"name\":\"queryExecutor\",\"tags\":null,\"values\":{\"queriesExecuted\":3,\"queryDurationNs\":2500000}},\n"
    "\"database:metrics\": {\"name\":\"database\",\"tags\":{\"database\":\"metrics\"},\"values\":{\"numMeasurements\":1,\"numSeries\":5}},\n"
    "\"database:other\": {\"name\":\"database\",\"tags\":{\"database\":\"other\"},\"values\":{\"numMeasurements\":2,\"numSeries\":7}},\n"
    "\"shard:/a/metrics/autogen/1:1\": {\"name\":\"shard\",\"tags\":{\"values\":{\"diskBytes\":9}},\"values\":{\"diskBytes\":42}},\n"
    "\"shard:/a/metrics/autogen/2:2\": {\"name\":\"shard\",\"tags\":{},\"values\":{\"diskBytes\":58}},\n"
    "\"tsm1_filestore:/a:1\": {\"name\":\"tsm1_filestore\",\"values\":{\"diskBytes\":1000}},\n"
    "\"write\": {\"name\":\"write\",\"tags\":null,\"values\":{\"pointReq\":11,\"writeError\":2}},\n"
    "\"httpd:127.0.0.1:8086\": {\"name\":\"httpd\",\"values\":{\"req\":30,\"clientError\":1,\"serverError\":0,\"writeReq\":8,"
    "\"writeReqBytes\":900,\"writeReqDurationNs\":12500000,\"pointsWrittenFail\":4,\"pointsWrittenDropped\":3}}\n}\n";

static void expect(enum server_figure i, double v)
{
	cr_expect(f.has[i], "%s is not there", server_figure_name(i));
	cr_expect_float_eq(f.value[i], v, 1e-9, "%s is %g, not %g", server_figure_name(i), f.value[i], v);
}

Test(server_figures, of_1)
{
	cr_assert(server_figures_read(RECORD_API_1, view_of(vars), &f));
	expect(SERVER_UPTIME_S, 4);
	expect(SERVER_HEAP_BYTES, 2158952);
	expect(SERVER_MEMORY_BYTES, 14660872);
	expect(SERVER_GOROUTINES, 16);
	expect(SERVER_QUERIES, 3);
	expect(SERVER_QUERY_MS, 2.5);
	expect(SERVER_SERIES, 12);
	expect(SERVER_MEASUREMENTS, 3);
	expect(SERVER_DISK_BYTES, 100);
	expect(SERVER_POINTS_WRITTEN, 11);
	expect(SERVER_WRITE_ERRORS, 2);
	expect(SERVER_REQUESTS, 30);
	expect(SERVER_CLIENT_ERRORS, 1);
	expect(SERVER_SERVER_ERRORS, 0);
	expect(SERVER_WRITE_REQUESTS, 8);
	expect(SERVER_WRITE_REQUEST_BYTES, 900);
	expect(SERVER_WRITE_REQUEST_MS, 12.5);
	expect(SERVER_POINTS_FAILED, 4);
	expect(SERVER_POINTS_DROPPED, 3);
}

Test(server_figures, what_is_not_said_is_not_there)
{
	cr_assert(server_figures_read(RECORD_API_1, view_of("{\"write\": {\"values\": {\"pointReq\": 1}}}"), &f));
	for (enum server_figure i = 0; i < SERVER_FIGURES; i++)
		cr_expect_eq(f.has[i], i == SERVER_POINTS_WRITTEN, "%s", server_figure_name(i));
}

Test(server_figures, strange_values_are_left_out)
{
	cr_assert(server_figures_read(RECORD_API_1,
	    view_of(
		"{\"write\": {\"values\": {\"pointReq\": \"1\", \"writeError\": -1}}, \"runtime\": 5, \"system\": [],"
		" \"shard:x\": {\"values\": [1]}, \"database:y\": {\"values\": {\"numSeries\": {\"a\": 1}}}}"),
	    &f));
	for (enum server_figure i = 0; i < SERVER_FIGURES; i++)
		cr_expect_not(f.has[i], "%s", server_figure_name(i));
}

/* An answer that broke off would give sums of a part. */
Test(server_figures, nothing_of_a_half_answer_counts)
{
	for (size_t n = 0; n < sizeof vars - 3; n++) {
		char *piece = malloc(n + 1);
		memcpy(piece, vars, n);
		cr_assert_not(server_figures_read(RECORD_API_1, (struct view){ piece, n }, &f), "%zu bytes", n);
		for (enum server_figure i = 0; i < SERVER_FIGURES; i++)
			cr_assert_not(f.has[i]);
		free(piece);
	}
	cr_expect_not(server_figures_read(RECORD_API_1, view_of("<html>"), &f));
	cr_expect_not(server_figures_read(RECORD_API_2, view_of("<html>\n"), &f));
	cr_expect_not(server_figures_read(RECORD_API_2, view_of(""), &f));
}

Test(server_figures, of_2)
{
	cr_assert(server_figures_read(RECORD_API_2,
	    view_of(
		"# HELP go_goroutines Number of goroutines that currently exist.\n# TYPE go_goroutines gauge\n"
		"go_goroutines 1566\ngo_memstats_heap_alloc_bytes 2.27988488e+08\ngo_memstats_sys_bytes 1.3e+09\n"
		"influxdb_uptime_seconds{id=\"077238f9ca108000\"} 343354.9\n"
		"http_api_requests_total{handler=\"platform\",method=\"GET\",path=\"/api/v2\",response_code=\"200\","
		"status=\"2XX\",user_agent=\"curl\"} 10\n"
		"http_api_requests_total{handler=\"platform\",method=\"POST\",path=\"/api/v2/write\",response_code=\"400\","
		"status=\"4XX\",user_agent=\"h\"} 3\n"
		"http_api_requests_total{handler=\"platform\",path=\"/x\",status=\"5XX\"} 2\n"
		"storage_shard_disk_size{bucket=\"a\",engine=\"tsm1\",id=\"2\"} 100\n"
		"storage_shard_disk_size{bucket=\"b\",engine=\"tsm1\",id=\"1\"} 500\n"
		"storage_bucket_series_num{bucket=\"a\"} 38\nstorage_bucket_measurement_num{bucket=\"a\"} 4\n"
		"storage_writer_ok_points_bucket{path=\"/e\",le=\"+Inf\"} 24\n"
		"storage_writer_ok_points_sum{path=\"/e\"} 125787\nstorage_writer_ok_points_count{path=\"/e\"} 24\n"
		"storage_writer_err_points_sum{path=\"/e\"} 1\nstorage_writer_dropped_points_sum{path=\"/e\"} 2\n"
		"qc_requests_total{org=\"48\",result=\"success\"} 71\nqc_all_duration_seconds_sum{org=\"48\"} 0.4\n"),
	    &f));
	expect(SERVER_UPTIME_S, 343354.9);
	expect(SERVER_GOROUTINES, 1566);
	expect(SERVER_HEAP_BYTES, 227988488);
	expect(SERVER_MEMORY_BYTES, 1.3e9);
	expect(SERVER_REQUESTS, 15);
	expect(SERVER_CLIENT_ERRORS, 3);
	expect(SERVER_SERVER_ERRORS, 2);
	expect(SERVER_DISK_BYTES, 600);
	expect(SERVER_SERIES, 38);
	expect(SERVER_MEASUREMENTS, 4);
	expect(SERVER_POINTS_WRITTEN, 125787);
	expect(SERVER_POINTS_FAILED, 1);
	expect(SERVER_POINTS_DROPPED, 2);
	expect(SERVER_QUERIES, 71);
	expect(SERVER_QUERY_MS, 400);
	cr_expect_not(f.has[SERVER_WRITE_ERRORS]);
}

Test(server_figures, of_3)
{
	cr_assert(server_figures_read(RECORD_API_3,
	    view_of(
		"http_requests_total{method=\"POST\",method_path=\"POST /api/v3/write_lp\",path=\"/api/v3/write_lp\","
		"status=\"ok\"} 7\n"
		"http_requests_total{method=\"GET\",path=\"/query\",status=\"client_error\"} 2\n"
		"http_requests_total{method=\"GET\",path=\"/query\",status=\"server_error\"} 1\n"
		"jemalloc_memstats_bytes{type=\"allocated\"} 1000\njemalloc_memstats_bytes{type=\"resident\"} 4000\n"
		"jemalloc_memstats_bytes{type=\"mapped\"} 9000\n"
		"influxdb_iox_query_log_end2end_duration_seconds_count 5\n"
		"influxdb_iox_query_log_end2end_duration_seconds_sum 0.25\n"),
	    &f));
	expect(SERVER_REQUESTS, 10);
	expect(SERVER_CLIENT_ERRORS, 2);
	expect(SERVER_SERVER_ERRORS, 1);
	expect(SERVER_HEAP_BYTES, 1000);
	expect(SERVER_MEMORY_BYTES, 4000);
	expect(SERVER_QUERIES, 5);
	expect(SERVER_QUERY_MS, 250);
	cr_expect_not(f.has[SERVER_SERIES]);
}
