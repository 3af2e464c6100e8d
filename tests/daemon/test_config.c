#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "daemon/config_table.h"

static char path[64];
static struct config c;
static struct errbuf eb;

static void begin(void)
{
	int fd;

	snprintf(path, sizeof path, "/tmp/holdfast-conf-XXXXXX");
	fd = mkstemp(path);
	cr_assert(fd >= 0);
	close(fd);
	unsetenv("INFLUXDB_URL");
	unsetenv("METRICS_COLLECTION_INTERVAL");
	unsetenv("METRICS_RETENTION_DAYS");
}

static void end(void)
{
	config_fini(&c);
	unlink(path);
}

TestSuite(config, .init = begin, .fini = end);

static enum err load(const char *text)
{
	char *argv[] = { (char *)"holdfastd", (char *)"--config", path, NULL };
	FILE *f = fopen(path, "w");
	bool done;

	fputs(text, f);
	fclose(f);
	eb.text[0] = 0;
	return config_load(&c, 3, argv, &done, &eb);
}

Test(config, an_empty_file_gives_the_defaults)
{
	cr_assert_eq(load(""), ERR_OK, "%s", eb.text);
	cr_assert_str_eq(c.server.listen_host, "127.0.0.1");
	cr_assert_eq(c.server.listen_port, 8686);
	cr_assert_eq(c.collect.interval_ns, 10 * NS_PER_S);
	cr_assert_eq(c.retention.raw_ns, 30 * 86400 * NS_PER_S);
	cr_assert_eq(c.server.max_body, 25000000);
	cr_assert(c.collect.enabled);
	cr_assert_str_eq(c.influxdb.url, "");
	cr_assert_str_eq(c.influxdb.database, "metrics");
}

Test(config, the_environment_beats_the_file_and_options_beat_both)
{
	char *argv[] = { (char *)"holdfastd", (char *)"--config", path, (char *)"--data-dir", (char *)"/option", NULL };
	bool done;
	FILE *f = fopen(path, "w");

	fputs("[server]\ndata_dir = /file\nthreads = 8\n[collect]\ninterval = 5s\n", f);
	fclose(f);
	setenv("HOLDFAST_SERVER_DATA_DIR", "/environment", 1);
	setenv("HOLDFAST_SERVER_THREADS", "9", 1);
	setenv("METRICS_COLLECTION_INTERVAL", "7", 1);
	setenv("METRICS_RETENTION_DAYS", "3", 1);
	setenv("INFLUXDB_URL", "http://127.0.0.1:8086", 1);
	setenv("INFLUXDB_BUCKET", "b", 1);
	setenv("INFLUXDB_TOKEN", "t", 1);
	cr_assert_eq(config_load(&c, 5, argv, &done, &eb), ERR_OK, "%s", eb.text);
	cr_assert_str_eq(c.server.data_dir, "/option");
	cr_assert_eq(c.server.threads, 9);
	cr_assert_eq(c.collect.interval_ns, 7 * NS_PER_S);
	cr_assert_eq(c.retention.raw_ns, 3 * 86400 * NS_PER_S);
	cr_assert_str_eq(c.influxdb.url, "http://127.0.0.1:8086");
	cr_assert_str_eq(c.influxdb.database, "b");
	cr_assert_str_eq(c.influxdb.token, "t");
}

