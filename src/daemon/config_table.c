#include "daemon/config_table.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/num.h"
#include "query/record.h"
#include "store/catalogue.h"

#define AT(member) offsetof(struct config, member)
#define HOUR_NS (3600 * NS_PER_S)
#define DAY_NS (24 * HOUR_NS)
#define MIB (INT64_C(1) << 20)
#define GIB (INT64_C(1) << 30)

static const char *const levels[] = { "error", "warning", "info", "debug", NULL };
static const char *const apis[] = { "auto", "1", "2", "3", NULL }; /* enum record_api */
static const char *const mirror_apis[] = { "auto", "1", "2", "3", "lines", NULL };
static const char *const policies[] = { "auto", "local", "record", NULL };

/* clang-format off */
const struct config_key config_keys[] = {
	{ "server", "listen", CONFIG_LISTEN, AT(server.listen_host), "127.0.0.1:8686", 0, 65535, NULL, NULL, NULL,
	  "address and port of the HTTP server; port 0 takes any free one" },
	{ "server", "data_dir", CONFIG_TEXT, AT(server.data_dir), "/var/lib/holdfast", 0, 0, NULL, NULL, NULL,
	  "folder of the store; created if missing" },
	{ "server", "log_level", CONFIG_CHOICE, AT(server.log_level), "info", 0, 0, levels, NULL, NULL,
	  "error, warning, info or debug" },
	{ "server", "max_body", CONFIG_SIZE, AT(server.max_body), "25000000", 1024, GIB, NULL, NULL, NULL,
	  "largest body of a write, also after decompression" },
	{ "server", "max_queue", CONFIG_SIZE, AT(server.max_queue), "64MiB", MIB, 16 * GIB, NULL, NULL, NULL,
	  "writes in work or waiting; beyond it they get 503" },
	{ "server", "threads", CONFIG_COUNT, AT(server.threads), "64", 2, 1024, NULL, NULL, NULL,
	  "HTTP connections served at a time" },
	{ "server", "head_bytes", CONFIG_SIZE, AT(server.head_bytes), "48MiB", MIB, 64 * GIB, NULL, NULL, NULL,
	  "memory for the newest points" },
	{ "server", "min_free_disk", CONFIG_SIZE, AT(server.min_free_disk), "64MiB", 0, 1024 * GIB, NULL, NULL, NULL,
	  "room that must stay free under data_dir; below it writes get 503" },
	{ "server", "backup_log", CONFIG_SIZE, AT(server.backup_log), "512MiB", MIB, 1024 * GIB, NULL, NULL, NULL,
	  "how far a log may grow while a backup is read; beyond it the backup ends" },
	{ "server", "create_databases", CONFIG_BOOL, AT(server.create_databases), "no", 0, 0, NULL, NULL, NULL,
	  "a write to an unknown database creates it (at most 64)" },
	{ "server", "cors_origin", CONFIG_ORIGINS, AT(server.cors_origin), "", 0, 0, NULL, NULL, NULL,
	  "origins whose pages may use the interface, https://grafana.example; * lets any page read" },
	{ "server", "insecure", CONFIG_BOOL, AT(server.insecure), "no", 0, 0, NULL, NULL, NULL,
	  "allow an address that is not loopback, without TLS and tokens" },
	{ "collect", "enabled", CONFIG_BOOL, AT(collect.enabled), "yes", 0, 0, NULL, "METRICS_ENABLED", NULL,
	  "collect this machine's own metrics" },
	{ "collect", "interval", CONFIG_DURATION, AT(collect.interval_ns), "10s", NS_PER_S, HOUR_NS, NULL,
	  "METRICS_COLLECTION_INTERVAL", "s", "how often" },
	{ "collect", "host", CONFIG_TEXT, AT(collect.host), "", 0, 0, NULL, NULL, NULL,
	  "the tag host; empty: the machine's name" },
	{ "collect", "proc", CONFIG_TEXT, AT(collect.proc), "/proc", 0, 0, NULL, NULL, NULL,
	  "where the kernel's figures are read" },
	{ "retention", "raw", CONFIG_DURATION, AT(retention.raw_ns), "30d", HOUR_NS, 3650 * DAY_NS, NULL,
	  "METRICS_RETENTION_DAYS", "d", "how long points are kept; older ones are refused" },
	{ "retention", "1m", CONFIG_DURATION, AT(retention.minutes_ns), "90d", HOUR_NS, 36500 * DAY_NS, NULL, NULL, NULL,
	  "how long rollups of a minute are kept" },
	{ "retention", "1h", CONFIG_DURATION, AT(retention.hours_ns), "730d", HOUR_NS, 36500 * DAY_NS, NULL, NULL, NULL,
	  "how long rollups of an hour are kept" },
	{ "retention", "1d", CONFIG_DURATION, AT(retention.days_ns), "3650d", HOUR_NS, 36500 * DAY_NS, NULL, NULL, NULL,
	  "how long rollups of a day are kept" },
	{ "retention", "measurements", CONFIG_TEXT, AT(retention.measurements), "", 0, 0, NULL, NULL, NULL,
	  "exceptions: cpu raw=7d 1h=365d; net raw=3d" },
	{ "retention", "sketches", CONFIG_TEXT, AT(retention.sketches),
	  "service_performance.duration_ms*, database_metrics.duration_ms*", 0, 0, NULL, NULL, NULL,
	  "fields whose rollups keep percentiles, as measurement.field with * and ?" },
	{ "retention", "max_bytes", CONFIG_SIZE, AT(retention.max_bytes), "10GiB", 64 * MIB, 1024 * 1024 * GIB, NULL, NULL,
	  NULL, "ceiling of the store on disk; the oldest goes first" },
	{ "retention", "max_future", CONFIG_DURATION, AT(retention.max_future_ns), "10m", NS_PER_S, 365 * DAY_NS, NULL, NULL,
	  NULL, "points further ahead of the clock are refused" },
	{ "limits", "series", CONFIG_COUNT, AT(limits.series), "1000000", 1, CATALOGUE_SERIES_MAX, NULL, NULL, NULL,
	  "series in all; points of further ones are refused" },
	{ "limits", "series_per_measurement", CONFIG_COUNT, AT(limits.series_per_measurement), "200000", 1,
	  CATALOGUE_MEASUREMENT_SERIES_MAX, NULL, NULL, NULL, "series of one measurement" },
	{ "limits", "fields_per_measurement", CONFIG_COUNT, AT(limits.fields_per_measurement), "4096", 1,
	  CATALOGUE_FIELDS_MAX, NULL, NULL, NULL, "fields of one measurement" },
	{ "limits", "measurements", CONFIG_COUNT, AT(limits.measurements), "10000", 1, CATALOGUE_MEASUREMENTS_MAX, NULL,
	  NULL, NULL, "measurements, of all databases together" },
	{ "influxdb", "url", CONFIG_TEXT, AT(influxdb.url), "", 0, 0, NULL, "INFLUXDB_URL", NULL,
	  "the record, http://HOST:PORT, https:// or unix:/path/of.socket; empty: the local store alone" },
	{ "influxdb", "api", CONFIG_CHOICE, AT(influxdb.api), "auto", 0, 0, apis, NULL, NULL,
	  "1, 2 or 3: what it speaks, InfluxDB 1.x, 2.x, 3.x; auto: ask it" },
	{ "influxdb", "database", CONFIG_TEXT, AT(influxdb.database), "", 0, 0, NULL, NULL, NULL,
	  "its database; empty: the bucket, or metrics" },
	{ "influxdb", "bucket", CONFIG_TEXT, AT(influxdb.bucket), "", 0, 0, NULL, "INFLUXDB_BUCKET", NULL,
	  "another name for database, as 2.x calls it" },
	{ "influxdb", "org", CONFIG_TEXT, AT(influxdb.org), "", 0, 0, NULL, "INFLUXDB_ORG", NULL,
	  "organisation of the bucket, for 2.x" },
	{ "influxdb", "username", CONFIG_TEXT, AT(influxdb.username), "", 0, 0, NULL, NULL, NULL, "user, if it asks for one" },
	{ "influxdb", "password_file", CONFIG_TEXT, AT(influxdb.password_file), "", 0, 0, NULL, NULL, NULL,
	  "file with the password, readable by its owner alone" },
	{ "influxdb", "token_file", CONFIG_TEXT, AT(influxdb.token_file), "", 0, 0, NULL, NULL, NULL,
	  "file with a token, readable by its owner alone; or the variable INFLUXDB_TOKEN" },
	{ "influxdb", "ca_file", CONFIG_TEXT, AT(influxdb.ca_file), "", 0, 0, NULL, NULL, NULL,
	  "who signed its certificate, in place of the system's authorities" },
	{ "influxdb", "cert_file", CONFIG_TEXT, AT(influxdb.cert_file), "", 0, 0, NULL, NULL, NULL,
	  "certificate to show it (PEM)" },
	{ "influxdb", "key_file", CONFIG_TEXT, AT(influxdb.key_file), "", 0, 0, NULL, NULL, NULL,
	  "key of that certificate, readable by its owner alone" },
	{ "influxdb", "proxy", CONFIG_TEXT, AT(influxdb.proxy), "", 0, 0, NULL, NULL, NULL,
	  "http://HOST:PORT; empty: by the environment (https_proxy); never for this machine" },
	{ "influxdb", "manage_retention", CONFIG_BOOL, AT(influxdb.manage_retention), "no", 0, 0, NULL, NULL, NULL,
	  "keep its retention as configured here, looked at every hour" },
	{ "influxdb", "retention", CONFIG_DURATION, AT(influxdb.retention_ns), "0", 0, 36500 * DAY_NS, NULL, NULL, NULL,
	  "how long it keeps points, in whole hours; 0: as [retention] raw" },
	{ "influxdb", "shorten_retention", CONFIG_BOOL, AT(influxdb.shorten_retention), "no", 0, 0, NULL, NULL, NULL,
	  "also shorten one that Holdfast did not set, which deletes points there" },
	{ "influxdb", "create_database", CONFIG_BOOL, AT(influxdb.create_database), "yes", 0, 0, NULL, NULL, NULL,
	  "create the database there if it is missing" },
	{ "influxdb", "replicate_rollups", CONFIG_BOOL, AT(influxdb.replicate_rollups), "no", 0, 0, NULL, NULL, NULL,
	  "also send it finished rollups, as measurements with _1h and _1d at the end of their names" },
	{ "influxdb", "figures", CONFIG_BOOL, AT(influxdb.figures), "yes", 0, 0, NULL, NULL, NULL,
	  "measure it, and ask it for its own figures, each collection interval, as database_metrics" },
	{ "influxdb", "timeout", CONFIG_DURATION, AT(influxdb.timeout_ns), "10s", 100 * NS_PER_MS, HOUR_NS, NULL, NULL, NULL,
	  "how long one write may take" },
	{ "influxdb", "backlog_rate", CONFIG_COUNT, AT(influxdb.backlog_rate), "0", 0, INT64_MAX, NULL, NULL, NULL,
	  "points a second that may be sent of a backlog, beside the new ones; 0: what the server bears" },
	{ "influxdb", "connections", CONFIG_COUNT, AT(influxdb.connections), "4", 1, RECORD_WRITES_MAX, NULL, NULL, NULL,
	  "writes at a time while a backlog is sent" },
	{ "influxdb", "verify", CONFIG_TIME_OF_DAY, AT(influxdb.verify_s), "03:10", 0, 0, NULL, NULL, NULL,
	  "when InfluxDB is compared with what is here, each day by local time; or no" },
	{ "read", "from", CONFIG_CHOICE, AT(read.from), "auto", 0, 0, policies, NULL, NULL,
	  "auto: InfluxDB while it is well, else the local store; local; record" },
	{ "read", "timeout", CONFIG_DURATION, AT(read.timeout_ns), "1s", 10 * NS_PER_MS, 60 * NS_PER_S, NULL, NULL, NULL,
	  "how long a read waits for InfluxDB before it is answered locally" },
	{ "query", "max_memory", CONFIG_SIZE, AT(query.max_memory), "64MiB", MIB, 64 * GIB, NULL, NULL, NULL,
	  "memory that one request to /query may take, all its statements together" },
	{ "query", "timeout", CONFIG_DURATION, AT(query.timeout_ns), "60s", 100 * NS_PER_MS, 24 * HOUR_NS, NULL, NULL, NULL,
	  "how long one request to /query may take" },
	{ "query", "max_concurrent", CONFIG_COUNT, AT(query.max_concurrent), "8", 1, 1024, NULL, NULL, NULL,
	  "requests to /query at a time; further ones get 503" },
	{ "query", "max_rows", CONFIG_COUNT, AT(query.max_rows), "0", 0, INT64_MAX, NULL, NULL, NULL,
	  "rows of one statement's answer; 0: as many as there are" },
	{ "query", "max_series", CONFIG_COUNT, AT(query.max_series), "0", 0, INT64_MAX, NULL, NULL, NULL,
	  "series that one SELECT may read; 0: as many as fit into max_memory" },
	{ "query", "max_buckets", CONFIG_COUNT, AT(query.max_buckets), "0", 0, INT64_MAX, NULL, NULL, NULL,
	  "buckets of GROUP BY time that one SELECT may make; 0: as many as fit into max_memory" },
};

