// What a wired link does when: DHCP, the makeshift address, the fixed one, probing and defending.
#include "appliance/lan/lan_link_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

enum {
    ETHERTYPE_IP_HERE = 0x0800,
    ETHERTYPE_ARP_HERE = 0x0806,
    PACKETS_A_RUN = 64,       // of one socket; the rest waits for the next run
    UNANSWERED_MAX = 3,       // DISCOVERs before a makeshift address is taken
    PROBES = 3,               // RFC 5227, 1.1
    PROBE_GAP_MS = 1000,      // of a makeshift address: nobody gave it out
    PROBE_GAP_MS_GIVEN = 250, // of one that was given: short, since a person waits
    ANNOUNCEMENTS = 2,
    ANNOUNCE_GAP_MS = 2000,
    DEFEND_GAP_MS = 10 * 1000, // RFC 5227, 2.4
    CONFLICTS_MAX = 10,        // RFC 3927, 2.2.1: then slowly
    CONFLICT_WAIT_MS = 60 * 1000,
    CONFLICT_TOLD_MS = 120 * 1000, // after it was last seen
    TAKEN_WAIT_MS = 30 * 1000,     // until a fixed address that is taken is tried again
};

// ---- sockets ------------------------------------------------------------------------------------
static int packet_socket(int index, uint16_t type, const struct sock_fprog *filter) {
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(type), .sll_ifindex = index};
    int on = 1, fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    bool filtered =
        !filter || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof *filter) == 0;
    (void)setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on);
    if (filtered && bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    close(fd);
    return -1;
}

// UDP to the client's port, whole packets only.
static int ip_socket(int index) {
    static struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3FFF, 4, 0),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DHCP_CLIENT_PORT, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0x40000),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    static const struct sock_fprog filter = {sizeof code / sizeof code[0], code};
    return packet_socket(index, ETHERTYPE_IP_HERE, &filter);
}

// Nothing is read from it.
static int port_socket(const char *name) {
    static struct sock_filter none[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    static const struct sock_fprog filter = {1, none};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(DHCP_CLIENT_PORT)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1) == 0 &&
        bind(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        return fd;
    }
    close(fd);
    return -1;
}

void link_open(struct link *out, const struct netlink_link *seen) {
    *out = (struct link){.index = seen->index};
    memcpy(out->name, seen->name, sizeof out->name);
    memcpy(out->mac, seen->mac, sizeof out->mac);
    out->ip = ip_socket(seen->index);
    out->arp = packet_socket(seen->index, ETHERTYPE_ARP_HERE, NULL);
    out->port = port_socket(seen->name);
    if (out->ip >= 0 && out->arp >= 0) return;
    log_event(LOG_ERROR, "appliance.link_socket", "name=%s errno=%d", seen->name, errno);
}

void link_close(struct link *link, struct netlink *netlink) {
    link_stop(link, netlink);
    if (link->ip >= 0) close(link->ip);
    if (link->arp >= 0) close(link->arp);
    if (link->port >= 0) close(link->port);
    link->ip = link->arp = link->port = -1;
}

static void send_to(const struct link *link, int fd, uint16_t type, const uint8_t *mac,
                    const void *data, size_t size) {
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(type),
                             .sll_ifindex = link->index,
                             .sll_halen = MAC_BYTES};
    if (mac) {
        memcpy(to.sll_addr, mac, MAC_BYTES);
    } else {
        memset(to.sll_addr, 0xFF, MAC_BYTES);
    }
    // What is lost is sent again.
    (void)sendto(fd, data, size, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);
}

static void arp_send(const struct link *link, struct in_addr sender, struct in_addr target) {
    uint8_t packet[ARP_BYTES];
    arp_write(link->mac, sender, target, packet);
    send_to(link, link->arp, ETHERTYPE_ARP_HERE, NULL, packet, sizeof packet);
}

