/**
 * The client's leg: STLS and what may go wrong around it, listeners with TLS from the first octet, and what may be said
 * before TLS.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { lacking } from "../stage/certificates";
import type { Peer } from "../stage/peer";
import { connectPlain, connectSecure, connectStls, logIn, loginSecure, secure, startHouse } from "./client";

const LIMITS = { skip: lacking, timeout: 20_000 };

const BEGIN = "+OK begin TLS negotiation\r\n";
const GREETING = "+OK POP3 server ready\r\n";

/** The list that answers CAPA. */
async function capabilities(peer: Peer): Promise<string[]> {
  await peer.say("CAPA");
  await peer.expect("+OK capability list follows\r\n");
  const lines: string[] = [];
  for (let line = await peer.line(); line !== "."; line = await peer.line()) lines.push(line);
  return lines;
}

/** The connection ends, and nothing was said on it but this, and TLS. */
async function endsWith(peer: Peer, heard: string): Promise<void> {
  await peer.untilEnd();
  assert.ok(peer.heard.startsWith(heard), JSON.stringify(peer.heard));
  assert.match(peer.heard.slice(heard.length), /^(?:\x15\x03[\s\S]{5})?$/, "an alert at most");
}

const INJECTED = ["USER a\r\n", "USER a\r\nPASS b\r\n", "QUIT\r\n", "CAPA\r\n", "U", "STLS\r\n", "\r\n"];

