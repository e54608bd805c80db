// DHCP: packets with every length lied about, and the client's states against servers of a made-up
// network with a clock of its own.
#include "appliance/lan/dhcp_private.h"

#include <arpa/inet.h>

#include "appliance/lan/dhcp_wire_private.h"
#include "check.h"

static const uint8_t mac[MAC_BYTES] = {2, 0, 0, 0x12, 0x34, 0x56};
enum { XID = 0x11223344 };

static void put32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

// ---- a server's packet --------------------------------------------------------------------------
struct answer {
    uint8_t bytes[1500];
    size_t size; // of the options as they grow, then of the packet
};

static uint8_t *boot_of(struct answer *answer) {
    return answer->bytes + IP_BYTES + UDP_BYTES;
}

static void answer_option(struct answer *answer, uint8_t code, const void *value, size_t size) {
    uint8_t *at = boot_of(answer) + answer->size;
    at[0] = code;
    at[1] = (uint8_t)size;
    memcpy(at + 2, value, size);
    answer->size += 2 + size;
}

static void answer_number(struct answer *answer, uint8_t code, uint32_t value) {
    uint8_t bytes[4];
    put32(bytes, value);
    answer_option(answer, code, bytes, 4);
}

static void answer_begin(struct answer *answer, uint8_t type, uint32_t xid, const char *address) {
    *answer = (struct answer){.size = BOOT_BYTES};
    uint8_t *boot = boot_of(answer);
    boot[0] = BOOT_REPLY;
    boot[1] = 1;
    boot[2] = MAC_BYTES;
    put32(boot + BOOT_XID, xid);
    put32(boot + BOOT_YOURS, ntohl(inet_addr(address)));
    memcpy(boot + BOOT_HARDWARE, mac, MAC_BYTES);
    put32(boot + BOOT_MAGIC, MAGIC);
    answer_option(answer, OPTION_TYPE, &type, 1);
}

static void sums_set(struct answer *answer) {
    uint8_t *ip = answer->bytes, *udp = ip + IP_BYTES;
    size_t udp_size = answer->size - IP_BYTES;
    ip[10] = ip[11] = udp[6] = udp[7] = 0;
    uint16_t sum = ip_checksum(ip, IP_BYTES);
    ip[10] = (uint8_t)(sum >> 8);
    ip[11] = (uint8_t)sum;
    sum = udp_checksum(ip, udp, udp_size);
    udp[6] = (uint8_t)(sum >> 8);
    udp[7] = (uint8_t)sum;
}

static void answer_end(struct answer *answer) {
    uint8_t *ip = answer->bytes, *udp = ip + IP_BYTES;
    boot_of(answer)[answer->size++] = OPTION_END;
    size_t udp_size = UDP_BYTES + answer->size, all = IP_BYTES + udp_size;
    answer->size = all;
    ip[0] = 0x45;
    ip[2] = (uint8_t)(all >> 8);
    ip[3] = (uint8_t)all;
    ip[8] = 64;
    ip[9] = IPPROTO_UDP;
    put32(ip + 12, 0xC0A80101);
    put32(ip + 16, 0xC0A80117);
    udp[1] = DHCP_SERVER_PORT;
    udp[3] = DHCP_CLIENT_PORT;
    udp[4] = (uint8_t)(udp_size >> 8);
    udp[5] = (uint8_t)udp_size;
    sums_set(answer);
}

static void usual(struct answer *answer, uint8_t type, uint32_t xid) {
    uint8_t routers[8];
    put32(routers, 0xC0A80101);
    put32(routers + 4, 0xC0A80102);
    answer_begin(answer, type, xid, "192.168.1.23");
    answer_number(answer, OPTION_SERVER, 0xC0A80102);
    answer_number(answer, OPTION_LEASE, 3600);
    answer_number(answer, OPTION_SUBNET, 0xFFFFFF00);
    answer_option(answer, OPTION_ROUTER, routers, sizeof routers);
    answer_option(answer, 6, routers, sizeof routers); // a name server: nobody asks it
    answer_end(answer);
}

