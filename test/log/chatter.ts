/**
 * A process that logs, for tests of what a log does to its process: started with a JSON text as its one argument, it
 * writes so many lines `say n=0`, `say n=1` ..., closes the log, and leaves a report of itself in a file.
 */

import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Surroundings } from "../../src/log/open";
import type { LogOptions } from "./opened";

export interface Task {
  readonly options: LogOptions;
  readonly found?: Partial<Surroundings>;
  readonly count: number;
  /** Lines of one turn of the event loop. */
  readonly perTurn: number;
  /** From one turn to the next, in milliseconds. */
  readonly pause: number;
  /** Blanks that make a line longer. */
  readonly more?: number;
  /** How long to wait before the log is closed, in milliseconds. */
  readonly wait?: number;
  /** It is killed instead. */
  readonly die?: boolean;
  readonly report: string;
}

export interface Report {
  /** The longest time for which the event loop stood still, in milliseconds. */
  readonly stood: number;
  /** By how much the process has grown since its first turns, in octets. */
  readonly grown: number;
  /** How long the close of the log took, in milliseconds. */
  readonly closing: number;
}

async function main(): Promise<void> {
  const task = JSON.parse(process.argv[2] as string) as Task;
  const { opened } = require("./opened") as typeof import("./opened.js");
  const { log, close } = opened(task.options, task.found);
  const more = "x".repeat(task.more ?? 0);
  let stood = 0;
  let before = 0;
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    stood = Math.max(stood, now - last);
    last = now;
  }, 1).unref();
  for (let n = 0; n < task.count; n++) {
    log("info", "say", { more: more || undefined, n });
    if (n % task.perTurn === task.perTurn - 1) await sleep(task.pause);
    if (n === Math.floor(task.count / 4)) before = process.memoryUsage().rss;
  }
  await sleep(task.wait ?? 0);
  if (task.die) process.kill(process.pid, "SIGKILL");
  const grown = process.memoryUsage().rss - before;
  const start = performance.now();
  await close();
  writeFileSync(task.report, JSON.stringify({ stood, grown, closing: performance.now() - start } satisfies Report));
}

void main();
