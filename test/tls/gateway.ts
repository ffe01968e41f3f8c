/**
 * The gateway as a process with listeners of any kind, and what its log tells of how sessions ended.
 */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startProcess } from "../stage/process";

/** What stands behind the port of a --listen. */
export type Listener = "" | "/tls" | "/starttls";

export interface TlsGateway {
  /** Its ports: one without TLS, then those that were asked for, in their order. */
  readonly ports: readonly number[];
  readonly pid: number;
  said(): string;
  /** Waits for a line in its log that this matches. @throws after 8 s */
  saying(line: RegExp): Promise<RegExpExecArray>;
  /** Waits until so many sessions have ended. @returns the reasons that their closing lines give, and no more of them */
  ended(count?: number): Promise<string[]>;
}

/** Starts it; gone with its test. Options and the server come behind the listeners. */
export async function startGateway(
  t: TestContext,
  listeners: readonly Listener[],
  ...argv: readonly string[]
): Promise<TlsGateway> {
  const more = listeners.flatMap((listener) => ["--listen", `127.0.0.1:0${listener}`]);
  const running = await startProcess(...more, ...argv);
  t.after(() => running.stop("SIGKILL"));
  const { said } = running;
  const ports = () => [...said().matchAll(/ listen interface=\S+ port=(\d+)\n/g)].map(([, port]) => Number(port));
  const until = async <Found>(find: () => Found | null, what: string): Promise<Found> => {
    for (const deadline = Date.now() + 8000; Date.now() < deadline; await pause(5)) {
      const found = find();
      if (found !== null) return found;
    }
    return assert.fail(`no ${what} in the log: ${said()}`);
  };
  const reasons = () => [...said().matchAll(/ info close .*?reason=("(?:[^"\\]|\\.)*"|\S+).*\n/g)];
  await until(() => (ports().length > listeners.length ? true : null), "listeners");
  return {
    ports: ports(),
    pid: running.child.pid as number,
    said,
    saying: (line) => until(() => line.exec(said()), `${line}`),
    ended: (count = 1) =>
      until(() => (reasons().length >= count ? reasons().map(([, reason]) => reason as string) : null), "close"),
  };
}
