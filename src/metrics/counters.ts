/**
 * Counts what the gateway does, in plain numbers, and knows the sessions that run. Most is taken from the events of the
 * log; what no event tells comes by calls. Without --metrics there are no counters, and nobody calls.
 */

import { now } from "../base/clock";
import type { Service } from "../config/settings";
import { type Emit, type EventName, given, type Origin, type Value } from "../log/events";
import { Failure } from "../protocol/failure";
import type { CountedSession, Counting, Denial, Place, Route } from "../session/needs";
import { COUNTERS, type CounterName, HISTOGRAMS, type HistogramName } from "./families";
import { ServerFigures } from "./serverfigures";
import { ServerNames } from "./servernames";
import type { RefusalRow, Sample, SessionState } from "./snapshot";
import { Stopwatches, Tally } from "./tally";

/** How many refusals are kept. */
const REFUSALS = 20;

/** The fields of an event. */
type Fields = Readonly<Record<string, Value | undefined>>;

/** A session that runs. */
export interface LiveSession {
  readonly session: CountedSession;
  state: SessionState;
  /** When its credentials were there, by the clock of clock.ts. */
  attempted: number;
  /** Whether its login was denied. */
  denied: boolean;
  /** Whether there was a connection to its server. */
  reached: boolean;
}

/** The counters of a process. */
export class Counters implements Counting {
  readonly tallies = tableOf(COUNTERS, () => new Tally()) as Readonly<Record<CounterName, Tally>>;
  readonly times = tableOf(HISTOGRAMS, () => new Stopwatches()) as Readonly<Record<HistogramName, Stopwatches>>;
  /** The commands of clients by verb: a plain object, for the loop over commands. */
  readonly commands: Record<string, number> = {};
  /** The sessions that run, oldest first, by their id. */
  readonly live = new Map<string, LiveSession>();
  readonly names = new ServerNames();
  readonly servers = new ServerFigures();
  /** The last refusals, oldest first. */
  readonly refusals: RefusalRow[] = [];
  /** Octets of the sessions that have ended. */
  #received = 0;
  #sent = 0;

  /** Counts the events that go to the log. */
  hearing(emit: Emit): Emit {
    return (name, told, origin) => {
      if (!HEARD.has(name)) {
        emit(name, told, origin);
        return;
      }
      const fields = given(told);
      this.#heard(name, fields as Fields, origin);
      emit(name, fields, origin);
    };
  }

  /** Begins to count for a service: what has not happened yet is 0, so that its first time is seen as a change. */
  add(service: Service): void {
    const { name = "", access, scan } = service;
    this.names.add(service);
    for (const result of ["success", "denied", "failed"]) this.tallies.logins.add([name, "USER", result], 0);
    for (const one of ["unsupported", "retrieved", "deleted"] as const) this.tallies[one].add([name], 0);
    for (const result of ["success", "failed"]) this.tallies.reloads.add([result], 0);
    const kind = access.authHttp ? "auth_http" : access.acp ? "acp" : null;
    if (kind) for (const result of ["granted", "denied", "failed"]) this.tallies.access.add([kind, result], 0);
    if (scan) for (const verdict of ["clean", "infected", "failed"]) this.tallies.scans.add([verdict], 0);
  }

  /** As `add`, for a provider of OAuth. @param results all that may come of a renewal, in a word each */
  addProvider(name: string, results: readonly string[]): void {
    for (const result of results) this.tallies.renewals.add([name, result], 0);
  }

  began(session: CountedSession): void {
    this.live.set(session.id, { session, state: "authorization", attempted: 0, denied: false, reached: false });
  }

  attempts({ id }: CountedSession): void {
    const live = this.live.get(id);
    if (!live) return;
    live.state = "login";
    live.attempted = now();
  }

  command(verb: string): void {
    this.commands[verb] = (this.commands[verb] ?? 0) + 1;
  }

  ended({ id, client, needs, route }: CountedSession): void {
    const live = this.live.get(id);
    this.live.delete(id);
    this.#received += client.received;
    this.#sent += client.sent;
    if (live?.state !== "login" || live.denied) return;
    this.tallies.logins.add([needs.service.name ?? "", route?.mechanism ?? "USER", "failed"]);
  }

  /** Ends a session, as if nobody were to blame. @returns false: there is none with this id */
  end(id: string): boolean {
    const live = this.live.get(id);
    live?.session.client.fail(new Failure("nobody", "ended", "ended by the administrator"));
    return live !== undefined;
  }

