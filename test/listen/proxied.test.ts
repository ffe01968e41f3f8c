/** Listeners whose clients come behind a load balancer: the PROXY header before all else. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { HEADERS, known } from "../protocol/proxyheaders";
import { startDemo } from "../stage/demo";
import { quit, secure } from "../stage/dialogue";
import { cert } from "../stage/localhost";
import { Peer } from "../stage/peer";
import { standStill } from "../stage/standstill";
import { until } from "../stage/waiting";
import { behind, GREETING, greeted, headerOf } from "./behind";

/** Sends octets in segments of this size. */
async function sent(peer: Peer, octets: Buffer, size: number): Promise<void> {
  for (let at = 0; at < octets.length; at += size) {
    await peer.write(octets.subarray(at, at + size));
    // A turn of the event loop for each segment, so that the gateway reads it alone.
    if (size < octets.length) await new Promise(setImmediate);
  }
}

test("I13: every known header in three segmentations, and the client's first words behind it", async (t) => {
  const gateway = await behind(t, (await startDemo(t)).port);
  for (const { name, meaning, octets, rest } of HEADERS) {
    const header = octets.subarray(0, octets.length - rest);
    for (const size of [1, 7, 100_000]) {
      const client = await Peer.connect(gateway.port, t);
      await sent(client, Buffer.concat([header, Buffer.from("NOOP\r\n")]), size);
      if (meaning === "BAD") {
        await client.expectEnd();
        assert.equal(client.clear, "", `${name}, ${size}`);
      } else {
        await client.expect(GREETING);
        await client.expect("-ERR login first\r\n");
        await quit(client);
      }
      client.destroy();
    }
  }
  const bad = HEADERS.filter(({ meaning }) => meaning === "BAD").length;
  await gateway.logged("refused", 3 * bad);
  assert.ok(
    gateway.log.filter(({ event }) => event === "refused").every(({ fields }) => fields.code === "proxy-header"),
  );
});

test("TLS behind a header, from the first octet and by STLS, in three segmentations", async (t) => {
  const { port } = await startDemo(t);
  for (const mode of ["tls", "starttls"] as const) {
    const gateway = await behind(t, port, { mode });
    for (const name of ["haproxy-v1-tcp4-alone", "nlb-layout-v2", "haproxy-check-v2-local"]) {
      for (const size of [1, 7, 100_000]) {
        const client = await Peer.connect(gateway.port, t);
        await sent(client, known(name), size);
        if (mode === "starttls") {
          await client.expect(GREETING);
          await client.say("STLS");
          await client.expect("+OK begin TLS negotiation\r\n");
        }
        await secure(client, { ca: cert });
        if (mode === "tls") await client.expect(GREETING);
        assert.equal(await client.ask(`USER joe${size}`), "+OK password required");
        assert.match(await client.ask("PASS demo"), /^\+OK/);
        await quit(client);
      }
    }
  }
});

test("a header and a ClientHello in one segment", async (t) => {
  const gateway = await behind(t, (await startDemo(t)).port, { mode: "tls" });
  for (const name of ["haproxy-v1-before-clienthello", "haproxy-v2-before-clienthello"]) {
    const client = await Peer.connect(gateway.port, t);
    // The ClientHello was cut when it was captured: its length says 512 octets, and the rest is padding.
    const octets = known(name);
    const whole = 5 + octets.readUInt16BE(octets.indexOf(Buffer.from("160301", "hex")) + 3);
    const hello = octets.length - octets.indexOf(Buffer.from("160301", "hex"));
    await client.write(Buffer.concat([octets, Buffer.alloc(whole - hello)]));
    // A record of the handshake: ServerHello.
    assert.equal(Buffer.from(await client.peek(3), "latin1").toString("hex"), "160303");
    client.destroy();
  }
});

test("a header that came while the gateway stood still is in time", async (t) => {
  const gateway = await behind(t, (await startDemo(t)).port, { within: 300 });
  const client = await Peer.connect(gateway.port, t);
  await client.write(headerOf("192.0.2.7").subarray(0, 5));
  // The gateway has seen the first part, and its time runs.
  await pause(50);
  void client.write(headerOf("192.0.2.7").subarray(5));
  standStill(600);
  assert.match(await client.line(), /^\+OK/);
});