#define IN_MIRROR(member) offsetof(struct config_mirror, member)
const struct config_key config_mirror_keys[] = {
	{ "mirror", "url", CONFIG_TEXT, IN_MIRROR(url), "", 0, 0, NULL, NULL, NULL,
	  "where it is, http://HOST:PORT; anything that takes line protocol at /write" },
	{ "mirror", "api", CONFIG_CHOICE, IN_MIRROR(api), "auto", 0, 0, mirror_apis, NULL, NULL,
	  "1, 2 or 3: InfluxDB's; lines: line protocol at /write and nothing else; auto: ask it" },
	{ "mirror", "database", CONFIG_TEXT, IN_MIRROR(database), "metrics", 0, 0, NULL, NULL, NULL,
	  "what the database metrics is called there" },
	{ "mirror", "create_database", CONFIG_BOOL, IN_MIRROR(create_database), "yes", 0, 0, NULL, NULL, NULL,
	  "create the database there if it is missing" },
	{ "mirror", "org", CONFIG_TEXT, IN_MIRROR(org), "", 0, 0, NULL, NULL, NULL, "organisation of the bucket, for 2.x" },
	{ "mirror", "username", CONFIG_TEXT, IN_MIRROR(username), "", 0, 0, NULL, NULL, NULL, "user, if it asks for one" },
	{ "mirror", "password_file", CONFIG_TEXT, IN_MIRROR(password_file), "", 0, 0, NULL, NULL, NULL,
	  "file with the password, readable by its owner alone" },
	{ "mirror", "token_file", CONFIG_TEXT, IN_MIRROR(token_file), "", 0, 0, NULL, NULL, NULL,
	  "file with a token, readable by its owner alone" },
	{ "mirror", "ca_file", CONFIG_TEXT, IN_MIRROR(ca_file), "", 0, 0, NULL, NULL, NULL,
	  "who signed its certificate, in place of the system's authorities" },
	{ "mirror", "cert_file", CONFIG_TEXT, IN_MIRROR(cert_file), "", 0, 0, NULL, NULL, NULL,
	  "certificate to show it (PEM)" },
	{ "mirror", "key_file", CONFIG_TEXT, IN_MIRROR(key_file), "", 0, 0, NULL, NULL, NULL,
	  "key of that certificate, readable by its owner alone" },
	{ "mirror", "proxy", CONFIG_TEXT, IN_MIRROR(proxy), "", 0, 0, NULL, NULL, NULL,
	  "http://HOST:PORT; empty: by the environment (https_proxy); never for this machine" },
	{ "mirror", "timeout", CONFIG_DURATION, IN_MIRROR(timeout_ns), "10s", 100 * NS_PER_MS, HOUR_NS, NULL, NULL, NULL,
	  "how long one write may take" },
	{ "mirror", "backlog_rate", CONFIG_COUNT, IN_MIRROR(backlog_rate), "0", 0, INT64_MAX, NULL, NULL, NULL,
	  "points a second that may be sent of a backlog; 0: what the server bears" },
	{ "mirror", "connections", CONFIG_COUNT, IN_MIRROR(connections), "4", 1, RECORD_WRITES_MAX, NULL, NULL, NULL,
	  "writes at a time while a backlog is sent" },
};
/* clang-format on */
const size_t config_key_count = sizeof config_keys / sizeof *config_keys;
const size_t config_mirror_key_count = sizeof config_mirror_keys / sizeof *config_mirror_keys;

