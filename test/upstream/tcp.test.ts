import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createServer as createTlsServer } from "node:tls";
import { Failure } from "../../src/protocol/failure";
import { ServerTls } from "../../src/tls/servers";
import { KnownAddresses } from "../../src/upstream/addresses";
import { dialTcp, type TcpTarget } from "../../src/upstream/tcp";
import { authority, certified, type Kind, lacking } from "../stage/certificates";
import { freePort } from "../stage/ports";
import { silence } from "../stage/silent";

const patient = new AbortController().signal;
const nowhere: Omit<TcpTarget, "addresses" | "port"> = { timeout: 30_000, tls: null };

async function failure(dial: TcpTarget, until = patient): Promise<Failure> {
  const outcome = await dialTcp(dial, until).catch((thrown: unknown) => thrown);
  return outcome instanceof Failure ? outcome : assert.fail(`not a Failure: ${outcome}`);
}

/** A port of 127.0.0.1 on which a server listens, and nobody on the other addresses of this machine. */
async function port(t: TestContext, kind?: Kind, place = { host: "127.0.0.1", port: 0 }): Promise<number> {
  const accepted = new Set<Socket>();
  const server = kind ? createTlsServer({ ...certified(kind) }).on("tlsClientError", () => {}) : createServer();
  server.on("connection", (socket) => accepted.add(socket.on("error", () => {})));
  t.after(() => {
    for (const socket of accepted) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(place, resolve));
  return (server.address() as { port: number }).port;
}

function trusting(to: number): NonNullable<TcpTarget["tls"]> {
  const by = new ServerTls({ pins: [], tlsMin: "1.2", ca: authority() });
  return { by, server: { host: "localhost", port: to } };
}

test("the first address that accepts is the server", async (t) => {
  const addresses = ["127.0.0.2", "127.0.0.1", "127.0.0.3"];
  const connection = await dialTcp({ ...nowhere, addresses, port: await port(t) }, patient);
  assert.equal(connection.peer.address, "127.0.0.1");
  connection.destroy();
});

test("what each address said is told; that of one alone without the address", async (t) => {
  const closed = await port(t);
  const told = [["127.0.0.2", "127.0.0.3"], ["127.0.0.2"], []].map((addresses) =>
    failure({ ...nowhere, addresses, port: closed }),
  );
  const [both, one, none] = (await Promise.all(told)) as [Failure, Failure, Failure];
  assert.match(both.message, /^no connection: 127\.0\.0\.2: connection refused.*; 127\.0\.0\.3: connection refused/);
  assert.equal(both.blame, "server");
  assert.match(both.reply ?? "", /not reachable/);
  assert.match(one.message, /^no connection: connection refused/);
  assert.match(none.message, /no address/);
});

test("a certificate that is refused is told, though other addresses refuse, too", { skip: lacking }, async (t) => {
  const to = await port(t, "expired");
  const tls = trusting(to);
  for (const addresses of [
    ["127.0.0.1", "127.0.0.2"],
    ["127.0.0.2", "127.0.0.1"],
  ]) {
    const { message, reply } = await failure({ ...nowhere, addresses, port: to, tls });
    assert.match(message, /127\.0\.0\.1: certificate of CN=expired, issued by CN=ca: expired on /);
    assert.match(message, /127\.0\.0\.2: connection refused/);
    assert.match(reply ?? "", /no secure connection/);
  }
  const unreached = await failure({ ...nowhere, addresses: ["127.0.0.2"], port: to, tls });
  assert.match(unreached.reply ?? "", /not reachable/);
});

test("a source address that is not ours is the gateway's fault", async (t) => {
  const to = { ...nowhere, addresses: ["127.0.0.1"], port: await port(t), source4: "192.0.2.1" };
  assert.equal((await failure(to)).blame, "gateway");
});

test("who is not wanted any more is given up, with the reason", async (t) => {
  const gone = new Failure("client", "closed", "client closed the connection");
  const to = { ...nowhere, addresses: ["127.0.0.1"], port: await port(t) };
  assert.equal(await failure(to, AbortSignal.abort(gone)), gone);
  const later = new AbortController();
  const dialled = failure({ ...to, addresses: ["127.0.0.2", "127.0.0.1"] }, later.signal);
  later.abort(gone);
  assert.equal(await dialled, gone);
});

test("B2: an address without an answer is overtaken, and is tried last by the next session", async (t) => {
  const to = await port(t);
  await silence(t, "127.0.0.2", to);
  const known = new KnownAddresses();
  const addresses = ["127.0.0.2", "127.0.0.1"];
  const connection = await dialTcp({ ...nowhere, addresses, port: to, known }, patient);
  assert.equal(connection.peer.address, "127.0.0.1");
  connection.destroy();
  assert.deepEqual(known.inOrder(addresses, to), ["127.0.0.1", "127.0.0.2"]);
  const silent = await failure({ ...nowhere, addresses: ["127.0.0.2"], port: to, known, timeout: 300 });
  assert.match(silent.message, /timed out/);
});

test("B2: when all refuse, a server that is back soon is reached", async () => {
  const to = await freePort();
  for (const addresses of [["127.0.0.1"], ["127.0.0.2", "127.0.0.1"]]) {
    const dialled = dialTcp({ ...nowhere, addresses, port: to }, patient);
    await pause(1200);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(to, "127.0.0.1", resolve));
    const connection = await dialled;
    assert.equal(connection.peer.address, "127.0.0.1");
    connection.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});

test("B2: when all refuse, the client is told after three more attempts, and at once when nobody waits", async () => {
  const to = { ...nowhere, addresses: ["127.0.0.1"], port: await freePort() };
  const began = performance.now();
  assert.match((await failure(to)).message, /^no connection: connection refused, nothing listens there$/);
  assert.ok(performance.now() - began >= 3400, "pauses of 0.5, 1 and 2 s");
  const gone = new Failure("client", "closed", "client closed the connection");
  const leaving = new AbortController();
  const dialled = failure(to, leaving.signal);
  setTimeout(() => leaving.abort(gone), 100);
  assert.equal(await dialled, gone);
});

test("one address that fails otherwise is no server that restarts", async (t) => {
  const to = await freePort();
  await silence(t, "127.0.0.2", to);
  const mixed = { ...nowhere, addresses: ["127.0.0.1", "127.0.0.2"], port: to, timeout: 1500 };
  const { message } = await failure(mixed);
  assert.match(message, /127\.0\.0\.1: connection refused.*; 127\.0\.0\.2: connection timed out$/);
});

test("a TLS handshake that fails, or stands still, leaves the login to the next address", {
  skip: lacking,
}, async (t) => {
  const to = await port(t, "good");
  await port(t, "expired", { host: "127.0.0.2", port: to });
  await port(t, undefined, { host: "127.0.0.3", port: to });
  for (const first of ["127.0.0.2", "127.0.0.3"]) {
    const known = new KnownAddresses();
    const addresses = [first, "127.0.0.1"];
    const connection = await dialTcp({ ...nowhere, addresses, port: to, tls: trusting(to), known }, patient);
    assert.equal(connection.peer.address, "127.0.0.1");
    assert.match(connection.tls, /^TLS/);
    connection.destroy();
    assert.deepEqual(known.inOrder(addresses, to), ["127.0.0.1", first]);
  }
});
