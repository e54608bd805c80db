// A real data set where the machine has it, else one that looks like it.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { root } from "./server.mjs";

const places = ["../shared/data/medical/breast_cancer_wdbc.csv", "../../shared/data/medical/breast_cancer_wdbc.csv",
    "build/demo/usr/lib/python3/dist-packages/sklearn/datasets/data/breast_cancer.csv"];

// Numbers that repeat: the same rows in every run.
export function randomNumbers(seed) {
    let state = seed >>> 0;
    return () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return state / 2 ** 32;
    };
}

export function csv(rows, seed = 1) {
    const random = randomNumbers(seed);
    const lines = ["age,pressure,sex,ward,outcome"];
    for (let i = 0; i < rows; i++) {
        const age = 20 + Math.floor(random() * 60), pressure = Math.round(90 + random() * 80);
        const risk = (age - 50) / 20 + (pressure - 130) / 30 + random() - 0.5;
        lines.push(`${age},${pressure},${random() < 0.5 ? "男" : "女"},${"ABCD"[Math.floor(random() * 4)]},${risk > 0 ? "ill" : "well"}`);
    }
    return Buffer.from(lines.join("\n") + "\n");
}

// {bytes, target, rows}
export function medical() {
    const place = places.map((p) => path.join(root, p)).find(existsSync);
    if (!place || !place.includes("wdbc")) return { bytes: csv(600), target: "outcome", rows: 600 };
    const bytes = readFileSync(place);
    const lines = bytes.toString("utf8").trim().split("\n");
    return { bytes, target: lines[0].split(",").pop().replaceAll('"', "").trim(), rows: lines.length - 1 };
}
