/**
 * The gateway as a process of its own, as it is started in real life.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export const MAIN = join(__dirname, "..", "..", "src", "main.js");

export interface GatewayProcess {
  readonly port: number;
  readonly child: ChildProcess;
  /** All that it has said on stderr. */
  said(): string;
  /** The most memory that it has had resident, in KiB. */
  peak(): number;
  /** Ends it. @returns its exit status, or the signal that ended it */
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

/** Starts it in debug mode on a free loopback port; options and operands come behind. */
export async function startProcess(...argv: string[]): Promise<GatewayProcess> {
  const child = spawn(process.execPath, [MAIN, "-d", "--listen", "127.0.0.1:0", ...argv], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  const ended = new Promise<number | string>((resolve) =>
    child.once("exit", (code, signal) => resolve(code ?? signal ?? "")),
  );
  const port = await new Promise<number>((resolve, reject) => {
    child.stderr.on("data", (chunk: Buffer) => {
      said = (said + chunk).slice(-1_000_000);
      const listening = / listen interface=\S+ port=(\d+)/.exec(said);
      if (listening) resolve(Number(listening[1]));
    });
    void ended.then(() => reject(new Error(`the gateway ended: ${said}`)));
  });
  return {
    port,
    child,
    said: () => said,
    peak: () => Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, "latin1"))?.[1]),
    stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
}
