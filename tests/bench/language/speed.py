#!/usr/bin/env python3
"""Language models beside llama.cpp and ik_llama.cpp: the same files, the same threads, in rounds in
which everything is measured once, so that a noisy machine is noisy for all. Models of random
weights in the shapes of Qwen2.5 0.5 B and 1.5 B are made first and quantised by this program.
Told are medians of tokens a second: a prompt, decoding one text, decoding 4 and 8 at once; the
ratio to each peer; the share of the memory's speed that decoding uses; the time to load a model and
the memory it holds beyond its weights; and how far the logits' perplexity is from llama.cpp's.

  ./build.sh bench language speed
  tests/bench/language/speed.py --setup     makes the peers (as root; compiles for half an hour)
The peers: Debian sid with llama.cpp in a folder; in it llama.cpp compiled for this processor and
ik_llama.cpp, each of a checkout whose folder is named, or left out where none is:
  COURTYARD_LLAMA_SOURCE   llama.cpp, or whisper.cpp of up to August 2026, which brings it along
  COURTYARD_IK_SOURCE      ik_llama.cpp
  COURTYARD_LLAMA_ROOT     where the peers are (/var/tmp/peers/llama)
  COURTYARD_BENCH_MODELS   where models are kept (/var/tmp/courtyard-models; 9 GB for all)
  BENCH_MODELS   of qwen05b-q4_0 -q8_0 -q4_k -f16, qwen15b-q4_0 -q8_0 -q4_k (all)
  BENCH_PEERS    debian native ik (all there are)
  BENCH_THREADS  all processors;  BENCH_SECONDS 600: rounds go on until then, one at least
  BENCH_PROMPT 512, BENCH_GENERATE 64, BENCH_SEQUENCES 1,4,8
Exit status 1 where a perplexity is off by more than 0.1 %; ratios are only told.
"""
import json, os, shutil, statistics, subprocess, sys, tempfile, time

env = os.environ.get
here = os.path.dirname(os.path.abspath(__file__))
project = os.path.abspath(here + "/../../..")
root = env("COURTYARD_LLAMA_ROOT", "/var/tmp/peers/llama")
models_folder = env("COURTYARD_BENCH_MODELS", "/var/tmp/courtyard-models")
ours = env("COURTYARD", project + "/build/courtyard")
threads = int(env("BENCH_THREADS", len(os.sched_getaffinity(0))))
prompt, generate = env("BENCH_PROMPT", "512"), env("BENCH_GENERATE", "64")
sequences = env("BENCH_SEQUENCES", "1,4,8")
all_models = [f"{shape}-{kind}" for shape in ("qwen05b", "qwen15b")
              for kind in ("q4_0", "q8_0", "q4_k", "f16") if (shape, kind) != ("qwen15b", "f16")]

