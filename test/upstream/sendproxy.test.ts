/** --send-proxy: the header that servers get before all else. The server is another gateway, or a script. */

import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { TlsMode } from "../../src/config/settings";
import { parseProxyHeader, writeProxyHeader } from "../../src/protocol/proxyheader";
import { known } from "../protocol/proxyheaders";
import { startScripted } from "../stage/accepting";
import { scratch } from "../stage/acp";
import { checkInside } from "../stage/checking";
import { startDemo } from "../stage/demo";
import { connectGreeted, connectTls, logIn, quit } from "../stage/dialogue";
import { startGateway, type TestGateway, type Wishes } from "../stage/gateway";
import { CERT_FILE, cert, KEY_FILE } from "../stage/localhost";
import { Peer } from "../stage/peer";

const NEAR = [{ address: "127.0.0.0", bits: 8 }];

/** A gateway that expects headers, in front of a sample maildrop. */
async function receiver(t: TestContext, tls: TlsMode): Promise<TestGateway> {
  const wishes: Wishes = {
    listen: [{ host: "127.0.0.1", port: 0, tls, proxy: true }],
    proxyFrom: NEAR,
    ...(tls !== "none" && { tlsCerts: [CERT_FILE], tlsKeys: [KEY_FILE], serverTls: "none" }),
  };
  return startGateway((await startDemo(t)).port, wishes, { t });
}

test("a header before clear text, STLS and TLS, in both versions", async (t) => {
  for (const tls of ["none", "starttls", "tls"] as const) {
    for (const version of [1, 2] as const) {
      const second = await receiver(t, tls);
      const secure: Wishes = tls === "none" ? {} : { serverTls: tls, serverCa: CERT_FILE };
      const first = await startGateway(second.port, { sendProxy: version, ...secure }, { t });
      for (const localAddress of ["127.0.0.3", "127.0.0.4"]) {
        const client = await connectGreeted({ host: "127.0.0.1", port: first.port, localAddress }, t);
        await logIn(client, "joe", "demo");
        await quit(client);
        const { fields } = await second.logged("login", localAddress === "127.0.0.3" ? 1 : 2);
        assert.equal(fields.client, localAddress, `${tls} ${version}`);
      }
      const [connect] = second.log.filter(({ event }) => event === "connect");
      assert.equal(connect?.fields.interface, "127.0.0.1");
      assert.equal(
        (await second.logged("connect")).fields.port,
        first.log.find(({ event }) => event === "connect")?.fields.port,
      );
    }
  }
});

/** The header that a server gets from a client, and whether it came at one go. */
async function received(
  t: TestContext,
  version: 1 | 2,
  connect: (gateway: TestGateway) => Promise<Peer>,
  more: Wishes = {},
) {
  let first = Buffer.alloc(0);
  const server = await startScripted(t, async (peer) => {
    peer.socket.once("data", (chunk) => {
      first = chunk;
    });
    await peer.peek();
    await peer.say("-ERR not here");
  });
  const gateway = await startGateway(server.port, { sendProxy: version, ...more }, { t });
  const client = await connect(gateway);
  await client.say("USER joe", "PASS p");
  await client.expect("+OK password required\r\n");
  await client.line();
  const parsed = parseProxyHeader(first);
  assert.ok(parsed.kind === "complete" && parsed.length === first.length, `${first}`);
  return { header: parsed.header, first };
}

test("the header leaves in one write, with TLS of the client only where there is some", async (t) => {
  const clear = await received(t, 2, ({ port }) => connectGreeted(port, t));
  assert.ok(clear.header.kind === "client" && clear.header.facts.tls === null);
  const listen = [{ host: "127.0.0.1", port: 0, tls: "tls" as const }];
  const tls = { listen, tlsCerts: [CERT_FILE], tlsKeys: [KEY_FILE], serverTls: "none" as const };
  const secure = async ({ port }: TestGateway) => {
    const client = await connectTls(port, { ca: cert }, t);
    await client.line();
    return client;
  };
  const under = await received(t, 2, secure, tls);
  assert.ok(under.header.kind === "client");
  assert.equal(under.header.facts.tls?.version, "TLSv1.3");
  assert.match(under.header.facts.tls?.cipher ?? "", /^TLS_/);
  const plain = await received(t, 1, secure, tls);
  assert.match(`${plain.first}`, /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\n$/);
});

test("what a header has told is passed on, of both address families", async (t) => {
  const told = known("haproxy-v2-all-nocert");
  const behind = { listen: [{ host: "127.0.0.1", port: 0, proxy: true }], proxyFrom: NEAR };
  const after = (octets: Buffer) => async (gateway: TestGateway) => {
    const client = await Peer.connect(gateway.port, t);
    await client.write(octets);
    await client.expect("+OK POP3 server ready\r\n");
    return client;
  };
  const all = await received(t, 2, after(told.subarray(0, told.length - 6)), behind);
  assert.ok(all.header.kind === "client");
  assert.deepEqual([all.header.from.port, all.header.facts.tls?.version], [34_576, "TLSv1.3"]);
  const ends = { from: { address: "2001:db8::7", port: 1 }, to: { address: "192.0.2.8", port: 110 }, tls: null };
  const mixed = await received(t, 1, after(writeProxyHeader(1, ends)), behind);
  assert.equal(`${mixed.first}`, "PROXY TCP6 2001:db8::7 ::ffff:192.0.2.8 1 110\r\n");
});

test("a command gets the header before all else, too", async (t) => {
  const second = await receiver(t, "none");
  const file = join(scratch(t), "command");
  const relay = `const s = require("net").connect(+process.argv[1], "127.0.0.1"); process.stdin.pipe(s).pipe(process.stdout)`;
  writeFileSync(file, `#!/bin/sh\nexec ${process.execPath} -e '${relay}' "$1"\n`);
  chmodSync(file, 0o755);
  const first = await startGateway(second.port, { sendProxy: 2, via: [file, "%p"] }, { t });
  const client = await connectGreeted({ host: "127.0.0.1", port: first.port, localAddress: "127.0.0.5" }, t);
  await logIn(client, "joe", "demo");
  await quit(client);
  assert.equal((await second.logged("login")).fields.client, "127.0.0.5");
});

test("--check sends it, and looks for exactly one greeting", async (t) => {
  for (const tls of ["none", "starttls", "tls"] as const) {
    const { port } = await receiver(t, tls);
    const secure = tls === "none" ? [] : ["--server-tls", tls, "--server-ca", CERT_FILE];
    const { sound, said } = await checkInside("-D", "--send-proxy", "2", ...secure, `127.0.0.1:${port}`);
    assert.ok(sound, said);
    assert.match(said, /^servers get a PROXY header, version 2$/m);
    assert.match(said, /^server says: \+OK POP3 server ready$/m);
  }
  // One that expects none answers its lines.
  for (const version of ["1", "2"]) {
    const { port } = await startScripted(t, async (peer) => {
      await peer.say("+OK ready");
      for (;;) {
        await peer.upTo("\n");
        await peer.say("-ERR what?");
      }
    });
    const { sound, said } = await checkInside("-D", "--send-proxy", version, `127.0.0.1:${port}`);
    assert.ok(!sound, said);
    assert.match(said, /^FAULT: server: it answers the PROXY header as if it were commands: leave out --send-proxy/m);
  }
  // One that expects a header and gets none.
  const { port } = await startScripted(t, async (peer) => peer.end());
  const { said } = await checkInside("-D", "--server-timeout", "2", `127.0.0.1:${port}`);
  assert.match(said, /^FAULT: server: .*; a server that expects PROXY headers needs --send-proxy$/m);
});