Test(config, wrong_input_is_told_with_its_place_and_what_would_be_right)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "[server]\nlissten = 1", ":2: [server] has no key lissten; did you mean listen?" },
		{ "[server]\ninterval = 10s", "[server] has no key interval; did you mean [collect] interval?" },
		{ "[nothing]\nzzzzzzzzz = 1", ":2: [nothing] has no key zzzzzzzzz" },
		{ "[collect]\ninterval = 10q", ":2: [collect] interval = 10q is not a duration; write 10s" },
		{ "[collect]\ninterval = 10", "is not a duration" },
		{ "[collect]\ninterval = 1ms", "is out of range: at least 1s, at most 1h" },
		{ "[collect]\nenabled = maybe", "is neither yes nor no" },
		{ "[server]\nmax_body = 25 MB", "is not a size" },
		{ "[server]\nthreads = many", "is not a number" },
		{ "[server]\nlisten = 8686", "is not ADDRESS:PORT" },
		{ "[server]\nlisten = example.org:80", "has no IPv4 address" },
		{ "[server]\nlisten = 0.0.0.0:80", "would be open to the network without TLS and tokens" },
		{ "[server]\ncors_origin = grafana.example", "holds grafana.example, which is no origin" },
		{ "[server]\ncors_origin = * https://a.example/path",
		    "holds https://a.example/path, which is no origin" },
		{ "[server]\ncors_origin = https://", "holds https://, which is no origin" },
		{ "[server]\nlog_level = loud", "write error, warning, info or debug" },
		{ "[server]\nthreads = 8\nthreads = 9", ":3: [server] threads stands twice" },
		{ "[server]\nmax_body = 100MiB", "max_body is above max_queue" },
		{ "[retention]\nraw = 1m", "is out of range: at least 1h, at most 3650d" },
		{ "[server]\nmax_queue = 1KiB", "is out of range: at least 1MiB, at most 16GiB" },
		{ "[server]\nthreads = 4096", "is out of range: at least 2, at most 1024" },
		{ "[collect]\n[server\nthreads = 4\n", ":2: [server lacks its ] at the end" },
		{ "[influxdb]\nurl = http://", "url = http:// has no host; write http://HOST:PORT" },
		{ "[influxdb]\nurl = http://:8086", "has no host" },
		{ "[influxdb]\nurl = http://h:65536/x", "url = http://h:65536/x has no good port: it is 1 to 65535" },
		{ "[influxdb]\nurl = http://h:99999999999999999999", "has no good port" },
		{ "[influxdb]\nurl = http://h:0", "has no good port" },
		{ "[influxdb]\nurl = http://h:80a", "has no number for a port" },
		{ "[influxdb]\nurl = http://[::1]:65536", "has no good port" },
		{ "[influxdb]\ndatabase = x", "[influxdb] has no url" },
		{ "[influxdb]\nurl = 127.0.0.1:8086", "must begin with http://" },
		{ "[influxdb]\nurl = http://u:p@127.0.0.1:8086", "use username and password_file" },
		{ "[influxdb]\nurl = http://127.0.0.1:1\npassword_file = /nonexistent",
		    "password_file: cannot open /nonexistent" },
		{ "[influxdb]\nurl = unix:relative", "be unix:/path/of.socket" },
		{ "[influxdb]\nurl = http://127.0.0.1:1/?db=x", "must end with its host, port or path" },
		{ "[influxdb]\nurl = http://127.0.0.1:1\napi = 4", "write auto, 1, 2 or 3" },
		{ "[influxdb]\nurl = http://127.0.0.1:1\napi = 2", "[influxdb] api = 2 needs org" },
		{ "[influxdb]\nurl = http://127.0.0.1:1\nca_file = /nonexistent",
		    "ca_file: /nonexistent cannot be read" },
		{ "[influxdb]\nurl = http://127.0.0.1:1\nkey_file = /dev/null", "key_file: others can read /dev/null" },
		{ "[influxdb]\nurl = http://127.0.0.1:1\nproxy = http://u:p@127.0.0.1:3128", "proxy holds a password" },
		{ "[influxdb]\nurl = http://127.0.0.1:1\nmanage_retention = yes\nreplicate_rollups = yes",
		    "set [influxdb] retention to more" },
		{ "[influxdb]\nurl = http://127.0.0.1:1\nmanage_retention = yes\nretention = 7d",
		    "retention is below [retention] raw" },
		{ "[server]\nnonsense\n", ":2: neither [section] nor key = value" },
		{ "[server]\ndata_dir = "
		  "/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/"
		  "0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789\n",
		    ":2: the line is longer than" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cr_expect_eq(load(cases[i].text), ERR_INVALID, "%s", cases[i].text);
		cr_expect(
		    strstr(eb.text, cases[i].says), "%s\n says: %s\n not:  %s", cases[i].text, eb.text, cases[i].says);
		cr_expect_not(strchr(eb.text, '\n'), "%s", eb.text);
		config_fini(&c);
	}
}

