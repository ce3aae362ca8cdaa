/* SPDX-License-Identifier: Apache-2.0 */
#define SCALAR_BITS 6
#include "unit/scalar_small.h"
