// courtyard bench language: tokens a second of a model on this machine, as llama-bench tells them,
// and what memory allows. Tests alternate, and a probe of the memory stands before each decoding:
// on a shared machine only what was measured together can be compared.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "cli/cli_private.h"
#include "model/language/llama2c.h"
#include "model/language/speed.h"

enum { RUNS_MAX = 100, TESTS_MAX = 10 };

struct speed_test {
    bool prompt;
    uint32_t tokens, sequences;
    double values[RUNS_MAX]; // tokens a second
};
struct benching {
    struct gguf *file;
    struct network *network;
    struct speed_memory memory;
    uint32_t threads, runs, test_count;
    struct speed_test tests[TESTS_MAX];
    double reads[RUNS_MAX]; // bytes a second
    double load_s;
    uint64_t anonymous_bytes, mapped_bytes; // held with the model loaded
};

// ---- what is asked -----------------------------------------------------------------------------

static void test_add(struct benching *b, bool prompt, uint64_t tokens, uint64_t sequences) {
    if (tokens == 0 || b->test_count == TESTS_MAX) return;
    b->tests[b->test_count++] = (struct speed_test){
        .prompt = prompt, .tokens = (uint32_t)tokens, .sequences = (uint32_t)sequences};
}

// "1,4,8": how many texts grow at once.
static enum err sequences_read(struct benching *b, const char *told, uint64_t tokens,
                               struct fault *fault) {
    struct str rest = str_of(told);
    while (rest.size) {
        uint64_t count;
        struct str one = str_cut(rest, ',', &rest);
        if (!str_to_u64(one, &count) || count < 1 || count > NETWORK_ROWS) {
            return fault_set(fault, ERR_INPUT, "cli.bad_number", STR("--sequences"));
        }
        test_add(b, false, tokens, count);
    }
    return OK;
}

static enum err wishes_read(struct benching *b, const struct arguments *arguments,
                            struct fault *fault) {
    uint64_t threads, runs, prompt, generate;
    enum err err = argument_whole(arguments, "--threads", thread_count_usable(), 1, LIMIT_THREADS,
                                  &threads, fault);
    if (err == OK) err = argument_whole(arguments, "--runs", 5, 1, RUNS_MAX, &runs, fault);
    if (err == OK) {
        err = argument_whole(arguments, "--prompt", 512, 0, NETWORK_CONTEXT_MAX, &prompt, fault);
    }
    if (err == OK) {
        err =
            argument_whole(arguments, "--generate", 128, 0, NETWORK_CONTEXT_MAX, &generate, fault);
    }
    if (err != OK) return err;
    b->threads = (uint32_t)threads;
    b->runs = (uint32_t)runs;
    test_add(b, true, prompt, 1);
    return sequences_read(b, argument_or(arguments, "--sequences", "1"), generate, fault);
}

// ---- measuring ---------------------------------------------------------------------------------

static uint64_t status_bytes(const char *status, const char *name) {
    const char *line = strstr(status, name);
    return line ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

static void memory_look(struct benching *b) {
    struct buf status;
    buf_open(&status, 1 << 16);
    if (file_read("/proc/self/status", &status, NULL) == OK) {
        buf_add_char(&status, '\0');
        if (buf_err(&status) == OK) {
            b->anonymous_bytes = status_bytes(status.data, "RssAnon:");
            b->mapped_bytes = status_bytes(status.data, "RssFile:");
        }
    }
    buf_close(&status);
}

static enum err test_run(struct benching *b, struct speed_test *test, double *out) {
    return test->prompt ? speed_prompt(b->network, test->tokens, out)
                        : speed_decode(b->network, test->sequences, test->tokens, out);
}

static enum err tests_run(struct benching *b) {
    double warm;
    enum err err = speed_prompt(b->network, 32, &warm);
    if (err == OK) memory_look(b);
    if (err == OK) err = speed_memory_open(b->threads, &b->memory);
    for (uint32_t run = 0; run < b->runs && err == OK; run++) {
        double before = speed_memory_read(&b->memory);
        for (uint32_t t = 0; t < b->test_count && err == OK; t++) {
            if (progress_cancelled(progress_of_process())) return ERR_CANCELLED;
            err = test_run(b, &b->tests[t], &b->tests[t].values[run]);
        }
        b->reads[run] = (before + speed_memory_read(&b->memory)) / 2;
    }
    return err;
}

// ---- telling -----------------------------------------------------------------------------------

static int values_compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct summary {
    double mean, deviation, median;
};
static struct summary summary_of(const double *values, uint32_t count) {
    double sorted[RUNS_MAX], sum = 0, square = 0;
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, values_compare);
    for (uint32_t i = 0; i < count; i++) sum += values[i];
    for (uint32_t i = 0; i < count; i++) square += pow(values[i] - sum / count, 2);
    double median = (sorted[count / 2] + sorted[(count - 1) / 2]) / 2;
    return (struct summary){sum / count, count > 1 ? sqrt(square / (count - 1)) : 0, median};
}

// "pp512", "tg128", "tg128 x 4"
static void test_name(const struct speed_test *test, char out[32]) {
    int size = snprintf(out, 32, "%s%u", test->prompt ? "pp" : "tg", test->tokens);
    if (test->sequences > 1) snprintf(out + size, 32 - (size_t)size, " x %u", test->sequences);
}

