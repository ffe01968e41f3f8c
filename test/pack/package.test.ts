import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { testOfDraw } from "../stage/draws";
import { atEnd } from "../stage/ending";

const test = testOfDraw();

const TOP = join(__dirname, "..", "..", "..");

/** A folder beside the build. */
function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(__dirname, "..", "..", "package-"));
  atEnd(t, () => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a command to its end. @returns all that it has said @throws if it fails */
function run(command: string, ...argv: string[]): string {
  // The tests' own npm hands its settings on.
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("npm_"));
  const ended = spawnSync(command, argv, { encoding: "utf8", env: Object.fromEntries(own), timeout: 300_000 });
  assert.equal(ended.status, 0, `${command} ${argv.join(" ")}: ${ended.error ?? ended.stderr}`);
  return ended.stdout + ended.stderr;
}

/** The files of a folder and below. */
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name);

test("the package installs without a registry and without a warning, and npm removes all of it", (t) => {
  const folder = folderOf(t);
  const npm = (...argv: string[]) =>
    run("npm", "--offline", "--update-notifier=false", `--cache=${folder}/cache`, ...argv);
  run(process.execPath, join(TOP, "dist", "pack", "package.js"), join(folder, "package"));
  const [name = ""] = npm("pack", "-s", "--pack-destination", folder, join(folder, "package")).split("\n");

  const prefix = join(folder, "prefix");
  const said = npm("install", "-g", "--prefix", prefix, join(folder, name));
  assert.match(said, /^\nadded 1 package in \d+\w+\n$/);
  const { version, man } = JSON.parse(readFileSync(join(TOP, "package.json"), "utf8"));
  const command = join(prefix, "bin", "pop3.proxy");
  assert.match(run(command, "--version"), new RegExp(`^pop3\\.proxy ${version.replaceAll(".", "\\.")}, Node `));
  for (const page of man as string[]) {
    const [, file = "", part = ""] = /([^/]+(\d))$/.exec(page) ?? [];
    assert.ok(existsSync(join(prefix, "share", "man", `man${part}`, file)), page);
  }
  const installed = join(prefix, "lib", "node_modules", "pop3.proxy");
  run(join(installed, "acp-examples", "show-variables"));

  // There is no other code that could run.
  const packed = join(installed, "dist", "packed.js");
  chmodSync(packed, 0o644);
  rmSync(packed);
  assert.throws(() => run(command, "--version"), /ENOENT: .*packed\.js/);

  npm("uninstall", "-g", "--prefix", prefix, "pop3.proxy");
  assert.deepEqual(filesIn(prefix), []);
});
