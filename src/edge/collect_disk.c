/* The space of the file systems in /proc/self/mounts that stand for storage: one point a device, at the first place it
 * is mounted. Left out: what the kernel or a container makes up, and everything that lives behind a network or a
 * process (nfs, cifs, fuse…), because asking a dead one for its size blocks for ever. `/` is always told, unless it is
 * on a network: in a container it is an overlay, and the only file system there is.
 * The kernel says through poll() when mounts change; until then the list stands, for it is dear to read. */
#include <errno.h>
#include <linux/magic.h>
#include <poll.h>
#include <string.h>
#include <sys/vfs.h>

#include "edge/collect_part.h"

enum { MOUNTS_MAX = 4 << 20, DISKS_MAX = 128 };

static const char *const pseudo[] = { "aufs", "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs",
	"debugfs", "devfs", "devpts", "devtmpfs", "efivarfs", "erofs", "fusectl", "hugetlbfs", "iso9660", "mqueue",
	"nsfs", "overlay", "proc", "procfs", "pstore", "ramfs", "rootfs", "rpc_pipefs", "securityfs", "selinuxfs",
	"squashfs", "sysfs", "tmpfs", "tracefs", "udf" };
static const char *const remote[] = { "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse",
	"glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs", "panfs", "smb3", "smbfs" };
/* Files that container runtimes lay over those of the image. */
static const char *const injected[] = { "/dev/termination-log", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf" };

#define IS_ONE_OF(name, list) is_one_of((name), (list), sizeof(list) / sizeof *(list))

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

struct mount {
	char *device, *path, *type; /* in the source's text */
	bool shown;
};

struct state {
	struct collect_source mounts;
	struct mount at[DISKS_MAX];
	unsigned n;
	bool overflow, known;
};

static void init(const struct collect_ctx *x, void *state)
{
	collect_source_init(&((struct state *)state)->mounts, x, "self/mounts", MOUNTS_MAX);
}

static void fini(void *state)
{
	collect_source_fini(&((struct state *)state)->mounts);
}

/* Blanks and backslashes stand as \040; in place. */
static void unescape(char *p)
{
	char *out = p;

	while (*p) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' && p[3] >= '0' &&
		    p[3] <= '7') {
			*out++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 4;
		} else {
			*out++ = *p++;
		}
	}
	*out = 0;
}

/* Cuts the first three words out of a line, in place. */
static bool cut_line(char *line, struct mount *m)
{
	char **words[] = { &m->device, &m->path, &m->type };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!line || !*line || *line == ' ')
			return false;
		*words[i] = line;
		line = strchr(line, ' ');
		if (line)
			*line++ = 0;
	}
	unescape(m->device);
	unescape(m->path);
	return true;
}

static bool is_remote(const struct mount *m)
{
	if (IS_ONE_OF(m->type, remote) || strncmp(m->type, "fuse.", 5) == 0)
		return true;
	return m->device[0] != '/' ? strstr(m->device, ":/") != NULL : m->device[1] == '/';
}

/* Keeps m if it is storage of its own; what is mounted over an earlier one hides it. */
static void keep(struct state *s, const struct mount *m)
{
	bool storage = !is_remote(m) &&
	    (strcmp(m->path, "/") == 0 || (!IS_ONE_OF(m->type, pseudo) && !IS_ONE_OF(m->path, injected)));

	for (unsigned i = 0; i < s->n; i++)
		if (strcmp(s->at[i].path, m->path) == 0)
			s->at[i].shown = false;
	if (!storage)
		return;
	if (s->n == DISKS_MAX) {
		s->overflow = true;
		return;
	}
	s->at[s->n] = *m;
	s->at[s->n++].shown = true;
}

static void drop_repeated_devices(struct state *s)
{
	for (unsigned i = 0; i < s->n; i++)
		for (unsigned j = 0; j < i && s->at[i].shown; j++)
			if (s->at[j].shown && strcmp(s->at[i].device, s->at[j].device) == 0)
				s->at[i].shown = false;
}

