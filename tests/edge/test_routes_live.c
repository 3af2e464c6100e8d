/* The summary, the alerts and the stream of events. */
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "store/quarantine.h"
#include "support/edge_stand.h"

static struct edge_stand e;
static json_t *root;

static void start(void)
{
	root = NULL;
	edge_stand_open(&e, NULL, true, true);
}

static void end(void)
{
	json_decref(root);
	edge_stand_close(&e);
}

TestSuite(routes_live, .init = start, .fini = end, .timeout = 60);

static void get(const char *target)
{
	json_decref(root);
	root = edge_stand_get(&e, target, 200);
}

static enum err refuse_job(struct spool *s, void *arg, struct errbuf *eb)
{
	const struct quarantine_limits limits = { QUARANTINE_MAX_POINTS, QUARANTINE_MAX_BYTES };
	const struct quarantine_entry q = { .target = "influxdb", .database = "metrics", .line = view_of("m v=1 1") };
	struct quarantine_change change = { 0 };

	(void)arg;
	return quarantine_add(spool_db(s), &q, &limits, &change, eb);
}

static void refuse_point(void)
{
	struct errbuf eb;

	cr_assert_eq(committer_call(e.stand.committer, refuse_job, NULL, &eb), ERR_OK, "%s", eb.text);
}

static double figure(const char *path)
{
	json_t *at = edge_stand_at(root, path);

	cr_assert(json_is_number(at), "%s is no number", path);
	return json_number_value(at);
}

static void put_machine(void)
{
	stand_write(&e.stand,
	    "system_resources,cpu=cpu-total,host=here,resource_type=cpu usage_idle=90,usage_user=7,usage_system=3 1700000000000000000\n"
	    "system_resources,cpu=cpu-total,host=here,resource_type=cpu usage_idle=70,usage_user=20,usage_system=10 1700000010000000000\n"
	    "system_resources,cpu=cpu0,host=here,resource_type=cpu usage_idle=1 1700000010000000000\n"
	    "system_resources,host=here,resource_type=mem total=1000i,used=250i,used_percent=25 1700000010000000000\n"
	    "system_resources,host=here,resource_type=system load1=0.5,load5=0.4,load15=0.3,n_cpus=2i,uptime=99i 1700000010000000000\n"
	    "system_resources,device=sda,host=here,path=/,resource_type=disk total=100i,free=40i,used_percent=60 1700000010000000000\n"
	    "system_resources,host=here,interface=eth0,resource_type=net bytes_recv=100i,bytes_sent=10i 1700000000000000000\n"
	    "system_resources,host=here,interface=eth0,resource_type=net bytes_recv=600i,bytes_sent=5i 1700000010000000000\n"
	    "system_resources,cpu=cpu-total,host=other,resource_type=cpu usage_idle=5 1700000010000000000\n");
}

Test(routes_live, summary_has_the_machines_newest_figures)
{
	put_machine();
	get("/api/v1/metrics/summary?from=1699999990&to=1700000020");
	cr_expect_str_eq(edge_stand_text(root, "host"), "here");
	cr_expect_eq(figure("machine.last_ms"), 1700000010000.0);
	cr_expect_eq(figure("machine.cpu.used_percent"), 30);
	cr_expect_eq(figure("machine.cpu.mean_used_percent"), 20);
	cr_expect_eq(figure("machine.cpu.max_used_percent"), 30);
	cr_expect_eq(figure("machine.cpu.user_percent"), 20);
	cr_expect(json_is_null(edge_stand_at(root, "machine.cpu.iowait_percent")));
	cr_expect_eq(figure("machine.memory.used_percent"), 25);
	cr_expect(json_is_null(edge_stand_at(root, "machine.swap.total_bytes")));
	cr_expect_eq(figure("machine.load.load1"), 0.5);
	cr_expect_str_eq(edge_stand_text(root, "machine.disks.0.path"), "/");
	cr_expect_eq(figure("machine.disks.0.free_bytes"), 40);
	cr_expect_eq(figure("machine.networks.0.recv_bytes_per_s"), 50);
	cr_expect(json_is_null(edge_stand_at(root, "machine.networks.0.sent_bytes_per_s")), "it began anew");
	get("/api/v1/metrics/summary?from=1699999990&to=1700000020&host=other");
	cr_expect_eq(figure("machine.cpu.used_percent"), 95);
}

