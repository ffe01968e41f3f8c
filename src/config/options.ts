/** The values of the options, as the command line leaves them, and their defaults. */

import type { Cidr } from "../base/cidr";
import type { Mechanism } from "../protocol/credentials";
import type { ServerEntry } from "./servers";
import type {
  AuthHttpUrl,
  ClamdAddress,
  HttpHeader,
  ListenAddress,
  LogFormat,
  MetricsAddress,
  Oversize,
  ServerAddress,
  TlsMode,
  TlsVersion,
} from "./settings";
import type { SyslogTarget } from "./syslog";
import { facility } from "./values";

/** The values of the options. Absent: not given, and without a default. Times are in milliseconds. */
export interface Options {
  /** A program and its arguments, or an HTTP service. */
  readonly acp?: readonly string[] | AuthHttpUrl;
  /** Whether the dry run asks access control. */
  readonly ask: boolean;
  readonly acpTimeout: number;
  /** A file of such headers. */
  readonly authHttpHeaderFile?: string;
  readonly authHttpHeaders: readonly HttpHeader[];
  /** The account to authorize, or to forget. */
  readonly authorize?: string;
  readonly forget?: string;
  readonly brief: boolean;
  readonly capa: boolean;
  /** Whether --check shows only the settings that differ from the defaults. */
  readonly changed: boolean;
  readonly check: boolean;
  readonly cleartextLogin: boolean;
  readonly clientLog?: string;
  readonly clientProxy: boolean;
  readonly clientTls: TlsMode;
  /** The configuration file. */
  readonly config?: string;
  /** How often -D was given. */
  readonly daemon: number;
  readonly debug: boolean;
  readonly delimiters: string;
  /** How long sessions may go on after the gateway was told to end. */
  readonly drain: number;
  /** The user, the client's address, and the service or listener of the dry run. */
  readonly dryUser?: string;
  readonly dryClient?: string;
  readonly dryListener?: string;
  readonly demo: boolean;
  readonly exempt: readonly Cidr[];
  readonly facility: number;
  readonly foreground: boolean;
  readonly greeting: string;
  readonly listen: readonly ListenAddress[];
  readonly logFormat: LogFormat;
  readonly loginTimeout: number;
  /** The file of the user map. */
  readonly map?: string;
  readonly maxPerClient: number;
  readonly maxSessions: number;
  readonly mechanisms: readonly Mechanism[];
  /** The file of accounts that log in with tokens. */
  readonly oauth?: string;
  readonly metrics?: MetricsAddress;
  /** The file of the token with which sessions can be ended. */
  readonly metricsToken?: string;
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
  readonly defaultServers: readonly ServerAddress[];
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
  ask: false,
  authHttpHeaders: [],
  brief: false,
  capa: false,
  changed: false,
  check: false,
  cleartextLogin: false,
  clientProxy: false,
  clientTls: "none",
  daemon: 0,
  debug: false,
  defaultServers: [],
  delimiters: "@",
  demo: false,
  drain: 30_000,
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