Test(config, a_secret_that_others_can_read_is_refused)
{
	char secret[] = "/tmp/holdfast-secret-XXXXXX", text[200];
	int fd = mkstemp(secret);

	cr_assert_eq(write(fd, "hidden\n", 7), 7);
	close(fd);
	snprintf(text, sizeof text, "[influxdb]\nurl = http://127.0.0.1:1\nusername = u\npassword_file = %s\n", secret);
	chmod(secret, 0644);
	cr_assert_eq(load(text), ERR_INVALID);
	cr_assert(strstr(eb.text, "chmod 600"), "%s", eb.text);
	config_fini(&c);
	chmod(secret, 0600);
	cr_assert_eq(load(text), ERR_OK, "%s", eb.text);
	cr_assert_eq(truncate(secret, 0), 0);
	config_fini(&c);
	cr_assert_eq(load(text), ERR_INVALID);
	cr_assert(strstr(eb.text, "is empty"), "%s", eb.text);
	unlink(secret);
}

Test(config, a_token_that_is_no_header_is_refused_and_not_shown)
{
	setenv("INFLUXDB_TOKEN", "a-secret\r\nX-More: 1", 1);
	cr_assert_eq(load("[influxdb]\nurl = http://127.0.0.1:1\n"), ERR_INVALID);
	cr_assert(strstr(eb.text, "INFLUXDB_TOKEN holds more than one line"), "%s", eb.text);
	cr_assert_not(strstr(eb.text, "a-secret"));
	unsetenv("INFLUXDB_TOKEN");
}

/* The manual page and the example name every key with its default. */
Test(config, mirrors_are_sections_with_names)
{
	cr_assert_eq(load("[mirror \"victoria\"]\nurl = http://127.0.0.1:8428\nbacklog_rate = 5000\n"
			  "[mirror \"b\"]\nurl = http://127.0.0.1:1\napi = lines\ndatabase = other\n"
			  "[mirror \"victoria\"]\ntimeout = 2s\n"),
	    ERR_OK, "%s", eb.text);
	cr_assert_eq(c.mirror_count, 2);
	cr_assert_str_eq(c.mirror[0].target, "mirror:victoria");
	cr_assert_str_eq(config_mirror_name(&c.mirror[0]), "victoria");
	cr_assert_str_eq(c.mirror[0].database, "metrics");
	cr_assert_eq(c.mirror[0].backlog_rate, 5000);
	cr_assert_eq(c.mirror[0].timeout_ns, 2 * NS_PER_S);
	cr_assert_eq(c.mirror[0].connections, 4);
	cr_assert_str_eq(c.mirror[1].database, "other");
	cr_assert_eq(c.mirror[1].api, RECORD_API_LINES);
}

