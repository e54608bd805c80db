// The teacher: runs the Chinese tagger that Debian's python3-jieba carries (jieba/lac_small,
// Apache-2.0: embeddings, two bidirectional GRU layers, a linear-chain CRF) without Paddle, from
// its parameter files, and writes what it sees as labelled sentences.
//   teacher FOLDER <lines >labelled
// Reads one sentence a line; writes "text TAB start,end,TYPE;… TAB share" where start and end count
// characters, TYPE is PER, LOC or ORG, and share is the lowest posterior, in percent, of any
// character of the sentence being inside or outside of an entity as labelled.
// Used when the tagger's weights are made, never by the product.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// B sentences side by side, T characters, H hidden units, L labels.
enum { B = 16, H = 128, L = 57, T_MAX = 256, VOCABULARY = 20941, CODE_POINTS = 0x20000 };

typedef float lane __attribute__((vector_size(32)));

struct weights {
    float *embedding;                // (VOCABULARY, H)
    float *input[4], *input_bias[4]; // (H or 2H, 3H), (3H)
    float *gru[4], *gru_bias[4];     // (H, 2H) then (H, H); (3H)
    float *emission, *emission_bias; // (2H, L), (L)
    float *crf;                      // (L + 2, L): start, end, from-to
};

struct sentence {
    char *line;
    int size, ids[T_MAX];
};

static int32_t word_of[CODE_POINTS];
static int label_kind[L]; // 0 other, 1 PER, 2 LOC, 3 ORG; +4 where an entity begins

static void stop(const char *what) {
    fprintf(stderr, "teacher: %s\n", what);
    exit(1);
}

static float *parameter(const char *folder, const char *name, size_t count) {
    char path[512];
    snprintf(path, sizeof path, "%s/model_baseline/%s", folder, name);
    FILE *file = fopen(path, "rb");
    float *data = aligned_alloc(64, (count * 4 + 63) / 64 * 64);
    if (file == NULL || data == NULL || fseek(file, -(long)(count * 4), SEEK_END) != 0 ||
        fread(data, 4, count, file) != count) {
        stop(path);
    }
    fclose(file);
    return data;
}

static void weights_read(struct weights *w, const char *folder) {
    w->embedding = parameter(folder, "word_emb", (size_t)VOCABULARY * H);
    for (int k = 0; k < 4; k++) {
        size_t in = k < 2 ? H : 2 * H;
        char name[32];
        snprintf(name, sizeof name, "fc_%d.w_0", k);
        w->input[k] = parameter(folder, name, in * 3 * H);
        snprintf(name, sizeof name, "fc_%d.b_0", k);
        w->input_bias[k] = parameter(folder, name, 3 * H);
        snprintf(name, sizeof name, "gru_%d.w_0", k);
        w->gru[k] = parameter(folder, name, 3 * H * H);
        snprintf(name, sizeof name, "gru_%d.b_0", k);
        w->gru_bias[k] = parameter(folder, name, 3 * H);
    }
    w->emission = parameter(folder, "fc_4.w_0", 2 * H * L);
    w->emission_bias = parameter(folder, "fc_4.b_0", L);
    w->crf = parameter(folder, "crfw", (L + 2) * L);
}

// One code point of UTF-8 text that is known to be well formed.
static int code_point(const char *s, uint32_t *code) {
    const unsigned char *u = (const unsigned char *)s;
    if (u[0] < 0x80) {
        *code = u[0];
        return 1;
    }
    int more = u[0] < 0xE0 ? 1 : u[0] < 0xF0 ? 2 : 3;
    *code = u[0] & (0x3Fu >> more);
    for (int k = 1; k <= more; k++) {
        if ((u[k] & 0xC0) != 0x80) {
            *code = 0xFFFD;
            return 1;
        }
        *code = *code << 6 | (u[k] & 0x3Fu);
    }
    return more + 1;
}

static void dictionary_read(const char *folder) {
    char path[512], line[128];
    snprintf(path, sizeof path, "%s/word.dic", folder);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        stop(path);
    }
    for (size_t k = 0; k < CODE_POINTS; k++) {
        word_of[k] = VOCABULARY - 1;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        char *word = strchr(line, '\t');
        uint32_t code;
        if (word != NULL && word[1 + code_point(word + 1, &code)] == '\n' && code < CODE_POINTS) {
            word_of[code] = (int32_t)strtol(line, NULL, 10);
        }
    }
    fclose(file);
    snprintf(path, sizeof path, "%s/tag.dic", folder);
    file = fopen(path, "r");
    if (file == NULL) {
        stop(path);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        long id = strtol(line, NULL, 10);
        char *name = strchr(line, '\t');
        static const char *const kinds[3][2] = {{"nr-", "PER"}, {"ns-", "LOC"}, {"nt-", "ORG"}};
        for (int k = 0; name != NULL && id < L && k < 3; k++) {
            if (strncmp(name + 1, kinds[k][0], 3) == 0 || strncmp(name + 1, kinds[k][1], 3) == 0) {
                label_kind[id] = k + 1 + (strstr(name, "-B") != NULL ? 4 : 0);
            }
        }
    }
    fclose(file);
}

