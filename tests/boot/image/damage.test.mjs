// Parts of the data partition become garbage: whatever is hit, the box starts, mends what can be
// mended, and says on its page and screen what cannot, without starting over and over.
// COURTYARD_DAMAGES=50: so many disks.
import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { copyFileSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { root, sleep } from "../../api/lib/server.mjs";
import { Machine, missing, onDemand } from "../lib/machine.mjs";

const why = missing() ?? onDemand;
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

const chinese = JSON.parse(readFileSync(path.join(root, "web/messages/zh-CN.json"), "utf8"));
const MIB = 2 ** 20, near = 64 * MIB; // what is used lies at the front
// Of each kind: what is hit, as [place, bytes] in the partition.
const kinds = {
    sectors: () => Array.from({ length: 2 ** randomInt(10) }, () => [512 * randomInt(near / 512), 512]),
    runs: () => Array.from({ length: 1 + randomInt(8) }, () => [4096 * randomInt(near / 4096), 4096 * (1 + randomInt(256))]),
    head: () => [[0, 4096 * (1 + randomInt(64))]],
    front: () => [[0, near]],
    all: (size) => Array.from({ length: Math.floor(size / MIB) }, (_, i) => [i * MIB, 64 * 1024]),
};

// What the machine says while it has no service to give: the page, its screen, and it stays so.
async function told(code) {
    const page = await machine.anonymous().call("GET", "/", undefined, { hold: false });
    assert.equal(page.status, 200);
    await machine.shows(new RegExp(chinese[code].split("{")[0].trim()));
    await sleep(15000);
    const again = await machine.anonymous().call("GET", "/api/v1/me", undefined, { hold: false });
    assert.equal(again.json?.error?.code, code);
}

for (let i = 0; i < count; i++) {
    const kind = Object.keys(kinds)[i % Object.keys(kinds).length];
    test(`damaged disk ${i + 1}: ${kind}`, { skip: why }, async () => {
        await machine.cut(); // where the one before failed
        copyFileSync(whole, machine.disk);
        const { offset, size } = machine.partitions().data, hits = kinds[kind](size);
        for (const [place, bytes] of hits) machine.write(offset + place, randomBytes(bytes));
        await machine.start({ again: true }); // should the emulation trip over itself
        const ms = await machine.served({ unfit: true });
        const answer = await machine.anonymous().call("GET", "/api/v1/me", undefined, { hold: false });
        const code = answer.json?.error?.code ?? "";
        console.log(`${kind}, ${hits.length} hits: ${answer.status} ${code} after ${ms} ms`);
        assert.ok([200, 401, 503].includes(answer.status), answer.text);
        if (answer.status === 503) {
            await told(code);
            await machine.cut();
            await machine.start({ again: true });
            await machine.served({ unfit: true }); // nor is it a new box now
            await machine.shows(new RegExp(chinese[code].split("{")[0].trim()));
        }
        assert.ok(machine.log().split("appliance.service pid=").length <= 3, machine.log());
        await machine.cut();
    });
}
