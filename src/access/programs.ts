/**
 * Runs programs of the administrator: so many at once, each in a process group of its own, with bounded output, a time
 * limit, and nothing left behind.
 */

import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";

/** How a program ended, and what it had said (latin1). */
export interface ProgramResult {
  /** The exit status; null: there is none (a signal, the time limit, a failure to start). */
  readonly status: number | null;
  /** The same in words, for the log. */
  readonly how: string;
  readonly stdout: string;
  /** What it wrote to descriptor 3. */
  readonly answer: string;
  readonly seconds: number;
}

/** Programs that run at once; others wait. */
export const AT_ONCE = 64;

/** Descriptors that each needs: its pipes. */
export const PIPES = 3;

/**
 * Starting a program stops the event loop for about a millisecond; it may do so for one part in so many, lest a crowd of
 * logins holds up those who read their mail (500 logins took 50 % of a download's speed, 20 % with this; bench:acp).
 */
const START_SHARE = 8;

/** Octets of stdout and of descriptor 3 that are kept. One more of the latter makes it too long to be understood. */
const KEPT = 4096;

/** A program that writes more than this to one descriptor gets no reader any more, in octets. */
const OUTPUT_BOUND = 1024 * 1024;

/** Lines of stderr that go to the log, and octets of each. */
const STDERR_LINES = 100;
const STDERR_LINE = 512;

/** How long after its exit a program's pipes and group may live, in milliseconds. */
const AFTERLIFE = 1000;

/** How long what it had written before its exit may take to be read, in milliseconds; a grandchild may hold the pipe. */
const LAST_WORDS = 20;

export class Programs {
  #running = 0;
  /** When the next program may be started, in milliseconds of performance.now(). */
  #nextStart = 0;
  readonly #waiting: (() => void)[] = [];
  readonly #groups = new Set<number>();

  /** @param timeout for one run, in seconds */
  constructor(private readonly timeout: number) {}

  /**
   * Runs a program with an empty stdin.
   *
   * @param said gets the lines of its stderr
   * @param until ends it
   * @throws the reason of `until`
   */
  async run(
    argv: readonly string[],
    environment: NodeJS.ProcessEnv,
    said: (line: string) => void,
    until: AbortSignal,
  ): Promise<ProgramResult> {
    if (this.#running >= AT_ONCE) await this.#turn(until);
    else this.#running++;
    try {
      for (let wait = this.#wait(); wait > 0 && !until.aborted; wait = this.#wait()) await pause(wait);
      if (until.aborted) throw until.reason;
      return await this.#run(argv, environment, said, until);
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  /** Waits for the place of a program that has ended. @throws the reason of `until` */
  async #turn(until: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const gone = () => {
        this.#waiting.splice(this.#waiting.indexOf(ready), 1);
        reject(until.reason);
      };
      const ready = () => {
        until.removeEventListener("abort", gone);
        resolve();
      };
      if (until.aborted) {
        reject(until.reason);
        return;
      }
      until.addEventListener("abort", gone);
      this.#waiting.push(ready);
    });
  }

  /** How long the next start has to wait, in milliseconds. */
  #wait(): number {
    return this.#nextStart - performance.now();
  }

  /** Ends all process groups. */
  close(): void {
    for (const group of this.#groups) kill(group);
  }

  #run(
    argv: readonly string[],
    env: NodeJS.ProcessEnv,
    said: (line: string) => void,
    until: AbortSignal,
  ): Promise<ProgramResult> {
    const [program = "", ...words] = argv;
    const began = Date.now();
    const starting = performance.now();
    const child = spawn(program, words, { env, detached: true, stdio: ["ignore", "pipe", "pipe", "pipe"] });
    const started = performance.now();
    this.#nextStart = started + (started - starting) * (START_SHARE - 1);
    // Without a descriptor left there are no pipes, and "error" follows.
    const [, stdout, stderr, answer] = (child.stdio ?? []) as unknown as Readable[];
    const kept = [collect(stdout), collect(answer)] as const;
    const lines = stderr ? logLines(stderr, said) : null;
    if (child.pid !== undefined) this.#groups.add(child.pid);
    return new Promise<ProgramResult>((resolve, reject) => {
      const stop = () => child.pid !== undefined && kill(child.pid);
      const timer = setTimeout(() => {
        stop();
        settle(null, "time limit");
      }, this.timeout * 1000);
      const gone = () => {
        stop();
        reject(until.reason);
      };
      until.addEventListener("abort", gone);
      const settle = (status: number | null, how: string) => {
        clearTimeout(timer);
        until.removeEventListener("abort", gone);
        const [said, answered] = kept.map((octets) => octets());
        resolve({ status, how, stdout: said ?? "", answer: answered ?? "", seconds: (Date.now() - began) / 1000 });
      };
      child.once("error", (fault) => settle(null, fault.message));
      child.once("exit", async (status, signal) => {
        void this.#bury(child);
        const closed = new Promise<void>((done) => child.once("close", done));
        await Promise.race([closed, pause(LAST_WORDS)]);
        lines?.();
        settle(status, signal ?? `exit status ${status}`);
      });
    });
  }

  /** Some time after the exit: closes the pipes, and ends what is left of the group. */
  async #bury(child: ChildProcess): Promise<void> {
    const group = child.pid as number;
    await pause(AFTERLIFE);
    for (const pipe of child.stdio ?? []) pipe?.destroy();
    if (this.#groups.delete(group)) kill(group);
  }
}

function kill(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // Nobody is left in it.
  }
}

/** Keeps the first octets; reads on for a while, so that a talkative program can go on. */
function collect(pipe: Readable | undefined): () => string {
  let kept = "";
  let octets = 0;
  pipe?.on("error", () => {});
  pipe?.on("data", (chunk: Buffer) => {
    octets += chunk.length;
    if (kept.length <= KEPT) kept += chunk.toString("latin1").slice(0, KEPT + 1 - kept.length);
    if (octets > OUTPUT_BOUND) pipe.destroy();
  });
  return () => kept;
}

/** Hands lines to the log as they come. @returns hands over a last line without an end */
function logLines(pipe: Readable, said: (line: string) => void): () => void {
  let rest = "";
  let count = 0;
  let octets = 0;
  const tell = (line: string) => {
    if (line && count++ < STDERR_LINES) said(line.slice(0, STDERR_LINE));
  };
  pipe.on("error", () => {});
  pipe.on("data", (chunk: Buffer) => {
    octets += chunk.length;
    const lines = (rest + chunk.toString("latin1")).split("\n");
    rest = (lines.pop() ?? "").slice(0, STDERR_LINE);
    for (const line of lines) tell(line);
    if (octets > OUTPUT_BOUND) pipe.destroy();
  });
  return () => {
    tell(rest);
    rest = "";
  };
}
