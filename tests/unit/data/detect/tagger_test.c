// Names, addresses and institutions: spans, forms, the address grammar, the second pass, hostile
// text, the weights' file, and a floor under the accuracy on sentences that no training saw.
#include <pthread.h>

#include "../../../check.h"
#include "base/memory.h"
#include "data/detect/tagger_private.h"
#include "tagger_sentences.h"

enum { ROOM = 512 };

static struct personal_hit hits[ROOM];

static size_t scan(const char *text, uint32_t kinds) {
    return personal_scan(str_of(text), kinds, hits, ROOM);
}

// Whether a hit of this kind covers exactly the given part of the text.
static bool has(const char *text, size_t count, enum personal_kind kind, const char *part) {
    for (size_t k = 0; k < count; k++) {
        struct str found = {text + hits[k].start, hits[k].size};
        if (hits[k].kind == kind && str_is(found, part)) return true;
    }
    return false;
}

static void check_part(const char *text, enum personal_kind kind, const char *part) {
    size_t count = scan(text, PERSONAL_TAGGED);
    if (!has(text, count, kind, part)) {
        check_that(false, __FILE__, __LINE__, "%s: no %s %s", text, personal_kind_name(kind), part);
    }
}

static void finds_names_addresses_and_institutions(void) {
    check_part("患者王建国，男，65岁，因胸闷3天入院。", PERSONAL_NAME, "王建国");
    check_part("主治医师：欧阳静", PERSONAL_NAME, "欧阳静");
    check_part("家属阿依古丽·买买提签字", PERSONAL_NAME, "阿依古丽·买买提");
    check_part("转至上海市第六人民医院进一步治疗", PERSONAL_ORGANISATION, "上海市第六人民医院");
    check_part("住址：浙江省杭州市西湖区文三路138号3幢2单元501室", PERSONAL_ADDRESS,
               "浙江省杭州市西湖区文三路138号3幢2单元501室");
    check_part("現住址：浙江省杭州市西湖區文三路138號", PERSONAL_ADDRESS,
               "浙江省杭州市西湖區文三路138號");
}

static void leaves_medicine_and_common_words_alone(void) {
    static const char *const texts[] = {"白细胞升高，黄疸待查，既往高血压病史10年。",
                                        "于是大家都安静了，方法是马上和平解决。",
                                        "予阿莫西林、甘露醇静滴，温度正常。", "2024-05-06 12:30"};
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        size_t count = scan(texts[k], PERSONAL_BIT(PERSONAL_NAME));
        CHECK_EQ(count, 0);
        for (size_t i = 0; i < count; i++) {
            fprintf(stderr, "%.*s\n", (int)hits[i].size, texts[k] + hits[i].start);
        }
    }
}

static void finds_a_name_again(void) {
    const char *text =
        "患者姓名：柴静轩。医嘱：多饮水。随访：柴静轩恢复良好，已告知柴静轩复诊时间。";
    size_t count = scan(text, PERSONAL_BIT(PERSONAL_NAME));
    CHECK_EQ(count, 3);
    for (size_t k = 0; k < count; k++) CHECK_EQ(hits[k].size, strlen("柴静轩"));
}

static void goes_with_identifiers(void) {
    const char *text = "张伟，电话13812345678，住上海市徐汇区漕溪路250号。";
    size_t count = scan(text, PERSONAL_ALL), end = 0;
    CHECK(has(text, count, PERSONAL_MOBILE, "13812345678"));
    CHECK(has(text, count, PERSONAL_NAME, "张伟"));
    CHECK(has(text, count, PERSONAL_ADDRESS, "上海市徐汇区漕溪路250号"));
    for (size_t k = 0; k < count; k++) {
        CHECK(hits[k].start >= end);
        end = (size_t)hits[k].start + hits[k].size;
    }
    count = scan(text, PERSONAL_BIT(PERSONAL_NAME));
    CHECK(!has(text, count, PERSONAL_ADDRESS, "上海市徐汇区漕溪路250号"));
}