// It was taught on half-width signs.
static uint32_t plain_sign(uint32_t code) {
    static const uint32_t pairs[][2] = {{0x3001, ','}, {0x3002, '.'}, {0x201C, '"'}, {0x201D, '"'},
                                        {0x2018, '"'}, {0x2019, '"'}, {0x2026, '-'}, {0x2014, '-'}};
    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++) {
        if (pairs[k][0] == code) {
            return pairs[k][1];
        }
    }
    return code > 0xFF00 && code < 0xFF5F ? code - 0xFEE0 : code;
}

// out (J, B) = bias + weight(K, J; rows `stride` apart)ᵀ · in (K, B); J is a multiple of 4.
static void multiply(float *out, const float *bias, const float *weight, int stride,
                     const float *in, int K, int J) {
    for (int j = 0; j < J; j += 4) {
        lane sum[4][2];
        for (int q = 0; q < 4; q++) {
            for (int h = 0; h < 2; h++) {
                sum[q][h] = (lane){0} + (bias != NULL ? bias[j + q] : 0.0F);
            }
        }
        for (int k = 0; k < K; k++) {
            const lane *x = (const lane *)(const void *)(in + k * B);
            const float *row = weight + (size_t)k * (size_t)stride + j;
            for (int q = 0; q < 4; q++) {
                sum[q][0] += x[0] * row[q];
                sum[q][1] += x[1] * row[q];
            }
        }
        memcpy(out + j * B, sum, sizeof sum);
    }
}

static float sigmoid(float x) {
    return 1.0F / (1.0F + expf(-x));
}

// One GRU direction over a batch. in (T, K, B); out (T, 2H, B), rows `at` to at + H filled.
static void gru(const struct weights *w, int which, const float *in, int K, float *out,
                const int *sizes, int T) {
    static _Alignas(64) float gate[3 * H * B], state[H * B], reset[H * B], part[2 * H * B];
    int reverse = which & 1, at = reverse ? H : 0;
    memset(state, 0, sizeof state);
    for (int s = 0; s < T; s++) {
        int t = reverse ? T - 1 - s : s;
        multiply(gate, w->input_bias[which], w->input[which], 3 * H, in + (size_t)t * K * B, K,
                 3 * H);
        multiply(part, w->gru_bias[which], w->gru[which], 2 * H, state, H, 2 * H);
        for (int k = 0; k < 2 * H * B; k++) {
            gate[k] = sigmoid(gate[k] + part[k]);
        }
        for (int k = 0; k < H * B; k++) {
            reset[k] = state[k] * gate[H * B + k];
        }
        multiply(part, w->gru_bias[which] + 2 * H, w->gru[which] + 2 * H * H, H, reset, H, H);
        for (int k = 0; k < H * B; k++) {
            float new_state = tanhf(gate[2 * H * B + k] + part[k]), u = gate[k];
            float next = (1.0F - u) * state[k] + u * new_state;
            state[k] = t < sizes[k % B] ? next : 0.0F;
        }
        memcpy(out + ((size_t)t * 2 * H + at) * B, state, sizeof state);
    }
}

// Posterior of each label at each character. score (T, L) → share (T, L).
static void posteriors(const struct weights *w, const float *score, int T, double *share) {
    static double forward[T_MAX][L], backward[T_MAX][L], step[L][L], gain[T_MAX][L];
    for (int p = 0; p < L; p++) {
        for (int q = 0; q < L; q++) {
            step[p][q] = exp(w->crf[(p + 2) * L + q]);
        }
    }
    for (int t = 0; t < T; t++) {
        for (int q = 0; q < L; q++) {
            gain[t][q] = exp((double)score[t * L + q]);
        }
    }
    for (int t = 0; t < T; t++) {
        double total = 0;
        for (int q = 0; q < L; q++) {
            double sum = t == 0 ? exp(w->crf[q]) : 0;
            for (int p = 0; t > 0 && p < L; p++) {
                sum += forward[t - 1][p] * step[p][q];
            }
            forward[t][q] = sum * gain[t][q];
            total += forward[t][q];
        }
        for (int q = 0; q < L; q++) {
            forward[t][q] /= total;
        }
    }
    for (int t = T - 1; t >= 0; t--) {
        double total = 0;
        for (int p = 0; p < L; p++) {
            double sum = t == T - 1 ? exp(w->crf[L + p]) : 0;
            for (int q = 0; t < T - 1 && q < L; q++) {
                sum += step[p][q] * gain[t + 1][q] * backward[t + 1][q];
            }
            backward[t][p] = sum;
            total += sum;
        }
        for (int p = 0; p < L; p++) {
            backward[t][p] /= total;
        }
    }
    for (int t = 0; t < T; t++) {
        double total = 0;
        for (int q = 0; q < L; q++) {
            share[t * L + q] = forward[t][q] * backward[t][q];
            total += share[t * L + q];
        }
        for (int q = 0; q < L; q++) {
            share[t * L + q] /= total;
        }
    }
}

