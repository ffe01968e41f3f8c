/**
 * Real programs: where they are, and what is run of them.
 * Whatever is started here has a time limit, a process group of its own, and is ended with that group, also when
 * the test file ends early. Root runs what it starts as nobody, unless told otherwise: several of these programs
 * refuse to work as root.
 */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { cpuWithChildren, descendantsOf } from "../stage/processes";

/** Who runs the peers: nobody for root, else whoever runs the tests. */
export const ordinary = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

/** Debian's own programs before others of their name: they are the same everywhere, and anybody may run them. */
const folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", ...(process.env.PATH ?? "").split(delimiter)];
const cache =
  process.env.POP3_TEST_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "pop3.proxy-test");

/** The file of an installed program. @throws if there is none */
export function program(name: string): string {
  const found = folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  return found ?? assert.fail(`${name} is not installed`);
}

/** A file of a package that install.sh unpacked: package/path. */
export function unpacked(file: string): string {
  return join(cache, file);
}

/**
 * The reason to skip a test, or false: which of these programs (with a slash: files of unpacked packages, or with their
 * whole path) are missing.
 * @throws where CI is set: there nothing may be skipped
 */
export function lacking(...names: string[]): string | false {
  const places = (name: string) =>
    isAbsolute(name) ? [name] : name.includes("/") ? [unpacked(name)] : folders.map((folder) => join(folder, name));
  const absent = names.filter((name) => !places(name).some((file) => existsSync(file)));
  const missing = [...new Set(absent.map((name) => (isAbsolute(name) ? name : name.split("/", 1)[0])))];
  assert.ok(missing.length === 0 || !process.env.CI, `not installed (test/real/install.sh): ${missing.join(", ")}`);
  return missing.length > 0 && `not installed: ${missing.join(", ")}`;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) signal(child, "SIGKILL");
});
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => process.exit(1));

/** How a program is run: as in spawn, except that its environment is only what is named here, and the search path. */
export interface Setting {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** As whoever runs the tests, though that be root. */
  readonly asRoot?: boolean;
  readonly stdio?: ("pipe" | "ignore" | Socket)[];
  /** For `run`: how long it may neither say anything nor work, in seconds; 60 if not given. */
  readonly limit?: number;
}

/** Starts a program in a process group of its own. */
export function start(file: string, argv: readonly string[], setting: Setting = {}): ChildProcess {
  const child = spawn(file, argv, {
    detached: true,
    stdio: setting.stdio ?? ["pipe", "pipe", "pipe"],
    env: { PATH: folders.join(delimiter), LC_ALL: "C.UTF-8", ...setting.env },
    ...(setting.cwd === undefined ? {} : { cwd: setting.cwd }),
    ...(setting.asRoot ? {} : ordinary),
  });
  running.add(child);
  child.once("error", () => running.delete(child));
  child.once("exit", () => running.delete(child));
  return child;
}

/** Ends a started program and all of its process group; what is left of it after 30 s is killed. */
export async function stop(child: ChildProcess, by: NodeJS.Signals = "SIGTERM"): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const exit = new Promise((resolve) => child.once("exit", resolve));
    const limit = setTimeout(() => signal(child, "SIGKILL"), 30_000);
    signal(child, by);
    await exit;
    clearTimeout(limit);
  }
  signal(child, "SIGKILL");
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, name);
  } catch {
    // ESRCH: the whole group has ended
  }
}

/** What a program left behind. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/**
 * Kills a program and its process group when it has done nothing for so long: how much it does in a time depends on the
 * machine.
 *
 * @param limit in seconds
 */
function endIdle(child: ChildProcess, limit: number): NodeJS.Timeout {
  const looks = 4;
  let octets = 0;
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (octets += chunk.length));
  const done = () =>
    [child.pid ?? 0, ...descendantsOf(child.pid ?? 0)].reduce((sum, pid) => sum + cpuWithChildren(pid), octets);
  let last = -1;
  let idle = 0;
  return setInterval(
    () => {
      const now = done();
      idle = now === last ? idle + 1 : 0;
      last = now;
      if (idle === looks) signal(child, "SIGKILL");
    },
    (1000 * limit) / looks,
  );
}

/** Runs a program to its end. Where it is idle for too long, its process group is killed, and its code is null. */
export async function run(file: string, argv: readonly string[], setting: Setting = {}): Promise<Outcome> {
  const child = start(file, argv, setting);
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on("data", (octets: Buffer) => stdout.push(octets));
  child.stderr?.on("data", (octets: Buffer) => stderr.push(octets));
  child.stdin?.on("error", () => {}).end();
  const watch = endIdle(child, setting.limit ?? 60);
  const code = await new Promise<number | null>((resolve, reject) =>
    child.once("error", reject).once("close", resolve),
  ).finally(() => clearInterval(watch));
  return { code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString("latin1") };
}
