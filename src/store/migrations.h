/* The numbered files of sql/, compiled in by build-aux/embed.sh. */
#ifndef STORE_MIGRATIONS_H
#define STORE_MIGRATIONS_H

#include <stddef.h>

struct migration {
	unsigned version; /* 1, 2, 3… */
	const char *name, *sql;
};

extern const struct migration spool_migrations[];
extern const size_t spool_migrations_count;
extern const struct migration store_migrations[];
extern const size_t store_migrations_count;

#endif
