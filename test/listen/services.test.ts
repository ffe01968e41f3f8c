/** Several services in one process, by a configuration file, and what a reload changes of them. */

import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { startDemo } from "../stage/demo";
import { connectGreeted, logInAnew, quit } from "../stage/dialogue";
import { configFile, hangUp, startFrom } from "../stage/fromfile";
import { Peer } from "../stage/peer";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";

const LIMITS = { timeout: 300_000 };

/** Whether nobody listens there. */
function isClosed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(false));
    socket.once("error", () => resolve(true));
    socket.once("close", () => socket.destroy());
    socket.unref();
  });
}

test("each service has its own policy, and its name in every line of the log", LIMITS, async (t) => {
  const { port } = await startDemo(t);
  const { file } = configFile(
    t,
    [
      "max-sessions = 3",
      "max-per-client = 2",
      "[service.inside]",
      'listen = ["127.0.0.1:0"]',
      "select = true",
      'greeting = "inside"',
      "[service.outside]",
      'listen = ["127.0.0.1:0"]',
      `server = "127.0.0.1:${port}"`,
      'greeting = "outside"',
    ].join("\n"),
  );
  const gateway = await startFrom(t, file, 2);
  const [inside = 0, outside = 0] = gateway.ports;
  const first = await Peer.connect(inside, t);
  await first.expect("+OK inside\r\n");
  await first.ask("USER joe@127.0.0.1");
  assert.equal(await first.ask("PASS p"), "-ERR [AUTH] server not permitted");
  const second = await Peer.connect(outside, t);
  await second.expect("+OK outside\r\n");
  await logInAnew(second);
  // The limit of one client holds for each service, that of all sessions for the process.
  const third = await connectGreeted(outside, t);
  const refused = await Peer.connect(outside, t);
  await refused.expect("-ERR [SYS/TEMP] too many sessions from your address\r\n");
  await quit(second);
  third.destroy();
  await gateway.logged("close", 3);
  const lines = gateway.said().split("\n");
  for (const [service, event] of [
    ["inside", "listen"],
    ["outside", "listen"],
    ["inside", "denied"],
    ["outside", "login"],
    ["outside", "refused"],
    ["outside", "close"],
  ]) {
    assert.ok(
      lines.some((line) => line.includes(` ${event} service=${service} `)),
      `${event} ${service}`,
    );
  }
  const events = lines.filter((line) => / (?:connect|login|denied|close|client|server)[<> ]/.test(line));
  assert.deepEqual(
    events.filter((line) => !/ service=(?:in|out)side session=/.test(line)),
    [],
  );
});

test("a reload opens, closes and hands over listeners, and running sessions keep what they have", LIMITS, async (t) => {
  const { port } = await startDemo(t);
  const [one, two, three] = [await freePort(), await freePort(), await freePort()];
  const service = (name: string, listen: number, greeting: string) =>
    `[service.${name}]\nlisten = ["127.0.0.1:${listen}"]\nserver = "127.0.0.1:${port}"\ngreeting = "${greeting}"\n`;
  const config = configFile(t, service("a", one, "first") + service("b", two, "second"));
  const gateway = await startFrom(t, config.file, 2);
  const greeting = async (of: number) => {
    const peer = await Peer.connect(of, t);
    const line = await peer.line();
    peer.destroy();
    return line;
  };
  const running = await connectGreeted(two, t);
  await logInAnew(running);

  // a's listener becomes c's, b's goes, and one is new.
  config.write(service("c", one, "renamed") + service("d", three, "new"));
  const said = await hangUp(gateway);
  assert.match(said, new RegExp(` info unlisten service=b interface=127.0.0.1 port=${two}$`, "m"));
  assert.match(said, new RegExp(` info listen service=d interface=127.0.0.1 port=${three}$`, "m"));
  assert.doesNotMatch(said, new RegExp(`port=${one}$`, "m"));
  assert.deepEqual([await greeting(one), await greeting(three)], ["+OK renamed", "+OK new"]);
  assert.ok(await isClosed(two));
  assert.match(await running.ask("STAT"), /^\+OK/);
  await quit(running);
  assert.match((await gateway.saying(/ info close service=b .*/))[0], /code=quit/);

  // A fault anywhere leaves all as it was.
  const taken = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => taken.once("listening", resolve));
  t.after(() => taken.close());
  const busy = (taken.address() as { port: number }).port;
  for (const [text, told] of [
    [
      "[service.a]\nlisten = [1]\ntimeuot = 5",
      [/gateway\.toml:3:10: listen: give an array/, /4:1: there is no such option/],
    ],
    [
      service("a", two, "x") + service("b", busy, "y"),
      [new RegExp(`can't listen on 127.0.0.1:${busy}: another process`)],
    ],
    [`${service("a", one, "x")}map = "nothing"`, [/nothing: there is no such file/]],
    [`${service("a", one, "x")}scan = true\nquarantine = "/nowhere"`, [/quarantine: \/nowhere is not a directory/]],
    [`[service.a]\nserver = "127.0.0.1:${port}"`, [/no service has listen/]],
    ["", [/there is no service/]],
  ] as const) {
    config.write(text);
    const failed = await hangUp(gateway);
    assert.match(failed, / err reload code=reload reason=/, text);
    await until(
      () => told.every((one) => one.test(gateway.said())),
      () => `${text}\n${gateway.said()}`,
    );
    assert.doesNotMatch(failed, / info (?:un)?listen /);
    assert.deepEqual([await greeting(one), await greeting(three)], ["+OK renamed", "+OK new"]);
  }
  assert.ok(await isClosed(two));

  // What belongs to the process holds from the next start on, and the log says so.
  config.write(`facility = "local1"\nbrief = true\nmax-sessions = 1\n${service("c", one, "again")}`);
  const changed = await hangUp(gateway);
  await gateway.saying(
    / warning reload code=restart reason="a new value of brief, facility holds from the next start on"/,
  );
  assert.match(changed, /notice reload$/m);
  const only = await connectGreeted(one, t);
  await logInAnew(only);
  await (await Peer.connect(one, t)).expect("-ERR [SYS/TEMP] too many sessions, try again later\r\n");
});