static void knows_whole_cells(void) {
    enum personal_kind kind = PERSONAL_KIND_COUNT;
    CHECK(personal_whole(STR(" 李秀英 "), PERSONAL_TAGGED, &kind) && kind == PERSONAL_NAME);
    CHECK(personal_whole(STR("北京市海淀区中关村大街1号"), PERSONAL_TAGGED, &kind) &&
          kind == PERSONAL_ADDRESS);
    CHECK(!personal_whole(STR("高血压"), PERSONAL_TAGGED, &kind));
    CHECK(!personal_whole(STR("男"), PERSONAL_TAGGED, &kind));
    CHECK(!personal_whole(STR(""), PERSONAL_TAGGED, &kind));
}

static void tells_when_room_is_small(void) {
    const char *text = "张伟、王芳、李娜、刘洋、陈静到会。";
    size_t whole = scan(text, PERSONAL_TAGGED);
    CHECK(whole >= 4);
    struct personal_hit few[2];
    CHECK(personal_scan(str_of(text), PERSONAL_TAGGED, few, 2) > 2);
    CHECK(personal_scan(str_of(text), PERSONAL_TAGGED, NULL, 0) > 0);
}

static void leans_to_privacy(void) {
    size_t plain = 0, privacy = 0;
    for (size_t k = 0; k < sizeof tagger_sentences / sizeof tagger_sentences[0]; k++) {
        plain += scan(tagger_sentences[k], PERSONAL_BIT(PERSONAL_NAME));
        privacy += scan(tagger_sentences[k], PERSONAL_BIT(PERSONAL_NAME) | PERSONAL_PRIVACY);
    }
    CHECK(privacy >= plain);
}

// ---- hostile text ------------------------------------------------------------------------------

