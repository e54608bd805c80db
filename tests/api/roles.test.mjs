// Every route refuses strangers and people of other roles, and does so before it reads a body.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import tls from "node:tls";
import { operations, Server } from "./lib/server.mjs";

let server;
const people = {};
before(async () => {
    server = await Server.start();
    people.admin = await server.setup();
    for (const role of ["audit", "data", "research", "system", "security"]) {
        people[role] = await server.person(people.admin, `only-${role}`, [role]);
    }
});
after(() => server?.stop());

const target = (template) => template.replace(/\{\w+\}/g, "4000000");

// Sends a head that announces a body and never sends it; the answer must come all the same.
function headOnly(method, path, fields) {
    return new Promise((done, fail) => {
        const socket = tls.connect({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
            socket.write(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n${fields}\r\n`);
        });
        let text = "";
        socket.setTimeout(5000, () => socket.destroy(new Error(`${method} ${path} waits for the body`)));
        socket.on("data", (piece) => (text += piece));
        socket.on("error", fail);
        socket.on("close", () => done({ status: Number(text.slice(9, 12)), text }));
    });
}

for (const { method, template, roles } of operations) {
    if (roles.length === 0) continue;
    const path = target(template);
    const bodied = !["GET", "DELETE"].includes(method);
    test(`${method} ${template} is for ${roles.join(", ")}`, async () => {
        await server.anonymous().fails(method, path, undefined, 401, "server.not_signed_in");
        if (bodied) {
            const answer = await headOnly(method, path, "");
            assert.equal(answer.status, 401);
            assert.match(answer.text, /Connection: close/);
        }
        for (const role of ["system", "security", "audit", "data", "research"]) {
            if (roles.includes("any") || roles.includes(role)) continue;
            await people[role].fails(method, path, undefined, 403, "server.role_needed");
            if (bodied) {
                const fields = `Cookie: ${people[role].cookie}\r\nX-Courtyard: 1\r\n`;
                assert.equal((await headOnly(method, path, fields)).status, 403);
            }
        }
    });
}

test("those who may get past the door", async () => {
    const skipped = new Set(["DELETE /api/v1/session", "GET /api/v1/events", "GET /api/v1/system/backup"]);
    for (const { method, template, roles } of operations) {
        if (roles.length === 0 || skipped.has(`${method} ${template}`)) continue;
        const role = roles[0] === "any" ? "data" : roles[0];
        const answer = await people[role].call(method, target(template), method === "GET" || method === "DELETE" ? undefined : {});
        assert.notEqual(answer.status, 401, `${method} ${template}`);
        assert.notEqual(answer.json?.error?.code, "server.role_needed", `${method} ${template}`);
        assert.notEqual(answer.json?.error?.code, "server.no_such_path", `${method} ${template}`);
        assert.notEqual(answer.status, 405, `${method} ${template}`);
        assert.notEqual(answer.status, 500, `${method} ${template}: ${answer.text}`);
    }
});
