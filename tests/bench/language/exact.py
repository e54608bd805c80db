#!/usr/bin/env python3
"""Whose rounding is it? The logits of quantised language models, ours and llama.cpp's, beside an
arbiter: the same weights as F32 (`courtyard model quantise --type f32`), computed in floats by us, and
by llama.cpp with keys and values as floats, which must agree. Told are, of each model: nmse of the
logits (mean and largest row), the share of rows with the arbiter's likeliest token, the divergence,
the perplexity's difference; and how many greedy texts are the arbiter's. Then the same beside each
other, and F32 models whose context was stretched, behind the context they were made for.

  ./build.sh bench language exact
  tests/bench/language/speed.py --setup     makes the peer (as root)
  COURTYARD_LLAMA_ROOT     where it is (/var/tmp/peers/llama); without one the arbiter judges us alone
  COURTYARD_BENCH_MODELS   where models are kept (/var/tmp/courtyard-models)
  EXACT_MODELS   of tiny story stories260K qwen05b, each with its types (all but qwen05b)
  EXACT_TYPES    f16 q8_0 q6_k q4_k q4_0;  EXACT_THREADS 2;  EXACT_WINDOWS 2 of 128 tokens, two at least
  EXACT_GREEDY 16 texts of 24 tokens
stories260K is llama2.c's, from ../shared/data/models or $COURTYARD_DATA/models; the others are random.
The perplexity's difference stands beside what chance makes of it (its standard error over the tokens).
Exit status 1 where the nmse from the arbiter is above 1e-3 in the mean, or more than a tenth above
llama.cpp's, or F32 and F32 are further than 1e-5 apart in a row.
"""
import json, os, random, subprocess, sys

env = os.environ.get
here = os.path.dirname(os.path.abspath(__file__))
project = os.path.abspath(here + "/../../..")
root = env("COURTYARD_LLAMA_ROOT", "/var/tmp/peers/llama")
kept = env("COURTYARD_BENCH_MODELS", "/var/tmp/courtyard-models")
data = env("COURTYARD_DATA", project + "/../shared/data")
ours = env("COURTYARD", project + "/build/courtyard")
tool = project + "/build/x86_64/bench/language_logits"
threads = env("EXACT_THREADS", "2")
windows, greedy = int(env("EXACT_WINDOWS", "2")), int(env("EXACT_GREEDY", "16"))
work = kept + "/exact"

# Reads what language_logits reads. `floats`: keys and values as floats, no flash attention.
PEER = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <llama.h>
static void quiet(enum ggml_log_level level, const char *text, void *ctx) {
    (void)ctx;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}
