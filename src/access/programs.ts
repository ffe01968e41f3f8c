/**
 * Runs programs of the administrator: 64 at once, each in a process group of its own, with bounded output and a time
 * limit. All processes of the group are killed soon after the program's exit.
 */

import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { reasonOf } from "../base/faults";
import { Slots } from "../base/slots";
import { timeLimit } from "../base/timelimit";
import type { Until } from "../base/until";
import { OUTPUT_BOUND, passLines, Starts, signalGroup } from "../process/children";

/** A program to run. */
interface ProgramCall {
  /** The program's file, or its name in PATH, and its arguments. */
  readonly argv: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** How long the program may run, and how long it may wait for its start, in milliseconds. */
  readonly timeout: number;
  /** Called with each line of the program's stderr (latin1). */
  readonly said: (line: string) => void;
}

/** How a program ended, and its output (latin1). */
export interface ProgramResult {
  /** The exit status; null: a signal or the time limit has ended the program, or it could not be started. */
  readonly status: number | null;
  /** The exit status, signal or fault in words, for the log. */
  readonly how: string;
  readonly stdout: string;
  /** The output on descriptor 3. */
  readonly answer: string;
  /** How long the program ran, in seconds. */
  readonly seconds: number;
}

/** The most programs that run at once; others wait. */
export const AT_ONCE = 64;

/** How many descriptors of the gateway each program needs: its pipes. */
export const PIPES = 3;

/**
 * How many octets of stdout and of descriptor 3 are kept. One octet more is kept as well, so that the caller can see
 * that an answer is too long.
 */
const KEPT = 4096;

/** How long after a program's exit its pipes are closed and its process group is killed, in milliseconds. */
const GROUP_GRACE = 1000;

/** How long after a program's exit its output is still read, in milliseconds: a child of it may hold the pipes open. */
const DRAIN = 20;

/** The programs that run, and the callers that wait to run one. */
export class Programs {
  readonly #slots = new Slots(AT_ONCE);
  readonly #groups = new Set<number>();
  /** How many have their place and wait until a program may be started. */
  #delayed = 0;

  constructor(private readonly starts = new Starts()) {}

  /**
   * Runs a program with an empty stdin. One that had to wait longer than it may run is not started: behind 64 programs
   * that hang, each login would wait as many times the limit as there are others before it.
   *
   * @param until kills the program, or ends the wait for its start
   * @returns also if the program could not be started
   * @throws the reason of `until`
   */
  async run(program: ProgramCall, until: Until): Promise<ProgramResult> {
    const ends = performance.now() + program.timeout;
    const give = await this.#slots.take(until);
    try {
      this.#delayed++;
      while (this.starts.wait > 0 && !until.aborted) await pause(this.starts.wait);
      this.#delayed--;
      if (until.aborted) throw until.reason;
      if (performance.now() >= ends) return unstarted("no turn within the time limit");
      return await this.#run(program, until);
    } finally {
      give();
    }
  }

  /** How many programs wait for their start. */
  get waiting(): number {
    return this.#slots.waiting + this.#delayed;
  }

  /** Kills all process groups. */
  close(): void {
    for (const group of this.#groups) signalGroup(group, "SIGKILL");
  }

  #run({ argv, environment: env, timeout, said }: ProgramCall, until: Until): Promise<ProgramResult> {
    const [program = "", ...words] = argv;
    const began = performance.now();
    let child: ChildProcess;
    try {
      const stdio = ["ignore", "pipe", "pipe", "pipe"] as const;
      child = this.starts.now(() => spawn(program, words, { env, detached: true, stdio: [...stdio] }));
    } catch (thrown) {
      // Some faults of the system are thrown, such as ENOMEM and ETXTBSY; for others "error" follows.
      return Promise.resolve(unstarted(reasonOf(thrown as Error)));
    }
    // If no descriptor is free, the child has no pipes, and "error" follows.
    const [, stdout, stderr, answer] = (child.stdio ?? []) as unknown as Readable[];
    const kept = [collect(stdout), collect(answer)] as const;
    const lines = stderr ? passLines(stderr, said) : null;
    if (child.pid !== undefined) this.#groups.add(child.pid);
    return new Promise<ProgramResult>((resolve, reject) => {
      const stop = () => child.pid !== undefined && signalGroup(child.pid, "SIGKILL");
      const endLimit = timeLimit(timeout, () => {
        stop();
        settle(null, "time limit");
      });
      const aborted = () => {
        stop();
        reject(until.reason);
      };
      until.addEventListener("abort", aborted);
      const settle = (status: number | null, how: string) => {
        endLimit();
        until.removeEventListener("abort", aborted);
        const [said, answered] = kept.map((octets) => octets());
        resolve({
          status,
          how,
          stdout: said ?? "",
          answer: answered ?? "",
          seconds: Math.round(performance.now() - began) / 1000,
        });
      };
      child.once("error", (fault) => settle(null, reasonOf(fault)));
      child.once("exit", async (status, signal) => {
        endLimit();
        void this.#cleanUp(child);
        const closed = new Promise<void>((done) => child.once("close", done));
        await Promise.race([closed, pause(DRAIN)]);
        // A busy event loop may come to the timer before the pipes: it reads them between two turns.
        for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
        lines?.();
        settle(status, signal ?? `exit status ${status}`);
      });
    });
  }

  /** Some time after the exit, closes the pipes and kills the rest of the process group. */
  async #cleanUp(child: ChildProcess): Promise<void> {
    const group = child.pid as number;
    await pause(GROUP_GRACE);
    for (const pipe of child.stdio ?? []) pipe?.destroy();
    if (this.#groups.delete(group)) signalGroup(group, "SIGKILL");
  }
}

/** The result of a program that could not be started. */
function unstarted(how: string): ProgramResult {
  return { status: null, how, stdout: "", answer: "", seconds: 0 };
}

/** Keeps the first octets of a pipe. It reads up to OUTPUT_BOUND, so that the program's writes do not block. */
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
