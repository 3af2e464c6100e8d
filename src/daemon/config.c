#include "daemon/config.h"

#include <ctype.h>
#include <getopt.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "daemon/config_table.h"
#include "daemon/policy.h"

#define DEFAULT_FILE "/etc/holdfast/holdfast.conf"
#define HOUR_NS (3600 * NS_PER_S)
enum { FILE_MAX = 1 << 20, LINE_MAX_BYTES = 190, KEYS_MAX = 128, MIRROR_KEYS_MAX = 32 };

/* ---- the file ---- */

static const char mirror_section[] = "mirror \"";

struct loading {
	struct config *c;
	const char *path;
	bool seen[KEYS_MAX], influx_section;
	bool mirror_seen[CONFIG_MIRRORS_MAX][MIRROR_KEYS_MAX];
	struct errbuf first; /* the first error's text, without its place */
};

/* Which mirror a section is for: one that is there already, or a new one with the defaults. NULL: l->first says why not. */
static struct config_mirror *find_mirror(struct loading *l, const char *section)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	struct config *c = l->c;
	const char *name = section + strlen(mirror_section);
	size_t n = strspn(name, allowed);
	char target[sizeof c->mirror->target];

	if (n == 0 || n > CONFIG_MIRROR_NAME_MAX || strcmp(name + n, "\"") != 0) {
		errbuf_set(&l->first, ERR_INVALID,
		    "[%s] has no good name; write [mirror \"name\"] with up to %d letters, digits and -_.", section,
		    CONFIG_MIRROR_NAME_MAX);
		return NULL;
	}
	snprintf(target, sizeof target, "mirror:%.*s", (int)n, name);
	for (unsigned i = 0; i < c->mirror_count; i++)
		if (!strcmp(c->mirror[i].target, target))
			return &c->mirror[i];
	if (c->mirror_count == CONFIG_MIRRORS_MAX) {
		errbuf_set(
		    &l->first, ERR_INVALID, "[%s] is one mirror too many: at most %d", section, CONFIG_MIRRORS_MAX);
		return NULL;
	}
	struct config_mirror *m = &c->mirror[c->mirror_count++];
	memcpy(m->target, target, sizeof target);
	for (size_t i = 0; i < config_mirror_key_count; i++)
		if (config_set(m, &config_mirror_keys[i], config_mirror_keys[i].def, &l->first) != ERR_OK)
			return NULL;
	return m;
}

/* inih tells nobody of a section without keys, nor what is wrong with its line. */
static enum err check_section(struct loading *l, struct view line)
{
	const char *end = memchr(line.p, ']', line.len);
	char section[LINE_MAX_BYTES + 1];

	if (!end) {
		size_t n = strcspn(line.p, "\r\n;#");
		return errbuf_set(
		    &l->first, ERR_INVALID, "%.*s lacks its ] at the end; write [section]", (int)n, line.p);
	}
	snprintf(section, sizeof section, "%.*s", (int)(end - line.p - 1), line.p + 1);
	if (!strncmp(section, mirror_section, strlen(mirror_section)))
		return find_mirror(l, section) ? ERR_OK : ERR_INVALID;
	if (!strncmp(section, "mirror ", 7)) {
		size_t from = 7 + strspn(section + 7, " '\""), n = strcspn(section + from, " '\"");
		return errbuf_set(&l->first, ERR_INVALID, "[%s] has no name in quotes; write [mirror \"%.*s\"]",
		    section, n ? (int)n : 4, n ? section + from : "name");
	}
	return strcmp(section, "mirror")
	    ? ERR_OK
	    : errbuf_set(&l->first, ERR_INVALID, "[mirror] has no name; write [mirror \"name\"]");
}

/* The first wrong line, whose error is in l->first; 0: none. An indented one may go on with a value. */
static int check_sections(struct loading *l, const char *text)
{
	int line = 1;

	for (const char *p = text; *p; line++) {
		size_t n = strcspn(p, "\n");
		if (*p == '[' && check_section(l, (struct view){ p, n }) != ERR_OK)
			return line;
		p += n + (p[n] == '\n');
	}
	return 0;
}

