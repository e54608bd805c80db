// Sectors of the data partition become garbage: whatever is hit, the box starts, mends what can be
// mended, and says on its page what cannot. COURTYARD_DAMAGES=50: so many disks.
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { randomBytes, randomInt } from "node:crypto";
import { after, before, test } from "node:test";
import { Machine, missing } from "../lib/machine.mjs";

const why = missing() ?? (process.env.COURTYARD_BOOT_ALL === "1" ? undefined : "on demand: COURTYARD_BOOT_ALL=1");
const count = Number(process.env.COURTYARD_DAMAGES ?? 1);
let machine, whole;
before(async () => {
    if (why) return;
    machine = Machine.make();
    await machine.start();
    await machine.served();
    await machine.cut();
    whole = `${machine.folder}/whole`;
    copyFileSync(machine.disk, whole);
});
after(() => machine?.remove());

for (let i = 0; i < count; i++) {
    test(`damaged disk ${i + 1}`, { skip: why }, async () => {
        copyFileSync(whole, machine.disk);
        const { offset, size } = machine.partitions().data;
        const hits = 2 ** randomInt(10), near = Math.min(size, 64 * 2 ** 20); // what is used lies at the front
        for (let hit = 0; hit < hits; hit++) {
            machine.write(offset + 512 * randomInt(near / 512), randomBytes(512));
        }
        await machine.cut(); // where the one before failed
        await machine.start();
        const ms = await machine.served({ unfit: true });
        const answer = await machine.anonymous().call("GET", "/api/v1/me", undefined, { hold: false });
        console.log(`${hits} sectors: ${answer.status} ${answer.json?.error?.code ?? ""} after ${ms} ms`);
        await machine.cut();
        assert.ok(answer.status === 200 || answer.status === 401 || (answer.status === 503 && answer.json.error.code), answer.text);
    });
}
