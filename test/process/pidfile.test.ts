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
  assert.equal(readFileSync(file, "latin1"), "");
  pidfile.write();
  assert.equal(readFileSync(file, "latin1"), `${process.pid}\n`);
  assert.equal(statSync(file).mode & 0o133, 0);
  pidfile.remove();
  assert.ok(!existsSync(file));
});

test("what a crash has left is written over, though the number is somebody else's by now", (t) => {
  for (const left of ["4194305\n", `${process.ppid}\n`, "1\n", "a longer line that is no number\n", "0\n", "-1\n"]) {
    const file = path(t);
    writeFileSync(file, left);
    const pidfile = new Pidfile(file);
    assert.equal(readFileSync(file, "latin1"), left);
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
  assert.throws(() => new Pidfile(`${file}/none`), /^Error: pidfile .*ENOENT[^\n]*$/);
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