static enum err check_mirrors(const struct config *c, const char *path, struct errbuf *eb)
{
	for (unsigned i = 0; i < c->mirror_count; i++)
		if (!*c->mirror[i].url)
			return errbuf_set(eb, ERR_INVALID,
			    "%s: [mirror \"%s\"] has no url; add url = http://127.0.0.1:8428 or remove the section",
			    path, config_mirror_name(&c->mirror[i]));
	return ERR_OK;
}

static int on_entry(void *arg, const char *section, const char *key, const char *value)
{
	struct loading *l = arg;
	struct errbuf why;
	bool mirror = !strncmp(section, mirror_section, strlen(mirror_section));
	const struct config_key *k = config_find(mirror ? "mirror" : section, key);
	void *base = l->c;

	l->influx_section |= !strcmp(section, "influxdb");
	if (l->first.text[0])
		return 1;
	if (mirror && !(base = find_mirror(l, section)))
		return 0;
	if (!k) {
		const struct config_key *near = config_nearest(mirror ? "mirror" : section, key);
		if (mirror) {
			errbuf_set(&l->first, ERR_INVALID, "[%s] has no key %s%s%s%s", section, key,
			    near ? "; did you mean " : "; see man holdfast.conf", near ? near->key : "",
			    near ? "?" : "");
			return 0;
		}
		errbuf_set(&l->first, ERR_INVALID, "[%s] has no key %s%s%s%s%s%s%s", section, key,
		    near ? "; did you mean " : "", near && strcmp(near->section, section) ? "[" : "",
		    near && strcmp(near->section, section) ? near->section : "",
		    near && strcmp(near->section, section) ? "] " : "", near ? near->key : "; see man holdfast.conf",
		    near ? "?" : "");
		return 0;
	}
	bool *seen = mirror ? &l->mirror_seen[(struct config_mirror *)base - l->c->mirror][k - config_mirror_keys]
			    : &l->seen[k - config_keys];
	if (*seen) {
		errbuf_set(&l->first, ERR_INVALID, "[%s] %s stands twice; remove one", section, key);
		return 0;
	}
	*seen = true;
	if (config_set(base, k, value, &why) != ERR_OK) {
		errbuf_set(&l->first, ERR_INVALID, "[%s] %s = %s %s", section, key, value, why.text);
		return 0;
	}
	return 1;
}

