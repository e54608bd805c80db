// A disk that is full: what is refused says so, what was acknowledged stays, the page and the screen
// go on, also after the plug was pulled; and room that is made is used.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { statSync, truncateSync } from "node:fs";
import { after, test } from "node:test";
import { image, Machine, missing, onDemand } from "../lib/machine.mjs";

const why = missing() ?? onDemand;
const PIECE = 4 << 20, ROOM = 300 << 20;
let machine, admin;
after(() => machine?.remove());

test("a full disk is told, and outlived", { skip: why }, async () => {
    machine = Machine.make();
    truncateSync(machine.disk, statSync(image).size + ROOM);
    await machine.start({ again: true });
    admin = await machine.ready();
    const kept = [], bytes = randomBytes(PIECE);
    let answer;
    for (let i = 0; i < ROOM / PIECE; i++) {
        answer = await admin.call("POST", "/api/v1/uploads", { name: "a.csv", size: PIECE });
        if (answer.status === 201) {
            const { id } = answer.json;
            answer = await admin.call("PUT", `/api/v1/uploads/${id}?offset=0`, bytes);
            if (answer.status === 200) kept.push(id);
        }
        if (answer.status !== 200) break;
    }
    assert.ok(kept.length > 5);
    assert.equal(answer.status, 507, answer.text);
    console.log(`${kept.length} pieces of 4 MiB, then ${answer.json.error.code}: ${answer.json.error.text ?? ""}`);
    const state = await admin.ok("GET", "/api/v1/appliance");
    console.log(JSON.stringify(state.data));
    await machine.shows(/https:/);
    await machine.cut();
    await machine.start({ again: true });
    await machine.served();
    for (const id of kept) assert.equal((await admin.ok("GET", `/api/v1/uploads/${id}`)).complete, true);
    await machine.shows(/https:/);
    for (const id of kept.slice(0, 3)) await admin.ok("DELETE", `/api/v1/uploads/${id}`, undefined, 204);
    await admin.upload("again.csv", bytes);
});
