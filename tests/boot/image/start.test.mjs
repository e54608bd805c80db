// The image starts into a served page with no key touched, keeps what was acknowledged through a
// power cut, and ends cleanly when asked to.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Machine, missing } from "../lib/machine.mjs";

const why = missing();
let machine, admin;
before(() => {
    if (!why) machine = Machine.make();
});
after(() => machine?.remove());

test("BIOS, virtio: from the plug to a page", { skip: why }, async () => {

    await machine.start();
    const ms = await machine.served();
    console.log(`first answer after ${ms} ms, ${machine.seconds()} s of processor`);
    const page = await machine.anonymous().call("GET", "/", undefined, { hold: false });
    assert.equal(page.status, 200);
    assert.match(page.text, /<html/);
});