static uint32_t drawn(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

static void bears_any_bytes(void) {
    static char text[6000];
    uint64_t state = check.seed;
    for (int round = 0; round < 60; round++) {
        size_t size = drawn(&state) % sizeof text;
        for (size_t k = 0; k < size; k++) {
            static const char some[] = "王张李市区路号：先生\xE4\xFF";
            uint32_t byte = drawn(&state);
            if (round % 3 == 1) byte = (unsigned char)some[byte % (sizeof some - 1)];
            if (round % 3 == 2) byte = 0xE0 + byte % 32;
            text[k] = (char)byte;
        }
        size_t count = personal_scan((struct str){text, size}, PERSONAL_ALL, hits, ROOM), end = 0;
        for (size_t k = 0; k < count && k < ROOM; k++) {
            CHECK(hits[k].start >= end && hits[k].size > 0);
            CHECK(hits[k].confidence > 0 && hits[k].confidence <= 100);
            end = (size_t)hits[k].start + hits[k].size;
            CHECK(end <= size);
        }
    }
}

enum { LONG_BYTES = 1 << 20, LONG_ROOM = 1 << 16 };

static void bears_a_long_text(void) {
    static const char piece[] = "患者王建国来院，家住南京市鼓楼区，";
    char *text = memory_take(LONG_BYTES);
    struct personal_hit *many = memory_take(LONG_ROOM * sizeof *many);
    REQUIRE(text && many);
    size_t size = 0, names = 0;
    while (size + sizeof piece < LONG_BYTES) {
        memcpy(text + size, piece, sizeof piece - 1);
        size += sizeof piece - 1;
    }
    size_t count = personal_scan((struct str){text, size}, PERSONAL_TAGGED, many, LONG_ROOM);
    REQUIRE(count <= LONG_ROOM);
    for (size_t k = 0; k < count; k++) names += many[k].kind == PERSONAL_NAME;
    CHECK_EQ(names, size / (sizeof piece - 1));
    memory_give(many);
    memory_give(text);
}

// ---- the same everywhere -----------------------------------------------------------------------

static uint64_t digest(void) {
    struct personal_hit found[ROOM];
    uint64_t sum = 0;
    for (size_t k = 0; k < sizeof tagger_sentences / sizeof tagger_sentences[0]; k++) {
        size_t count = personal_scan(str_of(tagger_sentences[k]), PERSONAL_ALL, found, ROOM);
        for (size_t i = 0; i < count; i++) {
            sum = sum * 1099511628211U + found[i].start + found[i].size * 65536U +
                  found[i].confidence * 4096U + (uint64_t)found[i].kind;
        }
    }
    return sum;
}

static void *digest_into(void *out) {
    *(uint64_t *)out = digest();
    return NULL;
}

// Names, places and signs in any order, so that scores run into their bounds too.
static void is_the_same_with_wider_registers(void) {
#ifdef __x86_64__
    if (!__builtin_cpu_supports("avx2")) return;
    static struct tagger_tokens tokens;
    static struct personal_hit plain[TAGGER_TOKENS_MAX], wide[TAGGER_TOKENS_MAX];
    const struct tagger *tagger = tagger_shared();
    REQUIRE(tagger);
    uint64_t state = check.seed;
    for (int round = 0; round < 400; round++) {
        static const char some[] = "王张李市区路号国大学医院先生司，北京中美日1";
        char text[1500];
        size_t size = 0;
        while (size + 3 < sizeof text) {
            size_t k = drawn(&state) % ((sizeof some - 1) / 3);
            memcpy(text + size, some + 3 * k, 3);
            size += 3;
        }
        (void)tagger_tokens_next(&tagger->tables, (struct str){text, size}, 0, &tokens);
        struct tagger_lean lean = round % 2 ? tagger_plain : (struct tagger_lean){{9000, -900, 0}};
        size_t count = tagger_segment_plain(tagger, &tokens, lean, plain);
        CHECK_EQ(tagger_segment_avx2(tagger, &tokens, lean, wide), count);
        for (size_t k = 0; k < count; k++) {
            CHECK(plain[k].start == wide[k].start && plain[k].size == wide[k].size);
            CHECK(plain[k].kind == wide[k].kind && plain[k].confidence == wide[k].confidence);
        }
    }
#endif
}

static void knows_what_is_no_name(void) {
    CHECK_EQ(scan("患者张口受限3天，张口呼吸。", PERSONAL_BIT(PERSONAL_NAME)), 0);
    CHECK_EQ(scan("根据《中华人民共和国民法典》", PERSONAL_BIT(PERSONAL_ADDRESS)), 0);
}

static void keeps_divisions_apart(void) {
    check_part("他出生在河北省平山县西柏坡村。", PERSONAL_ADDRESS, "平山县");
    check_part("户籍地址：河北省平山县西柏坡村", PERSONAL_ADDRESS, "河北省平山县西柏坡村");
}

static void is_the_same_on_any_thread(void) {
    uint64_t sums[3] = {0};
    pthread_t threads[3];
    for (int k = 0; k < 3; k++) {
        REQUIRE(pthread_create(&threads[k], NULL, digest_into, &sums[k]) == 0);
    }
    for (int k = 0; k < 3; k++) pthread_join(threads[k], NULL);
    uint64_t here = digest();
    for (int k = 0; k < 3; k++) CHECK(sums[k] == here);
    // To be held against what the other machine prints.
    fprintf(stderr, "tagger digest %016" PRIx64 "\n", here);
}

// ---- the weights' file -------------------------------------------------------------------------

static void refuses_damaged_weights(void) {
    struct str file = detect_weights();
    struct tagger *tagger = NULL;
    char *copy = memory_take(file.size);
    REQUIRE(copy);
    for (size_t cut = 0; cut < file.size; cut += file.size / 16) {
        CHECK(tagger_open((struct str){file.data, cut}, &tagger) != OK);
    }
    uint64_t state = check.seed;
    for (int round = 0; round < 12; round++) {
        memcpy(copy, file.data, file.size);
        copy[drawn(&state) % file.size] ^= (char)(1 + drawn(&state) % 255);
        if (tagger_open((struct str){copy, file.size}, &tagger) == OK) tagger_close(tagger);
    }
    memory_give(copy);
    for (uint64_t taken = 0; taken < 4; taken++) {
        memory_fail_after(taken);
        enum err err = tagger_open(file, &tagger);
        memory_fail_after(UINT64_MAX);
        CHECK_EQ(err, ERR_MEMORY);
    }
}

static void says_what_it_was_taught_on(void) {
    const struct tagger *tagger = tagger_shared();
    REQUIRE(tagger);
    CHECK(memmem(tagger->note.data, tagger->note.size, "Apache-2.0", 10) != NULL);
}

// ---- accuracy ----------------------------------------------------------------------------------

struct tally {
    unsigned hit, told, wanted;
};

// Reads "{P…}" marks off a sentence: the plain text, and the spans as hits. Returns their number.
static size_t unmark(const char *marked, char *plain, struct personal_hit *wanted) {
    size_t size = 0, count = 0;
    for (const char *at = marked; *at; at++) {
        if (*at == '{') {
            enum personal_kind kind = at[1] == 'P'   ? PERSONAL_NAME
                                      : at[1] == 'L' ? PERSONAL_ADDRESS
                                                     : PERSONAL_ORGANISATION;
            wanted[count] = (struct personal_hit){.start = (uint32_t)size, .kind = kind};
            at++;
        } else if (*at == '}') {
            wanted[count].size = (uint32_t)size - wanted[count].start;
            count++;
        } else {
            plain[size++] = *at;
        }
    }
    plain[size] = 0;
    return count;
}

static void tally_sentence(const char *marked, struct tally tally[3]) {
    char plain[1024];
    struct personal_hit wanted[16];
    size_t want = unmark(marked, plain, wanted), count = scan(plain, PERSONAL_TAGGED);
    for (size_t k = 0; k < count; k++) tally[hits[k].kind - PERSONAL_NAME].told++;
    for (size_t w = 0; w < want; w++) {
        struct tally *one = &tally[wanted[w].kind - PERSONAL_NAME];
        one->wanted++;
        for (size_t k = 0; k < count; k++) {
            one->hit += hits[k].kind == wanted[w].kind && hits[k].start == wanted[w].start &&
                        hits[k].size == wanted[w].size;
        }
    }
}

static void keeps_its_accuracy(void) {
    static const struct {
        const char *name;
        double least;
    } floors[3] = {{"names", 0.80}, {"addresses", 0.70}, {"institutions", 0.70}};
    struct tally tally[3] = {{0, 0, 0}};
    for (size_t k = 0; k < sizeof tagger_sentences / sizeof tagger_sentences[0]; k++) {
        tally_sentence(tagger_sentences[k], tally);
    }
    for (size_t k = 0; k < 3; k++) {
        double f = 2.0 * tally[k].hit / (tally[k].told + tally[k].wanted);
        fprintf(stderr, "%s: %u of %u found, %u told, F1 %.3f\n", floors[k].name, tally[k].hit,
                tally[k].wanted, tally[k].told, f);
        CHECK(f >= floors[k].least);
    }
}

// A pause at the very last token that a segment may have: the next one begins behind it, not where
// a segment before has ended.
static void goes_on_behind_a_pause_at_the_edge(void) {
    static char text[4000];
    struct personal_hit some[8];
    for (size_t words = 120; words < 140; words++) {
        size_t size = 0;
        for (size_t i = 0; i < 3 * words; i++) {
            memcpy(text + size, i % words ? "word " : "a, b ", 5);
            size += 5;
        }
        CHECK_EQ(personal_scan((struct str){text, size}, PERSONAL_TAGGED, some, 8), 0);
    }
}

int main(void) {
    check_seed();
    CHECK_RUN(finds_names_addresses_and_institutions);
    CHECK_RUN(knows_what_is_no_name);
    CHECK_RUN(keeps_divisions_apart);
    CHECK_RUN(leaves_medicine_and_common_words_alone);
    CHECK_RUN(goes_on_behind_a_pause_at_the_edge);
    CHECK_RUN(finds_a_name_again);
    CHECK_RUN(goes_with_identifiers);
    CHECK_RUN(knows_whole_cells);
    CHECK_RUN(tells_when_room_is_small);
    CHECK_RUN(leans_to_privacy);
    CHECK_RUN(bears_any_bytes);
    CHECK_RUN(bears_a_long_text);
    CHECK_RUN(is_the_same_with_wider_registers);
    CHECK_RUN(is_the_same_on_any_thread);
    CHECK_RUN(refuses_damaged_weights);
    CHECK_RUN(says_what_it_was_taught_on);
    CHECK_RUN(keeps_its_accuracy);
    return check_done();
}