static bool reads(const struct answer *answer, struct dhcp_message *out) {
    return dhcp_read(answer->bytes, answer->size, mac, XID, false, out);
}

static void reads_an_offer(void) {
    struct answer answer;
    struct dhcp_message m;
    usual(&answer, DHCP_OFFER, XID);
    REQUIRE(reads(&answer, &m));
    CHECK_EQ(m.type, DHCP_OFFER);
    CHECK_EQ(ntohl(m.lease.address.s_addr), 0xC0A80117);
    CHECK_EQ(ntohl(m.lease.gateway.s_addr), 0xC0A80101);
    CHECK_EQ(ntohl(m.lease.server.s_addr), 0xC0A80102);
    CHECK_EQ(m.lease.prefix, 24);
    CHECK_EQ(m.lease.lease_s, 3600);
    CHECK_EQ(m.lease.renew_s, 1800);
    CHECK_EQ(m.lease.rebind_s, 3150);
}

static void refuses_it_cut_at_each_byte(void) {
    struct answer answer;
    struct dhcp_message m;
    usual(&answer, DHCP_ACK, XID);
    for (size_t size = 0; size < answer.size; size++) {
        uint8_t *copy = malloc(size ? size : 1); // so that a sanitizer sees a byte too many
        memcpy(copy, answer.bytes, size);
        CHECK(!dhcp_read(copy, size, mac, XID, true, &m));
        free(copy);
    }
    // The same with the lengths of IP and UDP cut too: what is missing is an option or the end.
    for (size_t size = IP_BYTES; size < answer.size; size++) {
        struct answer cut = answer;
        size_t udp_size = size - IP_BYTES;
        cut.size = size;
        cut.bytes[2] = (uint8_t)(size >> 8);
        cut.bytes[3] = (uint8_t)size;
        cut.bytes[IP_BYTES + 4] = (uint8_t)(udp_size >> 8);
        cut.bytes[IP_BYTES + 5] = (uint8_t)udp_size;
        sums_set(&cut);
        uint8_t *copy = malloc(size);
        memcpy(copy, cut.bytes, size);
        bool whole = dhcp_read(copy, size, mac, XID, false, &m) && m.lease.prefix == 24 &&
                     m.lease.gateway.s_addr != 0;
        bool options = size >= answer.size - 11; // all that is needed stands before the last two
        CHECK(!whole || options);
        free(copy);
    }
}

static void refuses_a_flipped_bit_anywhere(void) {
    struct answer answer;
    struct dhcp_message m;
    usual(&answer, DHCP_ACK, XID);
    for (size_t bit = 0; bit < answer.size * 8; bit++) {
        // Hops, addresses and the like are within the header's checksum, all else within UDP's.
        struct answer flipped = answer;
        flipped.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (!CHECK(!reads(&flipped, &m))) printf("bit %zu\n", bit);
    }
}

static void believes_a_checksum_that_is_still_open(void) {
    struct answer answer;
    struct dhcp_message m;
    usual(&answer, DHCP_ACK, XID);
    answer.bytes[IP_BYTES + 6] ^= 0x55;
    CHECK(!reads(&answer, &m));
    CHECK(dhcp_read(answer.bytes, answer.size, mac, XID, true, &m));
    answer.bytes[IP_BYTES + 6] = answer.bytes[IP_BYTES + 7] = 0; // none was made
    CHECK(reads(&answer, &m));
}

