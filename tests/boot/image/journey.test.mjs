// From the browser's side, through a forwarded port: the set-up with the code of the screen, the way
// of a data set, an update of the machine, and the plug pulled while four write.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { csv } from "../../api/lib/data.mjs";
import { sleep } from "../../api/lib/server.mjs";
import { stickMade } from "../lib/fat.mjs";
import { image, Machine, missing, onDemand } from "../lib/machine.mjs";
import { updateKept, updateTried } from "../lib/updates.mjs";

const why = missing() ?? onDemand;
const cuts = Number(process.env.COURTYARD_CUTS ?? 20);
const update = image.replace(/\.img$/, ".update");
let machine, admin, officer, researcher, release, stick;
after(() => machine?.remove());
const how = () => ({ again: true, more: ["-device", "qemu-xhci,id=xhci", "-drive", `if=none,id=stick,format=raw,file=${stick}`, "-device", "usb-storage,bus=xhci.0,drive=stick,removable=on"] });

test("set up, and a data set is imported", { skip: why }, async () => {
    machine = Machine.make();
    stick = stickMade(path.join(machine.folder, "stick"), 512 * 2 ** 20);
    await machine.start(how());
    admin = await machine.ready();
    officer = await machine.person(admin, "officer", ["data"]);
    const upload = await officer.upload("病历.csv", csv(200));
    const { job } = await officer.ok("POST", "/api/v1/datasets", { name: "病历", upload }, 202);
    assert.equal((await officer.job(job.id)).rows, 200);
    const state = await admin.ok("GET", "/api/v1/appliance");
    assert.equal(state.present, true);
    assert.equal(state.slots.running, "a");
});

test("an update is tried and kept", { skip: why ?? (existsSync(update) ? false : "no update file beside the image") }, async () => {
    await updateTried(machine, admin, readFileSync(update));
    await updateKept(machine);
    const { events } = await admin.ok("GET", "/api/v1/appliance/history");
    assert.ok(events.some((e) => e.event === "update" && e.result === "ok"), JSON.stringify(events));
});

test("what is trained on is published", { skip: why }, async () => {
    const reviewer = await machine.person(admin, "reviewer", ["data"]);
    researcher = await machine.person(admin, "researcher", ["research"]);
    const upload = await officer.upload("结局.csv", csv(3000));
    const { dataset, job } = await officer.ok("POST", "/api/v1/datasets", { name: "结局", upload }, 202);
    await officer.job(job.id);
    const profile = `/api/v1/datasets/${dataset.id}/revisions/1/profile`;
    await machine.until("its profile", async () => (await officer.call("GET", profile)).status === 200);
    const { text } = await officer.ok("POST", "/api/v1/recipes/propose", { dataset: dataset.id });
    const cleansing = await officer.ok("POST", `/api/v1/datasets/${dataset.id}/cleanse`, { recipe: text }, 202);
    await officer.job(cleansing.id);
    const sheet = { title: "结局", purpose: "test", source: "public", licence: "CC0", contact: "", limits: "", sensitivity: "open" };
    release = (await officer.ok("POST", `/api/v1/datasets/${dataset.id}/releases`, { sheet }, 201)).id;
    await reviewer.ok("POST", `/api/v1/releases/${release}/approve`, {});
});

// What goes on while the plug is pulled; each gives what is to be there afterwards.
const doings = {
    async import() {
        const upload = await officer.upload("more.csv", csv(5000));
        const { job, dataset } = await officer.ok("POST", "/api/v1/datasets", { name: "more", upload }, 202);
        return async () => {
            await officer.job(job.id);
            assert.equal((await officer.ok("GET", `/api/v1/datasets/${dataset.id}`)).rows, 5000);
        };
    },
    async training() {
        const { model, job } = await researcher.ok("POST", `/api/v1/releases/${release}/models`,
            { name: "m", target: "outcome", options: { learner: "boost", trees: 60 } }, 202);
        return async () => {
            await researcher.job(job.id);
            assert.equal((await researcher.ok("GET", `/api/v1/models/${model.id}`)).state, "ready");
        };
    },
    async backup() {
        const disk = await machine.until("the stick", async () => (await admin.ok("GET", "/api/v1/appliance/sticks")).sticks[0]?.disk);
        await admin.ok("POST", "/api/v1/appliance/backup", { disk }, 204);
        return async () => {};
    },
    async copy() {
        await admin.ok("POST", "/api/v1/system/backups", {}, 202);
        return async () => {};
    },
    async update() {
        await machine.confirmed();
        const upload = await admin.upload("courtyard.update", readFileSync(update));
        await admin.ok("POST", "/api/v1/appliance/update", { upload }, 204);
        return async () => admin.ok("DELETE", `/api/v1/uploads/${upload}`, undefined, 204);
    },
};

for (let cut = 1; cut <= cuts; cut++) {
    const doing = Object.keys(doings)[cut % Object.keys(doings).length];
    test(`power cut ${cut}, while four write, in ${doing}: what was acknowledged is there`, { skip: why }, async () => {
        const kept = [];
        let over = false;
        if (!machine.child) { // the cut before failed
            await machine.start(how());
            await machine.served();
        }
        const there = await doings[doing]();
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
        // A busy machine takes its time for the first.
        await Promise.race([Promise.all(writers), machine.until("the first that is acknowledged", () => kept.length > 0)]);
        await sleep(Math.random() * 3500);
        over = true;
        await machine.cut();
        await Promise.all(writers);
        await machine.start(how());
        await machine.served();
        for (const id of kept) await admin.ok("GET", `/api/v1/uploads/${id}`);
        for (const id of kept) await admin.ok("DELETE", `/api/v1/uploads/${id}`, undefined, 204);
        await there();
        console.log(`${doing}: ${kept.length} acknowledged, none missing`);
    });
}
