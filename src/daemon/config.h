/* The configuration: one table (config_table.c) gives every key its kind, limits, default, help and environment
 * variables. Read once at start; constant afterwards. Strings live as long as the struct. */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "edge/influx.h"
#include "query/reader.h"

enum { CONFIG_MIRRORS_MAX = 8, CONFIG_MIRROR_NAME_MAX = 40 };

/* A section [mirror "name"]. */
struct config_mirror {
	char target[sizeof "mirror:" + CONFIG_MIRROR_NAME_MAX]; /* mirror:NAME */
	char *url;
	uint64_t api; /* enum record_api */
	char *database, *org, *username, *password_file, *token_file;
	char *ca_file, *cert_file, *key_file, *proxy;
	bool create_database;
	int64_t timeout_ns;
	uint64_t backlog_rate, connections; /* as in replicator_opts */
};

struct config {
	/* what is asked for instead of serving; argv's own */
	const char *verify, *restore; /* a folder, or NULL */
	bool force;
	struct {
		char *listen_host; /* IPv4 address */
		uint64_t listen_port; /* 0: any free one, which is logged */
		char *data_dir;
		uint64_t log_level; /* enum log_level */
		uint64_t max_body; /* bytes, also after decompression */
		uint64_t max_queue; /* bytes of writes in work or waiting */
		uint64_t threads; /* HTTP worker threads */
		uint64_t head_bytes; /* memory for the newest points */
		uint64_t min_free_disk; /* bytes that must stay free under data_dir */
		uint64_t backup_log; /* bytes that a log may grow by while a backup reads the file */
		bool create_databases;
		char *cors_origin; /* origins as browsers write them, or "*"; "": none */
		bool insecure; /* allows an address that is not loopback, without TLS and tokens */
	} server;
	struct {
		bool enabled;
		int64_t interval_ns;
		char *host; /* "": the machine's name */
		char *proc;
	} collect;
	struct {
		int64_t raw_ns, minutes_ns, hours_ns, days_ns;
		char *measurements; /* exceptions: "cpu raw=7d 1h=1y; net raw=3d" */
		char *sketches; /* patterns of measurement.field */
		uint64_t max_bytes;
		int64_t max_future_ns;
	} retention;
	struct { /* as in catalogue_opts */
		uint64_t series, series_per_measurement, fields_per_measurement, measurements;
	} limits;
	struct {
		char *url; /* "": no record */
		uint64_t api; /* enum record_api */
		char *database, *bucket, *org, *username, *password_file, *token_file;
		char *token; /* from the environment; "": none */
		char *ca_file, *cert_file, *key_file, *proxy;
		bool create_database, manage_retention, shorten_retention, figures, replicate_rollups;
		int64_t retention_ns; /* of the record; as [retention] raw where nothing else is set */
		int64_t timeout_ns;
		uint64_t backlog_rate, connections; /* as in replicator_opts */
		int64_t verify_s; /* seconds after midnight; -1: never by itself */
	} influxdb;
	unsigned mirror_count;
	struct config_mirror mirror[CONFIG_MIRRORS_MAX];
	struct {
		uint64_t from; /* enum read_policy */
		int64_t timeout_ns; /* how long a read waits for the record */
	} read;
	struct {
		uint64_t max_memory; /* bytes of one statement */
		int64_t timeout_ns; /* of one request */
		uint64_t max_concurrent; /* requests at a time */
		uint64_t max_rows, max_series, max_buckets; /* of one statement; 0: no ceiling of their own */
	} query;
};

/* Order: defaults, file, environment, options. ERR_INVALID with one line that says where, what is wrong and what would
 * be right. With --verify nothing but c->verify is set: it needs no configuration. *done: --help, --version or -n was served. Also after a failure config_fini. */
NODISCARD enum err config_load(struct config *c, int argc, char **argv, bool *done, struct errbuf *eb);
void config_fini(struct config *c);

/* Both borrow what they are given. */
struct influx_opts config_influx(const struct config *c);
struct influx_opts config_mirror_influx(const struct config_mirror *m);
static inline const char *config_mirror_name(const struct config_mirror *m)
{
	return m->target + sizeof "mirror:" - 1;
}

#endif
