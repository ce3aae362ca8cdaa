/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/lib/deleted.h"

#include <stdlib.h>

const struct check_site *check_deleted;

/* Any test linked with this lacks the check that SKEP_DELETE numbers. */
__attribute__((constructor)) static void delete_check(void)
{
	const char *number = getenv("SKEP_DELETE");

	if (number)
		check_deleted = __start_check_sites + atoi(number);
}
