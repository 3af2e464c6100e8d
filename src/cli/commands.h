/* The commands: each takes its own arguments (argv[0] is its name) and returns the exit status. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/client.h"

int cmd_status(struct client *c, int argc, char **argv);
int cmd_compact(struct client *c, int argc, char **argv);
int cmd_backfill(struct client *c, int argc, char **argv);
int cmd_backup(struct client *c, int argc, char **argv);
int cmd_replication(struct client *c, int argc, char **argv);
int cmd_restore(struct client *c, int argc, char **argv);
int cmd_query(struct client *c, int argc, char **argv);
int cmd_shell(struct client *c, int argc, char **argv);
int cmd_export(struct client *c, int argc, char **argv);
int cmd_import(struct client *c, int argc, char **argv);
int cmd_quarantine(struct client *c, int argc, char **argv);
int cmd_quality(struct client *c, int argc, char **argv);
int cmd_verify(struct client *c, int argc, char **argv);
int cmd_write(struct client *c, int argc, char **argv);

#endif
