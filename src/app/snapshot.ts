/** What the gateway is doing, for --metrics. */

import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import { showServer } from "../base/address";
import { now } from "../base/clock";
import { ownVersion } from "../base/version";
import type { Gateway } from "../gateway/gateway";
import { addressOf, type ListeningSocket } from "../listen/sockets";
import type { Counters, LiveSession } from "../metrics/counters";
import { COUNTERS, type CounterName, HISTOGRAMS, type HistogramName } from "../metrics/families";
import type { History } from "../metrics/history";
import type { Sample, ServiceRow, SessionRow, SessionState, SessionsNow, Snapshot } from "../metrics/snapshot";
import type { Count } from "../metrics/tally";

/** How many sessions are shown. */
const SHOWN = 200;

/** How often the delay of the event loop is measured, and how long one measurement counts, in milliseconds. */
const DELAY_EVERY = 20;
const DELAY_AGE = 60_000;

/** How old the last sample of the charts is at least for a further one, in milliseconds. */
const FRESH = 10_000;

/** What a snapshot is made of. */
export interface Subject {
  /** As a Listener has them. */
  readonly listener: {
    readonly accepting: boolean;
    readonly gateways: readonly [Gateway, ...Gateway[]];
    readonly sockets: Iterable<ListeningSocket>;
  };
  readonly counters: Counters;
  readonly history: History;
}

/** Makes snapshots. */
export class Snapshots {
  readonly #started = performance.timeOrigin;
  readonly #delay: IntervalHistogram = monitorEventLoopDelay({ resolution: DELAY_EVERY });
  #delaySince = now();

  constructor(private readonly subject: Subject) {
    this.#delay.enable();
  }

  /** What the gateway is doing now. */
  take(): Snapshot {
    const { listener, counters, history } = this.subject;
    const { memory } = listener.gateways[0];
    const octets = counters.octets;
    const { node = "", openssl = "" } = process.versions;
    return {
      time: Date.now(),
      version: ownVersion(),
      node,
      openssl,
      started: this.#started,
      uptime: now() / 1000,
      accepting: listener.accepting,
      services: servicesOf(this.subject),
      sessions: sessionsOf(this.subject),
      servers: counters.servers.rows,
      refusals: counters.refusals,
      certificates: listener.gateways.flatMap((gateway) => gateway.certificateEnds),
      history: withNow(history.samples, () => counters.sample(octets)),
      waiting: memory.waiting,
      counts: countsOf(counters, octets),
      times: timesOf(counters),
      process: this.#process(),
    };
  }

  close(): void {
    this.#delay.disable();
  }

  #process(): Snapshot["process"] {
    const { user, system } = process.cpuUsage();
    const { used_heap_size: heapUsed, total_heap_size: heapTotal, external_memory: external } = getHeapStatistics();
    const delay = this.#delay;
    const lag = {
      lagMean: seconds(delay.mean),
      lag50: seconds(delay.percentile(50)),
      lag99: seconds(delay.percentile(99)),
      lagMax: seconds(delay.max),
    };
    if (now() - this.#delaySince > DELAY_AGE) {
      delay.reset();
      this.#delaySince = now();
    }
    return {
      cpuUser: user / 1e6,
      cpuSystem: system / 1e6,
      cpu: (user + system) / 1e6,
      resident: process.memoryUsage.rss(),
      heapUsed,
      heapTotal,
      external,
      started: this.#started / 1000,
      loopBusy: performance.eventLoopUtilization().active / 1000,
      ...lag,
    };
  }
}

/** The samples by the time of day, and what has been counted since the last one, if that is long enough ago to tell a rate. */
function withNow(samples: readonly Sample[], sample: () => Sample): readonly Sample[] {
  const last = samples.at(-1)?.time ?? 0;
  const all = now() - last < FRESH ? samples : [...samples, sample()];
  // The time of day may have been set since.
  const day = Date.now() - now();
  return all.map((one) => ({ ...one, time: Math.round(one.time + day) }));
}

/** What the timer adds to its own interval, in seconds. @param delay in nanoseconds; NaN or huge: not measured yet */
function seconds(delay: number): number {
  const late = delay / 1e9 - DELAY_EVERY / 1000;
  return late > 0 && late < 1e6 ? late : 0;
}

function servicesOf({ listener }: Subject): ServiceRow[] {
  const sockets = [...listener.sockets];
  return listener.gateways.map((gateway) => ({
    name: gateway.service.name ?? "",
    listeners: sockets
      .filter((socket) => socket.gateway === gateway)
      .map(({ server, arrival: { tls }, proxy }) => {
        const { host, port } = addressOf(server);
        return { interface: host, port, tls, proxy };
      }),
  }));
}

function sessionsOf({ listener, counters: { live } }: Subject): SessionsNow {
  const states: Record<SessionState, number> = { authorization: 0, login: 0, transaction: 0 };
  const shown: SessionRow[] = [];
  for (const one of live.values()) {
    states[one.state]++;
    if (shown.length < SHOWN) shown.push(sessionRow(one));
  }
  return { total: live.size, limit: listener.gateways[0].service.limits.sessions, states, shown };
}

function sessionRow({ session, state }: LiveSession): SessionRow {
  const { id, client, clientAddress, clientTls: tls, route, began, retrieved, underWay, needs } = session;
  return {
    id,
    service: needs.service.name ?? "",
    client: clientAddress,
    user: route?.user ?? "",
    server: route ? showServer(route.host, route.port) : "",
    state,
    tls,
    age: Math.floor((now() - began) / 1000),
    received: client.received,
    sent: client.sent,
    retrieved,
    underWay: underWay === null ? "" : `${underWay}`,
  };
}

function countsOf(counters: Counters, { received, sent }: Counters["octets"]): Record<CounterName, readonly Count[]> {
  const names = Object.keys(COUNTERS) as CounterName[];
  const all = Object.fromEntries(names.map((name) => [name, counters.tallies[name].all]));
  return {
    ...(all as Record<CounterName, readonly Count[]>),
    commands: Object.entries(counters.commands).map(([verb, count]) => [[verb], count] as const),
    octets: [
      [["from_client"], received],
      [["to_client"], sent],
    ],
  };
}

function timesOf({ times }: Counters): Snapshot["times"] {
  const names = Object.keys(HISTOGRAMS) as HistogramName[];
  return Object.fromEntries(names.map((name) => [name, times[name].all])) as Snapshot["times"];
}
