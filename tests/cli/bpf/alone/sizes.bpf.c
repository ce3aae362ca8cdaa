/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and offsets as Linux has them. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define SIZE(type, bytes)        _Static_assert(sizeof(type) == bytes, #type)
#define AT(type, member, offset) _Static_assert(__builtin_offsetof(type, member) == offset, #member)

SIZE(struct bpf_spin_lock, 4);
SIZE(struct bpf_timer, 16);
SIZE(struct bpf_dynptr, 16);
SIZE(struct bpf_list_head, 16);
SIZE(struct bpf_rb_root, 16);
SIZE(struct bpf_sock_tuple, 36);
SIZE(struct bpf_sock, 80);
SIZE(struct bpf_tcp_sock, 112);
SIZE(struct ethhdr, 14);
SIZE(struct iphdr, 20);
SIZE(struct ipv6hdr, 40);
SIZE(struct tcphdr, 20);
SIZE(struct udphdr, 8);
SIZE(struct icmphdr, 8);
SIZE(struct sockaddr, 16);
SIZE(struct sockaddr_in, 16);
SIZE(struct sockaddr_in6, 28);
SIZE(struct sockaddr_un, 110);
SIZE(struct timespec, 16);
SIZE(struct iovec, 16);
SIZE(struct open_how, 24);
AT(struct ethhdr, h_proto, 12);
AT(struct iphdr, protocol, 9);
AT(struct iphdr, daddr, 16);
AT(struct ipv6hdr, nexthdr, 6);
AT(struct ipv6hdr, daddr, 24);
AT(struct tcphdr, window, 14);
AT(struct sockaddr_in6, sin6_addr, 8);
AT(struct bpf_tcp_sock, bytes_received, 80);
_Static_assert(BPF_MAP_TYPE_USER_RINGBUF == 31 && BPF_PROG_TYPE_SYSCALL == 31, "types");
_Static_assert(BPF_TRACE_FENTRY == 24 && BPF_F_INDEX_MASK == 0xffffffffu, "flags");

/* The first byte is version and length, the flags of TCP are where they are. */
int bits(struct iphdr *ip, struct tcphdr *tcp)
{
	*(u8 *)ip = 0x45;
	((u8 *)tcp)[13] = 0x12;
	return ip->version == 4 && ip->ihl == 5 && tcp->syn && tcp->ack && !tcp->fin;
}
