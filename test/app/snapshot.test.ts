/** Snapshots for --metrics, and the clock. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Snapshots, type Subject } from "../../src/app/snapshot";
import { Counters } from "../../src/metrics/counters";
import { History } from "../../src/metrics/history";
import { atEnd } from "../stage/ending";

test("when the time of day is set, the charts and the uptime go on", (t) => {
  const counters = new Counters();
  const history = new History(() => counters.sample());
  const gateway = { service: { limits: { sessions: 1 } }, memory: { waiting: {} }, certificateEnds: [] };
  const gateways = [gateway] as unknown as Subject["listener"]["gateways"];
  const listener = { accepting: true, gateways, sockets: [] };
  const snapshots = new Snapshots({ listener, counters, history });
  atEnd(t, async () => {
    history.close();
    snapshots.close();
  });
  const before = snapshots.take();
  const day = 24 * 60 * 60 * 1000;
  const { now } = Date;
  t.mock.method(Date, "now", () => now() - day);
  const after = snapshots.take();
  assert.ok(after.time < before.time);
  const age = ({ time, history: [first] }: typeof after) => time - (first?.time ?? 0);
  assert.ok(age(after) >= age(before) - 1 && age(after) < day, `${age(after)}`);
  assert.ok(after.uptime >= before.uptime && after.uptime < 86_400, `${after.uptime}`);
});
