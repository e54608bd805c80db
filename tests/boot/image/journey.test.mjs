// From the browser's side, through a forwarded port: the set-up with the code of the screen, the way
// of a data set, an update of the machine, and the plug pulled while four write.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { after, test } from "node:test";
import { csv } from "../../api/lib/data.mjs";
import { sleep } from "../../api/lib/server.mjs";
import { image, Machine, missing } from "../lib/machine.mjs";

const why = missing() ?? (process.env.COURTYARD_BOOT_ALL === "1" ? undefined : "on demand: COURTYARD_BOOT_ALL=1");
const cuts = Number(process.env.COURTYARD_CUTS ?? 20);
const update = image.replace(/\.img$/, ".update");
let machine, admin;
after(() => machine?.remove());

async function code() {
    return machine.until("the set-up code on the screen", async () => {
        machine.screen = "";
        machine.type("\f");
        await sleep(1000);
        return /[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}/.exec(machine.screen)?.[0];
    });
}

test("set up, and a data set is imported", { skip: why }, async () => {
    machine = Machine.make();
    await machine.start({ again: true });
    await machine.served();
    machine.code = await code();
    admin = await machine.setup();
    const officer = await machine.person(admin, "officer", ["data"]);
    const upload = await officer.upload("病历.csv", csv(200));
    const { job } = await officer.ok("POST", "/api/v1/datasets", { name: "病历", upload }, 202);
    assert.equal((await officer.job(job.id)).rows, 200);
    const state = await admin.ok("GET", "/api/v1/appliance");
    assert.equal(state.present, true);
    assert.equal(state.slots.running, "a");
});

test("an update is tried and kept", { skip: why ?? (existsSync(update) ? false : "no update file beside the image") }, async () => {
    await machine.until("this start's confirmation", () => /appliance.confirmed err=ok/.test(machine.log()));
    const upload = await admin.upload("courtyard.update", readFileSync(update));
    await admin.ok("POST", "/api/v1/appliance/update", { upload }, 204);
    await machine.until("the slot to be written", async () => {
        const { work } = await admin.ok("GET", "/api/v1/appliance");
        assert.ok(!work.fault, JSON.stringify(work));
        return !work.running;
    });
    assert.equal(machine.booted().trial, "1");
    await admin.ok("POST", "/api/v1/appliance/restart", undefined, 204);
    await machine.until("the other slot", () => /appliance.slots running=b/.test(machine.log()));
    await machine.served();
    await machine.until("its confirmation", () => machine.booted().slot === "b");
    const { events } = await admin.ok("GET", "/api/v1/appliance/history");
    assert.ok(events.some((e) => e.event === "update" && e.result === "ok"), JSON.stringify(events));
});

for (let cut = 1; cut <= cuts; cut++) {
    test(`power cut ${cut}: what was acknowledged is there`, { skip: why }, async () => {
        const kept = [];
        let over = false;
        const writers = Array.from({ length: 4 }, async () => {
            while (!over) {
                try {
                    kept.push((await admin.ok("POST", "/api/v1/uploads", { name: "a.csv", size: 10 }, 201)).id);
                } catch (error) {
                    if (over) return;
                    throw error;
                }
            }
        });
        await sleep(500 + Math.random() * 3000);
        over = true;
        await machine.cut();
        await Promise.all(writers);
        assert.ok(kept.length > 0);
        await machine.start({ again: true });
        await machine.served();
        for (const id of kept) await admin.ok("GET", `/api/v1/uploads/${id}`);
        for (const id of kept) await admin.ok("DELETE", `/api/v1/uploads/${id}`, undefined, 204);
        console.log(`${kept.length} acknowledged, none missing`);
    });
}
