/** --client-proxy: PROXY headers on what a superserver passes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { known } from "../protocol/proxyheaders";
import { Peer } from "../stage/peer";
import { MAIN } from "../stage/process";
import { activate, fdOf, listener, pair, play, portOf, start, upstream } from "./handing";

const EXPECTED = ["--client-proxy", "--proxy-from", "127.0.0.0/8"];

test("inetd, nowait: the header comes first, octet by octet, too", async (t) => {
  const server = await upstream(t);
  for (const size of [1, 1000]) {
    const { client, socket } = await pair(t);
    const gateway = start(t, [socket, socket, "pipe"], MAIN, "-d", ...EXPECTED, server);
    socket.destroy();
    const header = known("nginx-mail-v1-realip-v4");
    for (let at = 0; at < header.length; at += size) await client.write(header.subarray(at, at + size));
    await play(client);
    assert.equal(await gateway.ended(), 0);
    assert.match(gateway.said(), / connect \S+ client=192\.0\.2\.7 port=4321 /);
  }
});

test("inetd, nowait: a stranger, and no header", async (t) => {
  const server = await upstream(t);
  for (const [octets, from, code] of [
    ["USER joe\r\n", "127.0.0.0/8", "proxy-header"],
    [known("nginx-mail-v1-realip-v4"), "192.0.2.1", "proxy-from"],
  ] as const) {
    const { client, socket } = await pair(t);
    await client.write(octets);
    const argv = ["-d", "--client-proxy", "--proxy-from", from, server];
    const gateway = start(t, [socket, socket, "pipe"], MAIN, ...argv);
    socket.destroy();
    await client.untilEnd();
    assert.equal(client.clear, "");
    assert.equal(await gateway.ended(), 0);
    assert.match(gateway.said(), new RegExp(` notice refused client=127\\.0\\.0\\.1 code=${code} `));
    assert.doesNotMatch(gateway.said(), / connect /);
  }
});

test("B6: a connection that was reset before anybody looked is closed without a line", async (t) => {
  const { client, socket } = await pair(t);
  await client.write(known("haproxy-check-v1"));
  client.reset();
  await client.expectClose();
  const gateway = start(t, [socket, socket, "pipe"], MAIN, "-d", ...EXPECTED, await upstream(t));
  socket.destroy();
  assert.equal(await gateway.ended(), 0);
  assert.equal(gateway.said(), "");
});

test("the sockets of systemd", async (t) => {
  const behind = await upstream(t);
  const server = await listener(t, { host: "127.0.0.1", port: 0 });
  const port = portOf(server);
  const gateway = activate(t, [fdOf(server)], MAIN, "-d", ...EXPECTED, behind);
  server.close();
  for (const user of ["joe", "ann"]) {
    const client = await Peer.connect(port, t);
    await client.write(known("nginx-mail-v1-realip-mixed"));
    await play(client, user);
  }
  gateway.child.kill("SIGTERM");
  assert.equal(await gateway.ended(), 0);
  assert.match(gateway.said(), / login \S+ client=2001:db8::7 user=ann /);
});

test("a pipe has no address, so no header can be trusted there", async (t) => {
  const gateway = start(t, ["pipe", "pipe", "pipe"], MAIN, "-d", ...EXPECTED, await upstream(t));
  gateway.child.stdin?.end();
  assert.equal(await gateway.ended(), 64);
  assert.match(gateway.said(), /--client-proxy is of no use: standard input is a pipe/);
});
