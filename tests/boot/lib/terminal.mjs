// A terminal on the machine's serial line, as a person at it: what it shows, keys at a person's pace.
export const ENTER = "\r", UP = "\x1b[A", DOWN = "\x1b[B", RIGHT = "\x1b[C", REDRAW = "\f";

// The text that the terminal shows: the whole screen is asked for until it holds `wanted`.
export async function shows(machine, wanted) {
    return machine.until(`the screen with ${wanted}`, async () => {
        machine.screen = "";
        machine.type(REDRAW);
        await new Promise((done) => setTimeout(done, 1000));
        const text = machine.screen.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "\n");
        // Where the cursor is set, blanks have been left out; a long sentence goes on in the next row.
        const words = machine.screen.replace(/\x1b\[[0-9;]*H/g, " ").replace(/\x1b\[[0-9;?]*[A-Za-z]/g, "");
        return [text, words].find((seen) => wanted.test(seen));
    });
}

export async function typed(machine, ...keys) {
    for (const key of keys) {
        machine.type(key);
        await new Promise((done) => setTimeout(done, 500)); // as fast as a person
    }
}

// The Escape key. What follows it too soon is taken for one key with it, and a busy machine reads late:
// nothing is typed before another page is drawn.
export async function escaped(machine) {
    await new Promise((done) => setTimeout(done, 2000)); // the rest of the page before
    machine.screen = "";
    machine.type("\x1b");
    await machine.until("another page", () => machine.screen.length > 200); // more than a clock that moves on
}