static void refuses_what_is_not_for_us(void) {
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {
        {0, 0x65},                                        // IPv6
        {0, 0x44},                                        // a header of 16 bytes
        {0, 0x4F},                                        // a header into the payload
        {6, 0x20},                                        // more fragments
        {7, 1},                                           // a later fragment
        {9, 6},                                           // TCP
        {IP_BYTES + 1, 53},                               // from another port
        {IP_BYTES + 3, 67},                               // to another port
        {IP_BYTES + 4, 9},                                // longer than the packet
        {IP_BYTES + UDP_BYTES, BOOT_REQUEST},             // a client's
        {IP_BYTES + UDP_BYTES + 1, 6},                    // other hardware
        {IP_BYTES + UDP_BYTES + 2, 8},                    // a longer address
        {IP_BYTES + UDP_BYTES + BOOT_XID, 0},             // another transaction
        {IP_BYTES + UDP_BYTES + BOOT_HARDWARE + 5, 0x57}, // another machine
        {IP_BYTES + UDP_BYTES + BOOT_MAGIC, 0},           // BOOTP of old
        {IP_BYTES + UDP_BYTES + BOOT_BYTES + 2, 1},       // DISCOVER
        {IP_BYTES + UDP_BYTES + BOOT_BYTES + 2, 8},       // INFORM
        {IP_BYTES + UDP_BYTES + BOOT_BYTES + 1, 2},       // a type of two bytes
        {IP_BYTES + UDP_BYTES + BOOT_BYTES + 1, 0},       // or of none
        {IP_BYTES + UDP_BYTES + BOOT_BYTES + 1, 255},     // beyond the end
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct answer answer;
        struct dhcp_message m;
        usual(&answer, DHCP_ACK, XID);
        answer.bytes[wrong[i].at] = wrong[i].value;
        sums_set(&answer);
        if (!CHECK(!reads(&answer, &m))) printf("wrong %zu\n", i);
    }
}

// One option with a value of its own besides the type and the server.
static bool reads_with(const char *address, uint8_t code, const void *value, size_t size,
                       uint32_t mask, uint32_t lease, struct dhcp_message *out) {
    struct answer answer;
    answer_begin(&answer, DHCP_ACK, XID, address);
    answer_number(&answer, OPTION_SERVER, 0x0A000001);
    if (lease) answer_number(&answer, OPTION_LEASE, lease);
    if (mask) answer_number(&answer, OPTION_SUBNET, mask);
    if (code) answer_option(&answer, code, value, size);
    answer_end(&answer);
    return reads(&answer, out);
}