// How much of what the memory gives a decoding reads; over 1 where caches or batches help.
static double share_of(const struct benching *b, const struct speed_test *test) {
    double token_bytes = (double)speed_token_bytes(b->file) / test->sequences;
    return summary_of(test->values, b->runs).median * token_bytes /
           summary_of(b->reads, b->runs).median;
}

static void table_say(const struct benching *b) {
    const struct network_about *about = network_about(b->network);
    char model[64], backend[32], test[32], speed[48];
    snprintf(model, sizeof model, "%s %.1fB %s", about->architecture,
             (double)about->parameters * 1e-9, tensor_form_of(about->type)->name);
    snprintf(backend, sizeof backend, "CPU %s", kernels_for_cpu()->name);
    printf("| %-22s | %10s | %10s | %-13s | %7s | %15s | %20s |\n", "model", "size", "params",
           "backend", "threads", "test", "t/s");
    printf("| %.22s | %.9s: | %.9s: | %.13s | %.6s: | %.14s: | %.19s: |\n",
           "----------------------", "----------", "----------", "-------------", "--------",
           "---------------", "--------------------");
    for (uint32_t t = 0; t < b->test_count; t++) {
        struct summary s = summary_of(b->tests[t].values, b->runs);
        test_name(&b->tests[t], test);
        snprintf(speed, sizeof speed, "%.2f ± %.2f", s.mean, s.deviation);
        printf("| %-22s | %6.2f MiB | %8.2f M | %-13s | %7u | %15s | %21s |\n", model,
               (double)about->weight_bytes / (1 << 20), (double)about->parameters * 1e-6, backend,
               b->threads, test, speed);
    }
    fflush(stdout);
    for (uint32_t t = 0; t < b->test_count; t++) {
        if (b->tests[t].prompt || b->tests[t].sequences > 1) continue;
        uint64_t read = (uint64_t)summary_of(b->reads, b->runs).median;
        SAY("bench.memory", {"read", bytes_text(read)},
            {"token", bytes_text(speed_token_bytes(b->file))},
            {"share", count_text((uint64_t)round(100 * share_of(b, &b->tests[t])))});
    }
}

static void json_say(const struct benching *b) {
    const struct network_about *about = network_about(b->network);
    struct buf out;
    char name[32];
    buf_open(&out, 1 << 20);
    struct json_writer writer = json_writer_of(&out);
    json_open_object(&writer);
    json_set_text(&writer, "architecture", str_of(about->architecture));
    json_set_text(&writer, "type", str_of(tensor_form_of(about->type)->name));
    json_set_text(&writer, "kernels", str_of(kernels_for_cpu()->name));
    json_set_u64(&writer, "threads", b->threads);
    json_set_u64(&writer, "parameters", about->parameters);
    json_set_u64(&writer, "weight_bytes", about->weight_bytes);
    json_set_u64(&writer, "token_bytes", speed_token_bytes(b->file));
    json_set_number(&writer, "load_s", b->load_s);
    json_set_u64(&writer, "anonymous_bytes", b->anonymous_bytes);
    json_set_u64(&writer, "mapped_bytes", b->mapped_bytes);
    json_set_number(&writer, "memory_bytes_s", summary_of(b->reads, b->runs).median);
    json_put_name(&writer, "tests");
    json_open_array(&writer);
    for (uint32_t t = 0; t < b->test_count; t++) {
        const struct speed_test *test = &b->tests[t];
        struct summary s = summary_of(test->values, b->runs);
        test_name(test, name);
        json_open_object(&writer);
        json_set_text(&writer, "test", str_of(name));
        json_set_number(&writer, "mean", s.mean);
        json_set_number(&writer, "deviation", s.deviation);
        json_set_number(&writer, "median", s.median);
        if (!test->prompt) json_set_number(&writer, "memory_share", share_of(b, test));
        json_close_object(&writer);
    }
    json_close_array(&writer);
    json_close_object(&writer);
    buf_add_char(&out, '\n');
    fwrite(out.data, 1, out.size, stdout);
    buf_close(&out);
}

// ---- the command -------------------------------------------------------------------------------

enum err command_bench(const struct command *command, const struct arguments *arguments,
                       struct fault *fault) {
    static struct benching b;
    (void)command;
    if (strcmp(arguments->positional[0], "language") != 0) {
        return fault_set(fault, ERR_INPUT, "cli.unknown_action", str_of(arguments->positional[0]));
    }
    enum err err = wishes_read(&b, arguments, fault);
    uint64_t start_us = clock_monotonic_us();
    if (err == OK) err = language_file_open(arguments->positional[1], &b.file, fault);
    if (err == OK) err = network_open(b.file, b.threads, &b.network, fault);
    if (err == OK) {
        b.load_s = (double)(clock_monotonic_us() - start_us) * 1e-6;
        err = progress_signals_open();
    }
    if (err == OK) {
        err = tests_run(&b);
        if (err == ERR_LIMIT) err = fault_set(fault, err, "bench.too_long", STR_NONE);
        if (err == ERR_MEMORY) err = fault_set(fault, err, "predict.no_memory", STR_NONE);
    }
    if (err == OK) (argument(arguments, "--json") ? json_say : table_say)(&b);
    speed_memory_close(&b.memory);
    network_close(b.network);
    gguf_close(b.file);
    return err;
}
