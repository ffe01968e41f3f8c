/**
 * Mail under TLS on both legs: every octet as it came, no faster than the client reads, and no mail that looks complete
 * when it is not. Half-closed, reset, idle and renegotiating clients besides.
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { type Script, type Scripted, startScripted } from "../stage/accepting";
import { authority, certified, lacking, withCertificates } from "../stage/certificates";
import { connectTls, logInAnew, welcome } from "../stage/dialogue";
import { startInside } from "../stage/inside";
import type { Peer } from "../stage/peer";
import { startProcess } from "../stage/process";
import type { Running } from "../stage/running";
import { ownTime } from "../stage/stopwatch";
import { startBeforeDemo } from "./beforedemo";

const LIMITS = { skip: lacking, timeout: 300_000 };

/** 24 MiB with all that is awkward in a mail, stuffed as it is sent. */
const AWKWARD = `..\r\n..x\r\n\0\xff\r\r\n\n.\n${"long ".repeat(5000)}\r\n\r\n  \r\n`;
const MAIL = `Subject: awkward\r\n\r\n${AWKWARD.repeat(Math.ceil((24 * 1024 * 1024) / AWKWARD.length))}`;

/** As a process of its own, whose memory is its own. */
const apart = (t: TestContext, argv: readonly string[]) => startProcess(argv, { t, listeners: ["/tls"] });

/** Inside the test's process. */
const inside = (t: TestContext, argv: readonly string[]) => startInside(t, argv, ["/tls"]);

/** A session in TRANSACTION with TLS on both legs; its server does this once the client is in. */
async function between<Gateway extends Running>(
  t: TestContext,
  start: (t: TestContext, argv: readonly string[]) => Promise<Gateway>,
  then: (peer: Peer) => Promise<void>,
  ...options: string[]
): Promise<{ server: Scripted; gateway: Gateway; client: Peer }> {
  const script: Script = async (peer) => {
    await peer.acceptTls(certified("ec"));
    await welcome(peer);
    await then(peer);
  };
  const server = await startScripted(t, script);
  const tls = [...withCertificates(certified("good")), "--server-tls", "tls", "--server-ca", authority()];
  const gateway = await start(t, [...tls, ...options, `localhost:${server.port}`]);
  const client = await connectTls(gateway.port, {}, t);
  await client.expect("+OK POP3 server ready\r\n");
  await logInAnew(client);
  return { server, gateway, client };
}

/** A server with one mail. */
const withMail =
  (mail: string) =>
  async (peer: Peer): Promise<void> => {
    for (let line = await peer.line(); line !== "QUIT"; line = await peer.line()) {
      await peer.write(line === "RETR 1" ? `+OK\r\n${mail}.\r\n` : line === "CAPA" ? "+OK\r\n.\r\n" : "+OK\r\n");
    }
    await peer.say("+OK bye");
    peer.end();
  };

test("I6, R2: a large mail under TLS on both legs, with a slow reader, octet for octet", LIMITS, async (t) => {
  const { gateway, client, server } = await between(t, apart, withMail(MAIL));
  const before = gateway.peak();
  client.pause();
  await client.say("RETR 1");
  await pause(500);
  const grown = (gateway.peak() - before) / 1024;
  assert.ok(grown < 20, `the gateway grew by ${grown} MiB for a mail of 24 that nobody reads`);
  for (let stop = 0; stop < 10; stop++) {
    client.resume();
    await pause(10);
    client.pause();
    await pause(10);
  }
  client.resume();
  await client.expect("+OK\r\n");
  await client.expect(MAIL);
  await client.expect(".\r\n");
  assert.equal(await client.ask("NOOP"), "+OK");
  assert.equal(await client.ask("QUIT"), "+OK bye");
  await client.expectEnd();
  await server.played();
  assert.deepEqual(await gateway.ended(), ["quit"]);
});

test("I18: a client that closes its side at once gets all answers, whether TLS or TCP says so", LIMITS, async (t) => {
  for (const side of ["TLS", "TCP"] as const) {
    const { client, server, gateway } = await between(t, inside, withMail(MAIL.slice(0, AWKWARD.length * 20 + 20)));
    await client.write("RETR 1\r\nDELE 1\r\nQUIT\r\n");
    if (side === "TLS") client.end();
    else client.cut();
    await server.played();
    assert.match(server.peers[0]?.secret ?? "", /RETR 1\r\n(?:CAPA\r\n)?DELE 1\r\nQUIT\r\n$/, side);
    assert.deepEqual(await gateway.ended(), ["quit"], side);
    if (side === "TCP") continue; // Node's own TLS client does not read behind a FIN of its own
    await client.untilEnd();
    assert.ok(client.heard.endsWith("\r\n.\r\n+OK\r\n+OK bye\r\n"), JSON.stringify(client.heard.slice(-60)));
  }
});

test("R7: an idle session ends at the inactivity limit, without a word", LIMITS, async (t) => {
  const { client, server, gateway } = await between(t, inside, withMail(""), "-t", "1");
  const began = ownTime();
  await client.expectEnd();
  assert.ok(ownTime() - began < 20_000, "not the ten minutes that are the default");
  await server.played();
  assert.ok(!server.peers[0]?.secret.includes("QUIT"));
  assert.deepEqual(await gateway.ended(), ["client is silent"]);
});

test("I11: a client that resets in the middle of a mail: the server is left without a QUIT", LIMITS, async (t) => {
  const { client, server, gateway } = await between(t, inside, withMail(MAIL));
  client.pause();
  await client.say("RETR 1");
  await pause(100);
  client.reset();
  assert.equal((await gateway.ended()).length, 1);
  await server.played();
  assert.ok(!server.peers[0]?.secret.includes("QUIT"));
  assert.match(gateway.said(), / info close .*retrieved=0/);
});

for (const [name, lose] of [
  ["resets", (peer: Peer) => peer.reset()],
  ["closes", (peer: Peer) => peer.end()],
  ["is cut off without TLS's own goodbye", (peer: Peer) => peer.cut()],
] as const) {
  test(`I10: a server that ${name} in the middle of a mail: no end that looks like one`, LIMITS, async (t) => {
    const { client, server, gateway } = await between(t, inside, async (peer) => {
      assert.equal(await peer.line(), "RETR 1");
      await peer.write("+OK\r\nSubject: cut\r\n\r\nsome");
      await pause(100);
      lose(peer);
    });
    await client.say("RETR 1");
    await client.expect("+OK\r\nSubject: cut\r\n\r\nsome");
    await client.expectEnd();
    assert.match((await gateway.ended())[0] as string, /inside a response/);
    await server.played();
  });
}

test("a client that renegotiates again and again is not served in that", LIMITS, async (t) => {
  const gateway = await startBeforeDemo(t, ["/tls"]);
  const client = await connectTls(gateway.port, { maxVersion: "TLSv1.2" }, t);
  const tls = client.tls as TLSSocket;
  let rounds = 0;
  await new Promise<void>((resolve) => {
    tls.once("error", () => resolve()).once("close", () => resolve());
    const again = (fault: Error | null) => {
      if (fault || ++rounds > 10) resolve();
      else tls.renegotiate({}, again);
    };
    tls.renegotiate({}, again);
  });
  tls.destroy();
  assert.ok(rounds <= 3, `${rounds} handshakes more than one`);
  assert.equal((await gateway.ended()).length, 1);
});
