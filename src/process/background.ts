/**
 * Into the background: the launcher starts this same program again as a child of its own session, waits for its word,
 * and leaves. The child tells it that it serves, or why it does not; then it has nothing of the launcher's any more.
 */

import { spawn } from "node:child_process";
import { vacate } from "./descriptor";

/** Tells the child that it is the daemon. */
const MARK = "POP3_PROXY_BACKGROUND";

/** Octets of the child's stderr that are worth showing. */
const WORDS_BOUND = 4096;

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
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    env: { ...process.env, [MARK]: "1" },
  });
  let words = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    if (words.length < WORDS_BOUND) words += chunk;
  });
  return new Promise((resolve) => {
    child.once("message", (word) => resolve((word as Word).fault));
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) =>
      resolve(words.trim() || `the daemon ended: ${signal ?? `exit status ${code}`}`),
    );
  });
}

/** The child's word to its launcher, which may be gone. From then on stderr leads nowhere, and the folder is /. */
export async function report(fault: string | null): Promise<void> {
  delete process.env[MARK];
  await new Promise<void>((resolve) => {
    const word: Word = { fault };
    process.send?.(word, undefined, undefined, () => resolve());
  });
  if (process.connected) process.disconnect?.();
  vacate(2);
  process.chdir("/");
}
