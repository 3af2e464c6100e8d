#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "base/secret.h"
#include "edge/influx_part.h"

enum { HEADER_MAX = 16 << 10, HIDDEN_FROM = 4 }; /* HIDDEN_FROM: shorter ones are in too many words */
#define REREAD_NS (5 * NS_PER_S)

struct influx_server {
	struct influx_site site;
	_Atomic int api; /* enum record_api */
	_Atomic uint64_t generation; /* of the secrets */
	pthread_mutex_t lock; /* what follows */
	char *token, *password, *basic; /* basic: user and password as HTTP writes them; NULL: none */
	char version[32];
	int64_t reread_ns; /* monotonic: when files were read for a 401 last */
};

/* ---- where it is ---- */

static bool ends_host(const char *p)
{
	return !*p || *p == ':' || *p == '/';
}

static bool is_loopback(const char *url)
{
	const char *host = strstr(url, "://");

	host = host ? host + 3 : url;
	if (!strncmp(host, "127.", 4))
		return ends_host(host + strspn(host, "0123456789."));
	return (!strncmp(host, "localhost", 9) && ends_host(host + 9)) || !strncmp(host, "[::1]", 5);
}

/* "host", "host:port", "[::1]:port", then perhaps a path. */
static enum err check_host(const char *url, struct errbuf *eb)
{
	const char *host = strstr(url, "://") + 3, *bracket = *host == '[' ? strchr(host, ']') : NULL;
	const char *end = bracket ? bracket + 1 : host + strcspn(host, ":/");
	size_t digits = *end == ':' ? strspn(end + 1, "0123456789") : 0;
	uint64_t port = 1;

	if (end == host)
		return errbuf_set(eb, ERR_INVALID, "url = %s has no host; write http://HOST:PORT", url);
	if (digits && (!num_parse_u64((struct view){ end + 1, digits }, &port) || port < 1 || port > 65535))
		return errbuf_set(eb, ERR_INVALID, "url = %s has no good port: it is 1 to 65535", url);
	if (*end == ':' && (!digits || (end[1 + digits] && end[1 + digits] != '/')))
		return errbuf_set(eb, ERR_INVALID, "url = %s has no number for a port; write http://HOST:PORT", url);
	return ERR_OK;
}

static enum err check_url(const char *url, struct errbuf *eb)
{
	bool http = !strncmp(url, "http://", 7) || !strncmp(url, "https://", 8);

	if (strchr(url, '@') && http)
		return errbuf_set(eb, ERR_INVALID, "url holds a password; use username and password_file");
	if (!http && strncmp(url, "unix:/", 6) != 0)
		return errbuf_set(
		    eb, ERR_INVALID, "url = %s must begin with http:// or https://, or be unix:/path/of.socket", url);
	if (http && strpbrk(url, "?# "))
		return errbuf_set(eb, ERR_INVALID, "url = %s must end with its host, port or path", url);
	return http ? check_host(url, eb) : ERR_OK;
}

static bool is_set(const char *s)
{
	return s && *s;
}

static enum err check_file(const char *key, const char *path, struct errbuf *eb)
{
	if (is_set(path) && access(path, R_OK))
		return errbuf_set(eb, ERR_INVALID, "%s: %s cannot be read", key, path);
	return ERR_OK;
}

static enum err read_secret(const char *key, const char *path, char **out, struct errbuf *eb)
{
	struct errbuf why;

	*out = NULL;
	enum err e = is_set(path) ? secret_read(path, out, &why) : ERR_OK;
	return e == ERR_OK ? e : errbuf_set(eb, e, "%s: %s", key, why.text);
}

static enum err check_secret(const char *key, const char *path, struct errbuf *eb)
{
	char *secret;
	enum err e = read_secret(key, path, &secret, eb);

	secret_free(secret);
	return e;
}

static bool has_controls(const char *s)
{
	for (; s && *s; s++)
		if ((unsigned char)*s < ' ' || *s == 127)
			return true;
	return false;
}

/* A private key is a secret too; libcurl reads it. */
static enum err check_key(const char *path, struct errbuf *eb)
{
	struct stat st;
	enum err e = check_file("key_file", path, eb);

