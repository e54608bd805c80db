// A box whose database was broken after it had made copies of it, and who stands in for PID 1 under
// it: starts the service, and for a restoring ends it, lets the real `courtyard recover` do it and
// starts it again on the same port, as app/appliance does.
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { applianceOpen, Init, programRun } from "./appliance.mjs";
import { binary, Client, Server, sleep } from "./server.mjs";

const PAGE_BYTES = 4096, HEAD_PAGES = 2;

async function copyMade(admin) {
    const { items } = await admin.ok("POST", "/api/v1/system/backups", {}, 202);
    for (let i = 0; i < 1200; i++) {
        const now = await admin.ok("GET", "/api/v1/system/backups");
        if (!now.running && now.items.length > items.length) return now.items[0];
        await sleep(50);
    }
    throw new Error("no copy was made");
}

// Everything but the two pages at its head becomes garbage, its length stays.
export function garbage(file) {
    const size = statSync(file).size, handle = openSync(file, "r+");
    writeSync(handle, Buffer.alloc(size - HEAD_PAGES * PAGE_BYTES, 0xa5), 0, size - HEAD_PAGES * PAGE_BYTES, HEAD_PAGES * PAGE_BYTES);
    closeSync(handle);
}

// {folder, data, copies, admin, auditor}: copies newest first; of the people, "after" is in none.
export async function brokenMade({ copies = 2 } = {}) {
    const folder = mkdtempSync(path.join(tmpdir(), "courtyard-rescue-")), data = path.join(folder, "data");
    const server = await Server.start({ dir: data });
    const admin = await server.setup();
    const auditor = await server.person(admin, "auditor", ["audit"]);
    const made = [];
    for (let i = 0; i < copies; i++) {
        if (i > 0) await sleep(1100); // their names hold the second
        made.unshift(await copyMade(admin));
    }
    await admin.ok("POST", "/api/v1/people", { name: "after", display_name: "after", department: "内科" }, 201);
    await server.stop("SIGKILL");
    garbage(path.join(data, "state/data.mdb"));
    return { folder, data, copies: made, admin, auditor };
}

export class Keeper {
    static async start(folder) {
        const keeper = new Keeper();
        keeper.folder = folder;
        keeper.data = path.join(folder, "data");
        keeper.init = new Init();
        keeper.init.deeds.restore = (packet) => keeper.init.confirmed(packet.confirm) ?? keeper.begin(packet);
        await keeper.service("127.0.0.1:0");
        return keeper;
    }
    async service(listen) {
        this.box = await applianceOpen(binary, this.init, {}, { folder: this.folder, listen });
        this.port = this.box.port;
        this.origin = this.box.origin;
    }
    begin({ copy }) {
        const answer = this.init.wish("restore");
        if (!answer.fault) this.work = sleep(300).then(() => this.restore(copy));
        return answer;
    }
    async restore(copy) {
        await this.box.close();
        const fault = await programRun(binary, "recover", copy, "--data", this.data);
        this.init.state.work = { name: "restore", running: false, phase: "", done: 0, total: 0, ...(fault ? { fault } : {}) };
        await this.service(`127.0.0.1:${this.port}`);
    }
    anonymous() {
        return new Client(this);
    }
    async close() {
        await this.work;
        await this.box.close();
        rmSync(this.folder, { recursive: true, force: true });
    }
}
