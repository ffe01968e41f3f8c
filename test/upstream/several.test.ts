/** Several servers for one login: the next one is tried when one does not answer. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { type Accepting, startAccepting } from "../stage/accepting";
import { connectGreeted, welcome } from "../stage/dialogue";
import { startGateway, type TestGateway } from "../stage/gateway";
import { freePort } from "../stage/ports";
import { silence } from "../stage/silent";
import { ownTime } from "../stage/stopwatch";

const HERE = "127.0.0.1";

/** A server that takes everybody. */
async function server(t: TestContext): Promise<{ port: number; accepting: Accepting }> {
  const accepting = await startAccepting(t);
  const { port } = accepting;
  return { port, accepting };
}

/**
 * Logs in.
 *
 * @param accepting the server that is to have the login
 * @returns the answer, and after how many milliseconds of this thread it came
 */
async function login(t: TestContext, gateway: TestGateway, accepting: Accepting, port = gateway.port) {
  const client = await connectGreeted(port, t);
  await client.ask("USER joe");
  const began = ownTime();
  const [answer] = await Promise.all([client.ask("PASS p"), accepting.next().then((peer) => welcome(peer, "+OK in"))]);
  return { answer, time: ownTime() - began };
}

const names: Readonly<Record<string, string>> = { "one.example": HERE, "two.example": HERE };
const resolve = async (name: string) => [names[name] ?? assert.fail(`no such host: ${name}`)];

test("a server that refuses, or has no address, is passed over, and the log names the one that was reached", async (t) => {
  const { port, accepting } = await server(t);
  const closed = await freePort();
  for (const first of [
    { host: HERE, port: closed },
    { host: "none.example", port: 1110 },
  ]) {
    const gateway = await startGateway(0, { server: [first, { host: "two.example", port }] }, { t, resolve });
    const { answer, time } = await login(t, gateway, accepting);
    assert.equal(answer, "+OK in");
    assert.ok(time < 3000, `after ${time} ms, and not after the attempts at a server that restarts`);
    assert.equal((await gateway.logged("login")).fields.server, `two.example:${port}`);
  }
});

test("the first server is taken while it answers", async (t) => {
  const [one, two] = [await server(t), await server(t)];
  const list = [
    { host: "one.example", port: one.port },
    { host: "two.example", port: two.port },
  ];
  const gateway = await startGateway(0, { server: list }, { t, resolve });
  // While no timer ends, a server is not late, however busy the machine is.
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (let count = 0; count < 3; count++) assert.equal((await login(t, gateway, one.accepting)).answer, "+OK in");
  t.mock.timers.reset();
  assert.equal(two.accepting.count, 0);
});

test("a silent server is overtaken, and is tried last by the next session", async (t) => {
  const { port, accepting } = await server(t);
  const mute = await freePort();
  await silence(t, "127.0.0.2", mute);
  const list = [
    { host: "127.0.0.2", port: mute },
    { host: HERE, port },
  ];
  const gateway = await startGateway(0, { server: list }, { t });
  const began = performance.now();
  assert.equal((await login(t, gateway, accepting)).answer, "+OK in");
  assert.ok(performance.now() - began >= 240);
  const [first, second] = list.map((place) => `${place.host}:${place.port}`) as [string, string];
  assert.deepEqual(gateway.memory.addresses.inOrder([first, second], 0), [second, first]);
  assert.equal((await login(t, gateway, accepting)).answer, "+OK in");
});

test("a server whose lookup still runs is left alone once another one has won, and no further one is tried", async (t) => {
  const [two, three] = [await server(t), await server(t)];
  const list = [
    { host: "slow.example", port: 1110 },
    { host: HERE, port: two.port },
    { host: HERE, port: three.port },
  ];
  const gateway = await startGateway(0, { server: list }, { t, resolve: () => new Promise(() => {}) });
  assert.equal((await login(t, gateway, two.accepting)).answer, "+OK in");
  // For longer than a server may be silent before the next one is tried.
  await pause(500);
  assert.equal(three.accepting.count, 0);
});

test("nine servers, each of which is the gateway itself, are denied as one would be", async (t) => {
  const port = await freePort();
  const list = Array.from({ length: 9 }, (_, at) => ({ host: `own${at}.example`, port }));
  const listen = [{ host: HERE, port }];
  const gateway = await startGateway(0, { listen, server: list }, { t, resolve: async () => [HERE] });
  const client = await connectGreeted(port, t);
  await client.ask("USER joe");
  assert.match(await client.ask("PASS p"), /^-ERR \[SYS\/PERM\]/);
  assert.equal((await gateway.logged("denied")).fields.code, "own-address");
});

test("when no server answers, the log tells what became of each", async (t) => {
  const closed = await freePort();
  const list = [
    { host: HERE, port: closed },
    { host: "none.example", port: null },
  ];
  const gateway = await startGateway(0, { server: list }, { t, resolve });
  const client = await connectGreeted(gateway.port, t);
  await client.ask("USER joe");
  assert.equal(await client.ask("PASS p"), "-ERR [SYS/TEMP] server not reachable");
  const { reason } = (await gateway.logged("failure")).fields;
  assert.match(`${reason}`, /none\.example:110: .*no such host/);
  assert.match(`${reason}`, new RegExp(`127\\.0\\.0\\.1:${closed}: no connection: connection refused`));
});

test("a listener has default servers of its own", async (t) => {
  const [one, two] = [await server(t), await server(t)];
  const listen = [
    { host: HERE, port: 0 },
    { host: HERE, port: 0, servers: [{ host: HERE, port: two.port }] },
  ];
  const gateway = await startGateway(one.port, { listen }, { t });
  const [plain, own] = gateway.ports as [number, number];
  assert.equal((await login(t, gateway, one.accepting, plain)).answer, "+OK in");
  assert.equal((await login(t, gateway, two.accepting, own)).answer, "+OK in");
  assert.deepEqual([one.accepting.count, two.accepting.count], [1, 1]);
});