// ---- the address --------------------------------------------------------------------------------
static void fault_told(struct link *link, const char *code, struct in_addr address) {
    char text[INET_ADDRSTRLEN] = "";
    if (address.s_addr) inet_ntop(AF_INET, &address, text, sizeof text);
    if (strcmp(link->fault.code, code) != 0) {
        log_event(LOG_WARN, "appliance.net_fault", "link=%s code=%s address=%s", link->name, code,
                  text);
    }
    link->fault = (struct fault){0};
    (void)str_copy(link->fault.code, sizeof link->fault.code, str_of(code));
    (void)str_copy(link->fault.detail, sizeof link->fault.detail, str_of(text));
}

static void address_clear(struct link *link, struct netlink *netlink) {
    if (link->how == LAN_NONE) return;
    if (link->gateway.s_addr) {
        (void)netlink_route(netlink, false, link->index, link->gateway, link->metric_set);
    }
    (void)netlink_address(netlink, false, link->index, link->address, link->prefix);
    link->how = LAN_NONE;
    link->address.s_addr = link->gateway.s_addr = 0;
    link->prefix = 0;
}

static void address_set(struct link *link, struct netlink *netlink, enum lan_how how,
                        struct in_addr address, uint8_t prefix, struct in_addr gateway,
                        int64_t now_ms) {
    address_clear(link, netlink);
    int error = netlink_address(netlink, true, link->index, address, prefix);
    if (error != 0) {
        fault_told(link, "appliance.net_not_set", address);
        link->retry_ms = now_ms + TAKEN_WAIT_MS;
        return;
    }
    link->how = how;
    link->address = address;
    link->prefix = prefix;
    link->fault = (struct fault){0};
    if (gateway.s_addr) {
        error = netlink_route(netlink, true, link->index, gateway, link->metric);
        if (error == 0) {
            link->gateway = gateway;
            link->metric_set = link->metric;
        } else {
            fault_told(link, "appliance.net_gateway", gateway);
        }
    }
    link->announced = 0;
    link->announce_ms = now_ms;
    link->defended_ms = INT64_MIN;
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address, text, sizeof text);
    log_event(LOG_INFO, "appliance.address", "link=%s how=%s address=%s/%u", link->name,
              lan_how_name(how), text, prefix);
}

void link_stop(struct link *link, struct netlink *netlink) {
    address_clear(link, netlink);
    link->running = false;
    link->probing = LAN_NONE;
    link->conflicts = 0;
    link->retry_ms = INT64_MIN;
    link->fault = (struct fault){0};
}

// ---- probing ------------------------------------------------------------------------------------
struct in_addr link_local_address(const uint8_t mac[static MAC_BYTES], uint32_t n) {
    uint64_t mix = n;
    for (size_t i = 0; i < MAC_BYTES; i++) mix = (mix ^ mac[i]) * 0x100000001B3u; // FNV-1a
    mix ^= mix >> 29;
    return (struct in_addr){htonl(0xA9FE0100u + (uint32_t)(mix % (254 * 256)))};
}

static void probe_for(struct link *link, enum lan_how how, struct in_addr address, int64_t now_ms) {
    link->probing = how;
    probe_start(&link->probe, address, PROBES, how == LAN_OWN ? PROBE_GAP_MS : PROBE_GAP_MS_GIVEN,
                now_ms);
}

static void probe_taken(struct link *link, int64_t now_ms) {
    enum lan_how how = link->probing;
    link->probing = LAN_NONE;
    if (how == LAN_DHCP) {
        fault_told(link, "appliance.net_duplicate_address", link->probe.address);
        dhcp_probed(&link->dhcp, false, now_ms);
    } else if (how == LAN_FIXED) {
        fault_told(link, "appliance.net_duplicate_address", link->probe.address);
        link->retry_ms = now_ms + TAKEN_WAIT_MS;
    } else {
        link->conflicts++;
        if (link->conflicts >= CONFLICTS_MAX) link->retry_ms = now_ms + CONFLICT_WAIT_MS;
    }
}

static void probe_over(struct link *link, struct netlink *netlink, const struct settings *settings,
                       int64_t now_ms) {
    enum lan_how how = link->probing;
    link->probing = LAN_NONE;
    if (how == LAN_DHCP) {
        dhcp_probed(&link->dhcp, true, now_ms);
    } else if (how == LAN_FIXED) {
        address_set(link, netlink, how, settings->address, settings->prefix, settings->gateway,
                    now_ms);
    } else {
        address_set(link, netlink, how, link->probe.address, 16, (struct in_addr){0}, now_ms);
        if (link->how == how) fault_told(link, "appliance.net_no_dhcp", (struct in_addr){0});
    }
}

