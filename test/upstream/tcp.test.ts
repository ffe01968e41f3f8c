import assert from "node:assert/strict";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { Failure } from "../../src/protocol/failure";
import { ServerTls } from "../../src/tls/servers";
import { dialTcp, type TcpTarget } from "../../src/upstream/tcp";
import { authority, certified, lacking } from "../stage/certificates";

const patient = new AbortController().signal;
const nowhere: Omit<TcpTarget, "addresses" | "port"> = { timeout: 5000, tls: null };

async function failure(dial: TcpTarget, until = patient): Promise<Failure> {
  const outcome = await dialTcp(dial, until).catch((thrown: unknown) => thrown);
  return outcome instanceof Failure ? outcome : assert.fail(`not a Failure: ${outcome}`);
}

/** A port of 127.0.0.1 on which a server listens, and nobody on the other addresses of this machine. */
async function port(t: TestContext, kind?: "expired"): Promise<number> {
  const server = kind ? createTlsServer({ ...certified(kind) }).on("tlsClientError", () => {}) : createServer();
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

test("the first address that accepts is the server", async (t) => {
  const addresses = ["127.0.0.2", "127.0.0.1", "127.0.0.3"];
  const connection = await dialTcp({ ...nowhere, addresses, port: await port(t) }, patient);
  assert.equal(connection.peer.address, "127.0.0.1");
  connection.destroy();
});

test("what each address said is told; that of one alone without the address", async (t) => {
  const closed = await port(t);
  const both = await failure({ ...nowhere, addresses: ["127.0.0.2", "127.0.0.3"], port: closed });
  assert.match(both.message, /^no connection: 127\.0\.0\.2: .*ECONNREFUSED.*; 127\.0\.0\.3: .*ECONNREFUSED/);
  assert.equal(both.blame, "server");
  assert.match(both.reply ?? "", /not reachable/);
  const one = await failure({ ...nowhere, addresses: ["127.0.0.2"], port: closed });
  assert.match(one.message, /^no connection: connect ECONNREFUSED/);
  const none = await failure({ ...nowhere, addresses: [], port: closed });
  assert.match(none.message, /no address/);
});

test("a certificate that is refused is told, though other addresses refuse, too", { skip: lacking }, async (t) => {
  const to = await port(t, "expired");
  const by = new ServerTls({ demo: false, pipelining: true, pins: [], tlsMin: "1.2", ca: authority() });
  const tls = { by, server: { host: "localhost", port: to } };
  for (const addresses of [
    ["127.0.0.1", "127.0.0.2"],
    ["127.0.0.2", "127.0.0.1"],
  ]) {
    const { message, reply } = await failure({ ...nowhere, addresses, port: to, tls });
    assert.match(message, /127\.0\.0\.1: certificate has expired/);
    assert.match(message, /127\.0\.0\.2: .*ECONNREFUSED/);
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
