/* The configuration: one table (config.c) gives every key its parser, limits, default, help and environment variable.
 * Read once at start; constant afterwards. Strings live as long as the struct. */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "query/reader.h"

struct config {
	struct {
		char *listen_host; /* IPv4 address */
		uint16_t listen_port; /* 0: any free one, which is logged */
		char *data_dir;
		char *log_level;
		uint64_t max_body; /* bytes, also after decompression */
		uint64_t max_queue; /* bytes of writes in work or waiting */
		uint64_t threads; /* HTTP worker threads */
		uint64_t head_bytes; /* memory of the head */
		bool create_databases;
		bool insecure; /* allows an address that is not loopback, without TLS and tokens */
	} server;
	struct {
		bool enabled;
		int64_t interval_ns;
		char *host; /* "": the machine's name */
		char *proc, *sys; /* "" : /proc, /sys */
	} collect;
	struct {
		int64_t raw_ns;
		uint64_t max_bytes;
		int64_t max_future_ns;
	} retention;
	struct {
		char *url; /* "": no record */
		char *database, *username, *password_file, *token, *token_file, *org, *bucket;
		bool create_database;
		int64_t timeout_ns;
	} influxdb;
	struct {
		enum read_policy from;
		int64_t timeout_ns; /* how long a read waits for the record */
	} read;
};

/* argv is consumed: unknown options are errors. Order: defaults, file, environment, options.
 * ERR_INVALID with one clear line (file:line: what is wrong and what would be right).
 * *done: --help, --version or -n was served and the daemon should exit 0. */
NODISCARD enum err config_load(struct config *c, int argc, char **argv, bool *done, struct errbuf *eb);
void config_fini(struct config *c);
/* All keys with their values and where they came from, as JSON; secrets are shown as "set" or "unset". */
void config_to_json(const struct config *c, struct buf *out);

#endif
