/** The page /metrics: Prometheus' text format, by prom-client. */

import { Counter, Gauge, type Metric, Registry } from "prom-client";
import { descriptors } from "./descriptors";
import {
  BUCKETS,
  COUNTERS,
  type CounterName,
  GAUGES,
  HISTOGRAMS,
  type HistogramName,
  type LabelValues,
  PROCESS,
  type ProcessName,
} from "./families";
import type { Snapshot } from "./snapshot";
import type { Times } from "./tally";

interface Named {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

type Labels = Record<string, string>;

/** The text for a snapshot. */
export function exposition(snapshot: Snapshot): Promise<string> {
  const registry = new Registry();
  for (const name of Object.keys(COUNTERS) as CounterName[]) {
    const counter = counterOf(COUNTERS[name], registry);
    for (const [values, count] of snapshot.counts[name]) counter.inc(labelsOf(COUNTERS[name], values), count);
  }
  for (const name of Object.keys(HISTOGRAMS) as HistogramName[]) {
    registry.registerMetric(histogram(HISTOGRAMS[name], snapshot.times[name]) as unknown as Metric);
  }
  const figures = { ...snapshot.process, ...descriptors() };
  for (const name of Object.keys(PROCESS) as ProcessName[]) {
    const family: Named = PROCESS[name];
    if (family.name.endsWith("_total")) counterOf(family, registry).inc(figures[name]);
    else gaugeOf(family, registry).set(figures[name]);
  }
  setGauges(snapshot, registry);
  return registry.metrics();
}

function setGauges(snapshot: Snapshot, registry: Registry): void {
  const { version, node, openssl, accepting, sessions, waiting, certificates } = snapshot;
  gaugeOf(GAUGES.info, registry).set({ version, node, openssl }, 1);
  gaugeOf(GAUGES.accepting, registry).set(accepting ? 1 : 0);
  const states = gaugeOf(GAUGES.sessions, registry);
  for (const [state, count] of Object.entries(sessions.states)) states.set({ state }, count);
  gaugeOf(GAUGES.limit, registry).set(sessions.limit);
  const waits = gaugeOf(GAUGES.waiting, registry);
  for (const [what, count] of Object.entries(waiting)) waits.set({ what }, count);
  const ends = gaugeOf(GAUGES.certificate, registry);
  for (const { name, file, until } of certificates) ends.set({ name, file }, until / 1000);
}

function counterOf({ name, help, labels }: Named, registry: Registry): Counter {
  return new Counter({ name, help, labelNames: [...labels], registers: [registry] });
}

function gaugeOf({ name, help, labels }: Named, registry: Registry): Gauge {
  return new Gauge({ name, help, labelNames: [...labels], registers: [registry] });
}

/** A label without a value is the same as no label. */
function labelsOf({ labels }: Pick<Named, "labels">, values: LabelValues): Labels {
  const pairs = labels.map((label, index) => [label, values[index] ?? ""] as const);
  return Object.fromEntries(pairs.filter(([, value]) => value !== ""));
}

/** A histogram that was measured elsewhere: prom-client's own measures itself. */
function histogram({ name, help, labels }: Named, all: readonly Times[]) {
  const values = all.flatMap(({ values, buckets, count, sum }) => {
    const own = labelsOf({ labels }, values);
    let below = 0;
    const bounded = BUCKETS.map((le, index) => {
      below += buckets[index] ?? 0;
      return { labels: { ...own, le }, value: below, metricName: `${name}_bucket` };
    });
    return [
      ...bounded,
      { labels: { ...own, le: "+Inf" }, value: count, metricName: `${name}_bucket` },
      { labels: own, value: sum, metricName: `${name}_sum` },
      { labels: own, value: count, metricName: `${name}_count` },
    ];
  });
  return { name, get: async () => ({ name, help, type: "histogram", values, aggregator: "sum" }) };
}