static const struct config_key *table_of(const char *section, size_t *count)
{
	bool mirror = !strcmp(section, "mirror");

	*count = mirror ? config_mirror_key_count : config_key_count;
	return mirror ? config_mirror_keys : config_keys;
}

const struct config_key *config_find(const char *section, const char *key)
{
	size_t n;
	const struct config_key *table = table_of(section, &n);

	for (size_t i = 0; i < n; i++)
		if (!strcmp(table[i].section, section) && !strcmp(table[i].key, key))
			return &table[i];
	return NULL;
}

/* Levenshtein's distance, of names up to 31 bytes. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[32], n = (unsigned)strlen(b);

	if (n > 31 || strlen(a) > 31)
		return 100;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned corner = row[0];
		row[0] = i + 1;
		for (unsigned j = 0; j < n; j++) {
			unsigned best = corner + (a[i] != b[j]);
			corner = row[j + 1];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (corner + 1 < best)
				best = corner + 1;
			row[j + 1] = best;
		}
	}
	return row[n];
}

const struct config_key *config_nearest(const char *section, const char *key)
{
	const struct config_key *best = NULL;
	unsigned least = 5;
	size_t n;
	const struct config_key *table = table_of(section, &n);

	for (size_t i = 0; i < n; i++) {
		const struct config_key *k = &table[i];
		/* the right name in the wrong section is the nearest of all */
		unsigned d = strcmp(k->section, section) ? distance(key, k->key) + 2 : distance(key, k->key);
		if (d < least) {
			least = d;
			best = k;
		}
	}
	return best;
}