static void probe_run(struct link *link, struct netlink *netlink, const struct settings *settings,
                      int64_t now_ms) {
    if (link->probing == LAN_NONE) return;
    if (probe_step(&link->probe, now_ms)) arp_send(link, (struct in_addr){0}, link->probe.address);
    if (link->probe.state == PROBE_TAKEN) probe_taken(link, now_ms);
    if (link->probe.state == PROBE_FREE) probe_over(link, netlink, settings, now_ms);
}

// Somebody else uses our address. We say once that it is ours; of a makeshift one we let go if
// that does not help, another is as good.
static void conflict(struct link *link, struct netlink *netlink, int64_t now_ms) {
    link->conflict_ms = now_ms;
    bool lately = link->defended_ms != INT64_MIN && now_ms - link->defended_ms < DEFEND_GAP_MS;
    if (link->how != LAN_OWN) {
        fault_told(link, "appliance.net_duplicate_address", link->address);
    } else if (lately) {
        link->conflicts++;
        address_clear(link, netlink);
        return;
    }
    if (lately) return;
    link->defended_ms = now_ms;
    arp_send(link, link->address, link->address);
}

// ---- what comes in ------------------------------------------------------------------------------
static void arp_receive(struct link *link, struct netlink *netlink, int64_t now_ms) {
    uint8_t packet[128];
    struct arp arp;
    for (int i = 0; i < PACKETS_A_RUN && link->arp >= 0; i++) {
        struct sockaddr_ll from = {0};
        socklen_t from_size = sizeof from;
        ssize_t size =
            recvfrom(link->arp, packet, sizeof packet, 0, (struct sockaddr *)&from, &from_size);
        if (size < 0) {
            if (errno == ENETDOWN) continue; // told once when the link goes down
            return;
        }
        if (from.sll_pkttype == PACKET_OUTGOING || !link->running) continue;
        if (!arp_read(packet, (size_t)size, &arp)) continue;
        if (link->probing != LAN_NONE) probe_heard(&link->probe, &arp, link->mac);
        bool other = memcmp(arp.sender, link->mac, MAC_BYTES) != 0;
        bool ours = link->how != LAN_NONE && arp.sender_address.s_addr == link->address.s_addr;
        if (other && ours) conflict(link, netlink, now_ms);
    }
}

static bool checksum_open(struct msghdr *message) {
    struct tpacket_auxdata data;
    struct cmsghdr *first = CMSG_FIRSTHDR(message); // no other was asked for
    if (!first || first->cmsg_level != SOL_PACKET || first->cmsg_type != PACKET_AUXDATA) {
        return false;
    }
    memcpy(&data, CMSG_DATA(first), sizeof data);
    return data.tp_status & TP_STATUS_CSUMNOTREADY;
}

