/**
 * T8: a server that was verified once is believed for an hour, and not beyond its certificate, however it resumes.
 */

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { createServer, type SecureVersion, type TLSSocket } from "node:tls";
import type { ServerSettings } from "../../src/config/settings";
import { ServerTls } from "../../src/tls/servers";
import { authority, certified, type Kind, lacking, pinOf } from "../stage/certificates";

const HOUR = 60 * 60 * 1000;

/** A server of this kind. @returns connects to it, and tells whether that was a resumption */
async function server(t: TestContext, kind: Kind, maxVersion: SecureVersion, settings: Partial<ServerSettings>) {
  const { cert, key } = certified(kind);
  const listening = createServer({ cert, key, maxVersion }, (socket) => socket.on("error", () => {}).end("+OK\r\n"));
  t.after(() => listening.close());
  await once(listening.listen(0, "127.0.0.1"), "listening");
  const { port } = listening.address() as { port: number };
  const by = new ServerTls({ pins: [], tlsMin: "1.2", ...settings });
  return async (): Promise<boolean> => {
    const socket: TLSSocket = by.dial({ port, host: "127.0.0.1" }, { host: "localhost", port });
    await once(socket, "secureConnect");
    const resumed = socket.isSessionReused();
    await once(socket.resume(), "end"); // what is given for resumption comes before
    socket.destroy();
    return resumed;
  };
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`T8: a server resumes for an hour, with ${version}`, { skip: lacking, timeout: 300_000 }, async (t) => {
    const connect = await server(t, "good", version, { ca: authority() });
    t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
    assert.equal(await connect(), false);
    assert.equal(await connect(), true);
    t.mock.timers.tick(HOUR - 1000);
    assert.equal(await connect(), true, "still");
    t.mock.timers.tick(2000);
    assert.equal(await connect(), false, "verified anew, though it has resumed a moment ago");
    assert.equal(await connect(), true);
  });
}

test("T8: nobody resumes beyond the last day of a certificate, unless it is pinned", {
  skip: lacking,
  timeout: 300_000,
}, async (t) => {
  const last = Date.parse(new X509Certificate(certified("good").cert).validTo);
  const verified = await server(t, "good", "TLSv1.3", { ca: authority() });
  const pinned = await server(t, "good", "TLSv1.3", { pins: [pinOf(certified("good"))] });
  t.mock.timers.enable({ apis: ["Date"], now: last - 10_000 });
  for (const connect of [verified, pinned]) {
    assert.equal(await connect(), false);
    assert.equal(await connect(), true);
  }
  t.mock.timers.tick(20_000);
  assert.equal(await verified(), false);
  assert.equal(await pinned(), true);
});
