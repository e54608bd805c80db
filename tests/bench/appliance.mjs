// The appliance's image in an emulated machine: first starts of fresh disks, the processor and the
// clock until the first answer, and what memory is left once the start has shown itself good.
//   ./build.sh bench appliance [STARTS]     3 of each way; COURTYARD_BOOT_ALL=1: each way of attaching
// On a machine that does other things too, as root: chrt -r 30 ./build.sh bench appliance
import { Machine, missing } from "../boot/lib/machine.mjs";

const why = missing();
if (why) {
    console.log(why);
    process.exit(1);
}
const starts = Number(process.argv[2] ?? 3);
const ways = process.env.COURTYARD_BOOT_ALL === "1"
    ? [false, true].flatMap((uefi) => ["virtio", "nvme", "ahci", "usb"].map((bus) => ({ uefi, bus })))
    : [{ uefi: false, bus: "virtio" }];
for (const way of ways) {
    const seconds = [], clock = [];
    let left;
    for (let i = 0; i < starts; i++) {
        const machine = Machine.make();
        await machine.start(way);
        clock.push((await machine.served({ every_ms: 50, patience_ms: 500 })) / 1000);
        seconds.push(machine.seconds());
        if (i === 0) {
            await machine.confirmed();
            left = /memory=(\d+) free=(\d+)/.exec(machine.log());
        }
        await machine.remove();
    }
    const best = (list) => `${Math.min(...list).toFixed(1)} (${list.map((n) => n.toFixed(1)).join(", ")})`;
    const mb = (text) => Math.round(Number(text) / 1e6);
    console.log(`${way.uefi ? "UEFI" : "BIOS"} ${way.bus}: processor ${best(seconds)} s, clock ${best(clock)} s, ` +
        `memory ${mb(left[2])} of ${mb(left[1])} MB (${(100 * left[2] / left[1]).toFixed(1)} %)`);
}
