// Settings as people type them and as the console writes them.
#include "appliance/settings_private.h"

#include <arpa/inet.h>

#include "check.h"

static enum err read_of(const char *text, struct settings *out, struct fault *fault) {
    settings_default(out);
    return settings_read(str_of(text), out, fault);
}

static void reads_what_a_person_writes(void) {
    struct settings s;
    struct fault fault = {0};
    REQUIRE(read_of("\xEF\xBB\xBF# of the ward\r\n\r\n  hostname =  ward-3 \r\nlanguage=en\r\n"
                    "address = 192.168.1.10/24\ngateway=192.168.1.1\ninterface = eth1",
                    &s, &fault) == OK);
    CHECK(strcmp(s.hostname, "ward-3") == 0 && strcmp(s.language, "en") == 0);
    CHECK(s.fixed && s.prefix == 24 && strcmp(s.interface, "eth1") == 0);
    CHECK(s.address.s_addr == inet_addr("192.168.1.10"));
    CHECK(s.gateway.s_addr == inet_addr("192.168.1.1"));
    REQUIRE(read_of("address = 10.0.0.2/8\naddress = dhcp\n", &s, &fault) == OK);
    CHECK(!s.fixed);
    REQUIRE(read_of("", &s, &fault) == OK);
    CHECK(strcmp(s.hostname, "courtyard") == 0 && strcmp(s.language, "zh-CN") == 0);
}

static void encryption_is_one_of_three(void) {
    static const char *const names[] = {"none", "passphrase", "stick"};
    struct settings s;
    struct fault fault = {0};
    REQUIRE(read_of("", &s, &fault) == OK);
    CHECK_EQ(s.encryption, ENCRYPTION_NONE);
    for (int i = 0; i < ENCRYPTION_COUNT; i++) {
        char text[64];
        snprintf(text, sizeof text, "encryption = %s\r\n", names[i]);
        REQUIRE(read_of(text, &s, &fault) == OK);
        CHECK_EQ(s.encryption, i);
    }
    CHECK_EQ(read_of("encryption = yes", &s, &fault), ERR_INPUT);
    CHECK_EQ(s.encryption, ENCRYPTION_NONE);
}

static void tells_the_first_wrong_line_and_takes_the_others(void) {
    static const char *const wrong[] = {
        "hostname = -a",
        "hostname = a_b",
        "hostname =",
        "language = fr",
        "address = 10.0.0.1",
        "address = 10.0.0.0/24",
        "address = 10.0.0.255/24",
        "address = 10.0.0.1/31",
        "address = 127.0.0.1/8",
        "address = 224.0.0.1/24",
        "address = 1.2.3/24",
        "gateway = 0.0.0.0",
        "gateway = here",
        "interface = a/b",
        "interface =",
        "colour = red",
        "no equals sign",
        "address = 10.0.0.1/24/3",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct settings s;
        struct fault fault = {0};
        char text[128];
        snprintf(text, sizeof text, "# \n%s\nhostname = good\n", wrong[i]);
        CHECK_EQ(read_of(text, &s, &fault), ERR_INPUT);
        CHECK_EQ(fault.row, 2);
        CHECK(strcmp(fault.code, "appliance.settings") == 0);
        CHECK(strcmp(s.hostname, "good") == 0 && !s.fixed);
    }
}

static void what_is_written_reads_back(void) {
    struct settings s, again;
    struct fault fault = {0};
    for (int fixed = 0; fixed < 2; fixed++) {
        settings_default(&s);
        s.fixed = fixed;
        s.prefix = (uint8_t)(fixed ? 16 : 0);
        s.address.s_addr = fixed ? inet_addr("172.16.3.4") : 0;
        s.gateway.s_addr = fixed ? inet_addr("172.16.0.1") : 0;
        (void)str_copy(s.interface, sizeof s.interface, STR("enp3s0"));
        struct buf text;
        buf_open(&text, 4096);
        settings_write(&s, &text);
        settings_default(&again);
        CHECK_EQ(settings_read(buf_str(&text), &again, &fault), OK);
        CHECK(memcmp(&s, &again, sizeof s) == 0);
        buf_close(&text);
    }
}

int main(void) {
    CHECK_RUN(reads_what_a_person_writes);
    CHECK_RUN(encryption_is_one_of_three);
    CHECK_RUN(tells_the_first_wrong_line_and_takes_the_others);
    CHECK_RUN(what_is_written_reads_back);
    return check_done();
}
