/** The page /metrics: every metric of the table, in the format of Prometheus. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { exposition } from "../../src/metrics/exposition";
import { COUNTERS, GAUGES, HISTOGRAMS, PROCESS } from "../../src/metrics/families";
import { Stopwatches, Tally } from "../../src/metrics/tally";
import { samplesOf, snapshotWith } from "../stage/metrics";

test("each metric has its help and its type, and a prefix that is the gateway's, the process's or Node's", async () => {
  const text = await exposition(snapshotWith());
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
  const helps = [...text.matchAll(/^# HELP (\S+) \S/gm)].map(([, name]) => name);
  const families = [COUNTERS, HISTOGRAMS, GAUGES, PROCESS].flatMap((table) => Object.values(table));
  const names = families.map(({ name }) => name);
  assert.deepEqual([...types.keys()].sort(), [...names].sort());
  assert.deepEqual(helps.sort(), [...names].sort());
  for (const { name } of Object.values(COUNTERS)) assert.equal(types.get(name), "counter", name);
  for (const { name } of Object.values(HISTOGRAMS)) assert.equal(types.get(name), "histogram", name);
  for (const { name } of families) assert.match(name, /^(?:pop3proxy|process|nodejs)_[a-z0-9_]+$/);
});

test("counts have their labels, without those that have no value, and what stands in a value can't end it", async () => {
  const logins = new Tally();
  logins.add(["", "USER", "success"], 3);
  logins.add(["inside", "PLAIN", "denied"]);
  logins.add(["inside", "PLAIN", "denied"]);
  const counts = { ...snapshotWith().counts, logins: logins.all };
  const certificates = [{ name: 'a"b\\c\nd', file: "/x", until: 1_000_000 }];
  const text = await exposition(snapshotWith({ counts, certificates }));
  const samples = samplesOf(text);
  assert.equal(samples.get('pop3proxy_logins_total{mechanism="USER",result="success"}'), 3);
  assert.equal(samples.get('pop3proxy_logins_total{service="inside",mechanism="PLAIN",result="denied"}'), 2);
  const end = 'pop3proxy_certificate_not_after_timestamp_seconds{name="a\\"b\\\\c\\nd",file="/x"}';
  assert.equal(samples.get(end), 1000);
});

test("the buckets of a histogram count all that is not longer than their bound", async () => {
  const connect = new Stopwatches();
  for (const seconds of [0.004, 0.04, 0.04, 100]) connect.add(["mail:110"], seconds);
  const samples = samplesOf(
    await exposition(snapshotWith({ times: { ...snapshotWith().times, connect: connect.all } })),
  );
  const bucket = (le: string) => samples.get(`pop3proxy_server_connect_seconds_bucket{server="mail:110",le="${le}"}`);
  assert.deepEqual(["0.005", "0.025", "0.05", "30", "+Inf"].map(bucket), [1, 1, 3, 3, 4]);
  assert.equal(samples.get('pop3proxy_server_connect_seconds_count{server="mail:110"}'), 4);
  assert.ok(Math.abs((samples.get('pop3proxy_server_connect_seconds_sum{server="mail:110"}') ?? 0) - 100.084) < 1e-6);
});