static void refuses_senseless_values(void) {
    struct dhcp_message m;
    static const uint8_t zeros[255], mask[5] = {255, 255, 255, 0, 0}, one[] = {1}, four[] = {4};
    static const uint8_t server[4] = {10, 0, 0, 1};
    CHECK(reads_with("10.0.0.9", 0, NULL, 0, 0xFFFFFF00, 600, &m));
    CHECK(!reads_with("10.0.0.9", 0, NULL, 0, 0xFF00FF00, 600, &m)); // a hole
    CHECK(!reads_with("10.0.0.0", 0, NULL, 0, 0xFFFFFF00, 600, &m)); // the network
    CHECK(!reads_with("10.0.0.255", 0, NULL, 0, 0xFFFFFF00, 600, &m));
    CHECK(!reads_with("127.0.0.1", 0, NULL, 0, 0xFF000000, 600, &m));
    CHECK(!reads_with("0.0.0.0", 0, NULL, 0, 0xFFFFFF00, 600, &m));
    CHECK(!reads_with("224.0.0.5", 0, NULL, 0, 0xFFFFFF00, 600, &m));
    CHECK(!reads_with("10.0.0.9", 0, NULL, 0, 0xFFFFFF00, 0, &m)); // no lease
    CHECK(!reads_with("10.0.0.9", 0, NULL, 0, 0xFFFFFF00, DHCP_LEASE_S_MIN - 1, &m));
    CHECK(!reads_with("10.0.0.9", OPTION_SUBNET, mask, 5, 0, 600, &m));
    CHECK(!reads_with("10.0.0.9", OPTION_SUBNET, mask, 3, 0, 600, &m));
    CHECK(!reads_with("10.0.0.9", OPTION_SUBNET, zeros, 4, 0, 600, &m));
    CHECK(!reads_with("10.0.0.9", OPTION_ROUTER, mask, 5, 0xFFFFFF00, 600, &m));
    CHECK(!reads_with("10.0.0.9", OPTION_ROUTER, mask, 0, 0xFFFFFF00, 600, &m));
    CHECK(!reads_with("10.0.0.9", OPTION_SERVER, server, 4, 0xFFFFFF00, 600, &m)); // twice
    CHECK(!reads_with("10.0.0.9", OPTION_OVERLOAD, four, 1, 0xFFFFFF00, 600, &m));
    CHECK(!reads_with("10.0.0.9", OPTION_OVERLOAD, zeros, 2, 0xFFFFFF00, 600, &m));
    CHECK(reads_with("10.0.0.9", OPTION_OVERLOAD, one, 1, 0xFFFFFF00, 600, &m));
    REQUIRE(reads_with("10.0.0.9", OPTION_ROUTER, zeros, 4, 0xFFFFFF00, 600, &m));
    CHECK_EQ(m.lease.gateway.s_addr, 0);
    REQUIRE(reads_with("10.0.0.9", 43, zeros, 255, 0, 600, &m)); // a vendor's own, and no mask
    CHECK_EQ(m.lease.prefix, 8);
    REQUIRE(reads_with("10.0.0.9", 0, NULL, 0, 0xFFFFFFFF, DHCP_LEASE_FOREVER, &m));
    CHECK(m.lease.prefix == 32 && m.lease.renew_s == DHCP_LEASE_FOREVER);
}

static void reads_options_in_the_file_and_name(void) {
    struct answer answer;
    struct dhcp_message m;
    static const uint8_t both[] = {3};
    for (int whole = 1; whole >= 0; whole--) {
        answer_begin(&answer, DHCP_ACK, XID, "10.0.0.9");
        answer_option(&answer, OPTION_OVERLOAD, both, 1);
        answer_number(&answer, OPTION_LEASE, 600);
        uint8_t *file = boot_of(&answer) + BOOT_FILE, *name = boot_of(&answer) + BOOT_SERVER_NAME;
        file[0] = OPTION_SERVER;
        file[1] = 4;
        put32(file + 2, 0x0A000001);
        file[6] = OPTION_END;
        name[58] = OPTION_SUBNET; // after padding, up to the last byte
        name[59] = whole ? 4 : 5;
        put32(name + 60, 0xFFFF0000);
        answer_end(&answer);
        CHECK_EQ(reads(&answer, &m), whole);
        if (whole) CHECK_EQ(m.lease.prefix, 16);
    }
}

static void times_of_a_liar_are_replaced(void) {
    struct dhcp_message m;
    uint8_t value[4];
    for (uint32_t renew = 0; renew <= 1000;
         renew += 250) { // without a rebinding time, or all wrong
        put32(value, renew);
        REQUIRE(reads_with("10.0.0.9", OPTION_RENEWAL, value, 4, 0xFFFFFF00, 800, &m));
        CHECK(m.lease.renew_s == 400 && m.lease.rebind_s == 700);
    }
}

// ---- a network with servers ---------------------------------------------------------------------
struct server {
    bool silent, refuses; // refuses: NAK to each REQUEST
    uint32_t address, gives, lease_s;
    uint32_t offers, acks;
};

struct world {
    struct dhcp client;
    int64_t now_ms;
    struct server servers[2];
    uint32_t loss; // of 100 packets, each way
    uint32_t sent, discovers, requests, declines, unicasts;
    uint32_t taken; // an address somebody else has
    bool held;      // at the last look
    uint32_t gained, lost;
};