test("I13: a stranger's header, a slow one, none, and one that stops end within the limit, without an answer", async (t) => {
  const { port } = await startDemo(t);
  const strict = await behind(t, port, { proxyFrom: [{ address: "192.0.2.1", bits: 32 }] });
  const stranger = await Peer.connect(strict.port, t);
  await stranger.write(headerOf("192.0.2.7"));
  await stranger.untilEnd();
  const { level, fields } = await strict.logged("refused");
  assert.deepEqual([level, fields.client, fields.code], ["notice", "127.0.0.1", "proxy-from"]);
  assert.equal(stranger.clear, "");

  const gateway = await behind(t, port, { within: 300 });
  for (const octets of ["", "PROXY TCP4 192.0.2.7", "\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c1234", "PROXY UNKNOWN"]) {
    const began = performance.now();
    const client = await Peer.connect(gateway.port, t);
    await client.write(octets);
    await client.expectEnd();
    assert.equal(client.clear, "");
    assert.ok(performance.now() - began >= 290, "not before its time");
  }
  // One octet now and then does not prolong the time.
  const slow = await Peer.connect(gateway.port, t);
  for (const octet of headerOf("192.0.2.7")) {
    await slow.write(Buffer.from([octet]));
    await pause(25);
    if (slow.ended) break;
  }
  await slow.expectEnd();
  await gateway.logged("refused", 5);
  for (const { fields } of gateway.log.filter(({ event }) => event === "refused")) {
    assert.deepEqual([fields.code, fields.reason], ["proxy-header", "no complete header in time"]);
  }
  assert.ok(!gateway.log.some(({ event }) => event === "connect"));
});

test("a header that breaks off is refused, and a connection without an octet is nobody's business", async (t) => {
  const gateway = await behind(t, (await startDemo(t)).port);
  for (const octets of ["", "PROXY TCP4 1"]) {
    const client = await Peer.connect(gateway.port, t);
    await client.write(octets);
    client.end();
    await client.expectEnd();
  }
  const { fields } = await gateway.logged("refused");
  assert.equal(fields.reason, "the connection ended inside a header");
  const reset = await Peer.connect(gateway.port, t);
  reset.reset();
  await quit(await greeted(gateway, headerOf("192.0.2.7"), t));
  assert.equal(gateway.log.filter(({ event }) => event === "refused").length, 1);
});

test("only the first header is one", async (t) => {
  const gateway = await behind(t, (await startDemo(t)).port);
  const client = await greeted(gateway, headerOf("192.0.2.7"), t);
  await client.write(headerOf("198.51.100.1"));
  await client.expectEnd();
  const { fields } = await gateway.logged("close");
  assert.deepEqual([fields.client, fields.code], ["192.0.2.7", "not-pop3"]);
});

test("what a client says behind the header before it leaves counts", async (t) => {
  const gateway = await behind(t, (await startDemo(t)).port);
  const client = await Peer.connect(gateway.port, t);
  await client.write(
    Buffer.concat([headerOf("192.0.2.7"), Buffer.from("USER joe\r\nPASS demo\r\nDELE 1\r\nQUIT\r\n")]),
  );
  client.end();
  const { fields } = await gateway.logged("close");
  assert.deepEqual([fields.code, fields.deleted], ["quit", 1]);
});

test("B6: checks of the load balancer, which speaks for itself, are not in the log", async (t) => {
  const gateway = await behind(t, (await startDemo(t)).port, { limits: { perClient: 2 } });
  for (const name of ["haproxy-check-v2-local", "v1-unknown-worst"]) {
    const checks = await Promise.all([1, 2, 3, 4].map(() => greeted(gateway, known(name), t)));
    const [first, second, ...rest] = checks as [Peer, Peer, ...Peer[]];
    await quit(first);
    second.end();
    for (const one of rest) one.reset();
    for (const one of checks) one.destroy();
  }
  await until(() => gateway.log.filter(({ event }) => event === "close").length === 8);
  assert.deepEqual(
    [...new Set(gateway.log.filter(({ event }) => event !== "listen").map(({ level }) => level))],
    ["debug"],
  );
  const secured = await behind(t, 1, { mode: "tls" });
  const check = await Peer.connect(secured.port, t);
  await check.write(known("haproxy-check-v2-local"));
  check.end();
  assert.equal((await secured.logged("close")).level, "debug");
});

test("R4: more connections that wait for a header than sessions displace the oldest", async (t) => {
  const gateway = await behind(t, (await startDemo(t)).port, { maxSessions: 3 });
  const waiting: Peer[] = [];
  for (let count = 0; count < 4; count++) {
    const peer = await Peer.connect(gateway.port, t);
    await peer.write("PROXY ");
    waiting.push(peer);
    await pause(20);
  }
  await waiting[0]?.expectEnd();
  assert.ok(waiting.slice(1).every(({ ended }) => !ended));
  const last = waiting[3] as Peer;
  await last.write(headerOf("192.0.2.7").subarray("PROXY ".length));
  await last.expect(GREETING);
});

test("the end of the gateway waits for headers no longer than for sessions", async (t) => {
  const gateway = await behind(t, (await startDemo(t)).port, { within: 60_000 });
  const client = await Peer.connect(gateway.port, t);
  await client.write("PROXY ");
  await greeted(gateway, headerOf("192.0.2.7"), t);
  const closed = gateway.close();
  await client.expectEnd();
  await closed;
});