test("a reload reads the user map again, whose fault leaves the old one in use", LIMITS, async (t) => {
  const { port } = await startDemo(t);
  const listen = await freePort();
  const { file, folder } = configFile(t, `[service.a]\nlisten = ["127.0.0.1:${listen}"]\nmap = "map"\n`);
  const map = (text: string) => writeFileSync(join(folder, "map"), text);
  map(`joe 127.0.0.1:${port}\n`);
  const gateway = await startFrom(t, file, 1);
  const login = async (user: string) => {
    const peer = await connectGreeted(listen, t);
    await peer.ask(`USER ${user}`);
    const answer = await peer.ask("PASS demo");
    peer.destroy();
    return answer.slice(0, 4);
  };
  assert.deepEqual([await login("joe"), await login("bob")], ["+OK ", "-ERR"]);
  map(`bob 127.0.0.1:${port}\nbad\n`);
  assert.match(await hangUp(gateway), /err reload code=reload reason=".*map: line 2: give a server behind the name"/);
  assert.equal(await login("joe"), "+OK ");
  map(`b* 127.0.0.1:${port}\n`);
  assert.match(await hangUp(gateway), /notice reload$/m);
  assert.deepEqual([await login("bill"), await login("joe")], ["+OK ", "-ERR"]);
});

test("without root, a reload reads what its user may read, and opens what its user may open", {
  ...LIMITS,
  skip: process.getuid?.() !== 0 && "only root can give up root",
}, async (t) => {
  const listen = await freePort();
  const service = (name: string, port: number) =>
    `[service.${name}]\nlisten = ["127.0.0.1:${port}"]\nserver = "mail"\n`;
  const { file, folder } = configFile(t, "");
  const write = (text: string) => writeFileSync(file, `user = "nobody"\n${text}`);
  write(service("a", listen));
  chmodSync(file, 0o644);
  const gateway = await startFrom(t, file, 1);
  // The folder of the test is root's alone.
  await gateway.saying(/ warning tls code=unreadable reason=".*gateway\.toml: SIGHUP can't read it again/);
  assert.match(await hangUp(gateway), / err reload code=reload reason=".*gateway\.toml: permission denied"/);
  chmodSync(folder, 0o755);
  const low = Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "latin1"));
  if (low > 1) {
    write(service("a", listen) + service("b", 1));
    assert.match(
      await hangUp(gateway),
      / err reload .*can't listen on 127\.0\.0\.1:1: .*or restart the gateway, which has given root up/,
    );
  }
  write(service("b", listen));
  assert.match(await hangUp(gateway), / notice reload$/m);
  assert.equal(await gateway.stop(), 0);
});
