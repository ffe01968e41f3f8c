/** What is counted of sessions, by a gateway in this process. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Counters } from "../../src/metrics/counters";
import type { CounterName, LabelValues } from "../../src/metrics/families";
import { Accepting } from "../stage/accepting";
import { script } from "../stage/acp";
import { startDemo } from "../stage/demo";
import { connectGreeted, logInAnew, logInBetween, quit, response } from "../stage/dialogue";
import { atEnd } from "../stage/ending";
import { startGateway, underTls, type Wishes } from "../stage/gateway";
import { cert, key } from "../stage/localhost";
import { Peer } from "../stage/peer";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";

/** A gateway whose counts can be looked at. */
async function counting(t: TestContext, server: number, wishes: Wishes = {}) {
  const counters = new Counters();
  const gateway = await startGateway(server, wishes, { t, counters });
  const count = (name: CounterName, values: LabelValues) =>
    counters.tallies[name].all.find(([key]) => key.join() === values.join())?.[1] ?? 0;
  return { counters, gateway, count };
}

test("a session: its state, its commands, its octets each way, its mails, its end", async (t) => {
  const demo = await startDemo(t);
  const { counters, gateway, count } = await counting(t, demo.port);
  assert.equal(count("logins", ["", "USER", "success"]), 0);
  const client = await connectGreeted(gateway.port, t);
  const live = () => [...counters.live.values()][0];
  assert.equal(live()?.state, "authorization");
  await logInAnew(client);
  assert.equal(live()?.state, "transaction");
  await response(client, "RETR 1");
  await client.ask("DELE 1");
  assert.equal(await client.ask("XFOO"), "-ERR unsupported command");
  const { sent } = counters.octets;
  assert.equal(sent, client.clear.length);
  await quit(client);
  await until(() => counters.live.size === 0);
  assert.deepEqual(counters.commands, { USER: 1, PASS: 1, RETR: 1, DELE: 1, QUIT: 1 });
  assert.equal(count("unsupported", [""]), 1);
  assert.equal(count("logins", ["", "USER", "success"]), 1);
  assert.equal(count("sessions", ["", "quit"]), 1);
  assert.deepEqual([count("retrieved", [""]), count("deleted", [""])], [1, 1]);
  assert.equal(counters.octets.sent, client.clear.length);
  assert.ok(counters.octets.received > 40);
  const name = `127.0.0.1:${demo.port}`;
  assert.deepEqual(
    counters.servers.rows.map((row) => [row.name, row.connections, row.failures, row.down]),
    [[name, 1, 0, false]],
  );
  assert.equal(counters.times.connect.all[0]?.count, 1);
  assert.equal(counters.times.login.all[0]?.count, 1);
});

test("logins that are denied, and those that fail at a server that is down", async (t) => {
  const demo = await startDemo(t);
  const { counters, gateway, count } = await counting(t, demo.port, { select: true, servers: "other.example.org" });
  const denied = await connectGreeted(gateway.port, t);
  await denied.ask("USER joe@elsewhere.example.org");
  assert.match(await denied.ask("PASS demo"), /^-ERR \[AUTH\]/);
  await until(() => count("sessions", ["", "refused"]) === 1);
  assert.equal(count("denials", ["", "not-listed"]), 1);
  assert.equal(count("logins", ["", "USER", "denied"]), 1);
  assert.equal(count("logins", ["", "USER", "failed"]), 0);
  assert.deepEqual(
    counters.refusals.map(({ user, code }) => [user, code]),
    [["joe@elsewhere.example.org", "not-listed"]],
  );

  const port = await freePort();
  const down = await counting(t, port, { serverTimeout: 100 });
  const failed = await connectGreeted(down.gateway.port, t);
  await failed.ask("USER joe");
  assert.match(await failed.ask("PASS demo"), /^-ERR \[SYS\/TEMP\]/);
  await until(() => down.count("logins", ["", "USER", "failed"]) === 1);
  assert.equal(down.count("serverFailures", [`127.0.0.1:${port}`, "unreachable"]), 1);
  const [row] = down.counters.servers.rows;
  assert.deepEqual([row?.down, row?.failures, row?.failed?.code], [true, 1, "unreachable"]);
});

test("a server that fails behind the connection counts once", async (t) => {
  const demo = await startDemo(t);
  const { counters, gateway } = await counting(t, demo.port);
  const client = await connectGreeted(gateway.port, t);
  await logInAnew(client);
  await demo.server.close();
  await until(() => counters.live.size === 0);
  const [row] = counters.servers.rows;
  assert.deepEqual([row?.connections, row?.failures, row?.failed?.code], [1, 1, "server-closed"]);
});

test("handshakes of both sides, with their versions", async (t) => {
  const accepting = new Accepting({ cert, key });
  atEnd(t, () => accepting.close());
  const { gateway, count } = await counting(t, await accepting.open(), underTls({ client: true, server: true }));
  const client = await Peer.connectTls(gateway.port, { ca: cert, servername: "localhost" }, t);
  await client.line();
  await logInBetween(client, accepting);
  assert.equal(count("handshakes", ["client", "TLSv1.3", "ok"]), 1);
  assert.equal(count("handshakes", ["server", "TLSv1.3", "ok"]), 1);
  const clear = await Peer.connect(gateway.port, t);
  await clear.write("USER joe\r\n");
  await clear.untilEnd();
  await until(() => count("handshakes", ["client", "unknown", "failed"]) === 1);
});

test("decisions of an access control program, by their result", async (t) => {
  const demo = await startDemo(t);
  const acp = script(t, 'case "$PROXY_SERVERLOGIN" in no) exit 1;; late) exit 75;; odd) echo X >&3;; esac');
  const { gateway, count } = await counting(t, demo.port, { acp });
  for (const [user, result] of [
    ["yes", "granted"],
    ["no", "denied"],
    ["late", "failed"],
    ["odd", "misunderstood"],
  ] as const) {
    const client = await connectGreeted(gateway.port, t);
    await client.ask(`USER ${user}`);
    await client.ask("PASS demo");
    assert.equal(count("access", ["acp", result]), 1, user);
  }
});

test("an ended session is closed without a word, and the server gets no QUIT", async (t) => {
  const demo = await startDemo(t);
  const { counters, gateway } = await counting(t, demo.port);
  const client = await connectGreeted(gateway.port, t);
  await logInAnew(client);
  await client.ask("DELE 1");
  assert.equal(counters.end("nobody.1"), false);
  assert.equal(counters.end([...counters.live.keys()][0] ?? ""), true);
  assert.equal(await client.rest(), "");
  assert.equal((await gateway.logged("close")).fields.code, "ended");
});