static const uint8_t *option_of(const struct dhcp_packet *packet, uint8_t code) {
    const uint8_t *boot = packet->bytes + IP_BYTES + UDP_BYTES;
    size_t size = packet->size - IP_BYTES - UDP_BYTES;
    for (size_t i = BOOT_BYTES; i + 1 < size && boot[i] != OPTION_END;) {
        if (boot[i] == OPTION_PAD) {
            i++;
            continue;
        }
        if (boot[i] == code) return boot + i;
        i += 2u + boot[i + 1];
    }
    return NULL;
}

static bool lost_on_the_way(const struct world *world) {
    return world->loss && check_below(100) < world->loss;
}

static void server_answer(struct world *world, struct server *server, uint8_t type, uint32_t xid) {
    struct answer answer;
    char text[INET_ADDRSTRLEN];
    struct in_addr address = {htonl(server->gives)};
    inet_ntop(AF_INET, &address, text, sizeof text);
    answer_begin(&answer, type, xid, type == DHCP_NAK ? "0.0.0.0" : text);
    answer_number(&answer, OPTION_SERVER, server->address);
    if (type != DHCP_NAK) answer_number(&answer, OPTION_LEASE, server->lease_s);
    if (type != DHCP_NAK) answer_number(&answer, OPTION_SUBNET, 0xFFFFFF00);
    answer_end(&answer);
    if (type == DHCP_OFFER) server->offers++;
    if (type == DHCP_ACK) server->acks++;
    if (lost_on_the_way(world)) return;
    (void)dhcp_receive(&world->client, answer.bytes, answer.size, false, world->now_ms);
}

static void server_hear(struct world *world, struct server *server, const struct dhcp_packet *p) {
    const uint8_t *boot = p->bytes + IP_BYTES + UDP_BYTES, *type = option_of(p, OPTION_TYPE);
    const uint8_t *chosen = option_of(p, OPTION_SERVER), *wish = option_of(p, OPTION_ADDRESS);
    uint32_t xid = get32(boot + BOOT_XID), has = get32(boot + BOOT_CLIENT);
    if (server->silent || server->address == 0 || lost_on_the_way(world)) return;
    if (p->unicast && get32(p->bytes + 16) != server->address) return;
    if (type[2] == DHCP_DISCOVER) server_answer(world, server, DHCP_OFFER, xid);
    if (type[2] == DHCP_DECLINE && get32(chosen + 2) == server->address) server->gives++;
    if (type[2] != DHCP_REQUEST || (chosen && get32(chosen + 2) != server->address)) return;
    uint32_t wanted = has ? has : wish ? get32(wish + 2) : 0;
    bool yes = wanted == server->gives && !server->refuses;
    server_answer(world, server, yes ? DHCP_ACK : DHCP_NAK, xid);
}

static void check_packet(const struct world *world, const struct dhcp_packet *p) {
    const uint8_t *boot = p->bytes + IP_BYTES + UDP_BYTES;
    CHECK_EQ(ip_checksum(p->bytes, IP_BYTES), 0);
    CHECK_EQ(udp_checksum(p->bytes, p->bytes + IP_BYTES, p->size - IP_BYTES), 0);
    CHECK_EQ((p->bytes[2] << 8) + p->bytes[3], p->size);
    CHECK(boot[0] == BOOT_REQUEST && p->size >= IP_BYTES + UDP_BYTES + BOOT_BYTES_MIN);
    CHECK_BYTES(boot + BOOT_HARDWARE, MAC_BYTES, mac, MAC_BYTES);
    const uint8_t *client = option_of(p, OPTION_CLIENT), *name = option_of(p, OPTION_HOSTNAME);
    REQUIRE(client && client[1] == 7 && client[2] == 1);
    CHECK_BYTES(client + 3, MAC_BYTES, mac, MAC_BYTES);
    if (*(option_of(p, OPTION_TYPE) + 2) == DHCP_DECLINE) return;
    REQUIRE(name != NULL);
    CHECK_BYTES(name + 2, name[1], "ward-3", 6);
    (void)world;
}

