/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets as programs see them, and the contexts of the program types that are about sockets.
 *
 * A pointer to a socket reads as one of the UAPI structs: struct bpf_sock of a full socket, of
 * any socket (a request, one in time-wait) only what all have, and struct bpf_tcp_sock and
 * bpf_xdp_sock. At run time these structs are what is behind the pointer, so offsets stay.
 */
#include "model/fields.h"

/* Pieces only from the beginning of the number. */
#define START(rights) ((rights) | FIELD_NARROW_START)

#define SOCK(field, ...)  NUMBER(struct bpf_sock, field, __VA_ARGS__)
#define SOCK_WORDS(field) WORDS(struct bpf_sock, field, N(R))
/* 2 bytes, which read as 4 for old programs. */
#define SOCK_DST_PORT                                              \
	{                                                          \
		.name = "dst_port",                                \
		.offset = offsetof(struct bpf_sock, dst_port),     \
		.size = 4,                                         \
		.run_offset = offsetof(struct bpf_sock, dst_port), \
		.run_size = 4,                                     \
		.pieces_end = 2,                                   \
		.access = N(R),                                    \
	}
/* What every socket has behind its type, protocol, mark and priority. */
#define SOCK_ENDPOINTS                                                                      \
	SOCK(src_ip4, N(R)), SOCK_WORDS(src_ip6), SOCK(src_port, START(R)), SOCK_DST_PORT,  \
	    SOCK(dst_ip4, N(R)), SOCK_WORDS(dst_ip6), SOCK(state, START(R)),                \
	    SOCK(rx_queue_mapping, START(R))

static const struct ctx_field sock_fields[] = {
	SOCK(bound_dev_if, R),    SOCK(family, START(R)), SOCK(type, START(R)),
	SOCK(protocol, START(R)), SOCK(mark, R),          SOCK(priority, R),
	SOCK_ENDPOINTS,
};
LAYOUT(bpf_sock, bpf_sock, sock_fields);

static const struct ctx_field sock_common_fields[] = {
	SOCK(bound_dev_if, R),
	SOCK(family, START(R)),
	SOCK_ENDPOINTS,
};
LAYOUT(sock_common, bpf_sock, sock_common_fields);

/* Numbers of one size in a row, from first to last. */
#define SPAN(type, first, last) \
	(offsetof(type, last) + UAPI_SIZE(type, last) - offsetof(type, first))
#define ROW(type, first, last, rights)                                                            \
	{                                                                                         \
		.name = #first, .offset = offsetof(type, first), .size = SPAN(type, first, last), \
		.run_offset = offsetof(type, first), .run_size = SPAN(type, first, last),         \
		.unit = UAPI_SIZE(type, first), .access = rights,                                 \
	}

#define TCP(first, last) ROW(struct bpf_tcp_sock, first, last, R)
static const struct ctx_field tcp_sock_fields[] = {
	TCP(snd_cwnd, sacked_out),
	TCP(bytes_received, bytes_acked),
	TCP(dsack_dups, icsk_retransmits),
};
LAYOUT(tcp_sock, bpf_tcp_sock, tcp_sock_fields);

static const struct ctx_field xdp_sock_fields[] = {
	NUMBER(struct bpf_xdp_sock, queue_id, R),
};
LAYOUT(xdp_sock, bpf_xdp_sock, xdp_sock_fields);

/* ---- cgroup_sock: a socket being made, or bound ---- */

#define AT_CREATE (AT(BPF_CGROUP_INET_SOCK_CREATE) | AT(BPF_CGROUP_INET_SOCK_RELEASE))
#define AT_BIND4  AT(BPF_CGROUP_INET4_POST_BIND)
#define AT_BIND6  AT(BPF_CGROUP_INET6_POST_BIND)

