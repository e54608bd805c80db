// The DHCP client against a server that the test plays: on a clock of its own, with packets lost,
// late, cut and lied about.
#include "appliance/dhcp_private.h"

#include <arpa/inet.h>

#include "check.h"

static const uint8_t mac[6] = {2, 0, 0, 1, 2, 3};
static uint8_t sent[DHCP_PACKET_BYTES], answer[DHCP_PACKET_BYTES_MAX];
static size_t sent_size;

struct server {
    uint32_t lease_s, renew_s, rebind_s;
    uint8_t mask[4];
    const char *address, *router;
};
static const struct server plain = {
    .lease_s = 3600, .mask = {255, 255, 240, 0}, .address = "10.1.2.3", .router = "10.1.0.1"};

static void sum_put(uint8_t *packet, size_t size) {
    uint32_t sum = 0;
    packet[10] = packet[11] = packet[26] = packet[27] = 0;
    for (size_t i = 0; i < 20; i += 2) sum += (uint32_t)packet[i] << 8 | packet[i + 1];
    while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
    packet[10] = (uint8_t)(~sum >> 8);
    packet[11] = (uint8_t)~sum;
    sum = 17 + (uint32_t)(size - 20);
    for (size_t i = 12; i + 1 < size; i += 2) sum += (uint32_t)packet[i] << 8 | packet[i + 1];
    if (size & 1) sum += (uint32_t)packet[size - 1] << 8;
    while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
    packet[26] = (uint8_t)(~sum >> 8);
    packet[27] = (uint8_t)~sum;
}

static uint8_t *four(uint8_t *at, uint8_t kind, const void *value) {
    *at++ = kind;
    *at++ = 4;
    memcpy(at, value, 4);
    return at + 4;
}

// To the request that was sent last. The size of the IP packet.
static size_t answer_to(const uint8_t *request, uint8_t type, const struct server *server) {
    memset(answer, 0, sizeof answer);
    uint8_t *m = answer + 28, *at = m + 236;
    uint32_t address = inet_addr(server->address), id = inet_addr("10.1.0.2"), n;
    memcpy(m, request + 28, 236);
    m[0] = 2;
    memcpy(m + 16, &address, 4);
    memcpy(at, (uint8_t[]){99, 130, 83, 99, 53, 1, type}, 7);
    at = four(at + 7, 54, &id);
    if (type != DHCP_NAK) {
        n = htonl(server->lease_s);
        at = four(at, 51, &n);
        at = four(at, 1, server->mask);
        n = inet_addr(server->router);
        at = four(at, 3, &n);
        n = htonl(server->renew_s);
        if (server->renew_s) at = four(at, 58, &n);
        n = htonl(server->rebind_s);
        if (server->rebind_s) at = four(at, 59, &n);
    }
    *at++ = 255;
    size_t size = (size_t)(at - answer), udp = size - 20;
    answer[0] = 0x45;
    answer[2] = (uint8_t)(size >> 8);
    answer[3] = (uint8_t)size;
    answer[8] = 64;
    answer[9] = 17;
    memcpy(answer + 12, &id, 4);
    memset(answer + 16, 255, 4);
    answer[21] = 67;
    answer[23] = 68;
    answer[24] = (uint8_t)(udp >> 8);
    answer[25] = (uint8_t)udp;
    sum_put(answer, size);
    return size;
}

// What the client's last packet asks for: its DHCP message type.
static uint8_t asked(void) {
    const uint8_t *at = sent + 28 + 240, *end = sent + sent_size;
    while (at + 2 < end && *at != 255) {
        if (*at == 53) return at[2];
        at += 2 + at[1];
    }
    return 0;
}

static int64_t step_until(struct dhcp *dhcp, uint8_t type, int64_t now) {
    for (int i = 0; i < 200; i++) {
        if (now < dhcp->due_ms) now = dhcp->due_ms;
        if (dhcp_step(dhcp, now, sent, &sent_size) && asked() == type) return now;
    }
    CHECK(!"the client never asked so");
    return now;
}

static int64_t bound_at(struct dhcp *dhcp, const struct server *server, int64_t now) {
    dhcp_begin(dhcp, mac, "ward-3", check_random(), now);
    now = step_until(dhcp, DHCP_DISCOVER, now);
    size_t size = answer_to(sent, DHCP_OFFER, server);
    CHECK(!dhcp_take(dhcp, answer, size, now));
    now = step_until(dhcp, DHCP_REQUEST, now);
    size = answer_to(sent, DHCP_ACK, server);
    CHECK(dhcp_take(dhcp, answer, size, now));
    CHECK(dhcp_bound(dhcp));
    return now;
}

static void gets_keeps_and_loses_an_address(void) {
    struct dhcp dhcp;
    int64_t now = bound_at(&dhcp, &plain, 5000);
    CHECK(dhcp.lease.address.s_addr == inet_addr("10.1.2.3") && dhcp.lease.prefix == 20);
    CHECK(dhcp.lease.gateway.s_addr == inet_addr("10.1.0.1"));
    CHECK_EQ(dhcp.renew_ms, now + 1800 * 1000);
    CHECK(!dhcp_step(&dhcp, now + 1000, sent, &sent_size));
    int64_t renewed = step_until(&dhcp, DHCP_REQUEST, now);
    CHECK_EQ(renewed, now + 1800 * 1000);
    CHECK_EQ(dhcp.state, DHCP_RENEWING);
    CHECK(memcmp(sent + 28 + 12, &dhcp.lease.address, 4) == 0); // ciaddr
    size_t size = answer_to(sent, DHCP_ACK, &plain);
    CHECK(!dhcp_take(&dhcp, answer, size, renewed)); // the same: nothing changed
    CHECK_EQ(dhcp.end_ms, renewed + 3600 * 1000);
    while (dhcp_bound(&dhcp)) { // nobody answers any more
        int64_t at = dhcp.due_ms;
        CHECK(at <= dhcp.end_ms);
        (void)dhcp_step(&dhcp, at, sent, &sent_size);
    }
    CHECK_EQ(dhcp.state, DHCP_SELECTING);
    CHECK_EQ(asked(), DHCP_DISCOVER);
}

