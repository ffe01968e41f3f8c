import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Script } from "node:vm";

const BUILD = join(__dirname, "..", "..", "src");

/** A folder beside the build that is tested, which has the packages and the version in reach. It goes with the process. */
function folderOf(): string {
  const folder = mkdtempSync(join(__dirname, "..", "..", "pack-"));
  process.once("exit", () => rmSync(folder, { recursive: true }));
  return folder;
}

/** The pack of all tests, made of a build without one, and what its version was before. */
let made: { folder: string; version: Ended } | null = null;

function makeOnce(): { folder: string; version: Ended } {
  if (made) return made;
  const folder = folderOf();
  cpSync(BUILD, folder, { recursive: true, filter: (file) => !/\/packed\./.test(file) });
  const version = run(folder, "main.js", "--version");
  assert.match(version.said, /^pop3\.proxy \d/);
  assert.deepEqual(run(folder, "pack/pack.js"), { status: 0, said: "" });
  made = { folder, version };
  return made;
}

/** A copy of it. */
function copied(): string {
  const folder = folderOf();
  cpSync(makeOnce().folder, folder, { recursive: true });
  return folder;
}

interface Ended {
  readonly status: number | null;
  readonly said: string;
}

function run(folder: string, program: string, ...argv: string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, program), ...argv], {
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, said: stdout + stderr };
}

test("a pack is what runs, with a code cache that V8 takes", () => {
  const { version } = makeOnce();
  const folder = copied();
  const cachedData = readFileSync(join(folder, "packed.cache"));
  const script = new Script(readFileSync(join(folder, "packed.js"), "latin1"), { cachedData });
  assert.equal(script.cachedDataRejected, false);
  for (const file of ["app/program.js", "config/commandline.js"])
    writeFileSync(join(folder, file), "throw new Error('file by file');");
  assert.deepEqual(run(folder, "main.js", "--version"), version);
});

test("a pack evaluates what is needed when it is needed, and has the licenses of what is in it", () => {
  const { folder } = makeOnce();
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

test("a pack that is not there, or is damaged, is no reason not to start", () => {
  const { version } = makeOnce();
  const folder = copied();
  const { readPack, runPack } = require(join(folder, "pack", "script.js")) as typeof import("../../src/pack/script.js");
  const main = () => runPack(readPack(folder), folder).main;
  const starts = () => assert.deepEqual(run(folder, "main.js", "--version"), version);
  const [pack, cache] = [join(folder, "packed.js"), join(folder, "packed.cache")];
  const [sound, soundCache] = [readFileSync(pack), readFileSync(cache)];
  // The launcher takes the program's files whatever is thrown here.
  for (const octets of ["", "rubbish(", sound.subarray(0, 1000)]) {
    writeFileSync(pack, octets);
    assert.throws(main, `${octets}`.slice(0, 20));
  }
  starts();
  rmSync(pack);
  assert.throws(main, /ENOENT/);
  starts();
  writeFileSync(pack, sound);
  for (const octets of ["", "rubbish", soundCache.subarray(0, 1000)]) {
    writeFileSync(cache, octets);
    assert.equal(typeof main(), "function", `${octets}`.slice(0, 20));
  }
  starts();
  rmSync(cache);
  assert.equal(typeof main(), "function", "no cache");
  mkdirSync(cache);
  assert.equal(typeof main(), "function", "a folder");
});

test("a build by tsc alone runs what it has made", () => {
  const folder = copied();
  const top = join(__dirname, "..", "..", "..");
  // The build of the tests has checked the types.
  const argv = ["-p", top, "--outDir", folder, "--noCheck"];
  const tsc = spawnSync(join(top, "node_modules", ".bin", "tsc"), argv, { encoding: "utf8" });
  assert.equal(tsc.status, 0, tsc.stdout);
  writeFileSync(join(folder, "app/program.js"), "exports.main = () => console.log('file by file');");
  assert.equal(run(folder, "main.js").said, "file by file\n");
});

test("what --metrics alone needs is in a script of its own, which no other start reads", () => {
  const { folder } = makeOnce();
  const [packed, thread] = ["packed.js", "metricsworker.js"].map((file) => readFileSync(join(folder, file), "latin1"));
  assert.match(thread ?? "", /With prom-client in it/);
  assert.doesNotMatch(packed ?? "", /prom-client|prefers-color-scheme|node:http"\).*createServer/);
});
