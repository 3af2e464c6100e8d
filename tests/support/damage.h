/* A spool with known contents, ways to hurt the file of a database, and to have it as it was. */
#ifndef TESTS_SUPPORT_DAMAGE_H
#define TESTS_SUPPORT_DAMAGE_H

#include <stdbool.h>
#include <stdint.h>

enum { DAMAGE_ROWS = 400, DAMAGE_PAGE = 16384 };

/* Rows 1 to DAMAGE_ROWS, one point each, "m v=<seq>i,s=… <seq>", in a new file: some small, some over several pages. */
void damage_make_spool(const char *path);
void damage_copy(const char *from, const char *to);
/* The same, and what lies beside a database goes: log, index, mark. It is closed. */
void damage_lay_out(const char *from, const char *to);
void damage_check_whole(const char *path, const char *situation); /* PRAGMA quick_check; fails the test */
/* Of a closed file, by the seed: pages are zeroed, filled with noise, have bits flipped or are swapped. */
void damage_pages(const char *path, unsigned pages, uint64_t seed, bool spare_first);
/* The same of a file with pages of another size, at most 16 KiB. */
void damage_pages_of(const char *path, unsigned page_size, unsigned pages, uint64_t seed, bool spare_first);
long damage_size(const char *path);
/* Which rows still read back as they were written, by asking for each by its number. have[seq]. */
unsigned damage_readable(const char *path, bool have[DAMAGE_ROWS + 1]);
void damage_remove_folder(const char *dir);

#endif
