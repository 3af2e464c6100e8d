/* The keys. */
#ifndef DAEMON_CONFIG_TABLE_H
#define DAEMON_CONFIG_TABLE_H

#include <stddef.h>

#include "daemon/config.h"

enum config_kind {
	CONFIG_TEXT,
	CONFIG_ORIGINS, /* text: origins with spaces or commas between them, or * */
	CONFIG_BOOL,
	CONFIG_COUNT,
	CONFIG_SIZE,
	CONFIG_DURATION,
	CONFIG_LISTEN, /* ADDR:PORT, into listen_host and listen_port */
	CONFIG_CHOICE, /* the index into choices */
	CONFIG_TIME_OF_DAY, /* HH:MM, as seconds after midnight, or no: -1 */
};

struct config_key {
	const char *section, *key;
	enum config_kind kind;
	size_t offset; /* into struct config, or struct config_mirror */
	const char *def;
	int64_t min, max; /* of counts, sizes (bytes), durations (ns) */
	const char *const *choices; /* ended by NULL */
	const char *env; /* a name besides HOLDFAST_<SECTION>_<KEY>, or NULL */
	const char *env_unit; /* what a plain number in env is meant in, or NULL */
	const char *help;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;
extern const struct config_key config_mirror_keys[]; /* of each [mirror "name"]; none has a variable of its own */
extern const size_t config_mirror_key_count;

/* Parses value into what the key's offset is for. On failure eb says what would be right ("is not a duration; write
 * 10s…"). */
NODISCARD enum err config_set(void *base, const struct config_key *k, const char *value, struct errbuf *eb);
const struct config_key *config_find(const char *section, const char *key); /* section "mirror": of mirrors */
/* The key that looks most like it, in the section; NULL: none does. */
const struct config_key *config_nearest(const char *section, const char *key);

#endif
