/** A process that gives its listening socket back when there has been no client for a while. */

import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { Gateway } from "../../src/gateway/gateway";
import { Memory } from "../../src/gateway/memory";
import { Listener } from "../../src/listen/listener";
import { quit } from "../stage/dialogue";
import { atEnd } from "../stage/ending";
import { Peer } from "../stage/peer";
import { settingsFor } from "../stage/settings";
import { standStill } from "../stage/standstill";
import { until } from "../stage/waiting";
import { portOf } from "./handing";

test("who waits for a process that stood still is accepted before it gives up", async (t) => {
  const [service] = settingsFor({ server: { host: "mail", port: null } }).services;
  const gateway = new Gateway(service, new Memory(), () => {});
  const listener = new Listener([gateway], 0);
  const { server } = await listener.listen(
    { host: "127.0.0.1", port: 0 },
    { gateway, arrival: { tls: "none" }, proxy: false },
  );
  atEnd(t, () => listener.close());
  let over = false;
  void listener.untilIdle(300).then(() => {
    over = true;
  });
  const client = new Peer(connect({ port: portOf(server), host: "127.0.0.1", allowHalfOpen: true }));
  // The connection is made before this process reads of it.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  standStill(600);
  assert.equal(await client.line(), "+OK POP3 server ready");
  assert.equal(over, false);
  await quit(client);
  await until(() => over, "the end");
});
