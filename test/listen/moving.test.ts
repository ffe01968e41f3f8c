/** A reload that moves a listener to a place where the old one is in the way, such as to all interfaces or from there. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ListenAddress } from "../../src/config/settings";
import { Gateway } from "../../src/gateway/gateway";
import { Memory } from "../../src/gateway/memory";
import { Daemon } from "../../src/listen/daemon";
import { Listener } from "../../src/listen/listener";
import { atEnd } from "../stage/ending";
import { Peer } from "../stage/peer";
import { freePort } from "../stage/ports";
import { settingsFor } from "../stage/settings";

/** The same place, in a form that the gateway does not know to be the same. */
const [HERE, ALSO_HERE] = ["127.0.0.1", "::ffff:127.0.0.1"];

/** A daemon that listens there, with its log. */
async function started(t: TestContext, ...listen: ListenAddress[]) {
  const memory = new Memory();
  const log: string[] = [];
  const made = (greeting: string, ...places: ListenAddress[]): [Gateway] => {
    const [service] = settingsFor({ listen: places, server: { host: "mail", port: null }, greeting }).services;
    return [new Gateway(service, memory, (name) => void log.push(name))];
  };
  const listener = new Listener(made("old", ...listen), 0);
  const daemon = new Daemon(listener);
  await daemon.open();
  atEnd(t, () => daemon.close());
  const replace = (greeting: string, ...places: ListenAddress[]) => daemon.replace(made(greeting, ...places));
  return { daemon, listener, memory, log, replace };
}

async function greeting(port: number, t: TestContext): Promise<string> {
  const peer = await Peer.connect(port, t);
  const line = await peer.line();
  peer.destroy();
  return line;
}

test("the old listener is closed first where it is in the way, and its clients stay", async (t) => {
  const port = await freePort();
  const { listener, memory, log, replace } = await started(t, { host: HERE, port });
  const running = await Peer.connect(port, t);
  assert.equal(await running.line(), "+OK old");
  log.length = 0;
  await replace("new", { host: ALSO_HERE, port });
  assert.deepEqual(log, ["unlisten", "listen"]);
  assert.equal(await greeting(port, t), "+OK new");
  assert.equal(await running.ask("NOOP"), "-ERR login first");
  assert.deepEqual(listener.ports, [port]);
  assert.deepEqual(memory.listeners, [{ host: ALSO_HERE, port }]);
  // And back, beside one that stays.
  await replace("newer", { host: ALSO_HERE, port }, { host: HERE, port: 0 });
  await replace("newest", { host: HERE, port }, { host: HERE, port: 0 });
  assert.equal(await greeting(port, t), "+OK newest");
  assert.equal(listener.ports.length, 2);
});

test("where the new listener can't be opened, the old one is as it was", async (t) => {
  const port = await freePort();
  const taken = await started(t, { host: HERE, port: 0 });
  const [busy = 0] = taken.listener.ports;
  const { daemon, listener, memory, log, replace } = await started(t, { host: HERE, port });
  const same = async () => {
    assert.equal(await greeting(port, t), "+OK old");
    assert.deepEqual(daemon.ports, [port]);
    assert.equal(memory.listeners.length, 1);
    assert.deepEqual(
      log.filter((name) => name.includes("listen")),
      [],
    );
  };
  for (const [places, told] of [
    // Something else is in the way of another one: the old one is not even closed.
    [
      [
        { host: ALSO_HERE, port },
        { host: HERE, port: busy },
      ],
      `can't listen on ${HERE}:${busy}: another process`,
    ],
    // The new ones are in each other's way: the old one was closed in vain.
    [
      [
        { host: ALSO_HERE, port },
        { host: ALSO_HERE, port },
      ],
      `can't listen on [${ALSO_HERE}]:${port}: another process`,
    ],
    // One that stays is in the way.
    [
      [
        { host: HERE, port },
        { host: ALSO_HERE, port },
      ],
      `: this gateway itself keeps ${HERE}:${port}`,
    ],
    [[{ host: "no-such-host.invalid", port: 0 }], "no-such-host.invalid: "],
    [[], "no service has listen"],
  ] as const) {
    await assert.rejects(replace("new", ...places), (thrown: Error) => thrown.message.includes(told), told);
    await same();
  }
  assert.equal(listener.gateways[0].service.dialogue.greeting, "old");
  await replace("new", { host: ALSO_HERE, port });
  assert.equal(await greeting(port, t), "+OK new");
});

test("a gateway that ends opens no listener", async (t) => {
  const { daemon, listener, replace } = await started(t, { host: HERE, port: 0 });
  const [port = 0] = listener.ports;
  const running = await Peer.connect(port, t);
  await running.line();
  listener.drain = 60_000;
  const replacing = replace("new", { host: HERE, port: 0 }, { host: HERE, port: 0 });
  const closing = daemon.close();
  await assert.rejects(replacing, { message: "the gateway ends" });
  await assert.rejects(replace("new", { host: HERE, port: 0 }, { host: "::1", port: 0 }), {
    message: "the gateway ends",
  });
  await running.ask("QUIT");
  await closing;
});
