/**
 * The local syslog daemon through `logger`: the real one, and programs that take its place and misbehave.
 */

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ownTime } from "../stage/stopwatch";
import { chatter } from "./child";
import { folder, type LocalDaemon, localDaemon, lostIn, numbersIn, until } from "./daemons";
import { type Opened, opened, plainly } from "./opened";

const skip = !(existsSync("/usr/bin/logger") && existsSync("/usr/bin/perl")) && "no logger, or no perl";
const numbers = (to: number) => Array.from({ length: to }, (_, index) => index);

/** A daemon that listens, and a log on its way there. */
async function both(t: TestContext, logger?: string): Promise<[LocalDaemon, Opened]> {
  const daemon = localDaemon(t, join(folder(t), "dev-log"));
  await daemon.start();
  const log = opened(plainly, { socket: daemon.path, ...(logger === undefined ? {} : { logger }) });
  t.after(() => log.close());
  return [daemon, log];
}

/** Writes a program that takes logger's place. */
function program(t: TestContext, ...lines: string[]): string {
  const path = join(folder(t), "logger");
  writeFileSync(path, ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
  return path;
}

/** The loggers that write to this socket, and the shells that become one. */
function loggers(path: string): number[] {
  const pids = readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name));
  return pids.filter((pid) => fileOf(pid, "cmdline").includes(`\0-u\0${path}\0`)).map(Number);
}

/** What the system tells of a process; "": it is gone. */
function fileOf(pid: number | string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "latin1");
  } catch {
    return "";
  }
}