  /** Octets from clients, and to them. */
  get octets(): { received: number; sent: number } {
    let [received, sent] = [this.#received, this.#sent];
    for (const { session } of this.live.values()) {
      received += session.client.received;
      sent += session.client.sent;
    }
    return { received, sent };
  }

  /** What is kept for the charts, with its time by the clock of clock.ts. */
  sample(octets = this.octets): Sample {
    const { logins, serverFailures } = this.tallies;
    const successes = logins.sum(([, , result]) => result === "success");
    return {
      time: now(),
      sessions: this.live.size,
      logins: successes,
      refused: logins.sum() - successes,
      serverFailures: serverFailures.sum(),
      ...octets,
    };
  }

  /** A connection to a server of a session's route. @param seconds how long it took */
  connected(session: string, place: Place, route: Route, seconds: number): void {
    const live = this.live.get(session);
    if (live) live.reached = true;
    const name = this.names.of(place, route);
    this.times.connect.add([name], seconds);
    // So that the first failure is seen as a change.
    if (this.servers.connected(name, seconds)) this.tallies.serverFailures.add([name, "unreachable"], 0);
  }

  /** No connection to a server of a route. */
  unreached(place: Place, route: Route, thrown: unknown): void {
    const { blame, code, message } = Failure.of(thrown);
    if (blame === "server") this.#serverFailed(this.names.of(place, route), code, message);
  }

  #serverFailed(name: string, code: string, reason: string): void {
    this.tallies.serverFailures.add([name, code]);
    this.servers.failed(name, code, reason);
  }

  /** Counts a decision of access control. */
  async admitting(kind: "acp" | "auth_http", decision: Promise<Route | Denial>): Promise<Route | Denial> {
    const began = now();
    let result = "abandoned";
    try {
      const decided = await decision;
      result = decided.kind === "route" ? "granted" : resultOf(decided.code);
      return decided;
    } finally {
      this.tallies.access.add([kind, result]);
      if (result !== "abandoned") this.times.access.add([kind], (now() - began) / 1000);
    }
  }

  /** Counts a scan. */
  scanned(verdict: "clean" | "infected" | "oversize" | "failed", seconds: number): void {
    this.tallies.scans.add([verdict]);
    this.times.scan.add([], seconds);
  }

  #heard(name: EventName, fields: Fields, { service = "", session = "", client = "" }: Origin = {}): void {
    const { tallies } = this;
    const code = String(fields.code ?? "");
    const live = this.live.get(session);
    if (name === "login") {
      tallies.logins.add([service, String(fields.mechanism ?? "USER"), "success"]);
      if (!live) return;
      live.state = "transaction";
      this.times.login.add([service], (now() - live.attempted) / 1000);
    } else if (name === "denied") {
      tallies.logins.add([service, String(fields.mechanism ?? "USER"), "denied"]);
      tallies.denials.add([service, code]);
      if (live) live.denied = true;
      this.#refused({ service, client, code, ...told(fields) });
    } else if (name === "unsupported") {
      tallies.unsupported.add([service]);
    } else if (name === "failure") {
      // Why there was no connection is known already, of each server of the route.
      const route = live?.session.route;
      if (fields.blame !== "server" || !route || !live.reached) return;
      this.#serverFailed(this.names.of(route, route), code, String(fields.reason));
    } else if (name === "close" || name === "closeUnused" || name === "closeProbe") {
      tallies.sessions.add([service, code]);
      if (fields.retrieved) tallies.retrieved.add([service], Number(fields.retrieved));
      if (fields.deleted) tallies.deleted.add([service], Number(fields.deleted));
    } else if (name === "reload" || name === "reloadFailed") {
      tallies.reloads.add([name === "reload" ? "success" : "failed"]);
    } else {
      tallies.refused.add([service, code]);
    }
  }

  #refused(row: Omit<RefusalRow, "time">): void {
    this.refusals.push({ time: Date.now(), ...row });
    if (this.refusals.length > REFUSALS) this.refusals.shift();
  }
}

/** The events that are counted. */
const HEARD: ReadonlySet<EventName> = new Set([
  "login",
  "denied",
  "unsupported",
  "failure",
  "close",
  "closeUnused",
  "closeProbe",
  "reload",
  "reloadFailed",
  "turnedAway",
  "resetEarly",
  "notProxied",
]);

function tableOf<Name extends string, Value>(names: Readonly<Record<Name, unknown>>, make: () => Value) {
  return Object.fromEntries(Object.keys(names).map((name) => [name, make()])) as Record<Name, Value>;
}

function told({ user, server, reason }: Fields): Pick<RefusalRow, "user" | "server" | "reason"> {
  return { user: String(user ?? ""), server: String(server ?? ""), reason: String(reason ?? "") };
}

/** What a denial by access control means. */
function resultOf(code: Denial["code"]): string {
  if (code === "acp-failed") return "failed";
  return code === "acp-answer" ? "misunderstood" : "denied";
}