static void ip_receive(struct link *link, const struct settings *settings, int64_t now_ms) {
    uint8_t packet[DHCP_RECEIVE_BYTES];
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    for (int i = 0; i < PACKETS_A_RUN && link->ip >= 0; i++) {
        struct sockaddr_ll from = {0};
        struct iovec part = {packet, sizeof packet};
        struct msghdr message = {.msg_name = &from,
                                 .msg_namelen = sizeof from,
                                 .msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        ssize_t size = recvmsg(link->ip, &message, 0);
        if (size < 0) {
            if (errno == ENETDOWN) continue;
            return;
        }
        if (from.sll_pkttype == PACKET_OUTGOING || (message.msg_flags & MSG_TRUNC)) continue;
        if (!link->running || settings->fixed) continue;
        if (dhcp_receive(&link->dhcp, packet, (size_t)size, checksum_open(&message), now_ms) &&
            from.sll_halen == MAC_BYTES) {
            memcpy(link->server_mac, from.sll_addr, MAC_BYTES);
        }
    }
}

// ---- what is due --------------------------------------------------------------------------------
static void dhcp_send_due(struct link *link, int64_t now_ms) {
    struct dhcp_packet packet;
    for (int i = 0; i < 4; i++) { // a state may lead to the next
        dhcp_step(&link->dhcp, now_ms, &packet);
        if (packet.size == 0 && link->dhcp.due_ms > now_ms) return;
        if (packet.size == 0) continue;
        send_to(link, link->ip, ETHERTYPE_IP_HERE, packet.unicast ? link->server_mac : NULL,
                packet.bytes, packet.size);
    }
}

static void dhcp_run(struct link *link, struct netlink *netlink, int64_t now_ms) {
    const struct dhcp_lease *lease = &link->dhcp.lease;
    dhcp_send_due(link, now_ms);
    if (link->dhcp.state == DHCP_PROBING && link->probing != LAN_DHCP) {
        probe_for(link, LAN_DHCP, lease->address, now_ms);
    }
    if (dhcp_holds(&link->dhcp)) {
        bool same = link->how == LAN_DHCP && link->address.s_addr == lease->address.s_addr &&
                    link->prefix == lease->prefix && link->gateway_told == lease->gateway.s_addr;
        if (same || now_ms < link->retry_ms) return;
        address_set(link, netlink, LAN_DHCP, lease->address, lease->prefix, lease->gateway, now_ms);
        link->gateway_told = lease->gateway.s_addr;
        return;
    }
    if (link->how == LAN_DHCP) address_clear(link, netlink);
    if (link->dhcp.refused) fault_told(link, "appliance.net_refused", (struct in_addr){0});
    bool alone = link->dhcp.unanswered >= UNANSWERED_MAX && link->how == LAN_NONE;
    if (alone && link->probing == LAN_NONE && now_ms >= link->retry_ms) {
        probe_for(link, LAN_OWN, link_local_address(link->mac, link->conflicts), now_ms);
    }
}

static void announce_run(struct link *link, int64_t now_ms) {
    if (link->how == LAN_NONE || link->announced >= ANNOUNCEMENTS) return;
    if (now_ms < link->announce_ms) return;
    arp_send(link, link->address, link->address);
    link->announced++;
    link->announce_ms = now_ms + ANNOUNCE_GAP_MS;
}

// A conflict over the address we have is told until it was not seen for a while.
static void conflict_forget(struct link *link, int64_t now_ms) {
    bool told = strcmp(link->fault.code, "appliance.net_duplicate_address") == 0;
    if (told && link->how != LAN_NONE && now_ms - link->conflict_ms > CONFLICT_TOLD_MS) {
        link->fault = (struct fault){0};
    }
}

static void sooner(int64_t *until_ms, int64_t due_ms) {
    if (due_ms < *until_ms) *until_ms = due_ms;
}

static int64_t due_next(const struct link *link, bool fixed, int64_t now_ms) {
    int64_t until = INT64_MAX;
    if (!fixed) sooner(&until, link->dhcp.due_ms);
    if (link->probing != LAN_NONE) sooner(&until, link->probe.due_ms);
    if (link->how != LAN_NONE && link->announced < ANNOUNCEMENTS) {
        sooner(&until, link->announce_ms);
    }
    if (link->retry_ms > now_ms) sooner(&until, link->retry_ms);
    return until > now_ms ? until : now_ms;
}

int64_t link_run(struct link *link, struct netlink *netlink, const struct settings *settings,
                 int64_t now_ms) {
    arp_receive(link, netlink, now_ms);
    ip_receive(link, settings, now_ms);
    if (!link->wanted) {
        if (link->running) link_stop(link, netlink);
        return INT64_MAX;
    }
    if (!link->running) {
        link->running = true;
        dhcp_start(&link->dhcp, link->mac, settings->hostname, now_ms);
    }
    probe_run(link, netlink, settings, now_ms);
    bool idle = link->how == LAN_NONE && link->probing == LAN_NONE;
    if (!settings->fixed) {
        dhcp_run(link, netlink, now_ms);
    } else if (idle && now_ms >= link->retry_ms) {
        probe_for(link, LAN_FIXED, settings->address, now_ms);
    }
    announce_run(link, now_ms);
    conflict_forget(link, now_ms);
    return due_next(link, settings->fixed, now_ms);
}
