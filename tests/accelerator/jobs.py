#!/usr/bin/env python3
"""Jobs on the accelerators of this machine, by the real binary: who is given one computes on it, who
is not cannot open it, shares run side by side, whole ones take turns, one that gives way or is
stopped leaves the memory of the device free. Driver: CUDA's (libcuda), by ctypes alone.

usage: tests/accelerator/jobs.py [BINARY]      as root, its last line `N passed, N failed`
"""
import glob, json, os, re, shutil, ssl, subprocess, sys, tempfile, time, urllib.error, urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "../../build/courtyard")
NODES = sorted(glob.glob("/dev/nvidia[0-9]*"))
PYTHON = os.path.realpath(shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") or sys.executable)

# What the jobs run. take(share): that part of the device's memory, written and read back there.
PROGRAM = r"""
import ctypes, os, signal, sys, time
def cuda():
    for name in ("libcuda.so.1", "/usr/local/nvidia/lib64/libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libcuda.so.1"):
        try: return ctypes.CDLL(name)
        except OSError as error: said = error
    raise said
def call(function, *arguments):
    status = function(*arguments)
    if status: raise SystemExit(f"{function.__name__}: {status}")
def take(share):
    driver, device, context = cuda(), ctypes.c_int(), ctypes.c_void_p()
    call(driver.cuInit, 0)
    call(driver.cuDeviceGet, ctypes.byref(device), 0)
    call(driver.cuDevicePrimaryCtxRetain, ctypes.byref(context), device)
    call(driver.cuCtxSetCurrent, context)
    free, total, memory = ctypes.c_size_t(), ctypes.c_size_t(), ctypes.c_uint64()
    call(driver.cuMemGetInfo_v2, ctypes.byref(free), ctypes.byref(total))
    size = int(total.value * share) // 4 * 4
    call(driver.cuMemAlloc_v2, ctypes.byref(memory), ctypes.c_size_t(size))
    call(driver.cuMemsetD32_v2, memory, ctypes.c_uint(0xC0FFEE), ctypes.c_size_t(size // 4))
    back = (ctypes.c_uint * 1024)()
    call(driver.cuMemcpyDtoH_v2, back, ctypes.c_uint64(memory.value + size - 4096), ctypes.c_size_t(4096))
    print("took", size >> 20, "right", all(one == 0xC0FFEE for one in back), flush=True)
"""
DENIED = r"""
for name in sys.argv[1:]:
    try: os.close(os.open(name, os.O_RDWR)); print("opened", name)
    except OSError as error: print("refused", name, error.errno)
try: print("init", cuda().cuInit(0))
except OSError: print("init", "no driver")
print("devices", os.environ.get("COURTYARD_DEVICES"))
"""
# Keeps a count where the next attempt finds it, gives way when asked.
YIELDING = r"""
count = int(open("count").read()) if os.path.exists("count") else 0
print("from", count, flush=True)
take(0.8)
asked = []
signal.signal(signal.SIGUSR1, lambda *_: asked.append(1))
while not asked and count < 60:
    time.sleep(0.1); count += 1
open("count", "w").write(str(count))
print("at", count, flush=True)
sys.exit(75 if asked else 0)
"""

counts = {"passed": 0, "failed": 0}
def check(what, right, seen=""):
    if not isinstance(seen, str):
        seen = re.sub(r"\"program\": \{.*?\}", "", json.dumps(seen)) # without the text of the program
    counts["passed" if right else "failed"] += 1
    print("ok" if right else "NOT OK", "-", what, "" if right else f": {seen}", flush=True)


class Box:
    """The service on a folder of its own; one person's session at a time in `cookie`."""
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="courtyard-accelerator-")
        self.log = os.path.join(self.folder, "serve.log")
        self.process = subprocess.Popen([BINARY, "serve", "--data", self.folder, "--commands",
            "--listen", "127.0.0.1:0", "--job-user", "nobody"], stdout=subprocess.PIPE,
            stderr=open(self.log, "w"), env={**os.environ, "LANG": "en_US.UTF-8"}, text=True)
        said = ""
        while "setup code" not in said:
            line = self.process.stdout.readline()
            if not line: sys.exit("the service did not start: " + open(self.log).read())
            said += line
        self.base = "https://127.0.0.1:" + re.search(r"https://\S*?:(\d+)/", said)[1]
        self.code = re.search(r"setup code (\S+)", said)[1]
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Person:
    def __init__(self, box):
        self.box, self.cookie = box, None
    def ask(self, method, target, body=None):
        request = urllib.request.Request(self.box.base + "/api/v1" + target, method=method,
            data=None if body is None else json.dumps(body).encode(), headers={"x-courtyard": "1", "content-type": "application/json"})
        if self.cookie: request.add_header("cookie", self.cookie)
        try:
            answer = urllib.request.urlopen(request, context=self.box.tls, timeout=30)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {target}: {error.code} {error.read().decode()}")
        if answer.headers.get("set-cookie"): self.cookie = answer.headers["set-cookie"].split(";")[0]
        text = answer.read().decode()
        return json.loads(text) if text else None
    def job(self, program, device_milli, arguments=(), **more):
        resources = {"cpu_milli": 500, "memory_bytes": 4 << 30, "disk_bytes": 1 << 20, "device_milli": device_milli}
        return self.ask("POST", "/jobs", {"command": [PYTHON, "-c", PROGRAM + program, *arguments],
            "resources": resources, "time_limit_ms": 120000, **more})["id"]
    def show(self, job):
        return self.ask("GET", f"/jobs/{job}")
    def log(self, job):
        return self.ask("GET", f"/jobs/{job}/log")["text"]
    def until(self, job, done, seconds=60):
        for _ in range(seconds * 20):
            seen = self.show(job)
            if done(seen): return seen
            if seen["state"] in ("failed", "cancelled"): break
            time.sleep(0.05)
        raise SystemExit(f"job {job} does not get there: {seen['state']} {seen['fault']}\n{self.log(job)}")
    def end(self, job):
        return self.until(job, lambda seen: seen["state"] in ("done", "failed", "cancelled"))


