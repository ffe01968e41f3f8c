/** The HTTP server of --metrics: its paths and methods, its token, and its bounds. */

import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { CONNECTIONS, type Pages, StatusServer } from "../../src/metrics/http";
import { hashOf } from "../../src/metrics/token";
import { atEnd } from "../stage/ending";
import { ask, snapshotWith } from "../stage/metrics";
import { Peer } from "../stage/peer";
import { until } from "../stage/waiting";

/** Starts it with a page, whose text says how often it was made. */
async function start(t: TestContext, wishes: Partial<Pages> = {}, token: string | null = "s3cret") {
  let made = 0;
  const ended: string[] = [];
  const pages: Pages = {
    snapshot: async () => snapshotWith(),
    async end(id) {
      ended.push(id);
      return id === "abc.1";
    },
    texts: { "/": { type: "text/html", headers: { "X-One": "1" }, write: () => `made ${++made}` } },
    ...wishes,
  };
  const server = new StatusServer(pages, token === null ? null : hashOf(token));
  atEnd(t, async () => server.close());
  const { port } = await server.listen("127.0.0.1", 0);
  return { server, port, ended };
}

test("a page, its head alone, health, and nothing else", async (t) => {
  const { port } = await start(t);
  const page = await ask(port, "/?x=1");
  assert.deepEqual([page.status, page.body, page.headers["x-one"]], [200, "made 1", "1"]);
  assert.equal(page.headers["x-content-type-options"], "nosniff");
  const head = await ask(port, "/", { method: "HEAD" });
  assert.deepEqual([head.status, head.body, head.headers["content-length"]], [200, "", "6"]);
  assert.equal((await ask(port, "/health")).body, "ok\n");
  for (const path of ["/x", "//", "/toString", "/__proto__", "/sessions", "/sessions/abc.1", "/sessions/../end"]) {
    assert.equal((await ask(port, path)).status, 404, path);
  }
  for (const path of ["/", "/health"]) {
    const refused = await ask(port, path, { method: "POST" });
    assert.deepEqual([refused.status, refused.headers.allow], [405, "GET, HEAD"], path);
  }
});

test("health is 503 while no clients are accepted, and pages when the gateway does not say what it is doing", async (t) => {
  const draining = await start(t, { snapshot: async () => snapshotWith({ accepting: false }) });
  assert.equal((await ask(draining.port, "/health")).status, 503);
  assert.equal((await ask(draining.port, "/")).status, 200);
  const silent = await start(t, { snapshot: () => Promise.reject(new Error("no answer in time")) });
  for (const path of ["/health", "/"]) assert.equal((await ask(silent.port, path)).status, 503);
});

test("a session is ended by POST with the token, and by nothing else", async (t) => {
  const { port, ended } = await start(t);
  const path = "/sessions/abc.1/end";
  const post = (authorization?: string, where = path) =>
    ask(port, where, { method: "POST", headers: authorization === undefined ? {} : { authorization } });
  for (const wrong of [
    undefined,
    "",
    "Bearer",
    "Bearer ",
    "Bearer s3cre",
    "Bearer s3cret1",
    "Basic s3cret",
    "s3cret",
  ]) {
    const { status, headers } = await post(wrong);
    assert.deepEqual([status, headers["www-authenticate"]], [401, 'Bearer realm="pop3.proxy"'], wrong);
  }
  const get = await ask(port, path, { headers: { authorization: "Bearer s3cret" } });
  assert.deepEqual([get.status, get.headers.allow], [405, "POST"]);
  assert.deepEqual(ended, []);
  assert.equal((await post("Bearer s3cret")).status, 200);
  assert.equal((await post("bearer s3cret", "/sessions/abc.2/end")).status, 404);
  assert.equal((await post("Bearer s3cret", "/sessions/A%0d/end")).status, 404);
  assert.deepEqual(ended, ["abc.1", "abc.2"]);
});