static void world_begin(struct world *world) {
    *world = (struct world){.now_ms = 1000};
    world->servers[0] =
        (struct server){.address = 0x0A000001, .gives = 0x0A000065, .lease_s = 3600};
    dhcp_start(&world->client, mac, "ward-3", world->now_ms);
}

static void world_count(struct world *world, const struct dhcp_packet *packet) {
    uint8_t type = option_of(packet, OPTION_TYPE)[2];
    world->sent++;
    world->discovers += type == DHCP_DISCOVER;
    world->requests += type == DHCP_REQUEST;
    world->declines += type == DHCP_DECLINE;
    world->unicasts += packet->unicast;
}

// Until the time has come, from event to event.
static void world_run(struct world *world, int64_t for_ms) {
    int64_t end_ms = world->now_ms + for_ms;
    struct dhcp *client = &world->client;
    for (;;) {
        struct dhcp_packet packet;
        if (client->state == DHCP_PROBING) {
            bool taken = ntohl(client->lease.address.s_addr) == world->taken;
            dhcp_probed(client, !taken, world->now_ms);
        }
        bool holds = dhcp_holds(client);
        world->gained += holds && !world->held;
        world->lost += !holds && world->held;
        world->held = holds;
        if (client->due_ms > world->now_ms) {
            if (client->due_ms > end_ms) break;
            world->now_ms = client->due_ms;
        }
        dhcp_step(client, world->now_ms, &packet);
        if (packet.size == 0) continue;
        check_packet(world, &packet);
        world_count(world, &packet);
        for (int i = 0; i < 2; i++) server_hear(world, &world->servers[i], &packet);
    }
    world->now_ms = end_ms;
}

static void gets_an_address_and_keeps_it(void) {
    struct world w;
    world_begin(&w);
    world_run(&w, 100);
    REQUIRE(dhcp_holds(&w.client));
    CHECK_EQ(ntohl(w.client.lease.address.s_addr), 0x0A000065);
    CHECK_EQ(dhcp_left_s(&w.client, w.now_ms), 3599);
    CHECK(w.sent == 2 && w.discovers == 1);
    world_run(&w, 30LL * 24 * 3600 * 1000);
    CHECK(w.gained == 1 && w.lost == 0 && w.discovers == 1);
    CHECK_EQ(w.sent, w.unicasts + 2); // renewed at half the time with the server itself
    CHECK_EQ(w.unicasts, 30 * 48);
}

static void asks_less_and_less_often_when_nobody_answers(void) {
    struct world w;
    world_begin(&w);
    w.servers[0].silent = true;
    world_run(&w, 3600 * 1000);
    CHECK(!dhcp_holds(&w.client) && w.client.unanswered >= 3);
    CHECK(w.discovers > 3600 / 66 && w.discovers < 3600 / 62 + 10);
    w.servers[0].silent = false;
    world_run(&w, 66 * 1000);
    CHECK(dhcp_holds(&w.client));
}

static void gets_through_a_network_that_loses_packets(void) {
    struct world w;
    world_begin(&w);
    w.loss = 40;
    world_run(&w, 3600 * 1000);
    w.loss = 0;
    world_run(&w, 4000 * 1000);
    CHECK(dhcp_holds(&w.client) && w.gained >= 1);
}

static void a_refusal_does_not_become_a_storm(void) {
    struct world w;
    world_begin(&w);
    w.servers[0].refuses = true;
    world_run(&w, 3600 * 1000);
    CHECK(!dhcp_holds(&w.client) && w.client.refused);
    CHECK(w.sent < 200 && w.requests > 20);
    w.servers[0].refuses = false;
    world_run(&w, 70 * 1000);
    CHECK(dhcp_holds(&w.client) && !w.client.refused);
}

