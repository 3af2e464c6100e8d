/* A /proc of a test's own: recorded trees from tests/fixtures are laid over each other in a temporary folder, in place,
 * so that files a collector keeps open change under it as the kernel's do. One at a time. */
#ifndef TESTS_SUPPORT_COLLECT_TREE_H
#define TESTS_SUPPORT_COLLECT_TREE_H

#include "edge/collect_part.h"

extern char tree_lines[1 << 20]; /* what the last round gave */
extern bool tree_refuse; /* the sink says no */
extern char tree_asked[1024]; /* the paths whose space was asked for, each with a space behind */

struct collect *tree_open(const char *fixture); /* collectors over it, first sample taken; both clocks stand */
struct collect_opts tree_opts(void); /* those it was opened with */
void tree_lay(const char *fixture); /* lays another over it */
void tree_write(const char *path, const char *text);
void tree_remove(const char *path); /* and its folder, once empty */
void tree_close(struct collect *c);

/* Runs a round at 1700000010 s and gives the lines whose resource_type is type, or all for "". */
const char *tree_round(struct collect *c, const char *type);
/* The i-th collector's standing, by name. */
bool tree_ok(struct collect *c, const char *name, char error[128]);

#endif