/* Of a recorded file, which poll() does not watch, nothing is known. */
static bool is_unchanged(const struct state *s)
{
	struct pollfd p = { .fd = s->mounts.fd, .events = POLLPRI };
	struct statfs v;

	if (!s->known || fstatfs(s->mounts.fd, &v) || v.f_type != PROC_SUPER_MAGIC)
		return false;
	return poll(&p, 1, 0) == 0;
}

static enum err read_mounts(struct state *s, const struct collect_ctx *x, struct errbuf *eb)
{
	struct scan text;

	if (is_unchanged(s))
		return ERR_OK;
	s->n = 0;
	s->overflow = s->known = false;
	enum err e = collect_source_read(&s->mounts, x, &text, eb);
	if (e != ERR_OK)
		return e;
	char *line = s->mounts.text.p, *end = line + s->mounts.text.len;
	for (unsigned n = 1; line < end; n++) {
		char *newline = memchr(line, '\n', (size_t)(end - line));
		struct mount m;
		*newline = 0; /* the text ends with one */
		if (!cut_line(line, &m))
			return errbuf_set(eb, ERR_CORRUPT, "%s: line %u is not a mount", s->mounts.path, n);
		keep(s, &m);
		line = newline + 1;
	}
	drop_repeated_devices(s);
	s->known = true;
	return ERR_OK;
}

static uint64_t times(uint64_t blocks, uint64_t bytes)
{
	return bytes && blocks > UINT64_MAX / bytes ? UINT64_MAX : blocks * bytes;
}

static void write_line(struct collect_ctx *x, const struct mount *m, const struct statvfs *v)
{
	uint64_t used = v->f_blocks > v->f_bfree ? v->f_blocks - v->f_bfree : 0;
	uint64_t inodes_used = v->f_files > v->f_ffree ? v->f_files - v->f_ffree : 0;

	collect_begin(x);
	lp_tag(&x->w, "device", strncmp(m->device, "/dev/", 5) == 0 ? m->device + 5 : m->device);
	lp_tag(&x->w, "fstype", m->type);
	lp_tag(&x->w, "host", x->host);
	lp_tag(&x->w, "mode", v->f_flag & ST_RDONLY ? "ro" : "rw"); /* as it is now, not as it was mounted */
	lp_tag(&x->w, "path", m->path);
	lp_tag(&x->w, "resource_type", "disk");
	collect_count(x, "total", times(v->f_blocks, v->f_frsize));
	collect_count(x, "free", times(v->f_bavail, v->f_frsize));
	collect_count(x, "used", times(used, v->f_frsize));
	/* Of what users can have: blocks kept back for root are neither used nor free, as in df. */
	lp_float(&x->w, "used_percent", collect_percent(used, used + v->f_bavail));
	collect_count(x, "inodes_total", v->f_files);
	collect_count(x, "inodes_free", v->f_ffree);
	collect_count(x, "inodes_used", inodes_used);
	lp_float(&x->w, "inodes_used_percent", collect_percent(inodes_used, v->f_files));
	collect_end(x);
}

static enum err run(struct collect_ctx *x, void *state, struct errbuf *eb)
{
	struct state *s = state;
	enum err e = read_mounts(s, x, eb);

	if (e != ERR_OK)
		return e;
	for (unsigned i = 0; i < s->n; i++) {
		struct statvfs v;
		if (!s->at[i].shown)
			continue;
		if (x->statvfs(s->at[i].path, &v) == 0) {
			if (v.f_blocks > 0)
				write_line(x, &s->at[i], &v);
		} else if (errno != ENOENT && errno != EACCES && errno != EPERM) { /* gone, or none of our business */
			e = errbuf_set(eb, ERR_IO, "cannot ask %s for its space: %s", s->at[i].path, strerror(errno));
		}
	}
	if (e == ERR_OK && s->overflow)
		e = errbuf_set(eb, ERR_TOOBIG, "more than %d file systems: the rest is left out", DISKS_MAX);
	return e;
}

const struct collector collect_disk = { "disk", sizeof(struct state), init, run, fini };