Test(routes_live, summary_has_services_databases_applications_and_the_appliance)
{
	stand_write(&e.stand,
	    "service_performance,operation=o,service=quiet,status=success count=1i 1700000000000000000\n"
	    "service_performance,operation=o,service=busy,status=success count=9i,duration_ms_p95=12 1700000000000000000\n"
	    "service_performance,operation=o,service=busy,status=error count=1i 1700000000000000000\n"
	    "database_metrics,database=d,metric_type=query,operation=q,status=success count=5i 1700000000000000000\n"
	    "database_metrics,database=d,metric_type=pool pool_size=4i,pool_in_use=1i 1700000000000000000\n"
	    "database_metrics,database=d,metric_type=health up=true 1700000000000000000\n"
	    "application_metrics,metric=m1,metric_type=custom,service=s value=1i 1700000000000000000\n"
	    "application_metrics,metric=m2,metric_type=custom,service=s value=1i 1700000000000000000\n"
	    "application_metrics,metric=m2,metric_type=custom,service=s value=1i 1700000001000000000\n");
	get("/api/v1/metrics/summary?from=1699999990&to=1700000010&limit=1");
	cr_expect_eq(figure("services_total"), 2);
	cr_expect_eq(json_array_size(edge_stand_at(root, "services")), 1);
	cr_expect_str_eq(edge_stand_text(root, "services.0.service"), "busy");
	cr_expect_eq(figure("services.0.throughput_per_s"), 0.5);
	cr_expect_eq(figure("services.0.error_rate"), 0.1);
	cr_expect_eq(figure("services.0.p95_ms"), 12);
	cr_expect_null(json_object_get(edge_stand_at(root, "services.0"), "series"));
	cr_expect_eq(figure("databases.0.count"), 5);
	cr_expect_eq(figure("database_states_total"), 1);
	cr_expect_eq(figure("database_states.0.utilisation"), 0.25);
	cr_expect_eq(json_array_size(edge_stand_at(root, "applications")), 1);
	cr_expect_eq(figure("applications.0.metrics"), 2);
	cr_expect_eq(figure("applications.0.points"), 3);
	cr_expect_str_eq(edge_stand_text(root, "appliance.version"), "1.2.3");
	cr_expect_str_eq(edge_stand_text(root, "appliance.replication"), "up");
	cr_expect_eq(figure("appliance.points_total"), 9);
	get("/api/v1/metrics/summary"); /* nothing in the last hour */
	cr_expect_eq(json_array_size(edge_stand_at(root, "services")), 0);
	edge_stand_read_error = ERR_IO;
	json_decref(root);
	root = edge_stand_get(&e, "/api/v1/metrics/summary", 500);
}

Test(routes_live, alerts_are_all_that_is_amiss)
{
	get("/api/v1/alerts");
	cr_expect_str_eq(edge_stand_text(root, "state"), "ok");
	cr_expect_eq(json_array_size(edge_stand_at(root, "alerts")), 0);
	edge_stand_replicator = (struct replicator_stats){ .target = "influxdb",
		.state = REPLICATOR_DOWN,
		.since_ns = 1700000000 * NS_PER_S,
		.lag_points = 7,
		.quarantined_points = 2 };
	refuse_point();
	edge_stand_collect.count = 1;
	edge_stand_collect.collector[0].name = "cpu";
	get("/api/v1/alerts");
	cr_expect_str_eq(edge_stand_text(root, "state"), "warn");
	cr_expect_eq(json_array_size(edge_stand_at(root, "alerts")), 3);
	cr_expect_str_eq(edge_stand_text(root, "alerts.0.name"), "replication_down");
	cr_expect_str_eq(edge_stand_text(root, "alerts.0.state"), "warn");
	cr_expect_str_eq(edge_stand_text(root, "alerts.0.source"), "appliance");
	cr_expect_eq(figure("alerts.0.since_ms"), 1700000000000.0);
	cr_expect(json_is_null(edge_stand_at(root, "alerts.0.rule")));
	cr_expect_str_eq(edge_stand_text(root, "alerts.1.name"), "collectors_failing");
	cr_expect(json_is_null(edge_stand_at(root, "alerts.1.since_ms")));
	cr_expect_str_eq(edge_stand_text(root, "alerts.2.name"), "quarantine");
}