def person(box, admin, name, roles, department):
    made = admin.ask("POST", "/people", {"name": name, "display_name": name, "department": department})
    admin.ask("PATCH", f"/people/{made['person']['id']}", {"roles": roles})
    one = Person(box)
    one.ask("POST", "/session", {"name": name, "password": made["one_time_password"]})
    one.ask("POST", "/me/password", {"old": made["one_time_password"], "new": f"battery staple {name}"})
    one.ask("POST", "/session", {"name": name, "password": f"battery staple {name}"})
    return one


def computes(box, low):
    job = low.job("take(0.5)\nprint('devices', os.environ['COURTYARD_DEVICES'], 'user', os.getuid())", 1000)
    seen, log = low.end(job), low.log(job)
    print(f"  {seen['confine']}, {seen['ended_ms'] - seen['started_ms']} ms: {log.strip()}")
    check("a job that is given a device computes on it", seen["state"] == "done" and "right True" in log, (seen, log))
    check("and is told which, under its own user", re.search(r"devices /dev/nvidia\d+ user (?!0\b)\d+", log), log)
    job = low.job(DENIED, 0, sorted(glob.glob("/dev/nvidia*")))
    seen, log = low.end(job), low.log(job)
    print("  without: " + " | ".join(log.split("\n")))
    check("a job that is given none opens none", "opened" not in log and "refused" in log, log)
    check("and its driver finds none", re.search(r"init (?!0\b)", log) and "devices None" in log, log)


def shares(box, low):
    halves = [low.job("take(0.3)\ntime.sleep(3)", 500) for _ in range(2)]
    a, b = (low.end(job) for job in halves)
    both = min(a["ended_ms"], b["ended_ms"]) - max(a["started_ms"], b["started_ms"])
    check("two halves of one device run side by side", len(NODES) > 1 or both > 1000, (a, b))
    whole = [low.job("take(0.6)\ntime.sleep(2)", 1000) for _ in range(len(NODES) + 1)]
    low.until(whole[0], lambda seen: seen["state"] == "running")
    time.sleep(0.5)
    waits = [low.show(job) for job in whole if low.show(job)["state"] == "queued"]
    check("one whole job more than there are devices waits, and says for what",
        len(waits) == 1 and waits[0]["reason"] == "device" and waits[0]["blocker"], waits)
    ends = [low.end(job) for job in whole]
    check("and begins when one has ended", all(end["state"] == "done" for end in ends) and
        ends[-1]["started_ms"] >= min(end["ended_ms"] for end in ends[:-1]), ends)


def stopped(box, low):
    job = low.job("take(0.8)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(100)", 1000)
    low.until(job, lambda seen: seen["state"] == "running" and "took" in low.log(job))
    low.ask("POST", f"/jobs/{job}/cancel", {})
    check("one that will not end is stopped", low.end(job)["state"] == "cancelled")
    job = low.job("take(0.8)", 1000)
    check("and its memory on the device is free again", low.end(job)["state"] == "done", low.log(job))


def gives_way(box, admin, low, high):
    policy = admin.ask("GET", "/policy")
    next(one for one in policy["tenants"] if one["name"] == "emergency")["quota"] = policy["capacity"]
    admin.ask("POST", "/policy", {**{key: policy[key] for key in ("version", "rate_micro", "utc_offset_minutes", "tenants")}, "note": ""})
    job = low.job(YIELDING, 1000, checkpoint_ms=2000)
    low.until(job, lambda seen: seen["state"] == "running" and "took" in low.log(job))
    urgent = high.job("take(0.8)", 1000)
    ended = high.end(urgent)
    print(f"  its right was had {ended['started_ms'] - ended['created_ms']} ms after it was asked for")
    check("a department with a right to the device gets it, its memory free", ended["state"] == "done", high.log(urgent))
    seen, log = low.end(job), low.log(job)
    kept = re.search(r"at (\d+)", log)[1]
    check("who gave way goes on from where it was", seen["paused"] >= 1 and f"from {kept}" in log and seen["state"] == "done", (seen, log))


def main():
    if not NODES:
        print("skipped: no /dev/nvidia* on this machine\n0 passed, 0 failed")
        return 0
    box = Box()
    try:
        admin = Person(box)
        admin.ask("POST", "/setup", {"code": box.code, "name": "admin", "display_name": "admin", "password": "correct horse 1"})
        low = person(box, admin, "low", ["research"], "medicine")
        high = person(box, admin, "high", ["research"], "emergency")
        resources = admin.ask("GET", "/resources")
        print("  capacity", json.dumps(resources["capacity"]), "of", NODES)
        check("each device is counted", resources["capacity"]["device_milli"] == 1000 * len(NODES), resources["capacity"])
        computes(box, low)
        shares(box, low)
        stopped(box, low)
        gives_way(box, admin, low, high)
    finally:
        box.stop()
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 1 if counts["failed"] else 0


sys.exit(main())
