/** What all programs that the gateway starts have in common. */

import { type ChildProcess, spawn } from "node:child_process";
import { userInfo } from "node:os";
import type { Readable } from "node:stream";
import { reasonOf } from "../base/faults";
import { timeLimit } from "../base/timelimit";
import type { Until } from "../base/until";

/** How many lines of stderr go to the log, and how many octets of each. */
export const STDERR_LINES = 100;
export const STDERR_LINE = 512;

/** How many octets a program may write to one descriptor before the gateway closes its end of the pipe. */
export const OUTPUT_BOUND = 1024 * 1024;

/**
 * Starting a program stops the event loop for about a millisecond. At most one eighth of the time is spent so, since
 * many logins at once would slow down other sessions (500 logins took 50 % of a download's speed, 20 % with this;
 * bench:acp).
 */
const START_SHARE = 8;

/** How long after a program's exit its stderr is read, in milliseconds: a child of it may hold that open. */
const LAST_WORDS = 200;

/** Spaces the starts of programs. */
export class Starts {
  /** When the next program may be started, in milliseconds of performance.now(). */
  #next = 0;

  /** How long the next start has to wait, in milliseconds. */
  get wait(): number {
    return this.#next - performance.now();
  }

  /** Starts a program now. @throws what `start` throws */
  now<Child>(start: () => Child): Child {
    const began = performance.now();
    try {
      return start();
    } finally {
      const started = performance.now();
      this.#next = started + (started - began) * (START_SHARE - 1);
    }
  }
}

/** The gateway's environment without the variables that are for the gateway alone. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(?:LISTEN_|NODE_|NOTIFY_SOCKET$)/.test(name));
  return Object.fromEntries(inherited);
}

/** As `inheritedEnvironment`, with the home of the user that the gateway runs as: it may have been started by root. */
export function accountEnvironment(): NodeJS.ProcessEnv {
  let home = "/";
  try {
    home = userInfo().homedir || home;
  } catch {
    // -u uid:gid needs no account.
  }
  return { ...inheritedEnvironment(), HOME: home };
}

/** Sends a signal to all processes of a group, if there are any. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // No process of the group is left.
  }
}

/**
 * Passes the lines of a pipe (latin1) to `said` as they arrive, so many and so long as the log takes.
 *
 * @param bound how many octets are read before the pipe is closed, which may end the program
 * @returns passes a last line without a line end
 */
export function passLines(pipe: Readable, said: (line: string) => void, bound = OUTPUT_BOUND): () => void {
  let rest = "";
  let count = 0;
  let octets = 0;
  const pass = (line: string) => {
    if (line && count++ < STDERR_LINES) said(line.slice(0, STDERR_LINE));
  };
  pipe.on("error", () => {});
  pipe.on("data", (chunk: Buffer) => {
    octets += chunk.length;
    if (count > STDERR_LINES && octets <= bound) return;
    const lines = (rest + chunk.toString("latin1")).split("\n");
    rest = (lines.pop() ?? "").slice(0, STDERR_LINE);
    for (const line of lines) pass(line);
    if (octets > bound) pipe.destroy();
  });
  return () => {
    pass(rest);
    rest = "";
  };
}

/** How a program has ended that did not end with exit status 0. */
interface ProgramFault {
  /** Its exit status or signal, in words, or why it did not run. */
  readonly how: string;
  /** Whether it was started. */
  readonly ran: boolean;
}

interface ProgramRun {
  /** Its working directory. */
  readonly cwd: string;
  /** How long it may take, in milliseconds. */
  readonly limit: number;
  /** Called with each line of its stderr. */
  said(line: string): void;
}

/**
 * Runs a program until its exit. What it leaves in its process group goes on.
 *
 * @param until kills the group
 * @returns null: it has ended with exit status 0
 */
export function runProgram(
  program: string,
  argv: readonly string[],
  { cwd, limit, said }: ProgramRun,
  until: Until | null,
): Promise<ProgramFault | null> {
  let child: ChildProcess;
  try {
    const options = { cwd, env: accountEnvironment(), detached: true };
    child = spawn(program, argv, { ...options, stdio: ["ignore", "ignore", "pipe"] });
  } catch (thrown) {
    return Promise.resolve({ how: reasonOf(thrown as Error), ran: false });
  }
  const { pid: group, stderr } = child;
  const flush = stderr ? passLines(stderr, said) : () => {};
  return new Promise((resolve) => {
    const over = (how: string | null, ran = true) => {
      endLimit();
      until?.removeEventListener("abort", stop);
      flush();
      stderr?.destroy();
      resolve(how === null ? null : { how, ran });
    };
    const stop = () => group !== undefined && signalGroup(group, "SIGKILL");
    const endLimit = timeLimit(limit, () => {
      stop();
      over(`no end within ${limit / 1000} seconds`);
    });
    until?.addEventListener("abort", stop);
    child.once("error", (fault) => over(reasonOf(fault), false));
    child.once("exit", (status, signal) => {
      endLimit();
      const how = status === 0 ? null : (signal ?? `exit status ${status}`);
      child.once("close", () => over(how));
      setTimeout(over, LAST_WORDS, how).unref();
    });
  });
}