/* Reads until the text has come so often. */
static bool receive_until(int fd, char *have, size_t size, const char *wanted, unsigned times)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t n = strlen(have);

	for (;;) {
		unsigned seen = 0;
		for (const char *at = have; (at = strstr(at, wanted)) != NULL; at++)
			seen++;
		if (seen >= times)
			return true;
		if (poll(&p, 1, 20000) != 1)
			return false;
		ssize_t k = recv(fd, have + n, size - 1 - n, 0);
		if (k <= 0)
			return false;
		n += (size_t)k;
		have[n] = 0;
	}
}

static int subscribe(const char *headers)
{
	int fd = client_connect(e.port);

	client_say(fd, "GET /api/v1/events HTTP/1.0\r\nHost: localhost\r\n");
	client_say(fd, headers);
	client_say(fd, "\r\n");
	return fd;
}

static json_t *last_data(const char *have)
{
	const char *at = NULL;

	for (const char *p = have; (p = strstr(p, "\ndata: ")) != NULL; p++)
		at = p + 7;
	cr_assert(at != NULL, "%s", have);
	return json_loadb(at, strcspn(at, "\n"), 0, NULL);
}

Test(routes_live, events_come_at_once_and_with_each_collection)
{
	char have[65536] = "";
	int fd = subscribe("Last-Event-ID: nonsense\r\n");

	cr_assert(receive_until(fd, have, sizeof have, "\n\n", 3), "%s", have); /* the head, retry, the first */
	cr_expect(strstr(have, "Content-Type: text/event-stream\r\n"), "%s", have);
	cr_expect(strstr(have, "event: status\nid: "), "%s", have);
	root = last_data(have);
	cr_expect_str_eq(edge_stand_text(root, "state"), "ok");
	edge_stand_replicator.state = REPLICATOR_DOWN;
	edge_stand_collect.last_ns = clock_wall_ns();
	cr_assert(receive_until(fd, have, sizeof have, "event: status", 2));
	cr_assert(receive_until(fd, have, sizeof have, "}\n\n", 2), "%s", have);
	json_decref(root);
	root = last_data(have);
	cr_expect_str_eq(edge_stand_text(root, "state"), "warn");
	cr_expect_str_eq(edge_stand_text(root, "replication"), "down");
	cr_expect_eq(json_object_size(edge_stand_at(root, "machine")), 7);
	close(fd);
}

Test(routes_live, events_have_a_ceiling_and_their_places_come_back)
{
	char one[65536] = "", two[65536] = "";
	int a = subscribe(""), b = subscribe("");

	cr_assert(receive_until(a, one, sizeof one, "event: status", 1));
	cr_assert(receive_until(b, two, sizeof two, "event: status", 1));
	json_decref(root);
	root = edge_stand_get(&e, "/api/v1/events", 503);
	cr_expect_str_eq(edge_stand_text(root, "error.code"), "overloaded");
	cr_expect_eq(counter_get(COUNTER_EVENTS_REFUSED), 1);
	close(a);
	for (int i = 0; i < 200 && atomic_load(&e.services.events) > 1; i++)
		usleep(50000);
	char three[65536] = "";
	int c = subscribe("");
	cr_expect(receive_until(c, three, sizeof three, "event: status", 1), "%s", three);
	close(b);
	close(c);
}