test("T1: what is said in clear behind STLS is never executed", LIMITS, async (t) => {
  const { ports, ended, said } = await startHouse(t, ["/starttls"], ["--allow-cleartext-login"]);
  for (const [index, injected] of INJECTED.entries()) {
    const client = await connectPlain(t, ports[1] as number);
    await client.expect(GREETING);
    await client.write(`STLS\r\n${injected}`);
    await client.expect(BEGIN);
    // A client that knows nothing of it, as somebody in the middle had spoken, fails.
    await assert.rejects(secure(client), injected);
    await client.untilEnd();
    assert.match((await ended(index + 1))[index] as string, /TLS with client failed/);
  }
  assert.doesNotMatch(said(), /line="?(?:USER|QUIT|CAPA)/);
});

test("T1: nor when it comes later, in a segment of its own", LIMITS, async (t) => {
  const { ports, ended, said } = await startHouse(t, ["/starttls"], ["--allow-cleartext-login"]);
  const client = await connectPlain(t, ports[1] as number);
  await client.expect(GREETING);
  await client.say("STLS");
  await client.expect(BEGIN);
  await client.write("USER a\r\nQUIT\r\n");
  await endsWith(client, GREETING + BEGIN);
  assert.match((await ended())[0] as string, /TLS with client failed/);
  assert.doesNotMatch(said(), /USER|QUIT/);
});

test("T5: a USER given before STLS is forgotten", LIMITS, async (t) => {
  const { ports } = await startHouse(t, ["/starttls"], ["--allow-cleartext-login"]);
  const client = await connectPlain(t, ports[1] as number);
  await client.expect(GREETING);
  assert.equal(await client.ask("USER mallory"), "+OK password required");
  await client.say("STLS");
  await client.expect(BEGIN);
  const { peer } = await secure(client);
  assert.equal(await peer.ask("PASS demo"), "-ERR give USER first");
  await logIn(peer);
});

test("T6: STLS twice, after login, where TLS is from the beginning, and where there is none", LIMITS, async (t) => {
  const { ports } = await startHouse(t, ["/starttls", "/tls"]);
  const { peer } = await connectStls(t, ports[1] as number);
  assert.equal(await peer.ask("STLS"), "-ERR TLS is active already");
  assert.equal(await peer.ask("STLS"), "-ERR TLS is active already");
  await logIn(peer);
  assert.match(await peer.ask("STLS"), /^-ERR /);
  assert.match(await peer.ask("NOOP"), /^\+OK/);
  const secured = await connectSecure(t, ports[2] as number);
  await secured.peer.expect(GREETING);
  assert.match(await secured.peer.ask("STLS"), /^-ERR /);
  await logIn(secured.peer);
  assert.match(await secured.peer.ask("STLS"), /^-ERR /);
  const plain = await connectPlain(t, ports[0] as number);
  await plain.expect(GREETING);
  assert.equal(await plain.ask("STLS"), "-ERR unsupported command");
  await logIn(plain);
});

/** The first octets of a ClientHello. */
const HALF_HELLO = "\x16\x03\x01\x02\x00\x01\x00";

test("T7: a handshake that stalls ends at the limit for the login", LIMITS, async (t) => {
  const { ports, ended } = await startHouse(t, ["/starttls", "/tls"], ["--login-timeout", "1"]);
  const plain = async () => {
    const client = await connectPlain(t, ports[1] as number);
    await client.expect(GREETING);
    await client.say("STLS");
    await client.expect(BEGIN);
    return client;
  };
  const began = Date.now();
  const silent = [await connectPlain(t, ports[2] as number), await plain()];
  const half = [await connectPlain(t, ports[2] as number), await plain()];
  const dripping = await connectPlain(t, ports[2] as number);
  for (const client of half) await client.write(HALF_HELLO);
  const drip = setInterval(() => void dripping.write(HALF_HELLO[dripping.socket.bytesWritten] ?? "\0"), 150);
  t.after(() => clearInterval(drip));
  const all = [...silent, ...half, dripping];
  await Promise.all(all.map((client) => client.untilEnd()));
  assert.ok(Date.now() - began < 4000, `ended after ${Date.now() - began} ms`);
  for (const client of all) assert.doesNotMatch(client.heard, /-ERR/);
  const reasons = await ended(all.length);
  assert.deepEqual([...new Set(reasons)], ['"client is silent"']);
});

test("T9: another protocol by ALPN is refused; pop3, or none, is not", LIMITS, async (t) => {
  const { ports, ended } = await startHouse(t, ["/starttls", "/tls"]);
  const [, starttls, tls] = ports as [number, number, number];
  for (const ALPNProtocols of [["http/1.1"], ["h2", "http/1.1"], ["imap"], ["POP3"]]) {
    await assert.rejects(connectSecure(t, tls, { ALPNProtocols }), /alert|closed/, `${ALPNProtocols}`);
    await assert.rejects(connectStls(t, starttls, { ALPNProtocols }), /alert|closed/, `${ALPNProtocols}`);
  }
  assert.equal((await ended(8)).length, 8);
  for (const ALPNProtocols of [["pop3"], ["http/1.1", "pop3"]]) {
    assert.equal((await loginSecure(t, tls, { ALPNProtocols })).tls.alpnProtocol, "pop3");
    assert.equal((await connectStls(t, starttls, { ALPNProtocols })).tls.alpnProtocol, "pop3");
  }
  assert.equal((await loginSecure(t, tls)).tls.alpnProtocol, false);
});

test(
  "T10: strangers under TLS, and TLS where a greeting comes first, are dropped without an answer",
  LIMITS,
  async (t) => {
    const { ports, ended } = await startHouse(t, ["/starttls", "/tls"], ["--capa"]);
    const first = ["GET / HTTP/1.1", "POST /x HTTP/1.1", "EHLO me", "HELO", "MAIL FROM:<a@b>", "\x16\x03\x01\x02"];
    for (const line of first) {
      const secured = await connectSecure(t, ports[2] as number);
      await secured.peer.write(`${line}\r\nUSER joe\r\nPASS demo\r\n`);
      await secured.peer.expect(GREETING);
      await secured.peer.expectEnd();
    }
    for (const port of ports.slice(0, 2)) {
      const client = await connectPlain(t, port);
      await client.write(`${HALF_HELLO}\r\n`);
      await client.expect(GREETING);
      await client.expectEnd();
    }
    for (const reason of await ended(first.length + 2)) assert.match(reason, /not a POP3 client/);
  },
);

test("plain text where TLS is expected is not answered in clear", LIMITS, async (t) => {
  const { ports, ended } = await startHouse(t, ["/tls"]);
  const openings = ["USER joe\r\n", "CAPA\r\n", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\x05hello"];
  for (const [index, octets] of openings.entries()) {
    const client = await connectPlain(t, ports[1] as number);
    await client.write(octets);
    await endsWith(client, "");
    assert.match((await ended(index + 1))[index] as string, /TLS with client failed/);
  }
});

test("logins before TLS are refused, and no server hears of them", LIMITS, async (t) => {
  const { ports, said } = await startHouse(t, ["/starttls"]);
  const client = await connectPlain(t, ports[1] as number);
  await client.expect(GREETING);
  for (const line of ["USER joe", "PASS demo", "user joe", "PASS "]) {
    assert.equal(await client.ask(line), "-ERR [SYS/PERM] use STLS first", line);
  }
  assert.match(await client.ask("STAT"), /^-ERR /);
  assert.equal(await client.ask("NOOP"), "+OK");
  assert.ok(!(await capabilities(client)).includes("USER"));
  await client.say("STLS");
  await client.expect(BEGIN);
  const { peer } = await secure(client);
  await logIn(peer);
  assert.equal(await peer.ask("QUIT").then((line) => line.slice(0, 3)), "+OK");
  assert.match(said(), / info login .*tls=TLSv1\.3/);
});

test("--allow-cleartext-login permits a login before TLS", LIMITS, async (t) => {
  const { ports, said } = await startHouse(t, ["/starttls"], ["--allow-cleartext-login"]);
  const client = await connectPlain(t, ports[1] as number);
  await client.expect(GREETING);
  assert.ok((await capabilities(client)).includes("USER"));
  await logIn(client);
  assert.doesNotMatch(said(), / info login .*tls=/);
});

const SERVERS = ["TOP", "UIDL", "USER", "SASL PLAIN", "STLS", "UTF8", "EXPIRE NEVER", "LOGIN-DELAY 900", "X-LIKE-THIS"];
const OURS = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"];

test("L9: CAPA tells what is permitted now: before STLS, after it, and after the login", LIMITS, async (t) => {
  const gateway = (lines: readonly string[] | null) =>
    startHouse(t, ["/starttls", "/tls"], [], { capabilities: lines });
  const { ports } = await gateway([...SERVERS, "IMPLEMENTATION x", "top", "SASL", "PIPELINING"]);
  const client = await connectPlain(t, ports[1] as number);
  await client.expect(GREETING);
  assert.deepEqual((await capabilities(client)).sort(), [...OURS, "STLS"].sort());
  await client.say("STLS");
  await client.expect(BEGIN);
  const { peer } = await secure(client);
  assert.deepEqual((await capabilities(peer)).sort(), [...OURS, "USER"].sort());
  await logIn(peer);
  const passed = ["TOP", "UIDL", "EXPIRE NEVER", "LOGIN-DELAY 900", "top", "PIPELINING"];
  assert.deepEqual(await capabilities(peer), passed);
  const mute = await connectStls(t, (await gateway(null)).ports[1] as number);
  await logIn(mute.peer);
  assert.deepEqual((await capabilities(mute.peer)).sort(), [...OURS].sort(), "the server refuses CAPA");
});

for (const leave of ["end", "reset"] as const) {
  test(
    `a client whose part of a handshake is a ${leave} is gone at once, with one line in the log`,
    LIMITS,
    async (t) => {
      const { ports, ended, saying } = await startHouse(t, ["/starttls", "/tls"]);
      const early = await connectPlain(t, ports[2] as number);
      const half = await connectPlain(t, ports[2] as number);
      await half.write(HALF_HELLO);
      const late = await connectPlain(t, ports[1] as number);
      await late.expect(GREETING);
      await late.say("STLS");
      await late.expect(BEGIN);
      await saying(/(?: info connect [\s\S]*){3}/);
      for (const client of [early, half, late]) client[leave]();
      await ended(3);
      await pause(50);
      const reasons = await ended(3);
      assert.equal(reasons.length, 3);
      for (const reason of reasons) assert.match(reason, /TLS with client failed|client closed/);
    },
  );
}
