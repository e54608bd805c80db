// Divisions by code and by name: in force, withdrawn, ambiguous, one after another.
#include "data/regions/regions.h"

#include "check.h"

static void finds_by_code(void) {
    struct region region = {0};
    REQUIRE(region_of(330106, &region));
    CHECK(str_is(region.name, "西湖区"));
    CHECK(str_is(region.brief, "西湖"));
    CHECK(!region.withdrawn);
    REQUIRE(region_of(110103, &region)); // 崇文区, joined to 东城区 in 2010
    CHECK(str_is(region.name, "崇文区"));
    CHECK(region.withdrawn);
    REQUIRE(region_of(510200, &region)); // Chongqing, before it left Sichuan in 1997
    CHECK(region.withdrawn);
    CHECK(!region_of(990101, &region));
    CHECK(!region_of(0, &region));
    CHECK(str_is(region.name, "重庆市"));
    CHECK(region_issued(830000));
    CHECK(region_issued(513021)); // 达县
    CHECK(region_issued(659011)); // 新星市, 2021
    CHECK(!region_issued(110199));
}

static void climbs(void) {
    CHECK_EQ(region_parent(330106), 330100);
    CHECK_EQ(region_parent(330100), 330000);
    CHECK_EQ(region_parent(330000), 0);
    CHECK_EQ(region_parent(110105), 110000); // no named city between
    CHECK_EQ(region_parent(429004), 420000);
    CHECK_EQ(region_parent(990105), 0);
    CHECK_EQ(region_level(330000), REGION_PROVINCE);
    CHECK_EQ(region_level(330100), REGION_CITY);
    CHECK_EQ(region_level(330106), REGION_COUNTY);
    CHECK(region_within(330106, 330100) && region_within(330106, 330000));
    CHECK(region_within(330106, 330106) && region_within(330106, 0));
    CHECK(!region_within(330106, 330200) && !region_within(330100, 330106));
}

static void finds_by_name(void) {
    struct region found[16];
    REQUIRE(region_find(STR("北京市"), 0, found, 16) >= 1);
    CHECK_EQ(found[0].code, 110000);
    REQUIRE(region_find(STR("北京"), 0, found, 16) >= 1);
    CHECK_EQ(found[0].code, 110000);
    REQUIRE(region_find(STR("延边"), 0, found, 16) >= 1);
    CHECK_EQ(found[0].code, 222400);
    REQUIRE(region_find(STR("内蒙古"), 0, found, 16) >= 1);
    CHECK_EQ(found[0].code, 150000);
    CHECK(region_find(STR("鼓楼区"), 0, found, 16) >= 4);
    CHECK(!found[0].withdrawn);
    REQUIRE(region_find(STR("鼓楼区"), 350100, found, 16) >= 1);
    CHECK_EQ(found[0].code, 350102);
    CHECK_EQ(region_find(STR("市辖区"), 0, found, 16), 0);
    CHECK_EQ(region_find(STR(""), 0, found, 16), 0);
    CHECK_EQ(region_find(STR("Paris"), 0, found, 16), 0);
    CHECK(region_find(STR("鼓楼区"), 0, NULL, 0) >= 4);
}

static void matches_the_beginning(void) {
    struct region region = {0};
    CHECK_EQ(region_prefix(STR("北京市海淀区"), 0, false, &region), 9);
    CHECK_EQ(region.code, 110000);
    CHECK_EQ(region_prefix(STR("和平与发展"), 0, false, &region), 0);
    CHECK_EQ(region_prefix(STR("和平与发展"), 0, true, &region), 6);
    CHECK_EQ(region_prefix(STR("杭州abc"), 0, false, &region), 6);
    CHECK_EQ(region.code, 330100);
    CHECK_EQ(region_prefix(STR("\xE6\x9D"), 0, true, &region), 0);
    CHECK_EQ(region_prefix(STR("积石山保安族东乡族撒拉族自治县城"), 0, false, &region), 45);
    CHECK_EQ(region.code, 622927);
}

static void follows_a_path(void) {
    static const struct {
        const char *text;
        size_t bytes;
        uint32_t code;
    } cases[] = {
        {"浙江省杭州市西湖区文三路", 27, 330106},
        {"浙江杭州西湖文三路", 18, 330106},
        {"杭州市西湖区", 18, 330106},
        {"北京市海淀区中关村", 18, 110108},
        {"北京海淀", 12, 110108},
        {"广西壮族自治区南宁市", 30, 450100},
        {"福建省福州市鼓楼区", 27, 350102},
        {"江苏省南京市鼓楼区", 27, 320106},
        {"湖北省仙桃市", 18, 429004},
        {"新疆", 6, 650000},
        {"无此地方", 0, 0},
        {"上海市上海市", 9, 310000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct region region = {0};
        CHECK_EQ(region_path(str_of(cases[i].text), &region), cases[i].bytes);
        CHECK_EQ(region.code, cases[i].code);
    }
}

// Every division is found by its own code and by its own name within its parent.
static void every_code_keeps_its_name(void) {
    size_t count = 0;
    for (uint32_t code = 110000; code < 840000; code++) {
        struct region region, found[64];
        if (!region_of(code, &region)) continue;
        count++;
        REQUIRE(region.code == code && region.name.size > 0);
        CHECK(str_starts(region.name, region.brief));
        size_t matches = region_find(region.name, code, found, 64);
        bool nameless = str_is(region.name, "市辖区") || str_is(region.name, "县") ||
                        str_ends(region.name, STR("直辖县级行政区划"));
        CHECK(nameless ? matches == 0 : matches >= 1);
    }
    CHECK(count > 6700);
}

int main(void) {
    CHECK_RUN(finds_by_code);
    CHECK_RUN(climbs);
    CHECK_RUN(finds_by_name);
    CHECK_RUN(matches_the_beginning);
    CHECK_RUN(follows_a_path);
    CHECK_RUN(every_code_keeps_its_name);
    return check_done();
}
