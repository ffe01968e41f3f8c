/**
 * clamd, only unpacked, run by the ordinary user, with a few signatures of its own: it listens on a socket and on a port
 * of 127.0.0.1, and can be killed, stopped, and started again where it was.
 */

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { EICAR } from "../stage/clamd";
import { atEnd } from "../stage/ending";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";
import { start, stop, unpacked } from "./programs";
import { folder, put, scratch } from "./scratch";

const CLAMD = "clamav-daemon/usr/sbin/clamd";

/** What install.sh has to have unpacked for it. */
export const clamdParts: readonly string[] = [CLAMD];

/** What a signature finds; its second line begins with a dot, so it is found only where that is not stuffed. */
export const DOTTED = "begin of a dotted signature\r\n.end of a dotted signature";

const hex = (text: string) => Buffer.from(text, "latin1").toString("hex");
const digest = (name: string) => createHash(name).update(EICAR).digest("hex");

/** The signatures: anywhere in a file, and a whole file. */
const SIGNATURES = {
  "anywhere.ndb": [`Eicar-Test-Signature:0:*:${hex(EICAR)}`, `Dotted-Test-Signature:0:*:${hex(DOTTED)}`],
  "whole.hdb": [`${digest("md5")}:${EICAR.length}:Eicar-Test-File`],
  "whole.hsb": [`${digest("sha256")}:${EICAR.length}:Eicar-Test-Document`],
};

export class RealClamd {
  #child: ChildProcess | null = null;
  #said = "";

  private constructor(
    private readonly home: string,
    readonly port: number,
  ) {}

  /** Starts it. @param settings lines of clamd.conf */
  static async start(t: TestContext, ...settings: string[]): Promise<RealClamd> {
    const clamd = new RealClamd(scratch(t), await freePort());
    const { home, port } = clamd;
    for (const [name, lines] of Object.entries(SIGNATURES)) put(join(home, "db", name), `${lines.join("\n")}\n`);
    folder(join(home, "tmp"));
    const own = [
      "Foreground yes",
      `DatabaseDirectory ${home}/db`,
      `TemporaryDirectory ${home}/tmp`,
      `LocalSocket ${clamd.path}`,
      "TCPAddr 127.0.0.1",
      `TCPSocket ${port}`,
    ];
    put(join(home, "clamd.conf"), `${[...own, ...settings].join("\n")}\n`);
    // A copy, since an ordinary user may not be able to read what root has unpacked.
    copyFileSync(unpacked(CLAMD), join(home, "clamd"));
    chmodSync(join(home, "clamd"), 0o755);
    atEnd(t, () => clamd.kill());
    await clamd.open();
    return clamd;
  }

  /** Its socket. */
  get path(): string {
    return join(this.home, "clamd.ctl");
  }

  get pid(): number {
    return this.#child?.pid ?? assert.fail("clamd does not run");
  }

  /** Starts it again. Resolves when it answers at both places. */
  async open(): Promise<void> {
    const argv = ["-c", join(this.home, "clamd.conf")];
    const child = start(join(this.home, "clamd"), argv, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (octets) => (this.#said += octets));
    const answering = async () => {
      assert.equal(child.exitCode, null, `clamd has ended: ${this.#said}`);
      return (await answers({ path: this.path })) && (await answers({ port: this.port, host: "127.0.0.1" }));
    };
    await until(answering, () => `clamd does not answer: ${this.#said}`, { every: 25 });
  }

  /** How many connections to its socket there are, also those that it has not accepted. */
  connections(): number {
    const lines = readFileSync("/proc/net/unix", "latin1").split("\n");
    return lines.filter((line) => line.endsWith(` ${this.path}`)).length - 1;
  }

  /** Stops it, so that it answers nothing until `go`; the system still takes connections for it. */
  hold(): void {
    process.kill(this.pid, "SIGSTOP");
  }

  go(): void {
    process.kill(this.pid, "SIGCONT");
  }

  /** Ends it in the middle of whatever it does. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child) await stop(child, "SIGKILL");
  }
}

function answers(place: { path: string } | { port: number; host: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(place, () => socket.write("zPING\0"));
    socket.once("data", (octets) => {
      resolve(octets.toString("latin1") === "PONG\0");
      socket.destroy();
    });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
}
