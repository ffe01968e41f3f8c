/**
 * The file with the process's number.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, linkSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Pidfile } from "../../src/process/pidfile";
import { rootOnly } from "../listen/handing";
import { scratch } from "../stage/acp";

const PIDFILE = join(__dirname, "..", "..", "src", "process", "pidfile.js");

const path = (t: TestContext) => join(scratch(t), "pid");

/** A process that has opened and written the file, and then does what the script says. */
async function daemon(t: TestContext, file: string, script = ""): Promise<number> {
  const all = `
    const pidfile = new (require(${JSON.stringify(PIDFILE)}).Pidfile)(${JSON.stringify(file)});
    pidfile.write();
    process.stdin.resume().once("end", () => process.exit());
    ${script}
    console.log("ready");`;
  const child = spawn(process.execPath, ["-e", all], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child.pid as number;
}

test("it holds the number and a newline, and is gone at the end", (t) => {
  const file = path(t);
  const pidfile = new Pidfile(file);
  pidfile.write();
  assert.equal(readFileSync(file, "latin1"), `${process.pid}\n`);
  assert.equal(statSync(file).mode & 0o133, 0);
  pidfile.remove();
  assert.ok(!existsSync(file));
});

test("what a crash has left is written over, though the number is somebody else's by now", (t) => {
  for (const left of [
    "4194305\n",
    `${process.ppid}\n`,
    "1\n",
    "a longer line that is no number\n",
    "0\n",
    "-1\n",
    "12",
  ]) {
    const file = path(t);
    writeFileSync(file, left);
    const pidfile = new Pidfile(file);
    pidfile.write();
    assert.equal(readFileSync(file, "latin1"), `${process.pid}\n`);
    pidfile.remove();
  }
});

test("a running daemon keeps its file", async (t) => {
  const file = path(t);
  const pid = await daemon(t, file);
  assert.throws(() => new Pidfile(file), { message: `pidfile ${file}: process ${pid} is running and has it open` });
  assert.equal(readFileSync(file, "latin1"), `${pid}\n`);
});

/**
 * A process that claims one file after the other, each at its time, keeps what it has got, and writes it at the end.
 *
 * @returns the files that it has got, once all were claimed, and a function that lets it write
 */
function claimant(t: TestContext, files: readonly string[], start: number, step: number) {
  const all = `
    const { Pidfile } = require(${JSON.stringify(PIDFILE)});
    const sleeping = new Int32Array(new SharedArrayBuffer(4));
    const got = ${JSON.stringify(files)}.flatMap((file, index) => {
      const due = ${start} + index * ${step};
      // It sleeps up to the last two milliseconds, so that all wake at one time.
      Atomics.wait(sleeping, 0, 0, Math.max(0, due - 2 - Date.now()));
      while (Date.now() < due);
      try { return [[file, new Pidfile(file)]]; } catch (thrown) {
        if (!/ is running and has it open$/.test(thrown.message)) throw thrown;
        return [];
      }
    });
    console.log(JSON.stringify(got.map(([file]) => file)));
    process.stdin.resume().once("data", () => {
      for (const [, pidfile] of got) pidfile.write();
      console.log("written");
    });`;
  const child = spawn(process.execPath, ["-e", all], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const said = async () => String((await once(child.stdout, "data"))[0]).trim();
  return {
    pid: child.pid as number,
    got: async () => JSON.parse(await said()) as string[],
    write: async () => {
      child.stdin.write("\n");
      assert.equal(await said(), "written");
    },
  };
}

test("B26: of several that start at once, each file goes to exactly one, and ends up with its number", async (t) => {
  const folder = scratch(t);
  const files = Array.from({ length: 60 }, (_, index) => join(folder, `${index}`));
  for (const file of files.filter((_, index) => index % 2)) writeFileSync(file, "4194305\n");
  const claimants = Array.from({ length: 4 }, () => claimant(t, files, Date.now() + 1000, 20));
  const got = await Promise.all(claimants.map(async (one) => [one, await one.got()] as const));
  const owners = new Map(got.flatMap(([{ pid }, its]) => its.map((file) => [file, pid] as const)));
  assert.deepEqual(got.flatMap(([, its]) => its).sort(), [...files].sort(), "each once");
  for (const one of claimants) await one.write();
  for (const [file, pid] of owners) assert.equal(readFileSync(file, "latin1"), `${pid}\n`);
});

test("B26: a file whose owner has just removed it is no file of a newcomer", (t) => {
  const file = path(t);
  const old = new Pidfile(file);
  old.write();
  old.remove();
  const pidfile = new Pidfile(file);
  pidfile.write();
  assert.equal(readFileSync(file, "latin1"), `${process.pid}\n`);
  pidfile.remove();
});

test("a file of another kind is not written to", (t) => {
  const file = path(t);
  const content = "a log line\n".repeat(1000);
  writeFileSync(file, content);
  assert.throws(() => new Pidfile(file), {
    message: `pidfile ${file}: has more in it than a process id; give another`,
  });
  assert.equal(readFileSync(file, "latin1"), content);
});

test("neither a symbolic link nor another file's second name is written to", (t) => {
  const file = path(t);
  writeFileSync(`${file}.other`, "precious");
  symlinkSync(`${file}.other`, `${file}.symbolic`);
  linkSync(`${file}.other`, `${file}.hard`);
  assert.throws(() => new Pidfile(`${file}.symbolic`), { message: `pidfile ${file}.symbolic: is a symbolic link` });
  assert.throws(() => new Pidfile(`${file}.hard`), {
    message: `pidfile ${file}.hard: is not a regular file with one name; give another`,
  });
  assert.throws(
    () => new Pidfile("/dev/null"),
    /^Error: pidfile \/dev\/null: is not a regular file with one name; give another$/,
  );
  assert.throws(() => new Pidfile(`${file}.none/pid`), {
    message: `pidfile ${file}.none/pid: make the folder ${file}.none first`,
  });
  assert.equal(readFileSync(`${file}.other`, "latin1"), "precious");
});

test("a file that has taken its place stays", (t) => {
  const file = path(t);
  const pidfile = new Pidfile(file);
  pidfile.write();
  rmSync(file);
  writeFileSync(file, "another's\n");
  pidfile.remove();
  assert.equal(readFileSync(file, "latin1"), "another's\n");
});

test(
  "where root is gone and the folder is root's, it is emptied; while it runs it is known all the same",
  rootOnly,
  async (t) => {
    const file = path(t);
    const drop = `require(${JSON.stringify(PIDFILE.replace("pidfile.js", "privileges.js"))}).dropPrivileges("nobody");`;
    const pid = await daemon(t, file, drop);
    assert.throws(() => new Pidfile(file), { message: `pidfile ${file}: process ${pid} is running and has it open` });
    await daemon(t, `${file}.2`, `${drop} pidfile.remove();`);
    assert.equal(readFileSync(`${file}.2`, "latin1"), "");
  },
);
