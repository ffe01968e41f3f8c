/** What the gateway is doing, as plain data: the thread that answers HTTP gets it, and makes all pages of it. */

import type { TlsMode } from "../config/settings";
import type { DescriptorName } from "./descriptors";
import type { CounterName, HistogramName, ProcessName } from "./families";
import type { Count, Times } from "./tally";

/** The states of sessions. A login is being decided in `login`. */
export type SessionState = "authorization" | "login" | "transaction";

/** All times are in milliseconds by Date.now(), all periods in seconds. */
export interface Snapshot {
  readonly time: number;
  readonly version: string;
  readonly node: string;
  readonly openssl: string;
  readonly started: number;
  /** Since then, whatever has become of the time of day. */
  readonly uptime: number;
  /** Whether clients are accepted. */
  readonly accepting: boolean;
  readonly services: readonly ServiceRow[];
  readonly sessions: SessionsNow;
  readonly servers: readonly ServerRow[];
  readonly refusals: readonly RefusalRow[];
  readonly certificates: readonly CertificateRow[];
  readonly history: readonly Sample[];
  /** What waits for its start. */
  readonly waiting: Readonly<Record<string, number>>;
  readonly counts: Readonly<Record<CounterName, readonly Count[]>>;
  readonly times: Readonly<Record<HistogramName, readonly Times[]>>;
  readonly process: Readonly<Record<Exclude<ProcessName, DescriptorName>, number>>;
}

/** A service, and where it listens. */
export interface ServiceRow {
  /** "" for the settings of the command line. */
  readonly name: string;
  readonly listeners: readonly {
    readonly interface: string;
    readonly port: number;
    readonly tls: TlsMode;
    readonly proxy: boolean;
  }[];
}

export interface SessionsNow {
  readonly total: number;
  /** The most at once. */
  readonly limit: number;
  readonly states: Readonly<Record<SessionState, number>>;
  /** The first of them, oldest first. */
  readonly shown: readonly SessionRow[];
}

export interface SessionRow {
  readonly id: string;
  readonly service: string;
  readonly client: string;
  readonly user: string;
  readonly server: string;
  readonly state: SessionState;
  /** The client's version of TLS; "": none. */
  readonly tls: string;
  /** In seconds. */
  readonly age: number;
  /** Octets from the client, and to it. */
  readonly received: number;
  readonly sent: number;
  /** How many mails it has retrieved in full. */
  readonly retrieved: number;
  /** The command whose response is on its way, such as a mail; "": none that takes time. */
  readonly underWay: string;
}

export interface ServerRow {
  readonly name: string;
  readonly connections: number;
  /** The mean time to connect, and the last one, in seconds; null: there was none. */
  readonly connectMean: number | null;
  readonly connectLast: number | null;
  readonly failures: number;
  /** The last failure; null: none. */
  readonly failed: { readonly time: number; readonly code: string; readonly reason: string } | null;
  /** Whether the last attempt has failed. */
  readonly down: boolean;
}

export interface RefusalRow {
  readonly time: number;
  readonly service: string;
  readonly client: string;
  readonly user: string;
  readonly server: string;
  readonly code: string;
  readonly reason: string;
}

interface CertificateRow {
  readonly name: string;
  readonly file: string;
  /** Its last moment. */
  readonly until: number;
}

/** What had been counted at a time, since the start; `sessions` at that time. Its time is that of clock.ts until it is shown. */
export interface Sample {
  readonly time: number;
  readonly sessions: number;
  readonly logins: number;
  /** Logins that were denied or have failed. */
  readonly refused: number;
  readonly serverFailures: number;
  /** Octets from clients and to them. */
  readonly received: number;
  readonly sent: number;
}