test("without a token nobody ends a session", async (t) => {
  const { port, ended } = await start(t, {}, null);
  for (const authorization of ["Bearer null", "Bearer "]) {
    const { status } = await ask(port, "/sessions/abc.1/end", { method: "POST", headers: { authorization } });
    assert.equal(status, 404);
  }
  assert.deepEqual(ended, []);
});

test("however many ask, a page is made once a second", async (t) => {
  let asked = 0;
  const { port } = await start(t, {
    async snapshot() {
      asked++;
      return snapshotWith();
    },
  });
  const began = performance.now();
  for (let round = 0; round < 5; round++) {
    const pages = await Promise.all(Array.from({ length: 20 }, () => ask(port, "/")));
    assert.ok(pages.every(({ status }) => status === 200));
  }
  const seconds = Math.ceil((performance.now() - began) / 1000);
  assert.ok(asked <= seconds + 1, `${asked} in ${seconds} s`);
});

test("connections have a bound: one more closes the oldest", async (t) => {
  const { server, port } = await start(t);
  const sockets: Socket[] = [];
  atEnd(t, async () => {
    for (const socket of sockets) socket.destroy();
  });
  for (let index = 0; index < CONNECTIONS + 10; index++) {
    const socket = connect(port, "127.0.0.1")
      .on("error", () => {})
      .resume();
    await new Promise((resolve) => socket.once("connect", resolve));
    sockets.push(socket);
  }
  await until(() => sockets.filter((socket) => socket.closed).length === 10);
  assert.ok(sockets.slice(0, 10).every((socket) => socket.closed));
  assert.ok(server.connections <= CONNECTIONS);
  assert.equal((await ask(port, "/")).status, 200);
});

test("a request's head has a bound, and what is no HTTP is answered and closed", async (t) => {
  const { port } = await start(t);
  for (const [octets, status] of [
    [`GET / HTTP/1.1\r\nHost: x\r\nX: ${"y".repeat(20_000)}\r\n\r\n`, 431],
    ["USER joe\r\nPASS s3cret\r\n", 400],
  ] as const) {
    const peer = await Peer.connect(port, t);
    await peer.write(octets);
    assert.match(await peer.rest(), new RegExp(`^HTTP/1.1 ${status} `));
  }
});

test("a connection has one request, and what stands behind it ends it", async (t) => {
  let health = 0;
  const snapshot = async () => {
    health++;
    return snapshotWith();
  };
  const { port } = await start(t, { snapshot });
  const one = await Peer.connect(port, t);
  await one.write("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
  assert.match(await one.rest(), /^HTTP\/1.1 200 OK\r\n.*\r\nConnection: close\r\n.*ok\n$/s);
  const many = await Peer.connect(port, t);
  await many.write("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".repeat(1000));
  assert.ok((await many.rest()).length < 1000);
  assert.equal(health, 1);
});

test("names of others do not lead to a page: a web page in a browser here could read it", async (t) => {
  const { port } = await start(t);
  const get = (host: string, path = "/") => ask(port, path, { headers: { host } });
  for (const host of ["evil.example", "evil.example:9110", "127.0.0.1.evil.example", "localhost.evil.example", "x"]) {
    assert.equal((await get(host)).status, 421, host);
    const end = await ask(port, "/sessions/abc.1/end", { method: "POST", headers: { host } });
    assert.equal(end.status, 421, host);
    // It tells nothing of persons, and load balancers name hosts as they like.
    assert.equal((await get(host, "/health")).status, 200, host);
  }
  for (const host of [
    "127.0.0.1",
    "127.0.0.1:9110",
    "[::1]:9110",
    "localhost",
    "LOCALHOST:9110",
    "pop.localhost",
    "",
  ]) {
    assert.equal((await get(host)).status, 200, host);
  }
});

test("a request that does not arrive in full is given up", async (t) => {
  const { port } = await start(t);
  const peer = await Peer.connect(port, t);
  await peer.write("GET / HTTP/1.1\r\nHost: x\r\nX: ");
  assert.match(await peer.rest(), /^HTTP\/1.1 408 /);
});
