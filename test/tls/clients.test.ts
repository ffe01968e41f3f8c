/**
 * The client's leg: STLS and what may go wrong around it, listeners with TLS from the first octet, and what may be said
 * before TLS.
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { ConnectionOptions } from "node:tls";
import { lacking } from "../stage/certificates";
import { connectStls, connectTls, logInAnew, retrieve, secure } from "../stage/dialogue";
import { Peer } from "../stage/peer";
import { ownTime } from "../stage/stopwatch";
import { until } from "../stage/waiting";
import { startBeforeDemo } from "./beforedemo";

const LIMITS = { skip: lacking, timeout: 300_000 };

const BEGIN = "+OK begin TLS negotiation\r\n";
const GREETING = "+OK POP3 server ready\r\n";

/** The list that answers CAPA. */
async function capabilities(client: Peer): Promise<string[]> {
  const [status, lines] = await retrieve(client, "CAPA");
  assert.equal(status, "+OK capability list follows");
  return lines.split("\r\n").slice(0, -1);
}

/** A session in TRANSACTION on a /tls listener. */
async function loginTls(t: TestContext, port: number, options?: ConnectionOptions): Promise<Peer> {
  const client = await connectTls(port, options, t);
  await client.expect(GREETING);
  await logInAnew(client);
  return client;
}

/** The connection ends, and nothing was said on it but this, and TLS. */
async function endsWith(peer: Peer, heard: string): Promise<void> {
  await peer.untilEnd();
  assert.ok(peer.heard.startsWith(heard), JSON.stringify(peer.heard));
  assert.match(peer.heard.slice(heard.length), /^(?:\x15\x03[\s\S]{5})?$/, "an alert at most");
}

const INJECTED = ["USER a\r\n", "USER a\r\nPASS b\r\n", "QUIT\r\n", "CAPA\r\n", "U", "STLS\r\n", "\r\n"];