static void decode(const struct weights *w, const float *score, int T, uint8_t *labels) {
    static float best[T_MAX][L];
    static uint8_t from[T_MAX][L];
    for (int t = 0; t < T; t++) {
        for (int q = 0; q < L; q++) {
            best[t][q] = t == 0 ? w->crf[q] : -1e30F;
            for (int p = 0; t > 0 && p < L; p++) {
                float sum = best[t - 1][p] + w->crf[(p + 2) * L + q];
                if (sum > best[t][q]) {
                    best[t][q] = sum;
                    from[t][q] = (uint8_t)p;
                }
            }
            best[t][q] += score[t * L + q];
        }
    }
    int last = 0;
    for (int q = 0; q < L; q++) {
        if (best[T - 1][q] + w->crf[L + q] > best[T - 1][last] + w->crf[L + last]) {
            last = q;
        }
    }
    for (int t = T - 1; t >= 0; t--) {
        labels[t] = (uint8_t)last;
        last = from[t][last];
    }
}

static void print_sentence(const struct sentence *s, const uint8_t *labels, const double *share) {
    static const char *const names[4] = {"", "PER", "LOC", "ORG"};
    double lowest = 1;
    printf("%s\t", s->line);
    for (int t = 0; t < s->size;) {
        int kind = label_kind[labels[t]] & 3, end = t + 1;
        while (kind != 0 && end < s->size && label_kind[labels[end]] == kind) {
            end++;
        }
        if (kind != 0) {
            printf("%d,%d,%s;", t, end, names[kind]);
        }
        for (int k = t; k < end; k++) {
            double same = 0;
            for (int q = 0; q < L; q++) {
                same += (label_kind[q] & 3) == kind ? share[k * L + q] : 0;
            }
            lowest = same < lowest ? same : lowest;
        }
        t = end;
    }
    printf("\t%d\n", (int)(lowest * 100));
}

static void batch_run(const struct weights *w, struct sentence *batch, int count) {
    static _Alignas(64) float x[T_MAX * H * B], one[T_MAX * 2 * H * B], two[T_MAX * 2 * H * B];
    static _Alignas(64) float emission[60 * B], padded[2 * H * 60];
    int sizes[B] = {0}, T = 0;
    for (int b = 0; b < count; b++) {
        sizes[b] = batch[b].size;
        T = sizes[b] > T ? sizes[b] : T;
    }
    for (int t = 0; t < T; t++) {
        for (int b = 0; b < B; b++) {
            int id = t < sizes[b] ? batch[b].ids[t] : VOCABULARY - 1;
            for (int h = 0; h < H; h++) {
                x[(t * H + h) * B + b] = w->embedding[(size_t)id * H + h];
            }
        }
    }
    for (int k = 0; k < 2; k++) {
        gru(w, k, x, H, one, sizes, T);
    }
    for (int k = 2; k < 4; k++) {
        gru(w, k, one, 2 * H, two, sizes, T);
    }
    for (int k = 0; k < 2 * H; k++) {
        memcpy(padded + k * 60, w->emission + k * L, L * sizeof(float));
    }
    static float score[B][T_MAX * L];
    for (int t = 0; t < T; t++) {
        multiply(emission, NULL, padded, 60, two + (size_t)t * 2 * H * B, 2 * H, 60);
        for (int b = 0; b < B; b++) {
            for (int q = 0; q < L; q++) {
                score[b][t * L + q] = emission[q * B + b] + w->emission_bias[q];
            }
        }
    }
    for (int b = 0; b < count; b++) {
        static double share[T_MAX * L];
        uint8_t labels[T_MAX];
        decode(w, score[b], sizes[b], labels);
        posteriors(w, score[b], sizes[b], share);
        print_sentence(&batch[b], labels, share);
        free(batch[b].line);
    }
}

int main(int count, char **arguments) {
    if (count != 2) {
        stop("usage: teacher FOLDER <lines >labelled");
    }
    static struct weights w;
    weights_read(&w, arguments[1]);
    dictionary_read(arguments[1]);
    static struct sentence batch[B];
    char *line = NULL;
    size_t room = 0;
    int filled = 0;
    for (ssize_t got; (got = getline(&line, &room, stdin)) > 0;) {
        line[strcspn(line, "\r\n\t")] = 0;
        struct sentence *s = &batch[filled];
        s->size = 0;
        const char *at = line;
        while (*at != 0 && s->size < T_MAX) {
            uint32_t code;
            at += code_point(at, &code);
            code = plain_sign(code);
            s->ids[s->size++] = code < CODE_POINTS ? word_of[code] : VOCABULARY - 1;
        }
        if (s->size == 0 || *at != 0) {
            continue;
        }
        s->line = strdup(line);
        if (++filled == B) {
            batch_run(&w, batch, filled);
            filled = 0;
        }
    }
    batch_run(&w, batch, filled);
    return 0;
}
