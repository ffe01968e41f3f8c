import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Script } from "node:vm";

/** A build of its own, beside the one that is tested, which has the packages and the version in reach. */
function build(t: TestContext): string {
  const folder = mkdtempSync(join(__dirname, "..", "pack-"));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(join(__dirname, "..", "src"), folder, { recursive: true, filter: (file) => !/\/packed\./.test(file) });
  return folder;
}

function run(folder: string, program: string, ...argv: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, program), ...argv], {
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, said: stdout + stderr };
}

const age = (file: string, seconds: number) =>
  utimesSync(file, Date.now() / 1000 - seconds, Date.now() / 1000 - seconds);

test("a pack is what runs, with a code cache that V8 takes", (t) => {
  const folder = build(t);
  const version = run(folder, "main.js", "--version");
  assert.match(version.said, /^pop3\.proxy \d/);
  assert.deepEqual(run(folder, "pack.js"), { status: 0, said: "" });
  const cachedData = readFileSync(join(folder, "packed.cache"));
  const script = new Script(readFileSync(join(folder, "packed.js"), "latin1"), { cachedData });
  assert.equal(script.cachedDataRejected, false);
  for (const file of ["program.js", "cli.js"]) writeFileSync(join(folder, file), "throw new Error('file by file');");
  age(join(folder, "program.js"), 10);
  assert.deepEqual(run(folder, "main.js", "--version"), version);
});

test("a pack that is older than the program is not used", (t) => {
  const folder = build(t);
  run(folder, "pack.js");
  age(join(folder, "packed.js"), 3600);
  writeFileSync(join(folder, "program.js"), "exports.main = () => console.log('file by file');");
  assert.equal(run(folder, "main.js").said, "file by file\n");
});

test("a code cache that is not there, or not V8's, does no harm", (t) => {
  const folder = build(t);
  const version = run(folder, "main.js", "--version");
  run(folder, "pack.js");
  const cache = join(folder, "packed.cache");
  for (const octets of ["", "rubbish", readFileSync(cache).subarray(0, 1000)]) {
    writeFileSync(cache, octets);
    assert.deepEqual(run(folder, "main.js", "--version"), version);
  }
  rmSync(cache);
  assert.deepEqual(run(folder, "main.js", "--version"), version);
});