	if (e == ERR_OK && is_set(path) && !stat(path, &st) && st.st_mode & 077)
		return errbuf_set(eb, ERR_INVALID, "key_file: others can read %s; chmod 600 it", path);
	return e;
}

enum err influx_check(const struct influx_opts *o, struct errbuf *eb)
{
	enum err e = check_url(o->url, eb);

	if (e == ERR_OK)
		e = check_secret("password_file", o->password_file, eb);
	if (e == ERR_OK)
		e = check_secret("token_file", o->token_file, eb);
	if (e == ERR_OK)
		e = check_file("ca_file", o->ca_file, eb);
	if (e == ERR_OK)
		e = check_file("cert_file", o->cert_file, eb);
	if (e == ERR_OK)
		e = check_key(o->key_file, eb);
	if (e == ERR_OK && has_controls(o->token))
		return errbuf_set(eb, ERR_INVALID, "INFLUXDB_TOKEN holds more than one line, or control characters");
	if (e == ERR_OK && is_set(o->key_file) && !is_set(o->cert_file))
		return errbuf_set(eb, ERR_INVALID, "key_file needs a cert_file");
	if (e == ERR_OK && is_set(o->proxy) && strchr(o->proxy, '@'))
		return errbuf_set(eb, ERR_INVALID,
		    "proxy holds a password; set it in the environment instead, as https_proxy or http_proxy");
	if (e == ERR_OK && o->api == RECORD_API_2 && !is_set(o->org))
		return errbuf_set(eb, ERR_INVALID, "api = 2 needs org, the organisation of the bucket");
	return e;
}

static bool copy(char **out, const char *text)
{
	*out = strdup(text ? text : "");
	return *out;
}

static bool set_site(struct influx_site *s, const struct influx_opts *o)
{
	bool unix_socket = !strncmp(o->url, "unix:", 5);
	bool ok = copy(&s->base, unix_socket ? "http://localhost" : o->url) &&
	    copy(&s->socket, unix_socket ? o->url + 5 : "") && copy(&s->org, o->org) &&
	    copy(&s->username, o->username) && copy(&s->password_file, o->password_file) &&
	    copy(&s->token_file, o->token_file) && copy(&s->env_token, o->token) && copy(&s->ca_file, o->ca_file) &&
	    copy(&s->cert_file, o->cert_file) && copy(&s->key_file, o->key_file) && copy(&s->proxy, o->proxy);

	for (size_t n = ok ? strlen(s->base) : 0; n && s->base[n - 1] == '/'; n--)
		s->base[n - 1] = 0;
	s->loopback = ok && is_loopback(s->base);
	s->fixed = o->api;
	return ok;
}

enum err influx_server_new(struct influx_server **out, const struct influx_opts *opts, struct errbuf *eb)
{
	*out = NULL;
	enum err e = influx_check(opts, eb);
	if (e != ERR_OK)
		return e;
	struct influx_server *s = calloc(1, sizeof *s);
	if (!s)
		return errbuf_set(eb, ERR_NOMEM, "out of memory");
	pthread_mutex_init(&s->lock, NULL);
	atomic_init(&s->api, (int)opts->api);
	atomic_init(&s->generation, 1);
	e = set_site(&s->site, opts) ? influx_server_reload(s, eb) : errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (e != ERR_OK) {
		influx_server_free(s);
		return e;
	}
	*out = s;
	return ERR_OK;
}

