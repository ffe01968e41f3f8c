/** What /status.json has, and the page for people shows: a snapshot with readable texts. */

import { readable } from "./html";
import type { Snapshot } from "./snapshot";

const DAY = 24 * 60 * 60 * 1000;

/** What is published. Octets of others are readable texts by now. */
export type Status = ReturnType<typeof statusOf>;

/** What is published of a snapshot. */
export function statusOf(snapshot: Snapshot) {
  const { time, version, node, openssl, started, uptime, accepting, services, sessions, waiting, history } = snapshot;
  return {
    time: new Date(time).toISOString(),
    version,
    node,
    openssl,
    started: new Date(started).toISOString(),
    uptime: Math.floor(uptime),
    accepting,
    services,
    sessions: {
      total: sessions.total,
      limit: sessions.limit,
      states: sessions.states,
      shown: sessions.shown.map((one) => ({
        ...one,
        client: readable(one.client),
        user: readable(one.user),
        server: readable(one.server),
      })),
    },
    servers: snapshot.servers.map(({ failed, ...server }) => ({
      ...server,
      failed: failed && { ...failed, time: new Date(failed.time).toISOString(), reason: readable(failed.reason) },
    })),
    refusals: snapshot.refusals.map((one) => ({
      ...one,
      time: new Date(one.time).toISOString(),
      client: readable(one.client),
      user: readable(one.user),
      server: readable(one.server),
      reason: readable(one.reason),
    })),
    certificates: snapshot.certificates.map(({ name, file, until }) => ({
      name: readable(name),
      file,
      until: new Date(until).toISOString(),
      days: Math.floor((until - time) / DAY),
    })),
    waiting,
    history: history.map((sample) => ({ ...sample, time: new Date(sample.time).toISOString() })),
  };
}
