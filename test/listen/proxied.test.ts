/**
 * Listeners whose clients come behind a load balancer: the PROXY header before all else, and the client's address from
 * it everywhere.
 */

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { parseCidr } from "../../src/base/cidr";
import type { TlsMode } from "../../src/config/settings";
import { writeProxyHeader } from "../../src/protocol/proxyheader";
import { HEADERS, known } from "../protocol/proxyheaders";
import { startScripted } from "../stage/accepting";
import { scratch, script } from "../stage/acp";
import { startDemo } from "../stage/demo";
import { logIn, quit, secure } from "../stage/dialogue";
import { startGateway, type TestGateway, type Wishes } from "../stage/gateway";
import { CERT_FILE, cert, KEY_FILE } from "../stage/localhost";
import { Peer } from "../stage/peer";
import { until } from "../stage/waiting";

const GREETING = "+OK POP3 server ready\r\n";

/** The senders of headers in these tests. */
const NEAR = [parseCidr("127.0.0.0/8")].flatMap((block) => block ?? []);

interface Wanted extends Wishes {
  readonly mode?: TlsMode;
  readonly within?: number;
}

/** A gateway that expects headers. */
function behind(t: TestContext, server: number, { mode = "none", within = 5000, ...wishes }: Wanted = {}) {
  return startGateway(
    server,
    {
      listen: [{ host: "127.0.0.1", port: 0, tls: mode, proxy: true }],
      proxyFrom: NEAR,
      ...(mode !== "none" && { tlsCerts: [CERT_FILE], tlsKeys: [KEY_FILE], serverTls: "none" as const }),
      ...wishes,
      limits: { ...wishes.limits, proxyHeader: within },
    },
    { t },
  );
}

const headerOf = (address: string, port = 4321, to = "192.0.2.8") =>
  writeProxyHeader(1, { from: { address, port }, to: { address: to, port: 110 }, tls: null });

const SECURE = writeProxyHeader(2, {
  from: { address: "192.0.2.7", port: 4321 },
  to: { address: "192.0.2.8", port: 995 },
  tls: { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" },
});

/** Sends octets in segments of this size. */
async function sent(peer: Peer, octets: Buffer, size: number): Promise<void> {
  for (let at = 0; at < octets.length; at += size) {
    await peer.write(octets.subarray(at, at + size));
    // A turn of the event loop for each segment, so that the gateway reads it alone.
    if (size < octets.length) await new Promise(setImmediate);
  }
}

/** A client behind a header, greeted. */
async function greeted(gateway: TestGateway, header: Buffer, t: TestContext): Promise<Peer> {
  const client = await Peer.connect(gateway.port, t);
  await client.write(header);
  await client.expect(GREETING);
  return client;
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
  // A login is one, whoever does not know its client.
  const user = await greeted(gateway, known("haproxy-v1-unix-client").subarray(0, 15), t);
  await logIn(user, "joe", "demo");
  await quit(user);
  const login = await gateway.logged("login");
  assert.deepEqual([login.level, login.fields.client], ["info", "127.0.0.1"]);
  await until(() => gateway.log.some(({ event, level }) => event === "close" && level === "info"));
});