static enum err set_text(char **slot, const char *value, struct errbuf *eb)
{
	char *copy = strdup(value);

	if (!copy)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	free(*slot);
	*slot = copy;
	return ERR_OK;
}

static enum err set_bool(bool *slot, const char *value, struct errbuf *eb)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcasecmp(value, words[i])) {
			*slot = i & 1;
			return ERR_OK;
		}
	return errbuf_set(eb, ERR_INVALID, "is neither yes nor no");
}

static enum err set_listen(struct config *c, const char *value, struct errbuf *eb)
{
	const char *colon = strrchr(value, ':');
	struct in_addr a;
	uint64_t port;
	char host[64];

	if (!colon || (size_t)(colon - value) >= sizeof host || !num_parse_u64(view_of(colon + 1), &port) ||
	    port > 65535)
		return errbuf_set(eb, ERR_INVALID, "is not ADDRESS:PORT; write 127.0.0.1:8686");
	memcpy(host, value, (size_t)(colon - value));
	host[colon - value] = 0;
	const char *address = strcmp(host, "localhost") ? host : "127.0.0.1";
	if (inet_pton(AF_INET, address, &a) != 1)
		return errbuf_set(eb, ERR_INVALID, "has no IPv4 address; write 127.0.0.1:8686");
	c->server.listen_port = port;
	return set_text(&c->server.listen_host, address, eb);
}

