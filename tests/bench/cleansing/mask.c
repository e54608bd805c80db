// What concealing costs on one core: what | ours | peer | ratio. CPU time of this program, the best
// of five. Peers: `openssl speed` where openssl is installed (its AES-SIV and its SHA-256).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/crypto.h"
#include "base/memory.h"
#include "data/cleanse/conceal_private.h"
#include "data/cleanse/date_private.h"

enum { ROUNDS = 5, VALUES = 100000 };

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static char (*values)[24];

static void values_make(unsigned kind) {
    for (unsigned i = 0; i < VALUES; i++) {
        if (kind == PERSONAL_NAME) {
            snprintf(values[i], sizeof values[i], "张%c%c%c%c%c%c", 0xE4 + (int)(i % 5),
                     0xB8 + (int)(i % 7), 0x80 + (int)(i / 7 % 60), 0xE5, 0x90 + (int)(i % 31),
                     0x80 + (int)(i / 31 % 60));
        } else if (kind == PERSONAL_MOBILE) {
            snprintf(values[i], sizeof values[i], "138%08u", i * 977);
        } else {
            snprintf(values[i], sizeof values[i], "110105%04u1231%03u1", 1950 + i % 50, i % 1000);
        }
    }
}

// Values a second.
static double rate(enum how how, unsigned kind, uint32_t count) {
    struct conceal conceal = {.broader = {.level = REGION_CITY}};
    struct hash key = {{1}};
    struct buf out;
    double best = 1e9;
    buf_open(&out, 1 << 20);
    conceal_start(&conceal, how, &key);
    values_make(kind);
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_seconds();
        for (uint32_t i = 0; i < count; i++) {
            buf_clear(&out);
            struct piece piece = {.kind = kind, .text = str_of(values[i])};
            conceal_write(&conceal, &piece, &out);
        }
        double took = cpu_seconds() - start;
        if (took < best) best = took;
    }
    buf_close(&out);
    return count / best;
}

static double seal_mb(size_t size) {
    struct seal_key key;
    struct hash secret = {{1}};
    struct buf out;
    char *text = memory_take(size);
    if (!text) abort();
    double best = 1e9;
    seal_key_set(&key, &secret);
    buf_open(&out, 64 << 20);
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_seconds();
        for (size_t done = 0; done < ((size_t)4 << 20); done += size) {
            buf_clear(&out);
            seal_write(&key, NULL, 0, (struct str){text, size}, &out);
        }
        double took = cpu_seconds() - start;
        if (took < best) best = took;
    }
    buf_close(&out);
    memory_give(text);
    return 4.194304 / best;
}

static double hash_mb(void) {
    enum { SIZE = 64 << 20 };
    char *text = memory_take(SIZE);
    if (!text) abort();
    memset(text, 1, SIZE);
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_seconds();
        struct hash hash = sha256_of(text, SIZE);
        double took = cpu_seconds() - start;
        if (hash.bytes[0] == 0 && hash.bytes[1] == 0 && hash.bytes[2] == 0) puts("");
        if (took < best) best = took;
    }
    memory_give(text);
    return SIZE / 1e6 / best;
}

static double dates_mb(void) {
    static const char sentence[] = "患者于2023年5月12日因头痛入院，血压120/80mmHg，5月20日出院。";
    struct buf text;
    struct date_found found;
    double best = 1e9;
    size_t count = 0;
    buf_open(&text, 16 << 20);
    while (text.size < 8 << 20) buf_add_text(&text, sentence);
    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_seconds();
        for (size_t at = 0; date_find(buf_str(&text), at, 2023, &found); count++) {
            at = found.start + found.size;
        }
        double took = cpu_seconds() - start;
        if (took < best) best = took;
    }
    double mb = (double)text.size / 1e6 / best;
    buf_close(&text);
    return count ? mb : 0;
}

// "aes-256-siv … 123456.78k" of openssl speed, in MB/s; 0 without it.
static double openssl_mb(const char *algorithm) {
    char command[160], line[512];
    double mb = 0;
    snprintf(command, sizeof command, "openssl speed -seconds 1 -bytes 16384 -evp %s 2>/dev/null",
             algorithm);
    FILE *pipe = popen(command, "r");
    while (pipe && fgets(line, sizeof line, pipe)) {
        char *last = strrchr(line, ' ');
        if (last && strchr(last, 'k') && strchr(last, '.')) mb = strtod(last, NULL) / 1e3;
    }
    if (pipe) pclose(pipe);
    return mb;
}

static void say_mb(const char *what, double ours, const char *peer, double theirs) {
    if (theirs > 0) {
        printf("%s, MB/s | %.0f | %s %.0f | %.2f\n", what, ours, peer, theirs, ours / theirs);
    } else {
        printf("%s, MB/s | %.0f | %s not there | \n", what, ours, peer);
    }
}

int main(void) {
    values = memory_take(VALUES * sizeof *values);
    if (!values) return 1;
    printf("what | ours | peer | ratio\n");
    printf("pseudonyms of names, /s | %.0f | none | \n",
           rate(HOW_PSEUDONYM, PERSONAL_NAME, VALUES));
    printf("pseudonyms of mobiles, /s | %.0f | none | \n",
           rate(HOW_PSEUDONYM, PERSONAL_MOBILE, VALUES));
    printf("stars of mobiles, /s | %.0f | none | \n", rate(HOW_MASK, PERSONAL_MOBILE, VALUES));
    printf("sealed IDs, /s | %.0f | none | \n", rate(HOW_ENCRYPT, PERSONAL_ID, VALUES));
    printf("mobiles of the same form, /s | %.0f | none | \n",
           rate(HOW_FORMAT, PERSONAL_MOBILE, VALUES / 10));
    printf("IDs of the same form, /s | %.0f | none | \n",
           rate(HOW_FORMAT, PERSONAL_ID, VALUES / 10));
    printf("dates in text, MB/s | %.0f | none | \n", dates_mb());
    say_mb("sealing cells of 64 KiB", seal_mb(64 << 10), "openssl AES-256-SIV",
           openssl_mb("aes-256-siv"));
    say_mb("hashing a bundle", hash_mb(), "openssl SHA-256", openssl_mb("sha256"));
    memory_give(values);
    return 0;
}
