// Archives and workbooks for tests, made in memory.
import { deflateRawSync } from "node:zlib";

function crc32(bytes) {
    let crc = ~0;
    for (const byte of bytes) {
        crc ^= byte;
        for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc >>> 0;
}

// members: {"name": text or bytes}
export function zip(members) {
    const parts = [], directory = [];
    let at = 0;
    for (const [name, content] of Object.entries(members)) {
        const bytes = Buffer.from(content), packed = deflateRawSync(bytes), title = Buffer.from(name);
        const about = Buffer.alloc(26);
        about.writeUInt16LE(20, 0);
        about.writeUInt16LE(0x800, 2); // the name is UTF-8
        about.writeUInt16LE(8, 4);
        about.writeUInt16LE(0x21, 8);
        about.writeUInt32LE(crc32(bytes), 10);
        about.writeUInt32LE(packed.length, 14);
        about.writeUInt32LE(bytes.length, 18);
        about.writeUInt16LE(title.length, 22);
        const local = Buffer.concat([Buffer.from("PK\x03\x04"), about, title, packed]);
        const rest = Buffer.alloc(14);
        rest.writeUInt32LE(at, 10);
        directory.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\0"), about, rest, title]));
        parts.push(local);
        at += local.length;
    }
    const list = Buffer.concat(directory), end = Buffer.alloc(22);
    end.write("PK\x05\x06", 0, "latin1");
    end.writeUInt16LE(directory.length, 8);
    end.writeUInt16LE(directory.length, 10);
    end.writeUInt32LE(list.length, 12);
    end.writeUInt32LE(at, 16);
    return Buffer.concat([...parts, list, end]);
}

const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

// sheets: {"name": [[cell, …], …]}, cells are numbers, texts, booleans or null
export function xlsx(sheets) {
    const type = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet";
    const names = Object.keys(sheets), members = { "[Content_Types].xml": "<Types/>" };
    members["xl/workbook.xml"] = `<workbook><sheets>${names.map((name, i) =>
        `<sheet name="${escape(name)}" sheetId="${i + 1}" r:id="r${i}"/>`).join("")}</sheets></workbook>`;
    members["xl/_rels/workbook.xml.rels"] = `<Relationships>${names.map((_, i) =>
        `<Relationship Id="r${i}" Type="${type}" Target="worksheets/s${i}.xml"/>`).join("")}</Relationships>`;
    names.forEach((name, i) => {
        members[`xl/worksheets/s${i}.xml`] = `<worksheet><sheetData>${sheets[name].map((row) =>
            `<row>${row.map((cell) => cell === null ? "<c/>"
                : typeof cell === "number" ? `<c><v>${cell}</v></c>`
                : typeof cell === "boolean" ? `<c t="b"><v>${cell ? 1 : 0}</v></c>`
                : `<c t="inlineStr"><is><t>${escape(cell)}</t></is></c>`).join("")}</row>`).join("")}</sheetData></worksheet>`;
    });
    return zip(members);
}
