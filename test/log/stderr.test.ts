/**
 * Log lines on stderr, whatever that is: nobody who does not read may stop, grow or end the process, or keep it.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { constants, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { describe, test } from "node:test";
import { LONG } from "../stage/draws";
import type { Report } from "./chatter";
import { chatter } from "./child";
import { folder, lostIn, numbersIn, until } from "./daemons";
import { plainly } from "./opened";

const options = { ...plainly, debug: true };

/** Were all of it kept, the process would have grown by more than it may. */
const flood = { options, count: 40_000, perTurn: 500, pause: 0, more: 700 };

/** More than fits into a pipe and the queue, where it is not memory that is looked at. */
const surge = { ...flood, count: 5000 };

/** Neither stopped nor grown, and gone in time. */
function unharmed(report: Report | null, stood = 500): void {
  assert.ok(report, "it has not ended by itself");
  assert.ok(report.stood < stood, `stood still for ${report.stood} ms`);
  assert.ok(report.grown < 20e6, `grew by ${report.grown}`);
  assert.ok(report.closing < 2000, `took ${report.closing} ms to close`);
}

/** Shell words that wait for a file. */
const awaits = (file: string) => `until [ -e ${file} ]; do sleep 0.05; done`;

function read(stream: Readable): string[] {
  const lines: string[] = [];
  let rest = "";
  stream.on("data", (octets: Buffer) => {
    const parts = (rest + octets.toString("latin1")).split("\n");
    rest = parts.pop() as string;
    lines.push(...parts);
  });
  return lines;
}

describe("stderr", { concurrency: 4 }, () => {
  // What Node gives as a child's "pipe" is a socket.
  for (const [kind, shell] of [
    ["socket", () => 'exec "$@"'],
    ["pipe", (said: string) => `"$@" 2>&1 >/dev/null | { ${awaits(said)}; cat >&2; }`],
  ] as const) {
    test(`a ${kind} that is read late gets what fits, and hears how much it missed`, async (t) => {
      const [said, leave] = [join(folder(t), "said"), join(folder(t), "leave")];
      const { child, ended, closed } = chatter(t, { ...flood, said, leave }, shell(said));
      await until(() => existsSync(said));
      const lines = read(child.stderr as Readable);
      const known = () => numbersIn(lines).length + lostIn(lines);
      await until(() => known() >= flood.count, known);
      writeFileSync(leave, "");
      unharmed(await ended);
      await closed;
      const came = numbersIn(lines);
      assert.ok(came.length > 300 && lostIn(lines) > 1000, `${came.length} came, ${lostIn(lines)} lost`);
      assert.equal(came.length + lostIn(lines), flood.count);
    });
  }

  test("a pipe that nobody ever reads does not hold up the end of the process", async (t) => {
    const gone = join(folder(t), "gone");
    chatter(t, surge, `{ "$@"; touch ${gone}; } 2>&1 >/dev/null | sleep 60`);
    await until(() => existsSync(gone));
  });

  test("a pipe is opened anew: who shares it does not find it non-blocking", async (t) => {
    const [said, leave] = [join(folder(t), "said"), join(folder(t), "leave")];
    const task = { options, count: 5, perTurn: 1, pause: 0, said, leave };
    const flags = `${awaits(said)}; grep ^flags: /proc/self/fdinfo/2 >&2; touch ${leave}`;
    const { child, closed } = chatter(t, task, `{ "$@" & ${flags}; wait; } 2>&1 >/dev/null | cat >&2`);
    const lines = read(child.stderr as Readable);
    await closed;
    assert.equal(numbersIn(lines).length, 5);
    const flag = lines.map((line) => /^flags:\t([0-7]+)$/.exec(line)?.[1]).find((octal) => octal !== undefined);
    assert.equal(Number.parseInt(flag ?? "", 8) & constants.O_NONBLOCK, 0);
  });

  for (const [what, shell, founds] of [
    [
      "a reader that goes (EPIPE), a full disk (ENOSPC) and a directory harm",
      '{ "$@" 2>&1 >/dev/null 3>/dev/full 4</; } | head -n 3 >/dev/null',
      [{}, { stderr: 3 }, { stderr: 4 }],
    ],
    ["a closed stderr harms", 'exec "$@" 2>&-', [{}]],
  ] as const) {
    test(`${what} nobody`, async (t) => {
      const { ended } = chatter(t, { ...surge, founds, wait: 600 }, shell);
      unharmed(await ended);
    });
  }

  test("a file is appended to where it is, with nothing lost; a line has its time and level", async (t) => {
    const file = join(folder(t), "log");
    writeFileSync(file, "");
    const task = { options, count: 5000, perTurn: 100, pause: 1 };
    const { ended } = chatter(t, task, `{ echo before; "$@"; echo after; } >${file} 2>&1`);
    unharmed(await ended);
    const lines = readFileSync(file, "latin1").trimEnd().split("\n");
    assert.equal(lines.shift(), "before");
    assert.equal(lines.pop(), "after");
    assert.match(lines[7] as string, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info say n=7$/);
    assert.deepEqual(
      numbersIn(lines),
      Array.from({ length: 5000 }, (_, n) => n),
    );
  });

  test("a terminal that was stopped stops nobody", {
    skip: !existsSync("/usr/bin/script") && "no script",
  }, async (t) => {
    // script's own output is not read, so it soon reads no more of the terminal.
    const said = join(folder(t), "said");
    const { child, ended } = chatter(
      t,
      { ...(LONG ? flood : surge), said, wait: 100 },
      `exec script -qec "'$1' '$2' '$3'" /dev/null`,
    );
    await until(() => existsSync(said));
    const lines = read(child.stdout as Readable);
    unharmed(await ended);
    assert.ok(numbersIn(lines.map((line) => line.trimEnd())).length > 10);
  });

  test("a named pipe whose reader comes back is written again", async (t) => {
    const fifo = join(folder(t), "fifo");
    spawnSync("mkfifo", [fifo]);
    const [back, leave] = [join(folder(t), "back"), join(folder(t), "leave")];
    const task = { options, count: 100, perTurn: 1, pause: 5, holds: [{ before: 90, file: back }], leave };
    const shell = `{ head -n 5 ${fifo} >/dev/null; ${awaits(`${back}.wanted`)}; touch ${back}; cat ${fifo} >&2; } & exec "$@" 2>${fifo}`;
    const { child, ended } = chatter(t, task, shell);
    const lines = read(child.stderr as Readable);
    await until(
      () => numbersIn(lines).includes(99),
      () => lines.length,
    );
    writeFileSync(leave, "");
    unharmed(await ended);
    assert.ok(lostIn(lines) > 0);
    assert.ok(numbersIn(lines).length + lostIn(lines) <= 100);
  });
});
