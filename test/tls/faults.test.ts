/** Faults of TLS behind the handshake: the connection has ended for the gateway, too, whatever TCP says. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Accepting } from "../stage/accepting";
import { logInBetween } from "../stage/dialogue";
import { atEnd } from "../stage/ending";
import { startGateway, type TestGateway, underTls } from "../stage/gateway";
import { cert, key } from "../stage/localhost";
import { Peer } from "../stage/peer";

/** What a peer sends past TLS, on a connection that stays open. */
const FAULTS: readonly (readonly [string, Buffer])[] = [
  [
    "a record that can't be decrypted",
    Buffer.concat([Buffer.from("\x17\x03\x03\x00\x28", "latin1"), Buffer.alloc(40)]),
  ],
  ["a fatal alert in clear", Buffer.from("\x15\x03\x03\x00\x02\x02\x50", "latin1")],
  ["octets in clear", Buffer.from("+OK\r\n.\r\nQUIT\r\n", "latin1")],
];

interface Stage {
  readonly gateway: TestGateway;
  readonly client: Peer;
  readonly server: Peer;
}

/** A client that has logged in, with TLS on both legs. */
async function loggedIn(t: TestContext, maxVersion: "TLSv1.2" | "TLSv1.3"): Promise<Stage> {
  const accepting = new Accepting({ cert, key });
  atEnd(t, () => accepting.close());
  const gateway = await startGateway(await accepting.open(), underTls({ client: true, server: true }), { t });
  const client = await Peer.connectTls(gateway.port, { ca: cert, maxVersion }, t);
  await client.line();
  return { gateway, client, server: await logInBetween(client, accepting) };
}

async function code(gateway: TestGateway): Promise<unknown> {
  return (await gateway.logged("close")).fields.code;
}

for (const [what, octets] of FAULTS) {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`the client sends ${what} under ${version}: the session ends without a QUIT`, async (t) => {
      const { gateway, client, server } = await loggedIn(t, version);
      client.socket.write(octets);
      await server.expectEnd();
      await client.expectEnd();
      assert.equal(await code(gateway), "closed");
    });
  }

  test(`I18: DELE and QUIT, and ${what} behind them: both count`, async (t) => {
    const { gateway, client, server } = await loggedIn(t, "TLSv1.3");
    await client.say("DELE 1", "QUIT");
    client.socket.write(octets);
    await server.answer("DELE 1", "+OK\r\n");
    await server.answer("QUIT", "+OK\r\n");
    assert.equal(await code(gateway), "quit");
  });

  test(`I10: the server sends ${what} inside a mail: the client is closed, and no end is made up`, async (t) => {
    const { gateway, client, server } = await loggedIn(t, "TLSv1.3");
    await client.say("RETR 1", "DELE 1", "QUIT");
    await server.answer("RETR 1", "+OK\r\nSubject: cut\r\n\r\nsome");
    await client.expect("+OK\r\nSubject: cut\r\n\r\nsome");
    server.socket.write(octets);
    await client.expectEnd();
    assert.equal(await code(gateway), "server-closed");
    assert.equal(server.unread, "");
  });

  test(`the server sends ${what} instead of an answer: the client hears that it is lost`, async (t) => {
    const { gateway, client, server } = await loggedIn(t, "TLSv1.3");
    await client.say("STAT");
    assert.equal(await server.line(), "STAT");
    server.socket.write(octets);
    assert.match(await client.line(), /^-ERR \[SYS\/TEMP\] /);
    await client.expectEnd();
    assert.equal(await code(gateway), "server-closed");
  });
}
