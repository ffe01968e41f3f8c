/** The gateway with --ssh, run by the user whom sshd lets in: with the home, the names and the keys of that user. */

import { join } from "node:path";
import type { TestContext } from "node:test";
import { authority } from "../stage/certificates";
import { type GatewayProcess, launch, listening, MAIN, type ProcessOptions } from "../stage/process";
import { ordinary } from "./programs";
import { folder } from "./scratch";
import { inspect } from "./server";
import type { Sshd } from "./sshd";

/** Its environment. @param tmp its TMPDIR */
export function environment({ env }: Sshd, tmp: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, ...env, TMPDIR: tmp, SSL_CERT_FILE: authority() };
}

/** A folder for its TMPDIR: not in the home, since names of sockets are short. */
export function temporary({ home }: Sshd): string {
  folder(join(home, "t"));
  return join(home, "t");
}

interface SshGatewayOptions extends Pick<ProcessOptions, "mode"> {
  /** The lines of level err that are expected; null: nothing is held against it. */
  readonly faults?: RegExp | null;
}

/** Starts it, in debug mode unless told otherwise. @param argv options and the server */
export function startSshGateway(
  t: TestContext,
  sshd: Sshd,
  argv: readonly string[],
  { mode = "-d", faults }: SshGatewayOptions = {},
): Promise<GatewayProcess> {
  const env = environment(sshd, temporary(sshd));
  const own = [MAIN, mode, "--listen", "127.0.0.1:0", ...argv];
  const launched = launch(t, process.execPath, own, {
    env,
    cwd: "/",
    stdio: ["ignore", "ignore", "pipe"],
    ...ordinary,
  });
  if (faults === null) return listening(launched, 1, { t });
  return listening(launched, 1, { t, inspect: { ...inspect, ...(faults && { faults }) } });
}