static void loses_the_address_when_the_lease_ends(void) {
    struct world w;
    world_begin(&w);
    world_run(&w, 100);
    w.servers[0].silent = true;
    world_run(&w, 3590 * 1000);
    CHECK(dhcp_holds(&w.client) && w.client.state == DHCP_REBINDING);
    CHECK(w.unicasts >= 3 && w.requests > w.unicasts + 1 && w.sent < 60);
    world_run(&w, 10 * 1000);
    CHECK(!dhcp_holds(&w.client) && w.lost == 1);
    w.servers[0].silent = false; // and asks for the same one
    world_run(&w, 70 * 1000);
    CHECK(dhcp_holds(&w.client) && w.gained == 2);
}

static void another_server_may_go_on_with_the_lease(void) {
    struct world w;
    world_begin(&w);
    world_run(&w, 100);
    w.servers[0].silent = true;
    w.servers[1] = (struct server){.address = 0x0A000002, .gives = 0x0A000065, .lease_s = 7200};
    world_run(&w, 3600 * 1000);
    CHECK(dhcp_holds(&w.client) && w.lost == 0);
    CHECK_EQ(ntohl(w.client.lease.server.s_addr), 0x0A000002);
    // A no to renewing loses the address at once.
    w.servers[1].refuses = true;
    world_run(&w, 3600 * 1000);
    CHECK_EQ(w.lost, 1);
}

static void of_two_servers_the_first_is_taken(void) {
    struct world w;
    world_begin(&w);
    w.servers[1] = (struct server){.address = 0x0A000002, .gives = 0x0A0000C8, .lease_s = 60};
    world_run(&w, 24 * 3600 * 1000);
    CHECK(dhcp_holds(&w.client) && w.gained == 1 && w.lost == 0);
    CHECK_EQ(ntohl(w.client.lease.address.s_addr), 0x0A000065);
    CHECK(w.servers[1].offers == 1 && w.servers[1].acks == 0);
}

static void only_the_chosen_server_confirms_or_refuses(void) {
    struct dhcp client = {0};
    struct dhcp_packet packet;
    struct answer answer;
    const uint8_t types[] = {DHCP_ACK, DHCP_NAK};
    dhcp_start(&client, mac, "", 0);
    dhcp_step(&client, 0, &packet);
    usual(&answer, DHCP_OFFER, client.xid);
    REQUIRE(dhcp_receive(&client, answer.bytes, answer.size, false, 0));
    dhcp_step(&client, 0, &packet);
    for (size_t i = 0; i < sizeof types; i++) {
        answer_begin(&answer, types[i], client.xid, "192.168.1.23");
        answer_number(&answer, OPTION_SERVER, 0xC0A80109);
        answer_number(&answer, OPTION_LEASE, 3600);
        answer_end(&answer);
        CHECK(!dhcp_receive(&client, answer.bytes, answer.size, false, 0));
        CHECK_EQ(client.state, DHCP_REQUESTING);
    }
    usual(&answer, DHCP_ACK, client.xid);
    CHECK(dhcp_receive(&client, answer.bytes, answer.size, false, 0));
    CHECK_EQ(client.state, DHCP_PROBING);
}

static void declines_an_address_that_is_taken(void) {
    struct world w;
    world_begin(&w);
    w.taken = 0x0A000065;
    world_run(&w, 5 * 1000);
    CHECK(!dhcp_holds(&w.client) && w.declines == 1 && w.sent == 3);
    world_run(&w, 10 * 1000);
    REQUIRE(dhcp_holds(&w.client));
    CHECK_EQ(ntohl(w.client.lease.address.s_addr), 0x0A000066);
}

static void the_shortest_lease_is_renewed_at_a_bearable_pace(void) {
    struct world w;
    world_begin(&w);
    w.servers[0].lease_s = DHCP_LEASE_S_MIN;
    world_run(&w, 600 * 1000);
    CHECK(dhcp_holds(&w.client) && w.lost == 0 && w.sent <= 125);
    w.servers[0].silent = true;
    world_run(&w, 20 * 1000);
    CHECK(w.lost == 1 && w.sent <= 150);
}

