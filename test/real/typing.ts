/** A person at a terminal, by `script`: what is typed, and what is to be seen. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { atEnd } from "../stage/ending";
import { MAIN } from "../stage/process";
import { until } from "../stage/waiting";
import { program, start, stop } from "./programs";

export const KEYS = { enter: "\r", erase: "\x7f", up: "\x1b[A", interrupt: "\x03", end: "\x04" };

/** The gateway's command at a terminal. */
export interface Typing {
  /** All that is on the terminal. */
  shown(): string;
  /** Waits until this is to be seen, below what was before. */
  sees(what: RegExp): Promise<RegExpExecArray>;
  type(keys: string): void;
  /** @returns the exit status; that of a signal is 128 + its number */
  ended(): Promise<number>;
}

/** Runs the command at a terminal of its own. */
export function typing(t: TestContext, ...argv: readonly string[]): Typing {
  // The last line tells the state of the terminal, when the command has left it.
  const command = `${process.execPath} ${MAIN} ${argv.map((word) => `'${word}'`).join(" ")}; s=$?; stty -a; exit $s`;
  const child = start(program("script"), ["-qefc", command, "/dev/null"], {
    env: { TERM: "vt100", SHELL: "/bin/sh" },
    asRoot: true,
  });
  let shown = "";
  let seen = 0;
  let status: number | null = null;
  child.stdout?.on("data", (octets: Buffer) => (shown += octets.toString("latin1")));
  child.stdin?.on("error", () => {});
  child.once("close", (code) => (status = code ?? -1));
  atEnd(t, () => stop(child, "SIGKILL"));
  const progress = () => shown.length;
  return {
    shown: () => shown,
    sees: async (what) => {
      const found = await until(
        () => what.exec(shown.slice(seen)),
        () => `${what} is not shown: ${shown}`,
        { progress },
      );
      seen += found.index + found[0].length;
      return found;
    },
    type: (keys) => void child.stdin?.write(keys),
    ended: async () => {
      await until(
        () => status !== null,
        () => `it does not end: ${shown}`,
        { progress },
      );
      assert.match(shown, /(?<!-)\bicanon\b.*(?<!-)\becho\b/s, "the terminal is as it was");
      return status as unknown as number;
    },
  };
}