/* inih cuts longer lines in two without a word. */
static unsigned find_long_line(const struct buf *text)
{
	unsigned line = 1;

	for (size_t i = 0, start = 0; i < text->len; i++) {
		if (i - start > LINE_MAX_BYTES)
			return line;
		if (text->p[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	return 0;
}

static enum err load_file(struct config *c, const char *path, bool named, struct errbuf *eb)
{
	struct loading l = { .c = c, .path = path };
	struct buf text;

	buf_init(&text, FILE_MAX);
	enum err e = file_read(path, &text, eb);
	buf_char(&text, 0);
	if (e == ERR_NOTFOUND && !named)
		e = ERR_OK;
	else if (e != ERR_OK)
		e = ERR_INVALID;
	else if (text.failed)
		e = errbuf_set(eb, ERR_INVALID, "%s is larger than 1 MiB", path);
	else if (find_long_line(&text))
		e = errbuf_set(eb, ERR_INVALID, "%s:%u: the line is longer than %d bytes", path, find_long_line(&text),
		    LINE_MAX_BYTES);
	else {
		int line = check_sections(&l, text.p);
		if (!line)
			line = ini_parse_string(text.p, on_entry, &l);
		if (line > 0)
			e = errbuf_set(eb, ERR_INVALID, "%s:%d: %s", path, line,
			    l.first.text[0] ? l.first.text : "neither [section] nor key = value");
		else if (line < 0)
			e = errbuf_set(eb, ERR_NOMEM, "out of memory");
		else if (l.influx_section && !*c->influxdb.url && !getenv("INFLUXDB_URL") &&
		    !getenv("HOLDFAST_INFLUXDB_URL"))
			e = errbuf_set(eb, ERR_INVALID,
			    "%s: [influxdb] has no url; add url = http://127.0.0.1:8086 or remove the section", path);
		else
			e = check_mirrors(c, path, eb);
	}
	buf_fini(&text);
	return e;
}

/* ---- the environment ---- */

static enum err set_from(
    struct config *c, const struct config_key *k, const char *name, const char *unit, struct errbuf *eb)
{
	const char *value = getenv(name);
	struct errbuf why;
	char with_unit[64];

	if (!value || !*value)
		return ERR_OK;
	if (unit && *value && value[strspn(value, "0123456789")] == 0 && strlen(value) < 32) {
		snprintf(with_unit, sizeof with_unit, "%.32s%s", value, unit);
		value = with_unit;
	}
	if (config_set(c, k, value, &why) == ERR_OK)
		return ERR_OK;
	return errbuf_set(eb, ERR_INVALID, "environment: %s=%s %s", name, value, why.text);
}

static enum err load_environment(struct config *c, struct errbuf *eb)
{
	char name[96];

	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *k = &config_keys[i];
		int n = snprintf(name, sizeof name, "HOLDFAST_%s_%s", k->section, k->key);
		for (int j = 0; j < n; j++)
			name[j] = (char)toupper((unsigned char)name[j]);
		enum err e = k->env ? set_from(c, k, k->env, k->env_unit, eb) : ERR_OK;
		if (e == ERR_OK)
			e = set_from(c, k, name, k->env_unit, eb);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

/* ---- secrets and what keys mean together ---- */

struct influx_opts config_influx(const struct config *c)
{
	return (struct influx_opts){ .url = c->influxdb.url,
		.api = (enum record_api)c->influxdb.api,
		.org = c->influxdb.org,
		.username = c->influxdb.username,
		.password_file = c->influxdb.password_file,
		.token_file = c->influxdb.token_file,
		.token = c->influxdb.token,
		.ca_file = c->influxdb.ca_file,
		.cert_file = c->influxdb.cert_file,
		.key_file = c->influxdb.key_file,
		.proxy = c->influxdb.proxy };
}

/* [influxdb]; without an url nothing of it counts. */
static enum err finish_influxdb(struct config *c, struct errbuf *eb)
{
	const char *token = getenv("INFLUXDB_TOKEN");
	struct errbuf why;

	c->influxdb.token = strdup(token ? token : "");
	if (!c->influxdb.token)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (!*c->influxdb.database &&
	    config_set(c, config_find("influxdb", "database"), *c->influxdb.bucket ? c->influxdb.bucket : "metrics",
		eb) != ERR_OK)
		return ERR_NOMEM;
	if (!c->influxdb.retention_ns)
		c->influxdb.retention_ns = c->retention.raw_ns;
	c->influxdb.retention_ns = (c->influxdb.retention_ns + HOUR_NS - 1) / HOUR_NS * HOUR_NS;
	if (!*c->influxdb.url)
		return ERR_OK;
	struct influx_opts opts = config_influx(c);
	if (influx_check(&opts, &why) != ERR_OK)
		return errbuf_set(eb, ERR_INVALID, "[influxdb] %s", why.text);
	if (c->influxdb.manage_retention && c->influxdb.retention_ns < c->retention.raw_ns)
		return errbuf_set(eb, ERR_INVALID,
		    "[influxdb] retention is below [retention] raw: InfluxDB would refuse or delete points that are kept "
		    "here; set it to as much or more");
	if (c->influxdb.replicate_rollups && c->influxdb.manage_retention &&
	    c->influxdb.retention_ns <= c->retention.raw_ns)
		return errbuf_set(eb, ERR_INVALID,
		    "[influxdb] replicate_rollups sends what is older than [retention] raw, and InfluxDB would not keep it; "
		    "set [influxdb] retention to more");
	return ERR_OK;
}

struct influx_opts config_mirror_influx(const struct config_mirror *m)
{
	return (struct influx_opts){ .url = m->url,
		.api = (enum record_api)m->api,
		.org = m->org,
		.username = m->username,
		.password_file = m->password_file,
		.token_file = m->token_file,
		.ca_file = m->ca_file,
		.cert_file = m->cert_file,
		.key_file = m->key_file,
		.proxy = m->proxy };
}

static enum err finish_mirror(const struct config_mirror *m, struct errbuf *eb)
{
	struct influx_opts opts = config_mirror_influx(m);
	struct errbuf why;

	if (influx_check(&opts, &why) == ERR_OK)
		return ERR_OK;
	return errbuf_set(eb, ERR_INVALID, "[mirror \"%s\"] %s", config_mirror_name(m), why.text);
}

static enum err finish(struct config *c, struct errbuf *eb)
{
	bool loopback = !strncmp(c->server.listen_host, "127.", 4);

	if (!loopback && !c->server.insecure)
		return errbuf_set(eb, ERR_INVALID,
		    "[server] listen = %s would be open to the network without TLS and tokens; "
		    "keep to 127.0.0.1, or set insecure = yes if something in front protects it",
		    c->server.listen_host);
	if (c->server.max_body > c->server.max_queue)
		return errbuf_set(
		    eb, ERR_INVALID, "[server] max_body is above max_queue: a body that large could never be taken");
	enum err e = finish_influxdb(c, eb);
	for (unsigned i = 0; e == ERR_OK && i < c->mirror_count; i++)
		e = finish_mirror(&c->mirror[i], eb);
	log_set_level((enum log_level)c->server.log_level);
	return e;
}

/* ---- options ---- */

static void print_help(void)
{
	const char *section = "";

	printf("Usage: holdfastd [OPTION]...\n"
	       "Collects, receives, keeps, forwards and shows this machine's metrics.\n\n"
	       "  --config FILE       default " DEFAULT_FILE "\n"
	       "  --data-dir DIR      as [server] data_dir\n"
	       "  --listen ADDR:PORT  as [server] listen\n"
	       "  -n                  check the configuration and exit\n"
	       "  --verify DIR        read a backup, or the data folder of a stopped holdfastd, through and exit\n"
	       "  --restore DIR       make a backup the store of data_dir and exit; it must have none yet\n"
	       "  --force             with --restore: set the store that is there aside\n"
	       "  --help, --version\n\n"
	       "Keys of the configuration, each also as HOLDFAST_<SECTION>_<KEY> in the environment:\n");
	for (size_t i = 0; i < config_key_count; i++) {
		const struct config_key *k = &config_keys[i];
		if (strcmp(section, k->section))
			printf("\n[%s]\n", k->section);
		section = k->section;
		printf("  %-17s %s (%s%s)", k->key, k->help, *k->def ? "default " : "no default", k->def);
		if (k->env)
			printf(", %s", k->env);
		putchar('\n');
	}
	printf("\n[mirror \"name\"], up to %d of them, in the file alone\n", CONFIG_MIRRORS_MAX);
	for (size_t i = 0; i < config_mirror_key_count; i++) {
		const struct config_key *k = &config_mirror_keys[i];
		printf("  %-17s %s (%s%s)\n", k->key, k->help, *k->def ? "default " : "no default", k->def);
	}
}

struct options {
	const char *config, *data_dir, *listen, *verify, *restore;
	bool check, help, version, force;
};

static enum err parse_options(struct options *o, int argc, char **argv, struct errbuf *eb)
{
	static const struct option list[] = { { "config", required_argument, NULL, 'c' },
		{ "data-dir", required_argument, NULL, 'd' }, { "listen", required_argument, NULL, 'l' },
		{ "verify", required_argument, NULL, 'V' }, { "restore", required_argument, NULL, 'R' },
		{ "force", no_argument, NULL, 'f' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' }, { NULL, 0, NULL, 0 } };
	int option;

	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, argv, ":n", list, NULL)) != -1) {
		switch (option) {
		case 'c':
			o->config = optarg;
			break;
		case 'd':
			o->data_dir = optarg;
			break;
		case 'l':
			o->listen = optarg;
			break;
		case 'V':
			o->verify = optarg;
			break;
		case 'R':
			o->restore = optarg;
			break;
		case 'f':
			o->force = true;
			break;
		case 'n':
			o->check = true;
			break;
		case 'h':
			o->help = true;
			break;
		case 'v':
			o->version = true;
			break;
		case ':':
			return errbuf_set(eb, ERR_INVALID, "%s needs a value; see holdfastd --help", argv[optind - 1]);
		default:
			return errbuf_set(
			    eb, ERR_INVALID, "%s is not an option; see holdfastd --help", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return errbuf_set(
		    eb, ERR_INVALID, "%s: holdfastd takes options only; see holdfastd --help", argv[optind]);
	if (o->force && !o->restore)
		return errbuf_set(eb, ERR_INVALID, "--force belongs to --restore; see holdfastd --help");
	if (o->verify && (o->restore || o->check))
		return errbuf_set(eb, ERR_INVALID, "--verify stands alone; see holdfastd --help");
	return ERR_OK;
}

static enum err set_option(struct config *c, const char *option, const char *key, const char *value, struct errbuf *eb)
{
	struct errbuf why;

	if (!value || config_set(c, config_find("server", key), value, &why) == ERR_OK)
		return ERR_OK;
	return errbuf_set(eb, ERR_INVALID, "%s %s %s", option, value, why.text);
}

/* Lists with a form of their own are read here too, so that -n finds what is wrong with them. */
static enum err check_policy(const struct config *c, struct errbuf *eb)
{
	struct policy *p;
	enum err e = policy_new(&p, c, eb);

	policy_free(p);
	return e;
}

enum err config_load(struct config *c, int argc, char **argv, bool *done, struct errbuf *eb)
{
	struct options o = { 0 };
	enum err e;

	*c = (struct config){ 0 };
	*done = true;
	if ((e = parse_options(&o, argc, argv, eb)) != ERR_OK)
		return e;
	if (o.help) {
		print_help();
		return ERR_OK;
	}
	if (o.version) {
		puts("holdfastd " HF_VERSION);
		return ERR_OK;
	}
	c->verify = o.verify;
	c->restore = o.restore;
	c->force = o.force;
	*done = false;
	if (o.verify)
		return ERR_OK;
	for (size_t i = 0; i < config_key_count; i++)
		if ((e = config_set(c, &config_keys[i], config_keys[i].def, eb)) != ERR_OK)
			return e;
	e = load_file(c, o.config ? o.config : DEFAULT_FILE, o.config, eb);
	if (e == ERR_OK)
		e = load_environment(c, eb);
	if (e == ERR_OK)
		e = set_option(c, "--data-dir", "data_dir", o.data_dir, eb);
	if (e == ERR_OK)
		e = set_option(c, "--listen", "listen", o.listen, eb);
	if (e == ERR_OK)
		e = finish(c, eb);
	if (e == ERR_OK)
		e = check_policy(c, eb);
	*done = o.check;
	if (e == ERR_OK && o.check)
		puts("the configuration is good");
	return e;
}

void config_fini(struct config *c)
{
	free(c->server.listen_host);
	free(c->server.data_dir);
	free(c->server.cors_origin);
	free(c->collect.host);
	free(c->collect.proc);
	free(c->retention.measurements);
	free(c->retention.sketches);
	free(c->influxdb.url);
	free(c->influxdb.database);
	free(c->influxdb.bucket);
	free(c->influxdb.org);
	free(c->influxdb.username);
	free(c->influxdb.password_file);
	free(c->influxdb.token_file);
	free(c->influxdb.ca_file);
	free(c->influxdb.cert_file);
	free(c->influxdb.key_file);
	free(c->influxdb.proxy);
	secret_free(c->influxdb.token);
	for (unsigned i = 0; i < c->mirror_count; i++) {
		struct config_mirror *m = &c->mirror[i];
		char *all[] = { m->url, m->database, m->org, m->username, m->password_file, m->token_file, m->ca_file,
			m->cert_file, m->key_file, m->proxy };
		for (size_t k = 0; k < sizeof all / sizeof *all; k++)
			free(all[k]);
	}
	*c = (struct config){ 0 };
}