test("T1: what is said in clear behind STLS is never executed", LIMITS, async (t) => {
  const { ports, ended, said } = await startBeforeDemo(t, ["/starttls"], ["--allow-cleartext-login"]);
  for (const [index, injected] of INJECTED.entries()) {
    const client = await Peer.connect(ports[0] as number, t);
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
  const { ports, ended, said } = await startBeforeDemo(t, ["/starttls"], ["--allow-cleartext-login"]);
  const client = await Peer.connect(ports[0] as number, t);
  await client.expect(GREETING);
  await client.say("STLS");
  await client.expect(BEGIN);
  await client.write("USER a\r\nQUIT\r\n");
  await endsWith(client, GREETING + BEGIN);
  assert.match((await ended())[0] as string, /TLS with client failed/);
  assert.doesNotMatch(said(), /USER|QUIT/);
});

test("T5: a USER given before STLS is forgotten", LIMITS, async (t) => {
  const { ports } = await startBeforeDemo(t, ["/starttls"], ["--allow-cleartext-login"]);
  const client = await Peer.connect(ports[0] as number, t);
  await client.expect(GREETING);
  assert.equal(await client.ask("USER mallory"), "+OK password required");
  await client.say("STLS");
  await client.expect(BEGIN);
  await secure(client);
  assert.equal(await client.ask("PASS demo"), "-ERR give USER first");
  await logInAnew(client);
});

test("T6: STLS twice, after login, where TLS is from the beginning, and where there is none", LIMITS, async (t) => {
  const { ports } = await startBeforeDemo(t, ["/starttls", "/tls", ""]);
  const peer = await connectStls(ports[0] as number, {}, t);
  assert.equal(await peer.ask("STLS"), "-ERR TLS is active already");
  assert.equal(await peer.ask("STLS"), "-ERR TLS is active already");
  await logInAnew(peer);
  assert.match(await peer.ask("STLS"), /^-ERR /);
  assert.match(await peer.ask("NOOP"), /^\+OK/);
  const secured = await connectTls(ports[1] as number, {}, t);
  await secured.expect(GREETING);
  assert.match(await secured.ask("STLS"), /^-ERR /);
  await logInAnew(secured);
  assert.match(await secured.ask("STLS"), /^-ERR /);
  const plain = await Peer.connect(ports[2] as number, t);
  await plain.expect(GREETING);
  assert.equal(await plain.ask("STLS"), "-ERR unsupported command");
  await logInAnew(plain);
});

/** The first octets of a ClientHello. */
const HALF_HELLO = "\x16\x03\x01\x02\x00\x01\x00";

test("T7: a handshake that stalls ends at the limit for the login", LIMITS, async (t) => {
  const { ports, ended } = await startBeforeDemo(t, ["/starttls", "/tls"], ["--login-timeout", "3"]);
  const plain = async () => {
    const client = await Peer.connect(ports[0] as number, t);
    await client.expect(GREETING);
    await client.say("STLS");
    await client.expect(BEGIN);
    return client;
  };
  const began = ownTime();
  const silent = [await Peer.connect(ports[1] as number, t), await plain()];
  const half = [await Peer.connect(ports[1] as number, t), await plain()];
  const dripping = await Peer.connect(ports[1] as number, t);
  for (const client of half) await client.write(HALF_HELLO);
  const drip = setInterval(() => void dripping.write(HALF_HELLO[dripping.socket.bytesWritten] ?? "\0"), 150);
  t.after(() => clearInterval(drip));
  const all = [...silent, ...half, dripping];
  await Promise.all(all.map((client) => client.untilEnd()));
  assert.ok(ownTime() - began < 20_000, `ended after ${ownTime() - began} ms`);
  for (const client of all) assert.doesNotMatch(client.heard, /-ERR/);
  const reasons = await ended(all.length);
  assert.deepEqual([...new Set(reasons)], ["client is silent"]);
});

test("T9: another protocol by ALPN is refused; pop3, or none, is not", LIMITS, async (t) => {
  const { ports, ended } = await startBeforeDemo(t, ["/starttls", "/tls"]);
  const [starttls, tls] = ports as [number, number];
  for (const ALPNProtocols of [["http/1.1"], ["h2", "http/1.1"], ["imap"], ["POP3"]]) {
    await assert.rejects(connectTls(tls, { ALPNProtocols }, t), /alert|closed/, `${ALPNProtocols}`);
    await assert.rejects(connectStls(starttls, { ALPNProtocols }, t), /alert|closed/, `${ALPNProtocols}`);
  }
  assert.equal((await ended(8)).length, 8);
  for (const ALPNProtocols of [["pop3"], ["http/1.1", "pop3"]]) {
    assert.equal((await loginTls(t, tls, { ALPNProtocols })).tls?.alpnProtocol, "pop3");
    assert.equal((await connectStls(starttls, { ALPNProtocols }, t)).tls?.alpnProtocol, "pop3");
  }
  assert.equal((await loginTls(t, tls)).tls?.alpnProtocol, false);
});

test(
  "T10: strangers under TLS, and TLS where a greeting comes first, are dropped without an answer",
  LIMITS,
  async (t) => {
    const { ports, ended } = await startBeforeDemo(t, ["", "/starttls", "/tls"], ["--capa"]);
    const first = ["GET / HTTP/1.1", "POST /x HTTP/1.1", "EHLO me", "HELO", "MAIL FROM:<a@b>", "\x16\x03\x01\x02"];
    for (const line of first) {
      const secured = await connectTls(ports[2] as number, {}, t);
      await secured.write(`${line}\r\nUSER joe\r\nPASS demo\r\n`);
      await secured.expect(GREETING);
      await secured.expectEnd();
    }
    for (const port of ports.slice(0, 2)) {
      const client = await Peer.connect(port, t);
      await client.write(`${HALF_HELLO}\r\n`);
      await client.expect(GREETING);
      await client.expectEnd();
    }
    for (const reason of await ended(first.length + 2)) assert.match(reason, /not a POP3 client/);
  },
);

test("T10: plain text where TLS is expected is not answered in clear", LIMITS, async (t) => {
  const { ports, ended } = await startBeforeDemo(t, ["/tls"]);
  const openings = ["USER joe\r\n", "CAPA\r\n", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x00\x05hello"];
  for (const [index, octets] of openings.entries()) {
    const client = await Peer.connect(ports[0] as number, t);
    await client.write(octets);
    await endsWith(client, "");
    assert.match((await ended(index + 1))[index] as string, /TLS with client failed/);
  }
});

test("logins before TLS are refused, and no server hears of them", LIMITS, async (t) => {
  const { ports, said } = await startBeforeDemo(t, ["/starttls"]);
  const client = await Peer.connect(ports[0] as number, t);
  await client.expect(GREETING);
  for (const line of ["USER joe", "PASS demo", "user joe", "PASS "]) {
    assert.equal(await client.ask(line), "-ERR [SYS/PERM] use STLS first", line);
  }
  assert.match(await client.ask("STAT"), /^-ERR /);
  assert.equal(await client.ask("NOOP"), "+OK");
  assert.ok(!(await capabilities(client)).includes("USER"));
  await client.say("STLS");
  await client.expect(BEGIN);
  await secure(client);
  await logInAnew(client);
  const told = await until(() => said().match(/ notice tls .*/g), said);
  assert.equal(told.length, 1);
  assert.match(
    said(),
    / notice tls session=\S+ client=127\.0\.0\.1 code=stls reason="USER in clear: the client has to /,
  );
  assert.equal(await client.ask("QUIT").then((line) => line.slice(0, 3)), "+OK");
  assert.match(said(), / info login .*tls=TLSv1\.3/);
});

test("--allow-cleartext-login permits a login before TLS", LIMITS, async (t) => {
  const { ports, said } = await startBeforeDemo(t, ["/starttls"], ["--allow-cleartext-login"]);
  const client = await Peer.connect(ports[0] as number, t);
  await client.expect(GREETING);
  assert.ok((await capabilities(client)).includes("USER"));
  await logInAnew(client);
  assert.doesNotMatch(said(), / info login .*tls=/);
});

const SERVERS = ["TOP", "UIDL", "USER", "SASL PLAIN", "STLS", "UTF8", "EXPIRE NEVER", "LOGIN-DELAY 900", "X-LIKE-THIS"];
const OURS = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"];

test("L9: CAPA tells what is permitted now: before STLS, after it, and after the login", LIMITS, async (t) => {
  const gateway = (lines: readonly string[] | null) =>
    startBeforeDemo(t, ["/starttls", "/tls"], [], { capabilities: lines });
  const { ports } = await gateway([...SERVERS, "IMPLEMENTATION x", "top", "SASL", "PIPELINING"]);
  const client = await Peer.connect(ports[0] as number, t);
  await client.expect(GREETING);
  assert.deepEqual((await capabilities(client)).sort(), [...OURS, "STLS"].sort());
  await client.say("STLS");
  await client.expect(BEGIN);
  await secure(client);
  assert.deepEqual((await capabilities(client)).sort(), [...OURS, "USER"].sort());
  await logInAnew(client);
  const passed = ["TOP", "UIDL", "EXPIRE NEVER", "LOGIN-DELAY 900", "top", "PIPELINING"];
  assert.deepEqual(await capabilities(client), passed);
  const mute = await connectStls((await gateway(null)).port, {}, t);
  await logInAnew(mute);
  assert.deepEqual((await capabilities(mute)).sort(), [...OURS].sort(), "the server refuses CAPA");
});

for (const leave of ["end", "reset"] as const) {
  test(
    `a client whose part of a handshake is a ${leave} is gone at once, with one line in the log`,
    LIMITS,
    async (t) => {
      const { ports, ended, logged } = await startBeforeDemo(t, ["/starttls", "/tls"]);
      const early = await Peer.connect(ports[1] as number, t);
      const half = await Peer.connect(ports[1] as number, t);
      await half.write(HALF_HELLO);
      const late = await Peer.connect(ports[0] as number, t);
      await late.expect(GREETING);
      await late.say("STLS");
      await late.expect(BEGIN);
      await logged("connect", 3);
      for (const client of [early, half, late]) client[leave]();
      await ended(3);
      await pause(50);
      const reasons = await ended(3);
      assert.equal(reasons.length, 3);
      for (const reason of reasons) assert.match(reason, /TLS with client failed|client closed/);
    },
  );
}
