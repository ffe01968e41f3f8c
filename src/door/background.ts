/**
 * Into the background: the launcher starts this same program again as a child of its own session, waits for its word,
 * and leaves. The child tells it that it serves, or why it does not.
 */

import { spawn } from "node:child_process";

/** Tells the child that it is the daemon. */
const MARK = "POP3_PROXY_BACKGROUND";

/** The child's word: null if it serves, else why not. */
interface Word {
  readonly fault: string | null;
}

/** Whether this process is the child of `launch`. */
export function inBackground(): boolean {
  return process.env[MARK] !== undefined && process.send !== undefined;
}

/** Starts the daemon. @returns null once it serves, else why it does not */
export function launch(argv: readonly string[]): Promise<string | null> {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] as string, ...argv], {
    detached: true,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: { ...process.env, [MARK]: "1" },
  });
  return new Promise((resolve) => {
    child.once("message", (word) => {
      child.disconnect();
      child.unref();
      resolve((word as Word).fault);
    });
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(`the daemon ended at once (${signal ?? `exit status ${code}`})`));
  });
}

/** The child's word to its launcher, which may be gone. */
export function report(fault: string | null): Promise<void> {
  delete process.env[MARK];
  return new Promise((resolve) => {
    const word: Word = { fault };
    process.send?.(word, undefined, undefined, () => {
      if (process.connected) process.disconnect?.();
      resolve();
    });
  });
}
