/** The HTTP thread, from outside: it comes back after a fault. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventName } from "../../src/log/events";
import { Metrics } from "../../src/metrics/metrics";
import { atEnd } from "../stage/ending";
import { ask, snapshotWith } from "../stage/metrics";
import { freePort } from "../stage/ports";
import { until } from "../stage/waiting";

test("a thread that ends by a fault is told of, and started anew on its port", async (t) => {
  const events: [EventName, Readonly<Record<string, unknown>>][] = [];
  let asked = 0;
  const metrics = new Metrics(
    {
      // The system gives it to nobody else while the thread is away.
      address: { host: "127.0.0.1", port: await freePort() },
      token: null,
      snapshot() {
        asked++;
        return snapshotWith();
      },
      end: () => false,
      emit: (name, fields) => events.push([name, { ...fields }]),
    },
    200,
  );
  atEnd(t, () => metrics.close());
  await metrics.open();
  const port = Number(events[0]?.[1].port);
  assert.deepEqual(events, [["metrics", { interface: "127.0.0.1", port }]]);
  assert.equal((await ask(port, "/health")).status, 200);
  assert.equal((await ask(port, "/metrics")).status, 200);
  assert.ok(asked <= 2, `${asked}`);
  // Nothing that anybody says over HTTP ends the thread, so this thread says what it never says.
  metrics.token = 5 as never;
  await until(() => events.length >= 2);
  assert.deepEqual([events[1]?.[0], events[1]?.[1].code], ["metricsFailed", "metrics"]);
  metrics.token = null;
  await until(() => events.some(([name], index) => index >= 2 && name === "metrics"));
  assert.deepEqual(events.at(-1), ["metrics", { interface: "127.0.0.1", port }]);
  assert.equal((await ask(port, "/health")).status, 200);
});
