// FAT file systems that lie in files, by mtools: sticks, slots, and the partitions of a disk.
import { execFileSync } from "node:child_process";

const options = { env: { ...process.env, MTOOLS_SKIP_CHECK: "1" }, maxBuffer: 2 ** 28 };

// One of mtools with what it is given; what it says, as bytes.
export function fat(...words) {
    return execFileSync(words[0], words.slice(1), options);
}

// A stick of so many bytes with a file system over all of it, as many are sold.
export function stickMade(file, bytes) {
    fat("mformat", "-C", "-i", file, "-F", "-T", String(bytes / 512), "-h", "64", "-s", "32", "::");
    return file;
}