static void a_refusal_begins_anew(void) {
    struct dhcp dhcp;
    int64_t now = bound_at(&dhcp, &plain, 0);
    now = step_until(&dhcp, DHCP_REQUEST, now);
    size_t size = answer_to(sent, DHCP_NAK, &plain);
    CHECK(dhcp_take(&dhcp, answer, size, now));
    CHECK(!dhcp_bound(&dhcp));
    (void)step_until(&dhcp, DHCP_DISCOVER, now);
}

static void an_offer_that_is_not_kept_is_given_up(void) {
    struct dhcp dhcp;
    dhcp_begin(&dhcp, mac, "", 1, 0);
    int64_t now = step_until(&dhcp, DHCP_DISCOVER, 0);
    size_t size = answer_to(sent, DHCP_OFFER, &plain);
    CHECK(!dhcp_take(&dhcp, answer, size, now));
    now = step_until(&dhcp, DHCP_REQUEST, now);
    now = step_until(&dhcp, DHCP_DISCOVER, now); // no acknowledgement came
    CHECK(now < 120 * 1000);
    size = answer_to(sent, DHCP_ACK, &plain); // out of turn
    CHECK(!dhcp_take(&dhcp, answer, size, now));
}

static void waits_longer_each_time(void) {
    struct dhcp dhcp;
    int64_t now = 0, last = 0;
    dhcp_begin(&dhcp, mac, "", check_random(), 0);
    for (int i = 0; i < 20; i++) {
        CHECK(dhcp_step(&dhcp, now, sent, &sent_size));
        last = dhcp.due_ms - now;
        CHECK(last >= 750 && last <= 40 * 1000);
        now = dhcp.due_ms;
    }
    CHECK(last >= 24 * 1000);
}

static void odd_times_are_bounded(void) {
    static const struct server odd[] = {
        {.lease_s = 1, .mask = {255, 0, 255, 0}, .address = "10.1.2.3", .router = "10.1.0.1"},
        {.lease_s = UINT32_MAX,
         .mask = {255, 255, 255, 0},
         .address = "10.1.2.3",
         .router = "10.1.0.1"},
        {.lease_s = 600,
         .renew_s = 900,
         .rebind_s = 10,
         .mask = {255, 255, 255, 0},
         .address = "10.1.2.3",
         .router = "10.1.0.1"},
    };
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct dhcp dhcp;
        int64_t now = bound_at(&dhcp, &odd[i], 0);
        CHECK(dhcp.renew_ms > now && dhcp.renew_ms < dhcp.rebind_ms);
        CHECK(dhcp.rebind_ms < dhcp.end_ms && dhcp.end_ms >= now + 30 * 1000);
        CHECK(dhcp.lease.prefix == 24);
    }
}

static void lies_change_nothing(void) {
    struct dhcp dhcp;
    struct dhcp_reply reply;
    dhcp_begin(&dhcp, mac, "", 1, 0);
    (void)step_until(&dhcp, DHCP_DISCOVER, 0);
    size_t size = answer_to(sent, DHCP_OFFER, &plain);
    REQUIRE(dhcp_read(answer, size, dhcp.xid, mac, &reply));
    CHECK(!dhcp_read(answer, size, dhcp.xid + 1, mac, &reply));
    for (size_t cut = 0; cut < size; cut++) { // a packet cut anywhere
        CHECK(!dhcp_read(answer, cut, dhcp.xid, mac, &reply));
    }
    for (int i = 0; i < 20000; i++) { // one byte wrong: a checksum says so, or it is not believed
        uint8_t copy[DHCP_PACKET_BYTES_MAX];
        memcpy(copy, answer, sizeof copy);
        copy[check_random() % size] ^= (uint8_t)(1 + check_random() % 255);
        if (dhcp_read(copy, size, dhcp.xid, mac, &reply)) CHECK(copy[1] != 0 || copy[8] != 64);
    }
    for (int i = 0; i < 20000; i++) { // wrong lengths behind right checksums
        uint8_t copy[DHCP_PACKET_BYTES_MAX];
        memcpy(copy, answer, sizeof copy);
        for (int n = 0; n < 3; n++)
            copy[268 + check_random() % (size - 268)] = (uint8_t)check_random();
        sum_put(copy, size);
        (void)dhcp_read(copy, size, dhcp.xid, mac, &reply);
    }
    static const char *const bad[] = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct server server = plain;
        server.address = bad[i];
        size = answer_to(sent, DHCP_OFFER, &server);
        CHECK(!dhcp_read(answer, size, dhcp.xid, mac, &reply));
    }
}

int main(void) {
    CHECK_RUN(gets_keeps_and_loses_an_address);
    CHECK_RUN(a_refusal_begins_anew);
    CHECK_RUN(an_offer_that_is_not_kept_is_given_up);
    CHECK_RUN(waits_longer_each_time);
    CHECK_RUN(odd_times_are_bounded);
    CHECK_RUN(lies_change_nothing);
    return check_done();
}