# The same measure for every peer, by the library's own interface.
PEER = r"""
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <llama.h>
static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}
static void quiet(enum ggml_log_level level, const char *text, void *ctx) {
    (void)ctx;
    if (level == GGML_LOG_LEVEL_ERROR) fputs(text, stderr);
}
static unsigned state = 1, words;
static struct llama_context *context;
static struct llama_batch batch;
static void clear(void) {
#ifdef IK
    llama_kv_cache_clear(context);
#else
    llama_memory_clear(llama_get_memory(context), 1);
#endif
}
static void row(int at, int position, int sequence, int logits) {
    state = state * 1664525u + 1013904223u;
    batch.token[at] = (state >> 8) % words, batch.pos[at] = position, batch.n_seq_id[at] = 1;
    batch.seq_id[at][0] = sequence, batch.logits[at] = logits;
}
static void step(int rows) {
    batch.n_tokens = rows;
    if (llama_decode(context, batch)) exit(3);
    llama_synchronize(context);
}
static double prompt(int count) {
    clear();
    double start = now_s();
    for (int at = 0; at < count; at += 512) {
        int rows = count - at < 512 ? count - at : 512;
        for (int i = 0; i < rows; i++) row(i, at + i, 0, at + i + 1 == count);
        step(rows);
    }
    return count / (now_s() - start);
}
static double decode(int sequences, int count) {
    clear();
    double start = now_s();
    for (int at = 0; at < count; at++) {
        for (int s = 0; s < sequences; s++) row(s, at, s, 1);
        step(sequences);
    }
    return sequences * count / (now_s() - start);
}
int main(int argc, char **argv) { // MODEL THREADS PROMPT GENERATE SEQUENCES...
    if (argc < 6) return 2;
    int most = 1, prompts = atoi(argv[3]), count = atoi(argv[4]);
    for (int i = 5; i < argc; i++) if (atoi(argv[i]) > most) most = atoi(argv[i]);
    llama_log_set(quiet, NULL);
    llama_backend_init();
    struct llama_model_params of_model = llama_model_default_params();
    struct llama_context_params of_context = llama_context_default_params();
    of_context.n_ctx = (most * (count + 64) > prompts + 64 ? most * (count + 64) : prompts + 64);
    of_context.n_ctx = (of_context.n_ctx + 255) / 256 * 256;
    of_context.n_batch = of_context.n_ubatch = 512;
    of_context.n_seq_max = most;
    of_context.n_threads = of_context.n_threads_batch = atoi(argv[2]);
#ifdef IK
    of_model.repack_tensors = true;
#else
    of_context.kv_unified = true;
    ggml_backend_load_all();
#endif
    double start = now_s();
    struct llama_model *model = llama_model_load_from_file(argv[1], of_model);
    if (!model || !(context = llama_init_from_model(model, of_context))) return 1;
    double load = now_s() - start;
    words = llama_vocab_n_tokens(llama_model_get_vocab(model));
    batch = llama_batch_init(512, 0, 1);
    prompt(32);
    printf("{\"load_s\":%.4f,\"tests\":[{\"test\":\"pp%d\",\"median\":%.3f}", load, prompts,
           prompt(prompts));
    for (int i = 5; i < argc; i++) {
        int n = atoi(argv[i]);
        printf(",{\"test\":\"tg%d%s", count, n > 1 ? " x " : "");
        if (n > 1) printf("%d", n);
        printf("\",\"median\":%.3f}", decode(n, count));
    }
    puts("]}");
}
"""
NATIVE = r"""
cmake_minimum_required(VERSION 3.14)
project(native C CXX)
set(CMAKE_CXX_STANDARD 17)
add_subdirectory(${SOURCE}/ggml ggml)
file(GLOB LLAMA ${SOURCE}/examples/talk-llama/llama*.cpp ${SOURCE}/examples/talk-llama/unicode*.cpp
     ${SOURCE}/examples/talk-llama/models/*.cpp)
add_library(llama SHARED ${LLAMA})
target_include_directories(llama PUBLIC ${SOURCE}/examples/talk-llama)
target_compile_definitions(llama PRIVATE LLAMA_VERSION="0.0.0")
target_link_libraries(llama PUBLIC ggml)
"""
OPTIONS = "-DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DGGML_BLAS=OFF -DLLAMA_CURL=OFF " \
          "-DLLAMA_BUILD_TESTS=OFF -DGGML_BUILD_TESTS=OFF -DGGML_BUILD_EXAMPLES=OFF"


# --- the peers -------------------------------------------------------------------------------------
def in_root(command, **kwargs):
    return subprocess.run(["chroot", root, "sh", "-ec", command], **kwargs)


