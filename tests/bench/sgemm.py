"""Our product of 32-bit floats beside OpenBLAS's sgemm, in turn, on the same sizes and threads, and
beside what the machine multiplies and adds in registers:
  ./build.sh bench sgemm
Told by the clock and by the processor's time, which other work on the machine changes less.
  BENCH_OPENBLAS  the library (Debian's libopenblas0-pthread): libopenblas.so.0
  BENCH_THREADS   1,2    BENCH_SIZES 512,768,1024,1536,2048    BENCH_ROUNDS 7
"""
import ctypes
import os
import statistics
import subprocess
import sys
import time

SIZES = [int(n) for n in os.environ.get("BENCH_SIZES", "512,768,1024,1536,2048").split(",")]
THREADS = [int(n) for n in os.environ.get("BENCH_THREADS", "1,2").split(",")]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))
ROW_MAJOR, AS_IS, TURNED = 101, 111, 112


def openblas():
    try:
        return ctypes.CDLL(os.environ.get("BENCH_OPENBLAS", "libopenblas.so.0"))
    except OSError:
        print("there is no OpenBLAS: Debian's libopenblas0-pthread has it, or BENCH_OPENBLAS names it")
        sys.exit(0)


class Peer:
    def __init__(self, library, threads):
        self.library = library
        library.openblas_set_num_threads(threads)
        most = max(SIZES) ** 2
        self.arrays = [(ctypes.c_float * most)() for _ in range(3)]
        for array in self.arrays[:2]:
            for i in range(1999):
                array[i] = (i * 7919 % 1999) / 999 - 1
            for at in range(1999, most, 1999):
                length = min(1999, most - at)
                ctypes.memmove(ctypes.byref(array, 4 * at), array, 4 * length)

    def run(self, size):
        one, zero, a, b, c = ctypes.c_float(1), ctypes.c_float(0), *self.arrays
        for _ in range(2):  # the first warms
            cpu, start = time.process_time(), time.perf_counter()
            self.library.cblas_sgemm(ROW_MAJOR, AS_IS, TURNED, size, size, size, one, a, size, b, size, zero, c, size)
            took = time.perf_counter() - start, time.process_time() - cpu
        time.sleep(0.1)  # its threads wait busily for a while
        return took


def main():
    library = openblas()
    subprocess.run(["make", "-s", "VARIANT=x86_64", "build/x86_64/bench/sgemm_ours"], check=True)
    for threads in THREADS:
        ours = subprocess.Popen(["build/x86_64/bench/sgemm_ours", str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        peer = Peer(library, threads)
        for size in SIZES:
            told = []
            for _ in range(ROUNDS):
                ours.stdin.write(f"{size}\n")
                ours.stdin.flush()
                wall, cpu, peak = (float(number) for number in ours.stdout.readline().split())
                told.append((wall, cpu, peak, *peer.run(size)))
            operations = 2 * size**3 / 1e9
            wall, cpu, peak, peer_wall, peer_cpu = (statistics.median(column) for column in zip(*told))
            best, peer_best = (min(row[i] for row in told) for i in (1, 4))
            top = max(row[2] for row in told) / 1e9
            print(f"{threads} threads, {size:4}: ours {operations / wall:6.1f} GFLOP/s, OpenBLAS {operations / peer_wall:6.1f}, ratio {peer_wall / wall:.2f}; "
                  f"a processor second {operations / cpu:6.1f}, {operations / peer_cpu:6.1f}, ratio {peer_cpu / cpu:.2f}; "
                  f"best {operations / best:6.1f}, {operations / peer_best:6.1f}, of the peak {operations / best / top:.2f}, {operations / peer_best / top:.2f} ({top:.0f})", flush=True)
        ours.stdin.close()
        ours.wait()


main()
