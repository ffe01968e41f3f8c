/**
 * Runs chatter.ts and reads its report.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Report, Task } from "./chatter";
import { folder } from "./daemons";

export interface Chatter {
  readonly child: ChildProcess;
  /** When it has ended by itself: its report. Killed: null. */
  readonly ended: Promise<Report | null>;
  /** When nobody holds its descriptors any more, and all of it has been read. */
  readonly closed: Promise<unknown>;
}

/**
 * @param shell what to run, with the chatter as `"$@"`; its descriptors are the chatter's
 */
export function chatter(t: TestContext, task: Omit<Task, "report">, shell = 'exec "$@"'): Chatter {
  const report = join(folder(t), "report");
  const whole: Task = { ...task, report };
  const argv = [process.execPath, join(__dirname, "chatter.js"), JSON.stringify(whole)];
  const child = spawn("/bin/sh", ["-c", shell, "sh", ...argv], { stdio: ["ignore", "pipe", "pipe"], detached: true });
  const exit = once(child, "exit");
  const closed = once(child, "close");
  t.after(() => {
    try {
      process.kill(-(child.pid as number), "SIGKILL");
    } catch {
      // It has ended, and all that it had started.
    }
  });
  return {
    child,
    closed,
    ended: exit.then(() => (existsSync(report) ? (JSON.parse(readFileSync(report, "utf8")) as Report) : null)),
  };
}