void influx_server_free(struct influx_server *s)
{
	if (!s)
		return;
	struct influx_site *t = &s->site;
	char *plain[] = { t->base, t->socket, t->org, t->username, t->password_file, t->token_file, t->ca_file,
		t->cert_file, t->key_file, t->proxy };
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		free(plain[i]);
	secret_free(t->env_token);
	secret_free(s->token);
	secret_free(s->password);
	secret_free(s->basic);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

const struct influx_site *influx_server_site(const struct influx_server *s)
{
	return &s->site;
}

/* ---- what opens it ---- */

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* "user:password" in base64. */
static char *basic_of(const char *user, const char *password)
{
	struct buf plain;
	char *out = NULL;

	buf_init(&plain, HEADER_MAX);
	buf_str(&plain, user);
	buf_char(&plain, ':');
	buf_str(&plain, password ? password : "");
	if (!plain.failed && (out = calloc(1, plain.len / 3 * 4 + 8)))
		EVP_EncodeBlock((unsigned char *)out, (unsigned char *)plain.p, (int)plain.len);
	if (plain.p)
		explicit_bzero(plain.p, plain.cap);
	buf_fini(&plain);
	return out;
}

static void replace(char **slot, char *with)
{
	secret_free(*slot);
	*slot = with;
}

enum err influx_server_reload(struct influx_server *s, struct errbuf *eb)
{
	char *token = NULL, *password = NULL, *basic = NULL;
	enum err e = read_secret("password_file", s->site.password_file, &password, eb);

	if (e == ERR_OK && *s->site.env_token)
		token = strdup(s->site.env_token);
	else if (e == ERR_OK)
		e = read_secret("token_file", s->site.token_file, &token, eb);
	if (e == ERR_OK && *s->site.username && !(basic = basic_of(s->site.username, password)))
		e = errbuf_set(eb, ERR_NOMEM, "out of memory");
	if (e != ERR_OK) {
		secret_free(token);
		secret_free(password);
		return e;
	}
	pthread_mutex_lock(&s->lock);
	bool changed = !same(token, s->token) || !same(basic, s->basic);
	replace(&s->token, token);
	replace(&s->password, password);
	replace(&s->basic, basic);
	if (changed)
		atomic_fetch_add(&s->generation, 1);
	pthread_mutex_unlock(&s->lock);
	return ERR_OK;
}

void influx_server_unauthorized(struct influx_server *s)
{
	struct errbuf eb;
	int64_t now = clock_mono_ns();
	uint64_t before = influx_server_generation(s);

	pthread_mutex_lock(&s->lock);
	bool soon = s->reread_ns && now - s->reread_ns < REREAD_NS;
	if (!soon)
		s->reread_ns = now;
	pthread_mutex_unlock(&s->lock);
	if (soon)
		return;
	if (influx_server_reload(s, &eb) != ERR_OK)
		log_warn("InfluxDB asks for another password or token, and %s", eb.text);
	else if (influx_server_generation(s) != before)
		log_info("the password or token for InfluxDB has changed in its file and is used from now on");
}

uint64_t influx_server_generation(struct influx_server *s)
{
	return atomic_load(&s->generation);
}

void influx_server_authorization(struct influx_server *s, bool bearer, struct buf *out, uint64_t *generation)
{
	pthread_mutex_lock(&s->lock);
	*generation = atomic_load(&s->generation);
	if (s->token)
		buf_printf(out, "Authorization: %s %s", bearer ? "Bearer" : "Token", s->token);
	else if (s->basic)
		buf_printf(out, "Authorization: Basic %s", s->basic);
	pthread_mutex_unlock(&s->lock);
}

static void hide(char *text, size_t len, const char *secret)
{
	size_t n = secret ? strlen(secret) : 0;

	if (n < HIDDEN_FROM)
		return;
	for (char *p = text; (p = memmem(p, len - (size_t)(p - text), secret, n)); p += n)
		memset(p, '*', n);
}

void influx_server_scrub(struct influx_server *s, char *text, size_t len)
{
	if (!len)
		return;
	pthread_mutex_lock(&s->lock);
	hide(text, len, s->token);
	hide(text, len, s->password);
	hide(text, len, s->basic);
	pthread_mutex_unlock(&s->lock);
}

/* ---- what it is ---- */

enum record_api influx_server_api(struct influx_server *s)
{
	return (enum record_api)atomic_load(&s->api);
}

void influx_server_found(struct influx_server *s, enum record_api api, const char *version)
{
	if (s->site.fixed == RECORD_API_AUTO)
		atomic_store(&s->api, (int)api);
	pthread_mutex_lock(&s->lock);
	snprintf(s->version, sizeof s->version, "%s", version);
	pthread_mutex_unlock(&s->lock);
}

void influx_server_forget(struct influx_server *s)
{
	if (s->site.fixed == RECORD_API_AUTO)
		atomic_store(&s->api, RECORD_API_AUTO);
}

void influx_server_version(struct influx_server *s, char out[32])
{
	pthread_mutex_lock(&s->lock);
	memcpy(out, s->version, sizeof s->version);
	pthread_mutex_unlock(&s->lock);
}
