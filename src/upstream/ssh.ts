/**
 * --ssh: ssh(1) as the command of a connection. All sessions share one login: the first ssh stays as a master
 * (ssh_config(5), ControlMaster), whose socket is in a folder that nobody else may enter. ssh ends the master itself
 * some time after the last session.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, unlinkSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { now } from "../base/clock";
import { inheritedEnvironment } from "../process/children";

/** How long a master stays without sessions, in seconds. */
const PERSIST = 300;

/** How often a session looks whether the master is there that another one starts, in milliseconds. */
const LOOK = 20;

/** How long `ssh -O exit` may take, in milliseconds. */
const EXIT = 2000;

/** The ssh logins of one account at one host. */
export class Ssh {
  #folder: string | null = null;
  /** When a session that is starting the master is no longer waited for, by the clock of clock.ts. */
  #starting = 0;

  /** @param host `[user@]host`, or a name of ssh's configuration */
  constructor(readonly host: string) {}

  /** The command of a connection. */
  get argv(): readonly string[] {
    return [
      "ssh",
      ...["BatchMode=yes", "ConnectTimeout=15", "ServerAliveInterval=15", "Compression=yes"].flatMap(option),
      ...["ControlMaster=auto", `ControlPersist=${PERSIST}`, `ControlPath=${this.#socket}`].flatMap(option),
      "-W",
      "[%h]:%p",
      "--",
      this.host,
    ];
  }

  /**
   * Waits while another session starts the master: two that start it at once would log in twice.
   *
   * @param limit how long a start may take, in milliseconds
   * @param until gives up, with its reason
   * @returns to be called when the session's connection is there, or has failed
   * @throws the reason of `until`
   */
  async turn(limit: number, until: AbortSignal): Promise<() => void> {
    for (;;) {
      until.throwIfAborted();
      if (await this.#runs()) return () => {};
      if (now() >= this.#starting) break;
      await pause(LOOK);
    }
    const mine = now() + limit;
    this.#starting = mine;
    return () => {
      if (this.#starting === mine) this.#starting = 0;
    };
  }

  /** Ends the master. */
  close(): void {
    if (this.#folder === null) return;
    if (existsSync(this.#socket)) {
      const argv = ["-O", "exit", "-o", `ControlPath=${this.#socket}`, "--", this.host];
      spawnSync("ssh", argv, { stdio: "ignore", timeout: EXIT, env: inheritedEnvironment() });
    }
    rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = null;
  }

  get #socket(): string {
    // The folder's rights are 0700.
    this.#folder ??= mkdtempSync(join(tmpdir(), "pop3.proxy-ssh-"));
    return join(this.#folder, "master");
  }

  /** Whether the master is there; what a dead one has left is removed. */
  async #runs(): Promise<boolean> {
    const path = this.#socket;
    if (!existsSync(path)) return false;
    const alive = await new Promise<boolean>((resolve) => {
      const socket = connect(path, () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (!alive) {
      try {
        unlinkSync(path);
      } catch {
        // Another session was quicker.
      }
    }
    return alive;
  }
}

function option(text: string): string[] {
  return ["-o", text];
}
