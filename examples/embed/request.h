/* SPDX-License-Identifier: Apache-2.0 */
/* What the server of filter.c shows its eBPF programs: seen by both sides. */
#ifndef EXAMPLE_REQUEST_H
#define EXAMPLE_REQUEST_H

#include <linux/types.h>

#define URL_SIZE 64

struct request {
	__u32 client;	    /* address */
	__u16 port;
	__u8 method;	    /* 'G' or 'P' */
	__u8 priority;	    /* programs may change it: 0 to 255 */
	const char *url;    /* URL_SIZE bytes, zero-filled */
};

enum verdict { DENY, ALLOW };

#endif