Test(config, what_is_wrong_with_a_mirror_is_said)
{
	char many[1024] = "";
	static const char *const wrong[][2] = {
		{ "[mirror \"x\"]\ndatabase = metrics\n", "[mirror \"x\"] has no url" },
		{ "[mirror \"x\"]\nurl = http://h\nurl = http://h\n", "stands twice" },
		{ "[mirror \"x\"]\nurl = http://h\ntimeuot = 1s\n", "did you mean timeout?" },
		{ "[server]\nthreads = 4\n[mirror \"x\"]\n", ": [mirror \"x\"] has no url; add url = http" },
		{ "[mirror a]\nurl = http://h\n", ":1: [mirror a] has no name in quotes; write [mirror \"a\"]" },
		{ "[server]\n[mirror a]\n", ":2: [mirror a] has no name in quotes; write [mirror \"a\"]" },
		{ "[mirror \"a\"\nurl = http://h\n", ":1: [mirror \"a\" lacks its ] at the end" },
		{ "[mirror \"x\"]\nurl = http://h:70000\n", "[mirror \"x\"] url = http://h:70000 has no good port" },
		{ "[mirror \"x y\"]\nurl = http://h\n", "has no good name" },
		{ "[mirror \"\"]\nurl = http://h\n", "has no good name" },
		{ "[mirror]\nurl = http://h\n", "[mirror] has no name" },
		{ "[mirror \"x\"]\nurl = ftp://h\n", "[mirror \"x\"]" },
		{ "[mirror \"x\"]\nurl = http://h\nconnections = 9\n", "at most 8" },
	};

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		cr_expect_eq(load(wrong[i][0]), ERR_INVALID, "%s", wrong[i][0]);
		cr_expect(strstr(eb.text, wrong[i][1]), "%s gave: %s", wrong[i][0], eb.text);
		config_fini(&c);
	}
	for (int i = 0; i < 9; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many), "[mirror \"m%d\"]\nurl = http://h\n", i);
	cr_assert_eq(load(many), ERR_INVALID);
	cr_assert(strstr(eb.text, "at most 8"), "%s", eb.text);
}

Test(config, manual_and_example_have_every_key)
{
	struct buf manual, example;
	char file[4096], line[256];
	const char *srcdir = getenv("SRCDIR");

	cr_assert(srcdir, "run by make check, which sets SRCDIR");
	buf_init(&manual, 1 << 20);
	buf_init(&example, 1 << 20);
	snprintf(file, sizeof file, "%s/docs/man/holdfast.conf.5", srcdir);
	cr_assert_eq(file_read(file, &manual, &eb), ERR_OK, "%s", eb.text);
	snprintf(file, sizeof file, "%s/examples/holdfast.conf", srcdir);
	cr_assert_eq(file_read(file, &example, &eb), ERR_OK, "%s", eb.text);
	buf_char(&manual, 0);
	buf_char(&example, 0);
	for (size_t i = 0; i < config_key_count + config_mirror_key_count; i++) {
		bool mirror = i >= config_key_count;
		const struct config_key *k = mirror ? &config_mirror_keys[i - config_key_count] : &config_keys[i];
		bool commented = mirror || !strcmp(k->section, "influxdb");
		snprintf(line, sizeof line, mirror ? ".Sh [%s \"name\"]\n" : ".Sh [%s]\n", k->section);
		const char *part = strstr(manual.p, line);
		snprintf(line, sizeof line, ".It Cm %s\n", k->key);
		cr_expect(part && strstr(part, line), "the manual lacks [%s] %s", k->section, k->key);
		/* the record's section is commented out: without a url it would be wrong */
		snprintf(line, sizeof line, "\n%s%s ", commented ? ";" : "", k->key);
		char section[64]; /* a key of the same name may stand in another */
		snprintf(section, sizeof section, mirror ? "[%s " : "[%s]", k->section);
		const char *at = strstr(example.p, section);
		at = at ? strstr(at, line) : NULL;
		cr_expect(at, "the example lacks [%s] %s", k->section, k->key);
		at = at ? strchr(at, '=') + 1 : "";
		at += strspn(at, " ");
		size_t n = strcspn(at, "\n");
		/* url and database show what one would write */
		cr_expect((n == strlen(k->def) && !memcmp(at, k->def, n)) || (!*k->def && commented),
		    "the example has [%s] %s = %.*s, the default is %s", k->section, k->key, (int)n, at, k->def);
	}
	buf_fini(&manual);
	buf_fini(&example);
}
