/** Servers whose TLS is old: GnuTLS can play one without secure renegotiation (RFC 5746). */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import type { TlsVersion } from "../../src/config/settings";
import { ServerTls } from "../../src/tls/servers";
import { authority, certified } from "../stage/certificates";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";
import { lacking, start, stop } from "./programs";

/** A TLS 1.2 server without secure renegotiation. @returns its port */
async function legacyServer(t: TestContext): Promise<number> {
  const port = await freePort();
  const { certFile, keyFile } = certified("good");
  const priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:%DISABLE_SAFE_RENEGOTIATION";
  const argv = ["--port", `${port}`, "--echo", "--priority", priority];
  const files = ["--x509certfile", certFile, "--x509keyfile", keyFile];
  const child = start("gnutls-serv", [...argv, ...files], { stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => stop(child));
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (said += chunk));
  await until(
    () => /listening on/i.test(said),
    () => said,
  );
  return port;
}

/** Does TLS with the server. @returns "secured", or why not */
async function handshake(port: number, tlsMin: TlsVersion): Promise<string> {
  const by = new ServerTls({ pins: [], tlsMin, ca: authority() });
  const socket = by.dial({ port, host: "127.0.0.1" }, { host: "localhost", port });
  const failed = once(socket, "error").then(([fault]) => `${(fault as Error).message}`);
  const outcome = await Promise.race([once(socket, "secureConnect").then(() => "secured"), failed]);
  socket.destroy();
  return outcome;
}

test("B14: a server without secure renegotiation is accepted by a lowest version below 1.2", {
  skip: lacking("gnutls-serv", "openssl"),
}, async (t) => {
  const port = await legacyServer(t);
  assert.match(await handshake(port, "1.2"), /renegotiation/i);
  for (const lowest of ["1.0", "1.1"] as const) assert.equal(await handshake(port, lowest), "secured", lowest);
});
