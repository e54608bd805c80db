#!/usr/bin/env python3
"""What the binary does with input that is made to hurt: time, peak memory, what it says.

Ends with status 1 if anything crashes, takes more than a gigabyte, or leaves a file behind.
"""
import gzip
import os
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zlib

BINARY = os.environ.get("COURTYARD", "build/courtyard")


def member(name, packed, size, crc, method=8):
    """Both headers of a member, for an archive that may lie."""
    about = struct.pack("<HHHIIIIHH", 20, 0, method, 0x210000, crc, len(packed), size, len(name), 0)
    local = b"PK\3\4" + about + name
    central = b"PK\1\2" + struct.pack("<H", 20) + about + struct.pack("<HHHI", 0, 0, 0, 0)
    return local, central, name


def archive(members):
    """members: (name, packed, size, crc, method)"""
    out, directory, count = b"", b"", 0
    for name, packed, size, crc, method in members:
        local, central, name = member(name, packed, size, crc, method)
        directory += central + struct.pack("<I", len(out)) + name
        out += local + packed
        count += 1
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(out), 0)
    return out + directory + b"PK\5\6" + end


def stored(name, data):
    return (name, data, len(data), zlib.crc32(data), 0)


def deflated(name, data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (name, packer.compress(data) + packer.flush(), len(data), zlib.crc32(data), 8)


def repeated(name, head, block, times, tail):
    """A member of `times` blocks without holding them: a full flush makes each stand alone."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.compress(tail) + packer.flush()
    size = len(head) + len(block) * times + len(tail)
    return (name, first + again * times + last, min(size, 0xFFFFFFFE), 0, 8)


def workbook(sheet, strings=None):
    rels = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/"
    members = [
        deflated(b"[Content_Types].xml", b"<Types/>"),
        deflated(b"xl/workbook.xml", b'<workbook><sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>'),
        deflated(b"xl/_rels/workbook.xml.rels", b'<Relationships><Relationship Id="r1" Type="' + rels +
                 b'worksheet" Target="worksheets/sheet1.xml"/></Relationships>'),
        sheet,
    ]
    if strings:
        members.append(strings)
    return archive(members)


SHEET = b"xl/worksheets/sheet1.xml"
HEAD = b'<worksheet><sheetData><row><c t="str"><v>a</v></c><c><v>1</v></c></row><row><c t="str"><v>b</v></c><c><v>2</v></c></row>'
TAIL = b"</sheetData></worksheet>"


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def sparse(path, size):
    with open(path, "wb") as file:
        file.write(b"a,b\n1,")
        file.truncate(size)


def packed_line(path, size):
    with gzip.open(path, "wb", 1) as file:
        file.write(b"a,b\n1,")
        block = b"x" * (1 << 20)
        for _ in range(size >> 20):
            file.write(block)


def wide(path, columns):
    line = b",".join(b"c%d" % i for i in range(columns)) + b"\n"
    write(path, line + b",".join(b"1" for _ in range(columns)) + b"\n")


def bomb():
    block = b"1,2\n" * (1 << 18)
    return archive([repeated(b"a.csv", b"a,b\n", block, 4000, b"")])


def overlapping():
    local, _, name = member(b"a.csv", b"a,b\n1,2\n" * 1000, 8000, 0, 0)
    data, directory = local + b"a,b\n1,2\n" * 1000, b""
    for i in range(1000):
        name = b"%05d" % i
        about = struct.pack("<HHHIIIIHH", 20, 0, 0, 0x210000, 0, 8000, 8000, 5, 0)
        directory += b"PK\1\2" + struct.pack("<H", 20) + about + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = struct.pack("<HHHHIIH", 0, 0, 1000, 1000, len(directory), len(data), 0)
    return data + directory + b"PK\5\6" + end


def nested():
    inner = archive([deflated(b"a.csv", b"a,b\n1,2\n")])
    return archive([stored(b"inner.zip", inner)])


CASES = [
    ("a line of 2 GB, sparse", "l.csv", lambda p: sparse(p, 2 << 30)),
    ("a line of 2 GB, packed", "l.csv.gz", lambda p: packed_line(p, 2 << 30)),
    ("a line of text of 2 GB", "l.txt", lambda p: write(p, b"") or sparse(p, 2 << 30)),
    ("a JSON line of 2 GB", "l.jsonl.gz", lambda p: gzip.open(p, "wb", 1).write(b'{"a":"' + b"x" * (64 << 20))),
    ("NUL in a cell", "n.csv", lambda p: write(p, b"a,b\n1,x\0y\n2,z\n")),
    ("broken GB18030 pairs", "g.csv", lambda p: write(p, b"\xd0\xd5\xc3\xfb,b\n\xd5\xc5\xc8\xfd,1\n\xd5\xff,2\n\xc0\xee\x81\n\xc0\xee\xcb\xc4,4\n" * 50)),
    ("40,000 columns", "w.csv", lambda p: wide(p, 40000)),
    ("a zip of 4 MB that swells to 4 GB", "b.zip", lambda p: write(p, bomb())),
    ("a zip whose members share bytes", "o.zip", lambda p: write(p, overlapping())),
    ("a zip in a zip", "z.zip", lambda p: write(p, nested())),
    ("a workbook of a billion empty rows", "r.xlsx",
     lambda p: write(p, workbook(repeated(SHEET, HEAD, b"<row/>" * 100000, 10000, TAIL)))),
    ("a workbook that claims row 1,073,741,824", "c.xlsx",
     lambda p: write(p, workbook(deflated(SHEET, HEAD + b'<row r="1073741824"/>' + TAIL)))),
    ("a million rows of 16,384 empty cells", "e.xlsx",
     lambda p: write(p, workbook(repeated(SHEET, HEAD, b"<row>" + b"<c/>" * 16384 + b"</row>", 60000, TAIL)))),
    ("a workbook with a billion shared strings", "s.xlsx",
     lambda p: write(p, workbook(deflated(SHEET, HEAD + TAIL),
                                 repeated(b"xl/sharedStrings.xml", b"<sst>", b"<si/>" * 100000, 8000, b"</sst>")))),
    ("a sheet nested 100,000 deep", "d.xlsx",
     lambda p: write(p, workbook(deflated(SHEET, b"<a>" * 100000)))),
    ("HTML tables nested 100,000 deep", "d.html", lambda p: write(p, b"<table><tr><td>" * 100000)),
    ("an HTML row that spans 10^9 columns", "h.html",
     lambda p: write(p, b"<table><tr><td colspan=1000000000 rowspan=1000000000>a<td>b" + b"<tr><td>1<td>2" * 1000 + b"</table>")),
]


def run(folder, name):
    table = os.path.join(folder, "out.table")
    started = time.monotonic()
    child = subprocess.Popen([BINARY, "import", name, "-o", table, "--lang", "en"], cwd=folder,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = child.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.monotonic() - started
    left = [f for f in os.listdir(folder) if f != name and f != "out.table"]
    made = os.path.exists(table)
    if made:
        os.remove(table)
    lines = [l for l in said.replace("\r", "\n").split("\n") if l.strip() and "\x1b" not in l]
    return os.waitstatus_to_exitcode(status), seconds, usage, lines[-3:], left, made


def main():
    global BINARY
    BINARY = os.path.abspath(BINARY)
    bad = 0
    print("what | s | cpu s | MB | answer")
    for what, name, make in CASES:
        if len(sys.argv) > 1 and sys.argv[1] not in what:
            continue
        with tempfile.TemporaryDirectory() as folder:
            if os.fork() == 0:  # what it needs must not count as the binary's
                make(os.path.join(folder, name))
                os._exit(0)
            os.wait()
            code, seconds, usage, said, left, made = run(folder, name)
            wrong = code not in (0, 1) or usage.ru_maxrss > 1 << 20 or left or made != (code == 0)
            bad += bool(wrong)
            cpu = usage.ru_utime + usage.ru_stime
            print(f"{what} | {seconds:.2f} | {cpu:.2f} | {usage.ru_maxrss / 1024:.0f} | "
                  f"{'WRONG ' if wrong else ''}{code}: {' / '.join(s.strip() for s in said)[:220]}", flush=True)
    return 1 if bad else 0


sys.exit(main())