static char text[1 << 18];
static llama_token tokens[1 << 15];
int main(int argc, char **argv) { // MODEL THREADS OUT CONTEXT [floats]
    llama_log_set(quiet, NULL);
    ggml_backend_load_all();
    struct llama_model *model = llama_model_load_from_file(argv[1], llama_model_default_params());
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = atoi(argv[4]);
    params.n_batch = params.n_ubatch = 64;
    params.n_threads = params.n_threads_batch = atoi(argv[2]);
    if (argc > 5) {
        params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
        params.type_k = params.type_v = GGML_TYPE_F32;
    }
    struct llama_context *context = model ? llama_init_from_model(model, params) : NULL;
    FILE *out = fopen(argv[3], "wb");
    if (!context || !out) return 1;
    int V = llama_vocab_n_tokens(llama_model_get_vocab(model));
    struct llama_batch batch = llama_batch_init(64, 0, 1);
    while (fgets(text, sizeof text, stdin)) {
        char *at = text, *end;
        int on = strtol(at, &at, 10), count = 0, last = 0;
        for (;; at = end) {
            llama_token token = strtol(at, &end, 10);
            if (end == at) break;
            tokens[count++] = token;
        }
        llama_memory_clear(llama_get_memory(context), 1);
        for (int i = 0; i < count + (on ? on - 1 : 0);) {
            int rows = i < count ? (count - i < 64 ? count - i : 64) : 1;
            for (int r = 0; r < rows; r++) {
                batch.token[r] = i < count ? tokens[i + r] : last;
                batch.pos[r] = i + r, batch.n_seq_id[r] = 1, batch.seq_id[r][0] = 0;
                batch.logits[r] = !on || i + r + 1 >= count;
            }
            batch.n_tokens = rows;
            if (llama_decode(context, batch)) return 3;
            i += rows;
            for (int r = 0; r < rows && !on; r++) fwrite(llama_get_logits_ith(context, r), 4, V, out);
            if (!on || i < count) continue;
            const float *row = llama_get_logits_ith(context, rows - 1);
            last = 0;
            for (int v = 1; v < V; v++) if (row[v] > row[last]) last = v;
            printf("%d%c", last, i + 1 < count + on ? ' ' : '\n');
        }
    }
    return fclose(out) != 0;
}
"""


def must(command, **kwargs):
    return subprocess.run(command, check=True, text=True, capture_output=True, **kwargs).stdout


def peer_make():
    folder = root + "/opt/courtyard/exact"
    if not os.path.exists(root + "/usr/include/llama.h"):
        print(f"no peer in {root}: ours alone; make it with tests/bench/language/speed.py --setup")
        return False
    os.makedirs(folder, exist_ok=True)
    open(folder + "/peer.c", "w").write(PEER)
    must(["chroot", root, "gcc", "-O2", "-o", "/opt/courtyard/exact/peer",
          "/opt/courtyard/exact/peer.c", "-lllama", "-lggml", "-lggml-base"])
    return True


# --- models ----------------------------------------------------------------------------------------
def quantised(source, kind):
    to = f"{source[:-5]}-{kind}.gguf"
    if not os.path.exists(to):
        must([ours, "model", "quantise", source, to, "--type", kind])
    return to


def whole_model(name, scaling=""):
    """The F16 file; llama2.c's model is in F32, and so comes out as it is."""
    path = f"{work}/{name}{'-' + scaling if scaling else ''}.gguf"
    if os.path.exists(path):
        return path
    if name == "stories260K":
        must([ours, "model", "import", f"{data}/models/stories260K.bin", path,
              "--tokenizer", f"{data}/models/tok512.bin"])
    else:
        must([project + "/build/x86_64/bench/random_model", name, path] + ([scaling] if scaling else []))
    return path


def inside(path):
    to = f"{root}/opt/courtyard/exact/{os.path.basename(path)}"
    if os.path.exists(to):
        os.remove(to)
    try:
        os.link(path, to)
    except OSError:
        subprocess.run(["cp", path, to], check=True)
    return to


# --- asking ----------------------------------------------------------------------------------------
def ask(who, path, lines, to, floats=False, context=512):
    """Logits to the file `to`; returns the greedy lines."""
    if who == "ours":
        return must([tool, "run", path, threads, to], input=lines)
    there = inside(path)
    out = f"{root}/opt/courtyard/exact/out"
    said = must(["chroot", root, "/opt/courtyard/exact/peer", there[len(root):], threads,
                 "/opt/courtyard/exact/out", str(context)] + (["floats"] if floats else []), input=lines)
    os.remove(there)
    subprocess.run(["mv", out, to], check=True)
    return said


def compared(lines, want, got):
    path = f"{work}/lines"
    open(path, "w").write(lines)
    return json.loads(must([tool, "compare", path, want, got]))


def lines_of(name, path):
    """Windows whose logits are looked at, and beginnings of greedy texts."""
    say = random.Random(7)
    if name == "stories260K":
        def words(tokens, seed):
            return must([ours, "generate", path, "--prompt", "Once upon a time", "--temperature", "0.9",
                         "--seed", str(seed), "--tokens", str(tokens)])
        def ids(text):
            return json.loads(must([ours, "tokenize", path, "--json"], input=json.dumps(text) + "\n"))
        texts = [[1] + ids(words(240, seed)) for seed in range(max(windows, greedy))]
        parts = [(0, t) for t in texts[:windows]] + [(24, t[:6 + i]) for i, t in enumerate(texts[:greedy])]
    else:
        parts = [(0, [say.randrange(256) for _ in range(128)]) for _ in range(windows)]
        parts += [(24, [say.randrange(256) for _ in range(20 + 2 * i)]) for i in range(greedy)]
    return "".join(f"{on} {' '.join(map(str, t))}\n" for on, t in parts)


# --- telling ---------------------------------------------------------------------------------------
def cells(found, texts, arbiter_texts):
    same = sum(a == b for a, b in zip(texts.splitlines(), arbiter_texts.splitlines()))
    change = 100 * (found["perplexity"][1] / found["perplexity"][0] - 1)
    return (f" {found['nmse']:.2e} | {found['nmse_most']:.2e} | {100 * found['same']:.2f} % | "
            f"{found['divergence']:.2e} | {change:+.3f} ± {100 * found['chance']:.3f} % | {same} of {greedy} |")


