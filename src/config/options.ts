/** The values of the options, as the command line leaves them, and their defaults. */

import type { HostPort } from "../base/address";
import type { Cidr } from "../base/cidr";
import type { Mechanism } from "../protocol/credentials";
import type { ServerEntry } from "./servers";
import type {
  AuthHttpUrl,
  ClamdAddress,
  HttpHeader,
  ListenAddress,
  LogFormat,
  Oversize,
  TlsMode,
  TlsVersion,
} from "./settings";
import type { SyslogTarget } from "./syslog";
import { facility } from "./values";

/** The values of the options. Absent: not given, and without a default. Times are in milliseconds. */
export interface Options {
  /** A program and its arguments, or an HTTP service. */
  readonly acp?: readonly string[] | AuthHttpUrl;
  readonly acpTimeout: number;
  readonly authHttpHeaders: readonly HttpHeader[];
  readonly brief: boolean;
  readonly capa: boolean;
  readonly check: boolean;
  readonly cleartextLogin: boolean;
  readonly clientLog?: string;
  readonly clientProxy: boolean;
  readonly clientTls: TlsMode;
  /** How often -D was given. */
  readonly daemon: number;
  readonly debug: boolean;
  readonly delimiters: string;
  readonly demo: boolean;
  readonly exempt: readonly Cidr[];
  readonly facility: number;
  readonly foreground: boolean;
  readonly greeting: string;
  readonly listen: readonly ListenAddress[];
  readonly logFormat: LogFormat;
  readonly loginTimeout: number;
  readonly maxPerClient: number;
  readonly maxSessions: number;
  readonly mechanisms: readonly Mechanism[];
  readonly pidfile?: string;
  readonly pipelining: boolean;
  readonly prefix: string;
  readonly proxyFrom: readonly Cidr[];
  readonly clamd?: ClamdAddress;
  readonly quarantine?: string;
  readonly scan: boolean;
  readonly scanOversize?: Oversize;
  readonly select: boolean;
  readonly sendProxy?: 1 | 2;
  /** The operand. */
  readonly defaultServers: readonly HostPort[];
  readonly serverCa?: string;
  readonly serverCert?: string;
  readonly serverKey?: string;
  readonly serverPins: readonly string[];
  /** For the connection to a server, and again for its greeting and TLS. */
  readonly serverTimeout: number;
  readonly serverTls?: TlsMode;
  readonly serverTlsMin: TlsVersion;
  readonly servers?: readonly ServerEntry[];
  readonly sources: readonly string[];
  readonly ssh?: string;
  readonly syslog?: SyslogTarget;
  readonly timeout: number;
  readonly tlsCerts: readonly string[];
  readonly tlsKeys: readonly string[];
  readonly tlsMin: TlsVersion;
  readonly user: string;
  readonly utf8: boolean;
  readonly via?: readonly string[];
  readonly xclient: boolean;
}

/** The options' defaults. */
export const defaults: Options = Object.freeze({
  acpTimeout: 30_000,
  authHttpHeaders: [],
  brief: false,
  capa: false,
  check: false,
  cleartextLogin: false,
  clientProxy: false,
  clientTls: "none",
  daemon: 0,
  debug: false,
  defaultServers: [],
  delimiters: "@",
  demo: false,
  exempt: [],
  facility: facility.parse("mail"),
  foreground: false,
  greeting: "POP3 server ready",
  listen: [],
  logFormat: "text",
  loginTimeout: 180_000,
  maxPerClient: 50,
  maxSessions: 1000,
  mechanisms: [],
  pipelining: true,
  prefix: "PROXY_",
  proxyFrom: [],
  scan: false,
  select: false,
  serverPins: [],
  serverTimeout: 30_000,
  serverTlsMin: "1.2",
  sources: [],
  timeout: 600_000,
  tlsCerts: [],
  tlsKeys: [],
  tlsMin: "1.2",
  user: "nobody",
  utf8: false,
  xclient: false,
});

/** Options while they are collected. */
export type Draft = { -readonly [Key in keyof Options]: Options[Key] };
