/**
 * Mail under TLS on both legs: every octet as it came, no faster than the client reads, and no mail that looks complete
 * when it is not. Half-closed, reset, idle and renegotiating clients besides.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { authority, certified, lacking } from "../stage/certificates";
import { connectSecure, loginSecure, startHouse, withCertificates } from "./client";
import { type Caller, type Fake, type Script, startFake } from "./fake";
import { startGateway, type TlsGateway } from "./gateway";

const LIMITS = { skip: lacking, timeout: 30_000 };

/** 24 MiB with all that is awkward in a mail, stuffed as it is sent. */
const AWKWARD = `..\r\n..x\r\n\0\xff\r\r\n\n.\n${"long ".repeat(5000)}\r\n\r\n  \r\n`;
const MAIL = `Subject: awkward\r\n\r\n${AWKWARD.repeat(Math.ceil((24 * 1024 * 1024) / AWKWARD.length))}`;

/** A gateway with TLS on both legs, in front of a server that logs in and then does this. */
async function between(
  t: TestContext,
  then: (caller: Caller) => Promise<void>,
  ...options: string[]
): Promise<{ fake: Fake; gateway: TlsGateway; port: number }> {
  const script: Script = async (caller) => {
    await caller.startTls(certified("ec"));
    caller.say("+OK ready\r\n");
    for (let i = 0; i < 2; i++) {
      await caller.line();
      caller.say("+OK\r\n");
    }
    await then(caller);
  };
  const fake = await startFake(t, script);
  const tls = [...withCertificates(certified("good")), "--server-tls", "tls", "--server-ca", authority()];
  const gateway = await startGateway(t, ["/tls"], ...tls, ...options, `localhost:${fake.port}`);
  return { fake, gateway, port: gateway.ports[1] as number };
}

/** A server with one mail. */
const withMail =
  (mail: string) =>
  async (caller: Caller): Promise<void> => {
    for (let line = await caller.line(); line !== "QUIT"; line = await caller.line()) {
      caller.say(line === "RETR 1" ? `+OK\r\n${mail}.\r\n` : line === "CAPA" ? "+OK\r\n.\r\n" : "+OK\r\n");
    }
    caller.say("+OK bye\r\n");
    caller.end();
  };

/** The most memory that a process has had resident, in MiB. */
function peak(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) / 1024;
}

test("I6, R2: a large mail under TLS on both legs, with a slow reader, octet for octet", LIMITS, async (t) => {
  const { gateway, port, fake } = await between(t, withMail(MAIL));
  const { peer, tls } = await loginSecure(t, port);
  const before = peak(gateway.pid);
  tls.pause();
  await peer.say("RETR 1");
  await pause(500);
  const grown = peak(gateway.pid) - before;
  assert.ok(grown < 20, `the gateway grew by ${grown} MiB for a mail of 24 that nobody reads`);
  for (let stop = 0; stop < 10; stop++) {
    tls.resume();
    await pause(10);
    tls.pause();
    await pause(10);
  }
  tls.resume();
  await peer.expect("+OK\r\n");
  await peer.expect(MAIL);
  await peer.expect(".\r\n");
  assert.equal(await peer.ask("NOOP"), "+OK");
  assert.equal(await peer.ask("QUIT"), "+OK bye");
  await peer.expectEnd();
  await fake.played();
  assert.deepEqual(await gateway.ended(), ["quit"]);
});

test("I18: a client that closes its side at once gets all answers, whether TLS or TCP says so", LIMITS, async (t) => {
  for (const side of ["TLS", "TCP"] as const) {
    const { port, fake, gateway } = await between(t, withMail(MAIL.slice(0, AWKWARD.length * 20 + 20)));
    const { peer, raw } = await loginSecure(t, port);
    await peer.write("RETR 1\r\nDELE 1\r\nQUIT\r\n");
    if (side === "TLS") peer.end();
    else raw.end();
    await fake.played();
    assert.match(fake.callers[0]?.secret ?? "", /RETR 1\r\n(?:CAPA\r\n)?DELE 1\r\nQUIT\r\n$/, side);
    assert.deepEqual(await gateway.ended(), ["quit"], side);
    if (side === "TCP") continue; // Node's own TLS client does not read behind a FIN of its own
    await peer.untilEnd();
    assert.ok(peer.heard.endsWith("\r\n.\r\n+OK\r\n+OK bye\r\n"), JSON.stringify(peer.heard.slice(-60)));
  }
});

test("R7: an idle session ends at the inactivity limit, without a word", LIMITS, async (t) => {
  const { port, fake, gateway } = await between(t, withMail(""), "-t", "1");
  const { peer } = await loginSecure(t, port);
  const began = Date.now();
  await peer.expectEnd();
  assert.ok(Date.now() - began < 3000);
  await fake.played();
  assert.ok(!fake.callers[0]?.secret.includes("QUIT"));
  assert.deepEqual(await gateway.ended(), ['"client is silent"']);
});

test("I11: a client that resets in the middle of a mail: the server is left without a QUIT", LIMITS, async (t) => {
  const { port, fake, gateway } = await between(t, withMail(MAIL));
  const { peer, tls, raw } = await loginSecure(t, port);
  tls.pause();
  await peer.say("RETR 1");
  await pause(100);
  raw.reset();
  assert.equal((await gateway.ended()).length, 1);
  await fake.played();
  assert.ok(!fake.callers[0]?.secret.includes("QUIT"));
  assert.match(gateway.said(), / info close .*retrieved=0/);
});

for (const [name, lose] of [
  ["resets", (caller: Caller) => caller.reset()],
  ["closes", (caller: Caller) => caller.end()],
  ["is cut off without TLS's own goodbye", (caller: Caller) => caller.cut()],
] as const) {
  test(`I10: a server that ${name} in the middle of a mail: no end that looks like one`, LIMITS, async (t) => {
    const { port, fake, gateway } = await between(t, async (caller) => {
      assert.equal(await caller.line(), "RETR 1");
      caller.say("+OK\r\nSubject: cut\r\n\r\nsome");
      await pause(100);
      lose(caller);
    });
    const { peer } = await loginSecure(t, port);
    await peer.say("RETR 1");
    await peer.expect("+OK\r\nSubject: cut\r\n\r\nsome");
    await peer.expectEnd();
    assert.match((await gateway.ended())[0] as string, /inside a response/);
    await fake.played();
  });
}

test("a client that renegotiates again and again is not served in that", LIMITS, async (t) => {
  const gateway = await startHouse(t, ["/tls"]);
  const { tls } = await connectSecure(t, gateway.ports[1] as number, { maxVersion: "TLSv1.2" });
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