static enum err set_choice(uint64_t *slot, const struct config_key *k, const char *value, struct errbuf *eb)
{
	for (unsigned i = 0; k->choices[i]; i++)
		if (!strcasecmp(value, k->choices[i])) {
			*slot = i;
			return ERR_OK;
		}
	char known[128] = "";
	for (unsigned i = 0; k->choices[i]; i++) {
		size_t n = strlen(known);
		snprintf(known + n, sizeof known - n, "%s%s",
		    !i			    ? ""
			: k->choices[i + 1] ? ", "
					    : " or ",
		    k->choices[i]);
	}
	return errbuf_set(eb, ERR_INVALID, "is not known; write %s", known);
}

/* In the largest unit that gives a whole number, as it may be written in the file. */
static void put_limit(char *out, size_t size, enum config_kind kind, int64_t v)
{
	static const struct unit {
		const char *name;
		int64_t of;
	} sizes[] = { { "GiB", GIB }, { "MiB", MIB }, { "KiB", 1024 }, { "", 1 } },
	  durations[] = { { "d", DAY_NS }, { "h", HOUR_NS }, { "m", 60 * NS_PER_S }, { "s", NS_PER_S },
		  { "ms", NS_PER_MS }, { "ns", 1 } };
	const struct unit *u = kind == CONFIG_DURATION ? durations : sizes;

	while (u->of > 1 && (!v || v % u->of || kind == CONFIG_COUNT))
		u++;
	snprintf(out, size, "%lld%s", (long long)(v / u->of), v ? u->name : "");
}

