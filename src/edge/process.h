/* What this process itself uses. Any thread. */
#ifndef EDGE_PROCESS_H
#define EDGE_PROCESS_H

#include <stdint.h>

struct process_usage {
	double cpu_s;
	uint64_t memory_bytes, memory_peak_bytes; /* resident; 0: unknown */
};

void process_usage(struct process_usage *out);

#endif
