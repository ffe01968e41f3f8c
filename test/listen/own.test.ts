/**
 * Never back to the gateway where a superserver has accepted the connection: its listener is not among the gateway's
 * own, and each nested session would be one more process.
 */

import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { isAcceptedOnAll } from "../../src/process/descriptor";
import { connectGreeted } from "../stage/dialogue";
import { MAIN } from "../stage/process";
import { listener, portOf, start } from "./handing";

/** A superserver on this address that starts a gateway for one client. @returns its answer to a login */
async function answer(t: TestContext, host: string, user: (port: number) => string): Promise<string> {
  const server = await listener(t, { host, port: 0 });
  server.once("connection", (socket: Socket) => {
    start(t, [socket, socket, "pipe"], MAIN, "-d", "-e", "-s", "*:*,[*]:*");
    socket.destroy();
  });
  const client = await connectGreeted(portOf(server), t);
  await client.ask(`USER ${user(portOf(server))}`);
  return client.ask("PASS p");
}

const OWN = "-ERR [AUTH] server not permitted";

test("B25: every address of this machine leads back to a superserver that listens on all of them", async (t) => {
  for (const to of ["127.0.0.1", "127.0.0.2", "[::1]"]) {
    assert.equal(await answer(t, "::", (port) => `joe@${to}:${port}`), OWN, to);
  }
});

test("where a superserver listens on one address, the others are other servers", async (t) => {
  assert.equal(await answer(t, "127.0.0.1", (port) => `joe@127.0.0.1:${port}`), OWN);
  assert.match(await answer(t, "127.0.0.1", (port) => `joe@127.0.0.2:${port}`), /^-ERR \[SYS\/TEMP\]/);
});

test("whether a listener listens on all addresses is in the system's tables", async (t) => {
  for (const [host, ...expected] of [
    ["::", true, true],
    ["0.0.0.0", true, false],
    ["127.0.0.1", false, false],
    ["::1", false, false],
  ] as const) {
    const port = portOf(await listener(t, { host, port: 0 }));
    const found = ["127.0.0.1", "::1"].map((address) => isAcceptedOnAll(address, port));
    assert.deepEqual(found, expected, host);
  }
});
