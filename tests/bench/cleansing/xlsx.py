#!/usr/bin/env python3
"""XLSX: random tables that openpyxl and xlsxwriter write are read back equal; rows a second beside
openpyxl (read_only) in the same run.  --setup installs both (Debian); --property TABLES only that.
"""
import datetime
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

if "--setup" in sys.argv:
    sys.exit(subprocess.call(["apt-get", "install", "-y", "python3-openpyxl", "python3-xlsxwriter"]))
try:
    import openpyxl
    import xlsxwriter
except ImportError:
    print("skipped: python3-openpyxl and python3-xlsxwriter are not here (--setup installs them)")
    sys.exit(0)

BINARY = os.path.abspath(os.environ.get("COURTYARD", "build/courtyard"))
WORDS = ["张三", "高血压，2型糖尿病", 'say "x"', "a,b", "多\n行", "<b>&amp;", "0012", "x" * 300, "тест", "日本語🙂", "'", "=1"]


def courtyard(*arguments):
    done = subprocess.run([BINARY, *arguments, "--lang", "en"], capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)


# ---- random tables ------------------------------------------------------------------------------

def column(rng, kind, rows):
    make = {
        "text": lambda: rng.choice(WORDS) + str(rng.randrange(1000)) + "号",
        "integer": lambda: rng.randrange(-10**9, 10**12),
        "number": lambda: rng.choice([rng.random(), rng.random() * 10**rng.randrange(-12, 15), -0.5]),
        "boolean": lambda: rng.random() < 0.5,
        "date": lambda: datetime.date(1901, 1, 1) + datetime.timedelta(days=rng.randrange(60000)),
        "time": lambda: datetime.datetime(1950, 1, 1) + datetime.timedelta(seconds=rng.randrange(3 * 10**9)),
    }[kind]
    # The first row is whole, so that the kind is plain.
    return [make() if i == 0 or rng.random() < 0.85 else None for i in range(rows)]


def table(rng):
    kinds = [rng.choice(["text", "integer", "number", "boolean", "date", "time"]) for _ in range(rng.randrange(2, 9))]
    rows = rng.randrange(3, 60)
    names = [f"{kind}_列{i}" for i, kind in enumerate(kinds)]
    return names, kinds, list(zip(*[column(rng, kind, rows) for kind in kinds]))


def by_openpyxl(path, names, kinds, rows):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(names)
    for row in rows:
        sheet.append(row)
        for cell, kind in zip(sheet[sheet.max_row], kinds):
            if kind == "text" and cell.value is not None:
                cell.data_type = "s"
    book.save(path)


def by_xlsxwriter(path, names, kinds, rows, strings):
    book = xlsxwriter.Workbook(path, {"constant_memory": not strings})
    sheet = book.add_worksheet("数据")
    day = book.add_format({"num_format": 'yyyy"年"m"月"d"日"'})
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    sheet.write_row(0, 0, names)
    for r, row in enumerate(rows, 1):
        for c, (value, kind) in enumerate(zip(row, kinds)):
            if value is None:
                continue
            if kind == "text":
                sheet.write_string(r, c, value)
            elif kind == "date":
                sheet.write_datetime(r, c, datetime.datetime.combine(value, datetime.time()), day)
            elif kind == "time":
                sheet.write_datetime(r, c, value, moment)
            elif kind == "boolean":
                sheet.write_boolean(r, c, value)
            else:
                sheet.write_number(r, c, value)
    book.close()


def want(value, kind):
    if value is None:
        return None
    if kind == "date":
        return value.isoformat()
    if kind == "time":
        return value.isoformat(sep=" ")
    return value


def same(got, wanted, kind):
    if kind == "number" and got is not None and wanted is not None:
        return abs(got - wanted) <= 1e-15 * abs(wanted) * 2  # xlsxwriter writes 16 digits
    if kind == "text" and got is not None:
        got = str(got)
    if kind in ("date", "time") and got is not None:
        return got[:19].removesuffix(" 00:00:00") == wanted[:19].removesuffix(" 00:00:00")
    return got == wanted


def check(folder, seed):
    rng = random.Random(seed)
    names, kinds, rows = table(rng)
    path = os.path.join(folder, "t.xlsx")
    writers = {
        "openpyxl": lambda: by_openpyxl(path, names, kinds, rows),
        "xlsxwriter": lambda: by_xlsxwriter(path, names, kinds, rows, True),
        "xlsxwriter inline": lambda: by_xlsxwriter(path, names, kinds, rows, False),
    }
    # A row of nothing is no row.
    wanted = [[want(v, k) for v, k in zip(row, kinds)] for row in rows if any(v is not None for v in row)]
    for name, write in writers.items():
        write()
        courtyard("export", path, "-o", os.path.join(folder, "t.jsonl"))
        with open(os.path.join(folder, "t.jsonl"), encoding="utf-8") as lines:
            got = [list(json.loads(line).values()) for line in lines]
        assert len(got) == len(wanted), (seed, name, len(got), len(wanted))
        for r, (a, b) in enumerate(zip(got, wanted)):
            for c, kind in enumerate(kinds):
                assert same(a[c], b[c], kind), (f"seed {seed}", name, f"row {r}", names[c], a[c], b[c])


def property_holds(count):
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(count):
            check(folder, seed)
    print(f"{count} random tables by 3 writers are read back equal")


# ---- speed --------------------------------------------------------------------------------------

def make_large(path, rows):
    rng = random.Random(1)
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["id", "name", "sex", "age", "day", "diagnosis", "x", "y", "z", "note"])
    for i in range(rows):
        sheet.write_row(i + 1, 0, [
            i, rng.choice(["张三", "李四", "王小明"]) + str(i % 1000), rng.choice("男女"), rng.randint(1, 99),
            "2024-01-%02d" % rng.randint(1, 28), "高血压，2型糖尿病", rng.random(), rng.random() * 100,
            rng.randint(0, 10**6), "病人主诉头痛三天%d" % rng.randint(0, 10**6)])
    book.close()


def ours(path, table):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    courtyard("import", path, "-o", table)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - started, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def theirs(path):
    started, cpu = time.monotonic(), time.process_time()
    book = openpyxl.load_workbook(path, read_only=True)
    cells = sum(len(row) for row in book.active.iter_rows(values_only=True))
    book.close()
    assert cells > 0
    return time.monotonic() - started, time.process_time() - cpu


def median(values):
    return sorted(values)[len(values) // 2]


def bench(rows, rounds):
    with tempfile.TemporaryDirectory() as folder:
        path, table = os.path.join(folder, "large.xlsx"), os.path.join(folder, "large.table")
        make_large(path, rows)
        megabytes = os.path.getsize(path) / 1e6
        a, b = [], []
        for _ in range(rounds):
            a.append(ours(path, table))
            b.append(theirs(path))
        mine, peer = [[median([run[i] for run in runs]) for i in (0, 1)] for runs in (a, b)]
        print(f"what ({rows} rows of 10 cells, {megabytes:.1f} MB; import against reading only) | ours | openpyxl | ratio")
        for i, what in ((0, "rows/s"), (1, "rows/s of one core")):
            print(f"{what} | {rows / mine[i]:.0f} | {rows / peer[i]:.0f} | {peer[i] / mine[i]:.1f}")
        print(f"MB/s of XLSX | {megabytes / mine[0]:.1f} | {megabytes / peer[0]:.1f} | {peer[0] / mine[0]:.1f}")


def main():
    if "--property" in sys.argv:
        return property_holds(int(sys.argv[sys.argv.index("--property") + 1]))
    property_holds(20)
    bench(int(os.environ.get("ROWS", "100000")), 3)


main()