test("the client's address is the header's everywhere, and the socket's nowhere", async (t) => {
  const folder = join(scratch(t), "log");
  mkdirSync(folder);
  const answers = join(scratch(t), "answers");
  const server = await startScripted(t, async (peer) => {
    await peer.say("+OK [XCLIENT] ready");
    for (;;) {
      await peer.line();
      await peer.say("+OK");
    }
  });
  const acp = script(t, `env | grep ^PROXY_ >>${answers}`, "exit 0");
  const wishes = { acp, clientLog: folder, xclient: true, limits: { perClient: 1 } };
  const gateway = await behind(t, server.port, wishes);
  const header = writeProxyHeader(2, {
    from: { address: "2001:db8::7", port: 4321 },
    to: { address: "2001:db8::8", port: 995 },
    tls: { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256" },
  });
  const client = await greeted(gateway, header, t);
  await logIn(client, "joe", "secret");
  assert.match(readFileSync(answers, "utf8"), /^PROXY_CLIENT=2001:db8::7$/m);
  assert.match(readFileSync(answers, "utf8"), /^PROXY_INTERFACE=2001:db8::8$/m);
  assert.match(readFileSync(answers, "utf8"), /^PROXY_PORT=995$/m);
  assert.deepEqual(readdirSync(folder), ["2001:db8::7"]);
  assert.match(readFileSync(join(folder, "2001:db8::7"), "utf8"), /^\d+ 2001:db8::7 joe /);
  const [behindIt] = server.peers as [Peer];
  const xclient =
    /^XCLIENT ADDR=2001:db8::7 PORT=4321 DESTADDR=2001:db8::8 DESTPORT=995 SESSION=\S+ CLIENT-TRANSPORT=TLS\r\n/;
  assert.match(behindIt.clear, xclient);
  // R5: another client behind the same sender is not the same client; one of the same network is.
  const other = await greeted(gateway, headerOf("198.51.100.1"), t);
  const neighbour = await Peer.connect(gateway.port, t);
  await neighbour.write(headerOf("2001:db8::9"));
  await neighbour.expect("-ERR [SYS/TEMP] too many sessions from your address\r\n");
  await quit(client);
  await quit(other);
  await gateway.ended(2);
  const [connect] = gateway.log.filter(({ event }) => event === "connect");
  assert.deepEqual(
    [connect?.fields.client, connect?.fields.port, connect?.fields.interface, connect?.fields.tls],
    ["2001:db8::7", 4321, "2001:db8::8", "TLSv1.3"],
  );
  const said = gateway.said().replace(/.* listen .*\n|server=\S+|address=\S+/g, "");
  assert.doesNotMatch(
    said + behindIt.clear + readFileSync(answers, "utf8").replace(/^PROXY_SERVER=.*$/m, ""),
    /127\.0\.0\./,
  );
});

test("R5: refused logins delay the client of the header alone", async (t) => {
  const { port } = await startDemo(t);
  const gateway = await behind(t, port, { limits: { refusal: 60_000, refusalMost: 60_000 } });
  const guess = async (address: string, password: string): Promise<Peer> => {
    const client = await greeted(gateway, headerOf(address), t);
    await client.say("USER joe", `PASS ${password}`);
    await client.expect("+OK password required\r\n");
    return client;
  };
  await guess("192.0.2.7", "wrong");
  await gateway.logged("denied");
  const other = await guess("192.0.2.8", "demo");
  assert.match(await other.line(), /^\+OK/);
  await quit(other);
});

test("a leg that speaks TLS to the load balancer needs no STLS", async (t) => {
  const { port } = await startDemo(t);
  const gateway = await behind(t, port, { mode: "starttls" });
  const safe = await greeted(gateway, SECURE, t);
  await safe.say("CAPA");
  const lines = (await safe.upTo("\r\n.\r\n")).split("\r\n");
  assert.ok(lines.includes("USER") && !lines.includes("STLS"), lines.join());
  assert.equal(await safe.ask("STLS"), "-ERR unsupported command");
  await logIn(safe, "joe", "demo");
  await quit(safe);
  assert.equal((await gateway.logged("login")).fields.tls, "TLSv1.3");
  // HAProxy sends the field for clients in clear, too: without its bit 0x01 it says nothing.
  const plain = known("haproxy-v2-ssl-plain-client");
  const clear = await greeted(gateway, plain.subarray(0, plain.length - 3), t);
  assert.equal(await clear.ask("USER joe"), "-ERR [SYS/PERM] use STLS first");
  await clear.say("CAPA");
  assert.match(await clear.upTo("\r\n.\r\n"), /^STLS\r$/m);
});

test("S4: where the client has connected to is the gateway itself, too", async (t) => {
  const gateway = await behind(t, 1, { server: null, select: true, servers: "192.0.2.*" });
  const client = await greeted(gateway, headerOf("192.0.2.7"), t);
  await client.say("USER joe@192.0.2.8", "PASS p");
  const { fields } = await gateway.logged("denied");
  assert.equal(fields.code, "own-address");
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