static enum err in_limits(const struct config_key *k, int64_t v, struct errbuf *eb)
{
	char min[32], max[32];

	if (v >= k->min && v <= k->max)
		return ERR_OK;
	put_limit(min, sizeof min, k->kind, k->min);
	put_limit(max, sizeof max, k->kind, k->max);
	return errbuf_set(eb, ERR_INVALID, "is out of range: at least %s, at most %s", min, max);
}

/* "https://grafana.example:3000 http://localhost:5173", or "*". */
static enum err set_origins(char **slot, const char *value, struct errbuf *eb)
{
	for (const char *p = value; *p;) {
		size_t n = strcspn(p, ", ");
		const char *host = n && memmem(p, n, "://", 3) ? (const char *)memmem(p, n, "://", 3) + 3 : NULL;
		if (n && !(n == 1 && *p == '*') &&
		    (!host || host == p + n || memchr(host, '/', (size_t)(p + n - host))))
			return errbuf_set(eb, ERR_INVALID,
			    "holds %.*s, which is no origin; write https://grafana.example, without a path, or *",
			    (int)n, p);
		p += n;
		p += strspn(p, ", ");
	}
	return set_text(slot, value, eb);
}

static enum err set_time_of_day(int64_t *slot, const char *value, struct errbuf *eb)
{
	bool form = strlen(value) == 5 && value[2] == ':';

	for (int i = 0; form && i < 5; i++)
		form = i == 2 || (value[i] >= '0' && value[i] <= '9');
	*slot = -1;
	if (!strcasecmp(value, "no"))
		return ERR_OK;
	int hour = form ? (value[0] - '0') * 10 + value[1] - '0' : 24,
	    minute = form ? (value[3] - '0') * 10 + value[4] - '0' : 60;
	if (hour > 23 || minute > 59)
		return errbuf_set(eb, ERR_INVALID, "is not a time of day; write 03:10, or no");
	*slot = (hour * 60 + minute) * 60;
	return ERR_OK;
}

enum err config_set(void *base, const struct config_key *k, const char *value, struct errbuf *eb)
{
	void *slot = (char *)base + k->offset;
	uint64_t u = 0;
	int64_t ns = 0;
	enum err e;

	switch (k->kind) {
	case CONFIG_TEXT:
		return set_text(slot, value, eb);
	case CONFIG_ORIGINS:
		return set_origins(slot, value, eb);
	case CONFIG_BOOL:
		return set_bool(slot, value, eb);
	case CONFIG_LISTEN:
		return set_listen(base, value, eb);
	case CONFIG_CHOICE:
		return set_choice(slot, k, value, eb);
	case CONFIG_TIME_OF_DAY:
		return set_time_of_day(slot, value, eb);
	case CONFIG_COUNT:
	case CONFIG_SIZE:
		if (k->kind == CONFIG_COUNT && !num_parse_u64(view_of(value), &u))
			return errbuf_set(eb, ERR_INVALID, "is not a number");
		if (k->kind == CONFIG_SIZE && !num_parse_size(view_of(value), &u))
			return errbuf_set(eb, ERR_INVALID, "is not a size; write 512KiB, 64MiB or 10GiB");
		e = in_limits(k, u > INT64_MAX ? INT64_MAX : (int64_t)u, eb);
		*(uint64_t *)slot = u;
		return e;
	case CONFIG_DURATION:
		if (!num_parse_duration_ns(view_of(value), &ns))
			return errbuf_set(eb, ERR_INVALID, "is not a duration; write 10s, 5m, 12h or 30d");
		e = in_limits(k, ns, eb);
		*(int64_t *)slot = ns;
		return e;
	}
	return ERR_INVALID;
}
