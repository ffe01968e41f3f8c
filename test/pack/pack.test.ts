import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Script } from "node:vm";

/** A build of its own, beside the one that is tested, which has the packages and the version in reach. */
function build(t: TestContext): string {
  const folder = mkdtempSync(join(__dirname, "..", "..", "pack-"));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(join(__dirname, "..", "..", "src"), folder, { recursive: true, filter: (file) => !/\/packed\./.test(file) });
  return folder;
}

function run(folder: string, program: string, ...argv: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, program), ...argv], {
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, said: stdout + stderr };
}

test("a pack is what runs, with a code cache that V8 takes", (t) => {
  const folder = build(t);
  const version = run(folder, "main.js", "--version");
  assert.match(version.said, /^pop3\.proxy \d/);
  assert.deepEqual(run(folder, "pack/pack.js"), { status: 0, said: "" });
  const cachedData = readFileSync(join(folder, "packed.cache"));
  const script = new Script(readFileSync(join(folder, "packed.js"), "latin1"), { cachedData });
  assert.equal(script.cachedDataRejected, false);
  for (const file of ["app/program.js", "config/commandline.js"])
    writeFileSync(join(folder, file), "throw new Error('file by file');");
  assert.deepEqual(run(folder, "main.js", "--version"), version);
});

test("a pack evaluates what is needed when it is needed, and has the licenses of what is in it", (t) => {
  const folder = build(t);
  assert.deepEqual(run(folder, "pack/pack.js"), { status: 0, said: "" });
  const script = `
    const { readPack, runPack } = require(${JSON.stringify(join(folder, "pack/script.js"))});
    const before = new Set(process.moduleLoadList);
    runPack(readPack(${JSON.stringify(folder)}), ${JSON.stringify(folder)});
    console.log(process.moduleLoadList.filter((name) => !before.has(name)).join());`;
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
  assert.equal(stderr, "");
  assert.doesNotMatch(stdout, /NativeModule (?:net|tls|dgram|dns|crypto|child_process|os|stream\b)/);
  const packed = readFileSync(join(folder, "packed.js"), "latin1");
  for (const name of ["commander", "ipaddr.js", "minimatch", "syslog-client"]) {
    assert.match(packed, new RegExp(`^With ${name} in it \\([^)]+\\):\n\n\\S`, "m"));
  }
});

test("a pack that is not there, or is damaged, is no reason not to start", (t) => {
  const folder = build(t);
  const version = run(folder, "main.js", "--version");
  run(folder, "pack/pack.js");
  const [pack, cache] = [join(folder, "packed.js"), join(folder, "packed.cache")];
  const [sound, soundCache] = [readFileSync(pack), readFileSync(cache)];
  for (const octets of ["", "rubbish(", sound.subarray(0, 1000), null]) {
    if (octets === null) rmSync(pack);
    else writeFileSync(pack, octets);
    assert.deepEqual(run(folder, "main.js", "--version"), version, `${octets}`.slice(0, 20));
  }
  writeFileSync(pack, sound);
  for (const octets of ["", "rubbish", soundCache.subarray(0, 1000), null]) {
    if (octets === null) rmSync(cache);
    else writeFileSync(cache, octets);
    assert.deepEqual(run(folder, "main.js", "--version"), version, `${octets}`.slice(0, 20));
  }
  mkdirSync(cache);
  assert.deepEqual(run(folder, "main.js", "--version"), version, "a folder");
});

test("a build by tsc alone runs what it has made", (t) => {
  const folder = build(t);
  run(folder, "pack/pack.js");
  const top = join(__dirname, "..", "..", "..");
  const tsc = spawnSync(join(top, "node_modules", ".bin", "tsc"), ["-p", top, "--outDir", folder], {
    encoding: "utf8",
  });
  assert.equal(tsc.status, 0, tsc.stdout);
  writeFileSync(join(folder, "app/program.js"), "exports.main = () => console.log('file by file');");
  assert.equal(run(folder, "main.js").said, "file by file\n");
});
