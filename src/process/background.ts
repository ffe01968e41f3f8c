/**
 * Into the background: the launcher starts this program again as a child in a process session of its own, waits for the
 * child's report, and ends. The child reports that it serves, or why it can't, and then shares nothing with the
 * launcher.
 */

import { spawn } from "node:child_process";
import { closeSync, readdirSync, readFileSync } from "node:fs";
import { inWords } from "../base/faults";
import { vacate } from "./descriptor";

/** The variable by which the child knows that it is the daemon. */
const MARK = "POP3_PROXY_BACKGROUND";

/** The descriptor of the channel to the launcher, the last one that the child is started with. */
const CHANNEL = 3;

/** The flag of Linux for a descriptor that closes on exec; node:fs has no name for it. */
const O_CLOEXEC = 0o2000000;

/** The most characters of the child's stderr that are kept; one chunk may go beyond it. */
const STDERR_BOUND = 4096;

/** The child's report to its launcher. */
interface Report {
  /** null: the daemon serves; else why it does not. */
  readonly fault: string | null;
  /** What the administrator is to be told all the same. */
  readonly warnings: readonly string[];
}

/** Whether this process is the child of `launch`. */
export function inBackground(): boolean {
  return process.env[MARK] !== undefined && process.send !== undefined;
}

/**
 * Closes the descriptors that the launcher was started with besides the standard streams: a lock file would stay locked,
 * and who waits for the end of a pipe would wait for the daemon. Those that this process has opened close on exec.
 */
export function closeInherited(): void {
  for (const name of namesIn("/proc/self/fd")) {
    const fd = Number(name);
    if (fd > CHANNEL && !closesOnExec(fd)) closeSync(fd);
  }
}

function closesOnExec(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1];
    return flags === undefined || (Number.parseInt(flags, 8) & O_CLOEXEC) !== 0;
  } catch {
    return true; // closed by now: it was that of readdir
  }
}

/** The names in a folder; none on a system without it. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Starts the daemon. Never rejects. @returns the daemon's report, once it serves or has failed */
export function launch(argv: readonly string[]): Promise<Report> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] as string, ...argv], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    env: { ...process.env, [MARK]: "1" },
  });
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    if (stderr.length < STDERR_BOUND) stderr += chunk;
  });
  return new Promise((resolve) => {
    const failed = (fault: string) => resolve({ fault, warnings: [] });
    child.once("message", (message) => resolve(message as Report));
    child.once("error", (error) => failed(inWords(error)));
    child.once("close", (code, signal) =>
      failed(stderr.trim() || `the daemon ended: ${signal ?? `exit status ${code}`}`),
    );
  });
}

/**
 * Sends the child's report to the launcher, which may have ended. Afterwards stderr is /dev/null, and the current
 * directory is /.
 *
 * @param fault null: the daemon serves; else why it does not
 */
export async function report(fault: string | null, warnings: readonly string[] = []): Promise<void> {
  delete process.env[MARK];
  await new Promise<void>((resolve) => {
    const message: Report = { fault, warnings };
    process.send?.(message, undefined, undefined, () => resolve());
  });
  if (process.connected) process.disconnect?.();
  vacate(2);
  process.chdir("/");
}