def model_judge(name, kind, peer):
    whole = whole_model(name)
    path = whole if kind == "f16" and name != "stories260K" else quantised(whole, kind)
    arbiter = quantised(path, "f32")
    lines = lines_of(name, whole)
    texts, bad = {"arbiter": ask("ours", arbiter, lines, f"{work}/arbiter")}, False
    texts["ours"] = ask("ours", path, lines, f"{work}/ours")
    mine = compared(lines, f"{work}/arbiter", f"{work}/ours")
    print(f"| {name} {kind} | ours |" + cells(mine, texts["ours"], texts["arbiter"]), flush=True)
    bad |= mine["nmse"] > 1e-3
    if peer:
        texts["floats"] = ask("peer", arbiter, lines, f"{work}/floats", floats=True)
        texts["theirs"] = ask("peer", path, lines, f"{work}/theirs")
        theirs = compared(lines, f"{work}/arbiter", f"{work}/theirs")
        between = compared(lines, f"{work}/theirs", f"{work}/ours")
        floats = compared(lines, f"{work}/arbiter", f"{work}/floats")
        for who, found, said, beside in (("llama.cpp", theirs, "theirs", "arbiter"),
                                         ("ours beside llama.cpp", between, "ours", "theirs"),
                                         ("llama.cpp on the arbiter's file", floats, "floats", "arbiter")):
            print(f"| {name} {kind} | {who} |" + cells(found, texts[said], texts[beside]), flush=True)
        bad |= mine["nmse"] > 1.1 * theirs["nmse"] or floats["nmse_most"] > 1e-5
    for left in ("arbiter", "ours", "floats", "theirs"):
        if os.path.exists(f"{work}/{left}"):
            os.remove(f"{work}/{left}")
    os.remove(arbiter)
    return bad


def stretched_judge(scaling):
    """2,048 tokens of an F32 model made for 256."""
    path = quantised(whole_model("story", scaling), "f32")
    say = random.Random(9)
    tokens = [say.randrange(256) for _ in range(2048)]
    lines = f"0 {' '.join(map(str, tokens))}\n"
    ask("ours", path, lines, f"{work}/ours")
    ask("peer", path, lines, f"{work}/theirs", floats=True, context=2048)
    row, worst = 4 * 1024, {}
    for first, last in ((0, 256), (256, 1024), (1024, 2048)):
        part = f"0 {' '.join(map(str, tokens[first:last]))}\n"
        for who in ("ours", "theirs"):
            with open(f"{work}/{who}", "rb") as f, open(f"{work}/{who}-part", "wb") as out:
                f.seek(first * row)
                out.write(f.read((last - first) * row))
        worst[first, last] = compared(part, f"{work}/theirs-part", f"{work}/ours-part")["nmse_most"]
    print(f"| {scaling} | " + " | ".join(f"{v:.2e}" for v in worst.values()) + " |", flush=True)
    return max(worst.values()) > 1e-5


def main():
    make = ["make", "-s", "-C", project, "VARIANT=x86_64"]
    subprocess.run(make + [f"build/x86_64/bench/{p}" for p in ("random_model", "language_logits")],
                   check=True, stdout=subprocess.DEVNULL)
    os.makedirs(work, exist_ok=True)
    peer, bad = peer_make(), False
    print("| model | whose | nmse, mean | largest | same token | divergence | perplexity | greedy |")
    print("|---|---|---|---|---|---|---|---|")
    for name in env("EXACT_MODELS", "tiny story stories260K").split():
        if name == "stories260K" and not os.path.exists(f"{data}/models/stories260K.bin"):
            print(f"{name}: skipped, it is not in {data}/models")
            continue
        for kind in env("EXACT_TYPES", "f16 q8_0 q6_k q4_k q4_0").split():
            bad |= model_judge(name, kind, peer)
    if peer and env("EXACT_STRETCHED", "1") != "0":
        print("\nstretched contexts, F32, largest nmse: tokens up to 256, 1,024, 2,048")
        for scaling in ("linear", "yarn", "frequencies"):
            bad |= stretched_judge(scaling)
    sys.exit(bad)


main()
