/** Behind a load balancer the client's address, and its TLS, are those of the PROXY header everywhere. */

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { writeProxyHeader } from "../../src/protocol/proxyheader";
import { known } from "../protocol/proxyheaders";
import { startScripted } from "../stage/accepting";
import { scratch, script } from "../stage/acp";
import { startDemo } from "../stage/demo";
import { logIn, quit } from "../stage/dialogue";
import { Peer } from "../stage/peer";
import { until } from "../stage/waiting";
import { behind, greeted, headerOf } from "./behind";

const SECURE = writeProxyHeader(2, {
  from: { address: "192.0.2.7", port: 4321 },
  to: { address: "192.0.2.8", port: 995 },
  tls: { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" },
});

test("a login whose sender does not know the client is one of the sender's address", async (t) => {
  const clientLog = scratch(t);
  const gateway = await behind(t, (await startDemo(t)).port, { clientLog });
  const user = await greeted(gateway, known("haproxy-v1-unix-client").subarray(0, 15), t);
  await logIn(user, "joe", "demo");
  await quit(user);
  const login = await gateway.logged("login");
  assert.deepEqual([login.level, login.fields.client], ["info", "127.0.0.1"]);
  assert.deepEqual(readdirSync(clientLog), ["127.0.0.1"]);
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
