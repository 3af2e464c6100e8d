#include "model/resource_fields.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *type;
	const char *fields; /* each with a space on either side */
} table[] = {
	{ "diskio",
	    " reads writes read_bytes write_bytes read_time write_time io_time weighted_io_time merged_reads "
	    "merged_writes " },
	{ "kernel", " context_switches interrupts processes_forked " },
	{ "net", " bytes_sent bytes_recv packets_sent packets_recv err_in err_out drop_in drop_out " },
	{ "pressure", " total " },
	{ "swap", " in out " },
};

bool resource_field_is_counter(const char *resource_type, const char *field)
{
	size_t n = strlen(field);

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (strcmp(table[i].type, resource_type) != 0)
			continue;
		for (const char *p = table[i].fields; n && (p = strstr(p, field)) != NULL; p++)
			if (p[-1] == ' ' && p[n] == ' ')
				return true;
	}
	return false;
}
