/**
 * A process that logs, for tests of what a log does to its process: started with a JSON text as its one argument, it
 * writes so many lines `say n=0`, `say n=1` ..., closes its logs, and leaves a report of itself in a file.
 */

import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Surroundings } from "../../src/log/open";
import { ownTime } from "../stage/stopwatch";
import type { LogOptions } from "./opened";
import { witness } from "./witness";

export interface Task {
  readonly options: LogOptions;
  /** What is found around: each makes a log of its own, and all get every line. Default: one of the process itself. */
  readonly founds?: readonly Partial<Surroundings>[];
  readonly count: number;
  /** Lines of one turn of the event loop. */
  readonly perTurn: number;
  /** From one turn to the next, in milliseconds. */
  readonly pause: number;
  /** Octets that make a line longer. */
  readonly more?: number;
  /** Numbers of lines, each with the file that must be there before it. */
  readonly holds?: readonly Hold[];
  /** A file that is made when all lines are written, and has their number in it. */
  readonly said?: string;
  /** How long to wait then, in milliseconds. */
  readonly wait?: number;
  /** The file that must be there before the logs are closed. */
  readonly leave?: string;
  /** While a file must be there that is not, another line is written now and then, beside those that are counted. */
  readonly knock?: boolean;
  /** It is killed instead. */
  readonly die?: boolean;
  readonly report: string;
}

/** Made when the turn of a line has come: the file's name with `.wanted`. */
export interface Hold {
  readonly before: number;
  readonly file: string;
}

export interface Report {
  /** How many lines it has written. */
  readonly said: number;
  /** The longest time for which the event loop stood still while another thread ran, in milliseconds. */
  readonly stood: number;
  /** By how much the process has grown since its first turns, in octets. */
  readonly grown: number;
  /** How long the close of the logs took, in milliseconds; without the time in which this process could not run. */
  readonly closing: number;
  /** The same with it. */
  readonly waited: number;
}

async function main(): Promise<void> {
  const task = JSON.parse(process.argv[2] as string) as Task;
  const { opened } = require("./opened") as typeof import("./opened.js");
  const logs = (task.founds ?? [{}]).map((found) => opened(task.options, found));
  const event = task.more ? `say ${"x".repeat(task.more)}` : "say";
  let stood = 0;
  let before = 0;
  const clock = witness();
  let last = clock();
  setInterval(() => {
    const now = clock();
    stood = Math.max(stood, now - last);
    last = now;
  }, 10).unref();
  let said = 0;
  const say = () => {
    for (const { log } of logs) log("info", event, { n: said });
    said++;
  };
  const knock = () => task.knock && say();
  for (let n = 0; n < task.count; n++) {
    const hold = task.holds?.find(({ before }) => before === n);
    if (hold) {
      writeFileSync(`${hold.file}.wanted`, "");
      await present(hold.file, knock);
    }
    say();
    if (n % task.perTurn === task.perTurn - 1) await sleep(task.pause);
    if (n === Math.floor(task.count / 4)) before = process.memoryUsage().rss;
  }
  if (task.said) writeFileSync(task.said, `${said}`);
  await sleep(task.wait ?? 0);
  if (task.leave) await present(task.leave, knock);
  if (task.die) process.kill(process.pid, "SIGKILL");
  const grown = process.memoryUsage().rss - before;
  const [start, startOfWait] = [ownTime(), performance.now()];
  await Promise.all(logs.map(({ close }) => close()));
  const [closing, waited] = [ownTime() - start, performance.now() - startOfWait];
  writeFileSync(task.report, JSON.stringify({ said, stood, grown, closing, waited } satisfies Report));
}

/** Waits for a file; whoever has started this process ends it if that takes too long. */
async function present(file: string, meanwhile: () => void): Promise<void> {
  while (!existsSync(file)) {
    meanwhile();
    await sleep(20);
  }
}

void main();