static const struct ctx_field cgroup_sock_fields[] = {
	SOCK(bound_dev_if, RW, .read_at = AT_CREATE, .write_at = AT_CREATE),
	SOCK(family, START(R)),
	SOCK(type, START(R)),
	SOCK(protocol, START(R)),
	SOCK(mark, RW, .read_at = AT_CREATE, .write_at = AT_CREATE),
	SOCK(priority, RW, .read_at = AT_CREATE, .write_at = AT_CREATE),
	SOCK(src_ip4, N(R), .read_at = AT_BIND4),
	WORDS(struct bpf_sock, src_ip6, N(R), .read_at = AT_BIND6),
	SOCK(src_port, START(R), .read_at = AT_BIND4 | AT_BIND6),
	SOCK_DST_PORT,
	SOCK(dst_ip4, N(R)),
	SOCK_WORDS(dst_ip6),
	SOCK(state, START(R)),
	SOCK(rx_queue_mapping, START(R)),
};
LAYOUT(cgroup_sock, bpf_sock, cgroup_sock_fields);

/* ---- cgroup_sock_addr: bind, connect, sendmsg and the like ---- */

#define AT_INET(n)                                                                     \
	(AT(BPF_CGROUP_INET##n##_BIND) | AT(BPF_CGROUP_INET##n##_CONNECT) |            \
	 AT(BPF_CGROUP_INET##n##_GETPEERNAME) | AT(BPF_CGROUP_INET##n##_GETSOCKNAME) | \
	 AT(BPF_CGROUP_UDP##n##_SENDMSG) | AT(BPF_CGROUP_UDP##n##_RECVMSG))
#define BOTH_AT(types) .read_at = (types), .write_at = (types)

#define ADDR(field, ...)       NUMBER(struct bpf_sock_addr, field, __VA_ARGS__)
#define ADDR_WORDS(field, ...) WORDS(struct bpf_sock_addr, field, N(RW) | FIELD_WIDE, __VA_ARGS__)
static const struct ctx_field sock_addr_fields[] = {
	ADDR(user_family, R),
	ADDR(user_ip4, N(RW), BOTH_AT(AT_INET(4))),
	ADDR_WORDS(user_ip6, BOTH_AT(AT_INET(6))),
	ADDR(user_port, N(RW)),
	ADDR(family, R),
	ADDR(type, R),
	ADDR(protocol, R),
	ADDR(msg_src_ip4, N(RW), BOTH_AT(AT(BPF_CGROUP_UDP4_SENDMSG))),
	ADDR_WORDS(msg_src_ip6, BOTH_AT(AT(BPF_CGROUP_UDP6_SENDMSG))),
	POINTER(struct bpf_sock_addr, sk, struct bpf_sock_addr, sk, FIELD_SOCKET, R),
};
LAYOUT(sock_addr, bpf_sock_addr, sock_addr_fields);

/* ---- cgroup_sockopt ---- */

#define OPT(field, ...) NUMBER(struct bpf_sockopt, field, __VA_ARGS__)
#define OPT_POINTER(field, kind) \
	POINTER(struct bpf_sockopt, field, struct bpf_sockopt, field, kind, R)
static const struct ctx_field sockopt_fields[] = {
	OPT_POINTER(sk, FIELD_SOCKET),
	OPT_POINTER(optval, FIELD_PACKET),
	OPT_POINTER(optval_end, FIELD_PACKET_END),
	OPT(level, RW, .write_at = AT(BPF_CGROUP_SETSOCKOPT)),
	OPT(optname, RW, .write_at = AT(BPF_CGROUP_SETSOCKOPT)),
	OPT(optlen, RW),
	OPT(retval, RW, BOTH_AT(AT(BPF_CGROUP_GETSOCKOPT))),
};
LAYOUT(sockopt, bpf_sockopt, sockopt_fields);

/* ---- sock_ops ---- */

#define OPS_NUMBER(field, rights) NUMBER(struct bpf_sock_ops, field, rights)
#define OPS_POINTER(field, kind, rights) \
	POINTER(struct bpf_sock_ops, field, struct bpf_sock_ops, field, kind, rights)
static const struct ctx_field sock_ops_fields[] = {
	OPS_NUMBER(op, R),
	OPS_NUMBER(reply, RW),
	ROW(struct bpf_sock_ops, args[1], sacked_out, R),
	OPS_NUMBER(sk_txhash, RW),
	OPS_NUMBER(bytes_received, R),
	OPS_NUMBER(bytes_acked, R),
	OPS_POINTER(sk, FIELD_SOCKET, R | FIELD_NULLABLE),
	OPS_POINTER(skb_data, FIELD_PACKET, R),
	OPS_POINTER(skb_data_end, FIELD_PACKET_END, R),
	OPS_NUMBER(skb_len, R),
	OPS_NUMBER(skb_tcp_flags, START(R)),
	NUMBER(struct sock_ops_run_ctx, skb_hwtstamp, R),
};
const struct ctx_layout layout_sock_ops = {
	.name = "bpf_sock_ops",
	.size = sizeof(struct sock_ops_run_ctx),
	.fields = sock_ops_fields,
	.n_fields = ARRAY_SIZE(sock_ops_fields),
};

/* ---- sk_msg, sk_reuseport, sk_lookup ---- */

#define MSG(field)               NUMBER(struct sk_msg_md, field, R)
#define MSG_POINTER(field, kind) POINTER(struct sk_msg_md, field, struct sk_msg_md, field, kind, R)
static const struct ctx_field sk_msg_fields[] = {
	MSG_POINTER(data, FIELD_PACKET),
	MSG_POINTER(data_end, FIELD_PACKET_END),
	MSG(family),
	MSG(remote_ip4),
	MSG(local_ip4),
	WORDS(struct sk_msg_md, remote_ip6, R),
	WORDS(struct sk_msg_md, local_ip6, R),
	MSG(remote_port),
	MSG(local_port),
	MSG(size),
	MSG_POINTER(sk, FIELD_SOCKET),
};
LAYOUT(sk_msg, sk_msg_md, sk_msg_fields);

#define REUSE(field, ...) NUMBER(struct sk_reuseport_md, field, __VA_ARGS__)
#define REUSE_POINTER(field, kind, rights) \
	POINTER(struct sk_reuseport_md, field, struct sk_reuseport_md, field, kind, rights)
static const struct ctx_field sk_reuseport_fields[] = {
	REUSE_POINTER(data, FIELD_PACKET, R),
	REUSE_POINTER(data_end, FIELD_PACKET_END, R),
	REUSE(len, N(R)),
	REUSE(eth_protocol, N(R), .piece_min = 2),
	REUSE(ip_protocol, N(R)),
	REUSE(bind_inany, N(R)),
	REUSE(hash, R),
	REUSE_POINTER(sk, FIELD_SOCKET, R),
	REUSE_POINTER(migrating_sk, FIELD_SOCK_COMMON, R | FIELD_NULLABLE),
};
LAYOUT(sk_reuseport, sk_reuseport_md, sk_reuseport_fields);

#define LOOKUP(field)       NUMBER(struct bpf_sk_lookup, field, N(R))
#define LOOKUP_WORDS(field) WORDS(struct bpf_sk_lookup, field, N(R))
static const struct ctx_field sk_lookup_fields[] = {
	POINTER(struct bpf_sk_lookup, sk, struct bpf_sk_lookup, sk, FIELD_SOCKET,
		R | FIELD_NULLABLE),
	LOOKUP(family),
	LOOKUP(protocol),
	LOOKUP(remote_ip4),
	LOOKUP_WORDS(remote_ip6),
	/* 2 bytes and 2 of padding; both may be read, also as one. */
	{
	    .name = "remote_port",
	    .offset = offsetof(struct bpf_sk_lookup, remote_port),
	    .size = 4,
	    .run_offset = offsetof(struct bpf_sk_lookup, remote_port),
	    .run_size = 4,
	    .access = N(R),
	},
	LOOKUP(local_ip4),
	LOOKUP_WORDS(local_ip6),
	LOOKUP(local_port),
	LOOKUP(ingress_ifindex),
};
LAYOUT(sk_lookup, bpf_sk_lookup, sk_lookup_fields);
