/**
 * What systemd is told of a service with Type=notify (sd_notify(3)). Node has no datagrams of Unix sockets, so
 * systemd-notify tells it. The gateway has given root up by then, so systemd takes the word of its child only if the
 * unit has NotifyAccess=all.
 */

import { spawn } from "node:child_process";
import { reasonOf } from "../base/faults";

/** How long systemd-notify may take, in milliseconds. */
const PATIENCE = 10_000;

/** Tells systemd; without NOTIFY_SOCKET, nobody. */
export class Notify {
  readonly #socket: string | undefined;
  readonly #failed: (reason: string) => void;
  /** One message after the other, in their order. */
  #last: Promise<void> = Promise.resolve();
  #told = false;
  #stopping = false;

  /** @param failed called once, when a message can't be sent */
  constructor(environment: NodeJS.ProcessEnv, failed: (reason: string) => void) {
    this.#socket = environment.NOTIFY_SOCKET || undefined;
    this.#failed = failed;
  }

  /** The gateway serves. @param status in words */
  ready(status: string): void {
    this.#send("READY=1", `STATUS=${status}`);
  }

  /** The gateway reads its files again. */
  reloading(): void {
    this.#send("RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`);
  }

  /** The gateway ends. Nothing is told after that, such as by a reload that is under way. @param status in words */
  stopping(status: string): void {
    this.#send("STOPPING=1", `STATUS=${status}`);
    this.#stopping = true;
  }

  /** Resolves when all messages are sent. */
  sent(): Promise<void> {
    return this.#last;
  }

  #send(...assignments: readonly string[]): void {
    const socket = this.#socket;
    if (socket === undefined || this.#stopping) return;
    this.#last = this.#last.then(async () => {
      const fault = await systemdNotify(socket, assignments);
      if (fault === null || this.#told) return;
      this.#told = true;
      this.#failed(`systemd-notify: ${fault}`);
    });
  }
}

/** @returns what went wrong; null: nothing */
function systemdNotify(socket: string, assignments: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn("systemd-notify", assignments, {
      cwd: "/",
      env: { PATH: "/usr/bin:/bin", NOTIFY_SOCKET: socket },
      stdio: "ignore",
      timeout: PATIENCE,
      killSignal: "SIGKILL",
    });
    child.once("error", (fault) => resolve(reasonOf(fault)));
    child.once("exit", (status, signal) => resolve(status === 0 ? null : (signal ?? `exit status ${status}`)));
  });
}