static void a_lease_without_end_is_left_alone(void) {
    struct world w;
    world_begin(&w);
    w.servers[0].lease_s = DHCP_LEASE_FOREVER;
    world_run(&w, 365LL * 24 * 3600 * 1000);
    CHECK(dhcp_holds(&w.client) && w.sent == 2);
    CHECK_EQ(dhcp_left_s(&w.client, w.now_ms), DHCP_LEASE_FOREVER);
}

// ---- ARP ----------------------------------------------------------------------------------------
static void probes_an_address(void) {
    static const uint8_t other[MAC_BYTES] = {2, 9, 9, 9, 9, 9};
    struct in_addr mine = {inet_addr("10.0.0.9")}, none = {0}, far = {inet_addr("10.0.0.10")};
    uint8_t packet[ARP_BYTES];
    struct arp arp;
    struct probe probe;
    for (size_t size = 0; size < ARP_BYTES; size++) {
        arp_write(other, mine, far, packet);
        CHECK(!arp_read(packet, size, &arp));
    }
    for (size_t i = 0; i < 8; i++) {
        arp_write(other, mine, far, packet);
        packet[i] ^= 0x40;
        CHECK(!arp_read(packet, sizeof packet, &arp));
    }
    const struct {
        const uint8_t *mac;
        struct in_addr sender, target;
        bool taken;
    } cases[] = {
        {other, mine, far, true},                             // it speaks
        {other, none, mine, true},                            // it wants it too
        {other, none, far, false}, {other, far, mine, false}, // it asks for it
        {mac, none, mine, false},                             // our own, come back
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t now = 5000;
        uint32_t sent = 0;
        probe_start(&probe, mine, 3, 250, now);
        for (; probe.state == PROBE_RUNNING && now < 9000; now++) {
            sent += probe_step(&probe, now);
            if (now != 5300) continue;
            arp_write(cases[i].mac, cases[i].sender, cases[i].target, packet);
            REQUIRE(arp_read(packet, sizeof packet, &arp));
            probe_heard(&probe, &arp, mac);
        }
        CHECK_EQ(probe.state, cases[i].taken ? PROBE_TAKEN : PROBE_FREE);
        CHECK_EQ(sent, cases[i].taken ? 2 : 3);
        CHECK_EQ(now, cases[i].taken ? 5301 : 5751);
    }
}

int main(void) {
    CHECK_RUN(reads_an_offer);
    CHECK_RUN(refuses_it_cut_at_each_byte);
    CHECK_RUN(refuses_a_flipped_bit_anywhere);
    CHECK_RUN(believes_a_checksum_that_is_still_open);
    CHECK_RUN(refuses_what_is_not_for_us);
    CHECK_RUN(refuses_senseless_values);
    CHECK_RUN(reads_options_in_the_file_and_name);
    CHECK_RUN(times_of_a_liar_are_replaced);
    CHECK_RUN(gets_an_address_and_keeps_it);
    CHECK_RUN(asks_less_and_less_often_when_nobody_answers);
    CHECK_RUN(gets_through_a_network_that_loses_packets);
    CHECK_RUN(a_refusal_does_not_become_a_storm);
    CHECK_RUN(loses_the_address_when_the_lease_ends);
    CHECK_RUN(another_server_may_go_on_with_the_lease);
    CHECK_RUN(of_two_servers_the_first_is_taken);
    CHECK_RUN(only_the_chosen_server_confirms_or_refuses);
    CHECK_RUN(declines_an_address_that_is_taken);
    CHECK_RUN(the_shortest_lease_is_renewed_at_a_bearable_pace);
    CHECK_RUN(a_lease_without_end_is_left_alone);
    CHECK_RUN(probes_an_address);
    return check_done();
}