def debian_make():
    mirror = ""
    for path in ["/etc/apt/sources.list"] + sorted(
            "/etc/apt/sources.list.d/" + f for f in os.listdir("/etc/apt/sources.list.d")):
        for line in open(path, errors="replace") if os.path.exists(path) else []:
            words = [w for w in line.split() if "://" in w]
            if words and not mirror and line.startswith(("URIs:", "deb ")):
                mirror = words[0]
    if not shutil.which("debootstrap"):
        subprocess.run(["apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "-y", "debootstrap"],
                       check=True)
    os.makedirs(os.path.dirname(root), exist_ok=True)
    packages = "llama.cpp,llama.cpp-tools-extra,libllama-dev,libggml-dev"
    subprocess.run(["debootstrap", "--variant=minbase", "--include=" + packages, "sid", root, mirror],
                   check=True)


def peer_compile(name, flags):
    source = f"/opt/courtyard/peer-{name}"
    open(f"{root}{source}.c", "w").write(PEER)
    in_root(f"gcc -O2 -o {source} {source}.c {flags} -lm", check=True)


def native_make(source):
    to = root + "/opt/courtyard/llama"
    if not os.path.exists(to):
        shutil.copytree(source, to, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    top, target, headers = "llama", "llama", "include"
    if os.path.exists(to + "/examples/talk-llama/llama.cpp"):
        os.makedirs(root + "/opt/courtyard/native", exist_ok=True)
        open(root + "/opt/courtyard/native/CMakeLists.txt", "w").write(NATIVE)
        top, headers = "native", "examples/talk-llama"
    in_root(f"cd /opt/courtyard; cmake -G Ninja -S {top} -B native-build {OPTIONS} "
            f"-DSOURCE=/opt/courtyard/llama; ninja -C native-build {target}", check=True)
    peer_compile("native", f"-I/opt/courtyard/llama/{headers} -I/opt/courtyard/llama/ggml/include "
                 "-Wl,-rpath,/opt/courtyard/native-build:/opt/courtyard/native-build/bin "
                 "$(find /opt/courtyard/native-build -name 'lib*.so' | tr '\\n' ' ')"
                 " -Wl,-rpath,/opt/courtyard/native-build/ggml/src")


def ik_make(source):
    to = root + "/opt/courtyard/ik"
    if not os.path.exists(to):
        shutil.copytree(source, to, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    in_root(f"cd /opt/courtyard/ik; cmake -G Ninja -B build {OPTIONS} -DBUILD_SHARED_LIBS=ON "
            "-DGGML_IQK_FA_ALL_QUANTS=OFF; ninja -C build llama", check=True)
    peer_compile("ik", "-DIK -I/opt/courtyard/ik/include -I/opt/courtyard/ik/ggml/include "
                 "-Wl,-rpath,/opt/courtyard/ik/build/src:/opt/courtyard/ik/build/ggml/src "
                 "/opt/courtyard/ik/build/src/libllama.so /opt/courtyard/ik/build/ggml/src/libggml.so")


def setup():
    if not os.path.exists(root + "/usr/include/llama.h"):
        debian_make()
    in_root("command -v g++ cmake ninja >/dev/null || { apt-get update -q; apt-get install -y -q "
            "--no-install-recommends gcc g++ cmake ninja-build; }", check=True)
    os.makedirs(root + "/opt/courtyard", exist_ok=True)
    peer_compile("debian", "-lllama -lggml -lggml-base")
    for variable, make in (("COURTYARD_LLAMA_SOURCE", native_make), ("COURTYARD_IK_SOURCE", ik_make)):
        if env(variable):
            make(env(variable))
        else:
            print(f"{variable} is not set: left out")


# --- the models ------------------------------------------------------------------------------------
def model_make(name):
    shape, kind = name.split("-")
    path, whole = f"{models_folder}/{name}.gguf", f"{models_folder}/{shape}-f16.gguf"
    os.makedirs(models_folder, exist_ok=True)
    if not os.path.exists(whole) and not os.path.exists(path):
        subprocess.run(["make", "-s", "-C", project, "VARIANT=x86_64",
                        "build/x86_64/bench/random_model"], check=True)
        subprocess.run([project + "/build/x86_64/bench/random_model", shape, whole], check=True)
    if not os.path.exists(path):
        subprocess.run([ours, "model", "quantise", whole, path, "--type", kind], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return path


def inside(path):
    """The model's path in the peers' folder: a mount would outlive us, a hard link costs nothing."""
    to = f"{root}/opt/courtyard/{os.path.basename(path)}"
    if not os.path.exists(to):
        try:
            os.link(path, to)
        except OSError:
            shutil.copy(path, to)
    return to[len(root):]


# --- measuring -------------------------------------------------------------------------------------
def run(who, path):
    if who == "ours":
        command = [ours, "bench", "language", path, "--json", "--runs", "1", "--threads",
                   str(threads), "--prompt", prompt, "--generate", generate, "--sequences", sequences]
    else:
        command = ["chroot", root, f"/opt/courtyard/peer-{who}", inside(path), str(threads), prompt,
                   generate, *sequences.split(",")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"   {who} failed on {os.path.basename(path)} ({done.returncode}): "
              f"{done.stderr.strip()[-200:]}", flush=True)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def measure(models, whos):
    """found[model][who][test] = values; rounds until the time is used up."""
    found = {m: {w: {} for w in whos} for m in models}
    end, rounds, longest = time.time() + float(env("BENCH_SECONDS", "600")), 0, 0
    while rounds == 0 or time.time() + longest < end:
        start = time.time()
        for m in models:
            for w in whos[rounds % len(whos):] + whos[:rounds % len(whos)]:
                answer = run(w, f"{models_folder}/{m}.gguf")
                if not answer:
                    continue
                values = {t["test"]: t["median"] for t in answer["tests"]}
                values["load, s"] = answer["load_s"]
                for t in answer["tests"]:
                    if "memory_share" in t:
                        values[t["test"] + " of memory"] = t["memory_share"]
                if w == "ours":
                    held = answer["anonymous_bytes"] + answer["mapped_bytes"]
                    values["memory / weights"] = held / answer["weight_bytes"]
                    values["memory read, GB/s"] = answer["memory_bytes_s"] / 1e9
                for test, value in values.items():
                    found[m][w].setdefault(test, []).append(value)
        rounds, longest = rounds + 1, max(longest, time.time() - start)
    return found, rounds


def tell(found, whos):
    peers = [w for w in whos if w != "ours"]
    head = ["model", "test", "ours"] + [c for p in peers for c in (p, "ratio")]
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for m, of in found.items():
        for test in of["ours"]:
            mine = statistics.median(of["ours"][test])
            cells = [m, test, f"{mine:.2f}"]
            for p in peers:
                values = of[p].get(test)
                theirs = statistics.median(values) if values else None
                cells += [f"{theirs:.2f}", f"{mine / theirs:.2f}"] if theirs else ["", ""]
            print("| " + " | ".join(cells) + " |")
        single = of["ours"].get(f"tg{generate}")
        for n in sequences.split(","):
            many = of["ours"].get(f"tg{generate} x {n}")
            if single and many:
                ratio = statistics.median(many) / statistics.median(single)
                print(f"| {m} | {n} texts at once / one | {ratio:.2f} |" + " |" * 2 * len(peers))


def perplexities(models):
    """Ours and Debian's llama.cpp on the same text: the same logits give the same figure."""
    text = "".join(f"The {i}th of {i * i} lines is about the number {i * 7919 % 1000}.\n"
                   for i in range(60))
    worst = 0
    with tempfile.NamedTemporaryFile("w", dir=root + "/opt/courtyard", suffix=".txt") as file:
        file.write(text)
        file.flush()
        for m in models:
            path = f"{models_folder}/{m}.gguf"
            mine = subprocess.run([ours, "perplexity", path, file.name, "--context", "256",
                                   "--chunks", "2", "--json"], capture_output=True, text=True)
            theirs = in_root(f"llama-perplexity -m {inside(path)} -f {file.name[len(root):]} -c 256 "
                             f"-b 256 --chunks 2 -t {threads} 2>&1", capture_output=True, text=True)
            line = [l for l in theirs.stdout.splitlines() if "Final estimate" in l]
            if mine.returncode or not line:
                print(f"perplexity of {m}: not compared {mine.stderr.strip()[-200:]}")
                continue
            a = json.loads(mine.stdout)["perplexity"]
            b = float(line[0].split("PPL = ")[1].split()[0])
            worst = max(worst, abs(a / b - 1))
            print(f"perplexity of {m}: {a:.2f}, llama.cpp {b:.2f} ({100 * (a / b - 1):+.3f} %)")
    return worst


def main():
    if "--setup" in sys.argv:
        return setup()
    models = env("BENCH_MODELS", " ".join(all_models)).split()
    for m in models:
        model_make(m)
    there = [p for p in ("debian", "native", "ik") if os.path.exists(f"{root}/opt/courtyard/peer-{p}")]
    peers = [p for p in env("BENCH_PEERS", " ".join(there)).split() if p in there]
    if not peers:
        print(f"no peers in {root}: ours alone; make them with {sys.argv[0]} --setup")
    found, rounds = measure(models, ["ours"] + peers)
    print(f"{threads} threads, {rounds} rounds, medians; tokens a second unless said otherwise")
    tell(found, ["ours"] + peers)
    if peers and perplexities(models) > 1e-3:
        sys.exit(1)


main()
