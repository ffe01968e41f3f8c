/** HAProxy in front: the client's address in each version of the header, TLS before and behind, and health checks. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { authority, certified, withCertificates } from "../stage/certificates";
import { startDemo } from "../stage/demo";
import { connectGreeted, connectStls, connectTls, logInAnew, quit } from "../stage/dialogue";
import { testOfDraw } from "../stage/draws";
import { Peer } from "../stage/peer";
import { type GatewayProcess, type Listener, startProcess } from "../stage/process";
import { until } from "../stage/waiting";
import { checked, startChecked, startHaproxy } from "./haproxy";
import { lacking } from "./programs";

const test = testOfDraw();

const skip = lacking("haproxy", "openssl");

/** A gateway behind a load balancer on this machine, in front of a sample maildrop. */
async function gatewayBehind(t: TestContext, listener: Listener, ...options: string[]): Promise<GatewayProcess> {
  const { port } = await startDemo(t);
  const tls = withCertificates(certified("ec"));
  const own = listener.startsWith("/proxy") ? [] : [...tls, "--server-tls", "none"];
  const argv = ["--proxy-from", "127.0.0.1", ...own, ...options, `127.0.0.1:${port}`];
  return startProcess(argv, { t, listeners: [listener] });
}

/** A client at an address of its own, greeted. */
const clear = (port: number, t: TestContext) => connectGreeted(at(port), t);
const at = (port: number) => ({ host: "127.0.0.1", port, localAddress: "127.0.0.3" });
async function secured(port: number, t: TestContext): Promise<Peer> {
  const client = await connectTls(at(port), undefined, t);
  assert.match(await client.line(), /^\+OK/);
  return client;
}

/** Logs in through HAProxy. @returns the address and port of the client, the gateway's `connect` and its `login` */
async function session(gateway: GatewayProcess, client: Peer) {
  const { localPort } = client.socket;
  await logInAnew(client);
  await quit(client);
  const { fields: login } = await gateway.logged("login");
  const connects = gateway.log.filter(({ event, fields }) => event === "connect" && fields.client === "127.0.0.3");
  const connect = connects[0]?.fields ?? assert.fail(gateway.said());
  assert.equal(login.client, "127.0.0.3");
  assert.equal(connect.port, `${localPort}`);
  return { login, connect };
}

for (const server of ["send-proxy", "send-proxy-v2", "send-proxy-v2-ssl", "send-proxy-v2-ssl-cn"]) {
  test(`${server}: the client is the one in front of HAProxy`, { skip }, async (t) => {
    const gateway = await gatewayBehind(t, "/proxy");
    const port = await startHaproxy(t, { to: gateway.port, server });
    const { login, connect } = await session(gateway, await clear(port, t));
    assert.equal(login.tls, undefined);
    assert.equal(connect.interface, "127.0.0.1");
  });
}

test("send-proxy-v2-ssl: TLS that ends at HAProxy makes STLS needless", { skip }, async (t) => {
  const gateway = await gatewayBehind(t, "/starttls/proxy");
  const server = "send-proxy-v2-ssl proxy-v2-options crc32c,authority";
  const port = await startHaproxy(t, { to: gateway.port, server, tls: certified("good") });
  const { login, connect } = await session(gateway, await secured(port, t));
  assert.equal(login.tls, "TLSv1.3");
  assert.deepEqual([connect.tls, connect.sni], ["TLSv1.3", "localhost"]);
  // A client in clear, with the same header without its bit, has to say STLS, which reaches the gateway.
  const other = await startHaproxy(t, { to: gateway.port, server });
  const client = await clear(other, t);
  assert.equal(await client.ask("USER joe"), "-ERR [SYS/PERM] use STLS first");
  const starting = await connectStls(at(other), undefined, t);
  await logInAnew(starting);
  await quit(starting);
  assert.equal((await gateway.logged("login", 2)).fields.tls, "TLSv1.3");
});

test("TLS of HAProxy to the gateway: header and ClientHello come at once", { skip }, async (t) => {
  for (const header of ["send-proxy", "send-proxy-v2"]) {
    const gateway = await gatewayBehind(t, "/tls/proxy");
    const server = `${header} ssl verify required ca-file ${authority()} verifyhost localhost`;
    const port = await startHaproxy(t, { to: gateway.port, server });
    const { login } = await session(gateway, await clear(port, t));
    assert.equal(login.tls, "TLSv1.3");
  }
});

test("a header that no listener expects, and a listener whose header does not come", { skip }, async (t) => {
  const { port: upstream } = await startDemo(t);
  const plain = await startProcess([`127.0.0.1:${upstream}`], { t });
  const surplus = await startHaproxy(t, { to: plain.port, server: "send-proxy" });
  const one = await clear(surplus, t);
  await one.expectEnd();
  await until(() => plain.log.some(({ event, fields }) => event === "close" && fields.code === "not-pop3"));
  const gateway = await gatewayBehind(t, "/proxy");
  const bare = await startHaproxy(t, { to: gateway.port, server: "" });
  const two = await Peer.connect(bare, t);
  await two.say("USER joe");
  await two.expectEnd();
  assert.equal((await gateway.logged("refused")).fields.code, "proxy-header");
});

/** What is in the log, but of the trace. */
const above = ({ log }: GatewayProcess) => log.filter(({ level, event }) => level !== "debug" && event !== "listen");

test("B6: health checks with version 2 leave no line above debug", { skip }, async (t) => {
  const gateway = await gatewayBehind(t, "/proxy", "--max-per-client", "1");
  const beside = await startChecked(t);
  const port = await startHaproxy(t, { to: gateway.port, server: "send-proxy-v2 check inter 50ms fall 100", beside });
  await checked(beside);
  assert.deepEqual(above(gateway), [], gateway.said());
  // A session beside them has a place.
  const client = await clear(port, t);
  await logInAnew(client);
  await quit(client);
  assert.equal((await gateway.logged("login")).fields.client, "127.0.0.3");
});

test("health checks of other kinds: with version 1, with QUIT, and without a header", { skip }, async (t) => {
  for (const [server, backend] of [
    ["send-proxy check inter 50ms fall 100", []],
    ["check inter 50ms fall 100", ["option tcp-check", "tcp-check connect send-proxy", "tcp-check send QUIT\\r\\n"]],
    // They reset the connection without an octet.
    ["send-proxy-v2 check inter 50ms fall 100 no-check-send-proxy", []],
  ] as const) {
    const beside = await startChecked(t);
    // With a header of version 1 they come from HAProxy's own address, like a client that says nothing: -m leaves them out.
    const gateway = await gatewayBehind(t, "/proxy", "-m");
    await startHaproxy(t, { to: gateway.port, server, backend, beside });
    const loud = await gatewayBehind(t, "/proxy");
    await startHaproxy(t, { to: loud.port, server, backend, beside });
    await checked(beside, 40);
    assert.deepEqual(above(gateway), [], gateway.said());
    for (const { event, fields } of above(loud)) {
      assert.ok(event === "connect" || (event === "close" && /^(?:closed|quit)$/.test(`${fields.code}`)), loud.said());
      assert.equal(fields.client, "127.0.0.1");
    }
  }
});
