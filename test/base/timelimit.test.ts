import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { timeLimit } from "../../src/base/timelimit";
import { portOf } from "../listen/handing";
import { standStill } from "../stage/standstill";
import { until } from "../stage/waiting";

test("a limit calls back once when its time is over, and not when it has ended", async () => {
  let calls = 0;
  timeLimit(20, () => calls++);
  timeLimit(10, () => assert.fail("it has ended"))();
  await until(() => calls > 0, "the end of the limit");
  await pause(40);
  assert.equal(calls, 1);
});

test("a limit that ends between its timer and its callback does not call back", async () => {
  const end = timeLimit(1, () => assert.fail("it has ended"));
  // Node runs all timers that are due before it comes to an immediate.
  const timers = new Promise((resolve) => setTimeout(() => resolve(end()), 1));
  standStill(20);
  await timers;
  await pause(20);
});

test("what came while the process stood still is in time", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const accepted = once(server, "connection");
  const one = connect({ port: portOf(server), host: "127.0.0.1" });
  t.after(() => one.destroy());
  const [other] = (await accepted) as [Socket];
  t.after(() => other.destroy());
  let late = false;
  const end = timeLimit(50, () => {
    late = true;
  });
  const heard = once(one, "data").then(end);
  other.write("in time");
  standStill(200);
  await heard;
  await pause(100);
  assert.equal(late, false);
});