describe("logger", { skip, concurrency: 6 }, () => {
  test("lines arrive with facility, severity, tag and process; each is one, and short", async (t) => {
    const daemon = localDaemon(t, join(folder(t), "dev-log"));
    await daemon.start();
    const { log, close } = opened({ ...plainly, facility: "local3" }, { socket: daemon.path });
    log("err", "a\n<0>b", { c: "<0>d\ne" });
    log("info", "x".repeat(5000), {});
    log("warning", "", {});
    await until(() => daemon.lines.length === 3);
    await close();
    const at = "[A-Z][a-z]{2} [ 123][0-9] [0-9:]{8}";
    const expected = [
      `^<155>${at} pop3\\.proxy\\[${process.pid}\\]: a\\?<0>b c="<0>d\\\\x0ae"$`,
      `^<158>${at} pop3\\.proxy\\[${process.pid}\\]: x{960}$`,
      `^<156>${at} pop3\\.proxy\\[${process.pid}\\]: $`,
    ];
    for (const [index, pattern] of expected.entries()) assert.match(daemon.lines[index] as string, new RegExp(pattern));
    assert.deepEqual(loggers(daemon.path), []);
  });

  test("the first line starts it, and one does for all; a burst arrives whole and in order", async (t) => {
    const [daemon, { log, close }] = await both(t);
    await sleep(20);
    assert.deepEqual(loggers(daemon.path), []);
    for (let n = 0; n < 5000; n++) {
      log("info", "say", { n });
      if (n % 1000 === 999) await sleep(20);
    }
    assert.equal(loggers(daemon.path).length, 1);
    await until(
      () => daemon.lines.length === 5000,
      () => daemon.lines.length,
    );
    await close();
    assert.deepEqual(numbersIn(daemon.lines), numbers(5000));
  });

  test("a daemon that stands still costs only what does not fit, and nothing else is lost", async (t) => {
    const [daemon, { log, close }] = await both(t);
    log("info", "say", { n: 0 });
    await until(() => daemon.lines.length === 1);
    daemon.signal("SIGSTOP");
    const count = 4000;
    for (let n = 1; n < count; n++) {
      log("info", `say ${"x".repeat(300)}`, { n });
      if (n % 100 === 0) await sleep(0);
    }
    daemon.signal("SIGCONT");
    await until(
      () => numbersIn(daemon.lines).length + lostIn(daemon.lines) === count,
      () => daemon.lines.length,
    );
    assert.ok(lostIn(daemon.lines) > 1000);
    await close();
  });

  test("a daemon that goes and comes back: what it had not got waits for it", async (t) => {
    const [daemon, { log, close }] = await both(t);
    log("info", "say", { n: 0 });
    await until(() => daemon.lines.length === 1);
    await daemon.kill();
    for (let n = 1; n < 100; n++) log("info", "say", { n });
    await sleep(50);
    await daemon.start();
    await until(() => numbersIn(daemon.lines).length === 100);
    assert.deepEqual(numbersIn(daemon.lines), numbers(100));
    await close();
  });

  test("a logger that is killed: nothing is lost, and one message at most comes twice", async (t) => {
    const [daemon, { log, close }] = await both(t);
    let n = 0;
    for (let kills = 0; kills < 2; kills++) {
      for (const to = n + 400; n < to; n++) {
        log("info", "say", { n });
        if (n % 20 === 0) await sleep(1);
        if (n % 400 === 200) for (const pid of loggers(daemon.path)) process.kill(pid, "SIGKILL");
      }
      await until(() => numbersIn(daemon.lines).includes(n - 1));
    }
    await close();
    const came = numbersIn(daemon.lines);
    assert.deepEqual([...new Set(came)], numbers(n));
    assert.ok(came.length <= n + 2);
    assert.equal(lostIn(daemon.lines), 0);
  });

  test("signals for everybody do not end it, and we may die: what it has got is delivered", async (t) => {
    const daemon = localDaemon(t, join(folder(t), "dev-log"));
    await daemon.start();
    daemon.signal("SIGSTOP");
    const task = { options: plainly, founds: [{ socket: daemon.path }], perTurn: 200, pause: 0, wait: 100 };
    const { ended } = chatter(t, { ...task, count: 200, die: true });
    // Its shell has made it ignore them by then.
    const own = () => loggers(daemon.path).filter((pid) => fileOf(pid, "comm") === "logger\n");
    await until(() => own().length === 1);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.kill(own()[0] as number, signal);
    assert.equal(await ended, null);
    daemon.signal("SIGCONT");
    await until(() => daemon.lines.length === 200);
    await until(() => loggers(daemon.path).length === 0);
  });

  test("it does not keep the process, and its close waits for the last line", async (t) => {
    // A close has a second. A machine on which logger does not get that far in it has shown nothing.
    for (let tries = 1; ; tries++) {
      // A logger that was late still delivers to the daemon of its try.
      const daemon = localDaemon(t, join(folder(t), "dev-log"));
      await daemon.start();
      const task = { options: plainly, founds: [{ socket: daemon.path }], count: 1000, perTurn: 1000, pause: 0 };
      const report = await chatter(t, task).ended;
      assert.ok(report && report.closing < 2000, JSON.stringify(report));
      if (report.waited >= 950 && daemon.lines.length < 1000 && tries < 10) continue;
      await until(
        () => daemon.lines.length === 1000,
        () => daemon.lines.length,
      );
      break;
    }
  });

  test("close() waits a second at most for a daemon that stands still", async (t) => {
    const [daemon, { log, close }] = await both(t);
    daemon.signal("SIGSTOP");
    for (let n = 0; n < 5000; n++) log("info", "say", { n });
    await sleep(50);
    const start = ownTime();
    await close();
    assert.ok(ownTime() - start < 2000);
    daemon.signal("SIGCONT");
    await until(() => loggers(daemon.path).length === 0);
  });

  for (const [what, ...programs] of [
    [
      "end at once, read nothing, give no receipts, or close their input",
      "exit 1",
      "exec sleep 60",
      "exec cat >/dev/null",
      "exec <&-; exec sleep 60",
    ],
    ["give receipts for more than they got", "yes '<22>x' | head -n 100000 >&2; exec sleep 60"],
    ["never end a line", "head -c 100000000 /dev/zero >&2; exec sleep 60"],
  ] as const) {
    test(`programs that ${what} harm nobody`, async (t) => {
      const daemon = localDaemon(t, join(folder(t), "dev-log"));
      await daemon.start();
      const founds = programs.map((line) => ({ socket: daemon.path, logger: program(t, line) }));
      const task = { options: plainly, founds, perTurn: 150, pause: 0, more: 700 };
      const report = await chatter(t, { ...task, count: 9000, wait: 100 }).ended;
      assert.ok(report && report.stood < 500 && report.grown < 40e6 && report.closing < 2000, JSON.stringify(report));
    });
  }

  test("no program at all harms nobody, and does not hold up the end", async (t) => {
    // What a child does not do at once on a busy machine, its parent waits for, even if it is to fail.
    let took = Number.POSITIVE_INFINITY;
    for (let tries = 0; tries < 10 && took >= 500; tries++) {
      const [, { log, close }] = await both(t, "/nowhere/logger");
      for (let n = 0; n < 1000; n++) log("info", "say", { n });
      await sleep(50);
      const start = ownTime();
      await close();
      took = ownTime() - start;
    }
    assert.ok(took < 500, `${took} ms, not the second that a close may take`);
  });

  test("it gets nothing of our environment but the time zone", async (t) => {
    const seen = join(folder(t), "seen");
    const [, { log, close }] = await both(t, program(t, `env >${seen}`, `echo "$@" >>${seen}`));
    process.env.SECRET_OF_TEST = "secret";
    log("info", "say", {});
    await until(() => existsSync(seen) && / -u /.test(readFileSync(seen, "latin1")));
    delete process.env.SECRET_OF_TEST;
    await close();
    const text = readFileSync(seen, "latin1");
    assert.doesNotMatch(text, /SECRET|HOME/);
    assert.match(text, new RegExp(`^--prio-prefix .*--id=${process.pid} -t pop3\\.proxy .*-u `, "m"));
  });
});
