/** certbot, in front of Pebble, a small authority for tests that takes every name for proven. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { atEnd } from "../../stage/ending";
import { CERT_FILE, KEY_FILE } from "../../stage/localhost";
import { freePort } from "../../stage/ports";
import { until } from "../../stage/waiting";
import { type Outcome, program, run, start, stop, unpacked } from "../programs";
import { put } from "../scratch";

const PEBBLE = "pebble/usr/bin/pebble";
const CERTBOT = "certbot/usr/bin/certbot";

/** What must be installed, for `lacking`. */
export const PARTS = [PEBBLE, CERTBOT, "python3"] as const;

/** Runs certbot with these arguments, and says what it has printed; its own files are below the folder. */
export type Certbot = (...argv: string[]) => Promise<Outcome>;

/** Starts the authority. @param folder in place of /etc/letsencrypt @returns certbot, run by whoever runs the tests */
export async function startAuthority(t: TestContext, folder: string): Promise<Certbot> {
  const [port, management] = [await freePort(), await freePort()];
  const places = { listenAddress: `127.0.0.1:${port}`, managementListenAddress: `127.0.0.1:${management}` };
  const files = { certificate: CERT_FILE, privateKey: KEY_FILE };
  put(join(folder, "pebble.json"), JSON.stringify({ pebble: { ...places, ...files, httpPort: 1, tlsPort: 1 } }));
  const env = { PEBBLE_VA_ALWAYS_VALID: "1", PEBBLE_VA_NOSLEEP: "1", PEBBLE_WFE_NONCEREJECT: "0" };
  const child = start(unpacked(PEBBLE), ["-config", join(folder, "pebble.json")], { env, asRoot: true });
  atEnd(t, () => stop(child));
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (said += chunk));
  const serves = () => {
    assert.equal(child.exitCode, null, said);
    return said.includes("ACME directory available");
  };
  await until(serves, () => `Pebble does not serve: ${said}`, { progress: () => said.length });

  const own = ["--config-dir", folder, "--work-dir", join(folder, "work"), "--logs-dir", join(folder, "logs")];
  const server = ["--server", `https://127.0.0.1:${port}/dir`];
  return (command, ...argv) =>
    run(program("python3"), [unpacked(CERTBOT), command as string, ...own, ...server, ...argv], {
      env: { REQUESTS_CA_BUNDLE: CERT_FILE },
      asRoot: true,
    });
}
