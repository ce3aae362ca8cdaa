/* SPDX-License-Identifier: Apache-2.0 */
#include "model/image.h"

#include "os/os.h"

void image_free(struct image *image)
{
	if (!image)
		return;
	os_free(image->insns);
	os_free(image->subprogs);
	os_free(image->maps);
	os_free(image->calls);
	os_free(image->orig_idx);
	os_free(image);
}
