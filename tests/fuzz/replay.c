/* Runs a fuzz target over every file of a corpus, and over each one cut off at every byte and with bits flipped at
 * random (always the same), and prints TAP. Files that end in .many hold many inputs (tests/tools/pack_corpus.py), which are
 * run as they are. The target is the one it is linked with; the corpus is named by FUZZ_CORPUS, a folder below
 * tests/fuzz/corpus. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLIPS = 300 };

static void run_exactly(const char *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1); /* its own block, so that a sanitizer sees one byte too far */

	memcpy(copy, p, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static void run_flipped(const char *p, size_t n)
{
	static uint64_t state = 88172645463325252u;
	char *copy = malloc(n);

	for (int round = 0; n && round < FLIPS; round++) {
		memcpy(copy, p, n);
		for (int k = 0; k <= round % 4; k++) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			copy[state % n] ^= (char)(1 << (state >> 32) % 8);
		}
		run_exactly(copy, n);
	}
	free(copy);
}

static void run_whole(const char *p, size_t n)
{
	for (size_t cut = n > 2000 ? n - 2000 : 0; cut <= n; cut++)
		run_exactly(p, cut);
	run_flipped(p, n);
}

/* False: the file ends within an input. */
static bool run_many(const char *p, size_t n)
{
	while (n >= 2) {
		size_t len = (uint8_t)p[0] | (size_t)(uint8_t)p[1] << 8;
		if (len > n - 2)
			return false;
		run_exactly(p + 2, len);
		p += 2 + len;
		n -= 2 + len;
	}
	return n == 0;
}

int main(void)
{
	char path[4096];
	const char *srcdir = getenv("SRCDIR");
	int n = 0;
	struct dirent *d;

	snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", FUZZ_CORPUS);
	DIR *dir = opendir(path);
	if (!dir) {
		printf("Bail out! no corpus at %s\n", path);
		return 1;
	}
	while ((d = readdir(dir))) {
		struct buf b;
		struct errbuf eb;
		char file[8192];
		if (d->d_name[0] == '.')
			continue;
		snprintf(file, sizeof file, "%s/%s", path, d->d_name);
		buf_init(&b, 1 << 20);
		if (file_read(file, &b, &eb) != ERR_OK) {
			printf("Bail out! %s\n", eb.text);
			return 1;
		}
		const char *dot = strrchr(d->d_name, '.');
		if (!dot || strcmp(dot, ".many") != 0) {
			run_whole(b.p, b.len);
		} else if (!run_many(b.p, b.len)) {
			printf("Bail out! %s is cut off\n", file);
			return 1;
		}
		buf_fini(&b);
		printf("ok %d - %s\n", ++n, d->d_name);
	}
	closedir(dir);
	printf("1..%d\n", n);
	return n == 0;
}
