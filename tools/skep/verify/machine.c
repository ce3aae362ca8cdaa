/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the BTF of this machine's kernel does not tell: how it was built and started. Where
 * files are not there, nothing is restricted.
 */
#include "verify/verify.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LOCKDOWN_FILE "/sys/kernel/security/lockdown"

/* "[none] integrity confidentiality": 1 locked down, 0 not, -1 not told. */
static int lockdown_in_force(void)
{
	FILE *file = fopen(LOCKDOWN_FILE, "re");
	char line[128] = "";
	int told = -1;

	if (!file)
		return -1;
	if (fgets(line, sizeof(line), file))
		told = strstr(line, "[none]") == NULL;
	fclose(file);
	return told;
}

static bool asked_on_command_line(void)
{
	FILE *file = fopen("/proc/cmdline", "re");
	char line[4096] = "";
	bool asked;

	if (!file)
		return false;
	asked = fgets(line, sizeof(line), file) && strstr(line, "lockdown=");
	fclose(file);
	return asked;
}

void machine_look(struct machine *machine)
{
	gzFile config = gzopen("/proc/config.gz", "r");
	int in_force = lockdown_in_force();
	char line[512];

	*machine = (struct machine){ .locked_down = asked_on_command_line() };
	while (config && gzgets(config, line, sizeof(line))) {
		if (strncmp(line, "# CONFIG_KALLSYMS_ALL is not set", 32) == 0)
			machine->hides_variables = true;
		else if (strncmp(line, "CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY=y", 41) == 0 ||
			 strncmp(line, "CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY=y", 47) == 0)
			machine->locked_down = true;
	}
	if (config)
		gzclose(config);
	if (in_force >= 0)
		machine->locked_down = in_force;
}
