/** The lock among processes: one has it at a time, and the end of a process ends it. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { lock } from "../../src/process/lock";
import { scratch } from "../real/scratch";
import { LONG } from "../stage/draws";
import { atEnd } from "../stage/ending";
import { until } from "../stage/waiting";

const LOCK = join(__dirname, "../../src/process/lock.js");

/** Runs a script in a process whose folder is that of the sockets. */
function start(t: TestContext, folder: string, script: string): ChildProcess {
  const child = spawn(process.execPath, ["-e", `const { lock } = require(${JSON.stringify(LOCK)});${script}`], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  atEnd(t, async () => void child.kill("SIGKILL"));
  return child;
}

/** Says "held" when it has the lock, and keeps it. */
const HOLD = 'lock(".", "name", 300000).then(() => { console.log("held"); setInterval(() => {}, 1000); });';

test("many processes have it one after the other", async (t) => {
  const folder = scratch(t);
  // The file is there as long as a process thinks that it has the lock.
  const work = `
    const fs = require("node:fs");
    (async () => {
      for (let count = 0; count < 5; count++) {
        const release = await lock(".", "name", 300000);
        if (!release) throw new Error("late");
        fs.writeFileSync("busy", "", { flag: "wx" });
        await new Promise((done) => setTimeout(done, Math.random() * 4));
        fs.unlinkSync("busy");
        await release();
      }
      console.log("done");
    })();`;
  const children = Array.from({ length: LONG ? 12 : 4 }, () => start(t, folder, work));
  const ends = await Promise.all(children.map((child) => once(child, "exit")));
  assert.deepEqual(
    ends,
    children.map(() => [0, null]),
  );
  assert.deepEqual(readdirSync(folder), []);
});

test("the end of its process ends it, also by kill -9, and another name is another lock", async (t) => {
  const folder = scratch(t);
  const holder = start(t, folder, HOLD);
  await once(holder.stdout as NonNullable<typeof holder.stdout>, "data");
  let told = "";
  const waiting = start(t, folder, HOLD);
  waiting.stdout?.on("data", (chunk) => {
    told += chunk;
  });
  const other = start(t, folder, 'lock(".", "other name", 0).then((held) => process.exit(held ? 0 : 1))');
  assert.deepEqual(await once(other, "exit"), [0, null]);
  const late = start(t, folder, 'lock(".", "name", 100).then((held) => process.exit(held ? 0 : 1))');
  assert.deepEqual(await once(late, "exit"), [1, null], "who does not wait for long does not get it");
  assert.equal(told, "");
  holder.kill("SIGKILL");
  await until(() => told === "held\n", "the lock");
});

test("a folder that can't have sockets is told", async (t) => {
  const before = process.cwd();
  t.after(() => process.chdir(before));
  await assert.rejects(lock("/nowhere", "name", 0), { message: "/nowhere: there is no such file" });
  await assert.rejects(lock("/proc", "name", 0), /^Error: \/proc: it can't have the socket of a lock: \w/);
});

test("sockets that nobody listens on, and other files, are in nobody's way", async (t) => {
  const folder = scratch(t);
  for (let count = 0; count < 3; count++) {
    const child = start(t, folder, HOLD);
    await once(child.stdout as NonNullable<typeof child.stdout>, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  writeFileSync(join(folder, "some.account"), "");
  const server = createServer().listen(join(folder, ".another.lock"));
  await once(server, "listening");
  const child = start(t, folder, 'lock(".", "name", 300000).then(async (r) => { await r(); process.exit(0); })');
  assert.deepEqual(await once(child, "exit"), [0, null]);
  server.close();
  assert.ok(!readdirSync(folder).some((name) => name.startsWith(".name.")));
});

test("a socket that does not listen yet is not taken for one of a process that has ended", async (t) => {
  const folder = scratch(t);
  // Each tells by a file how far it is.
  const common = `
    const fs = require("node:fs");
    const there = (name) => fs.existsSync(name);
    const say = (name) => fs.writeFileSync(name, "");
    const has = (release) => {
      console.log(release ? "held" : "not");
      setInterval(() => {}, 1000);
    };`;
  // The first one stands still between bind(2) and listen(2) until the second one has looked.
  const first = `${common}
    const { Pipe } = process.binding("pipe_wrap");
    const { listen } = Pipe.prototype;
    Pipe.prototype.listen = function (...given) {
      Pipe.prototype.listen = listen;
      say("bound");
      const still = new Int32Array(new SharedArrayBuffer(4));
      for (let turn = 0; turn < 3000 && !there("looked"); turn++) Atomics.wait(still, 0, 0, 10);
      return listen.apply(this, given);
    };
    lock(".", "name", 500).then(has).then(() => say("decided"));`;
  // The second one removes what it has found only when the first one has looked, too.
  const second = `${common}
    const files = require("node:fs/promises");
    const { unlink } = files;
    const pause = () => new Promise((done) => setTimeout(done, 10));
    files.unlink = async (path) => {
      say("looked");
      for (let turn = 0; turn < 3000 && !there("decided"); turn++) await pause();
      return unlink(path);
    };
    lock(".", "name", 500).then(has).then(() => say("looked"));`;
  const told = (child: ChildProcess) => once(child.stdout as NonNullable<typeof child.stdout>, "data").then(String);
  const one = start(t, folder, first);
  const early = told(one);
  await until(() => readdirSync(folder).includes("bound"), "the first one has made its socket");
  const other = start(t, folder, second);
  const answers = await Promise.all([early, told(other)]);
  assert.deepEqual(answers.sort(), ["held\n", "not\n"]);
});
