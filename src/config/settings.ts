/**
 * Config: all that can be set, with its defaults. A plain frozen value: a test writes one by hand, the command line
 * makes one in cli.ts. Times are seconds unless said.
 */

import { type HostPort, POP3S_PORT } from "../base/address";

/** How TLS comes into a connection: never, after STLS, or at once. */
export type TlsMode = "none" | "starttls" | "tls";

/** A TLS version, as options name it. */
export type TlsVersion = "1.0" | "1.1" | "1.2" | "1.3";

export interface ListenAddress {
  /** The interface's address; null: all of IPv4 and IPv6. */
  readonly host: string | null;
  /** 0: any free port. */
  readonly port: number;
  /** Towards clients. */
  readonly tls?: TlsMode;
}

export interface Config {
  /** The default server; null: there is none. */
  readonly server: HostPort | null;
  /** The client selects the server: `user@server`. */
  readonly select: boolean;
  /** The characters that separate user from server. */
  readonly delimiters: string;
  /** The servers that may be selected, as in `-s`; null: any public one. */
  readonly servers: string | null;
  /** The access control program and its arguments; null: there is none. */
  readonly acp: readonly string[] | null;
  /** How long it may take. */
  readonly acpTimeout: number;
  /** Prefix of the acp's variables. */
  readonly prefix: string;
  /** Source addresses of connections to servers; null: the system's choice. */
  readonly source4: string | null;
  readonly source6: string | null;
  /** The folder of the client log; null: there is none. */
  readonly clientLog: string | null;
  /** Where the daemon listens; empty: it is not a daemon. */
  readonly listen: readonly ListenAddress[];
  /** The user to run as when started by root: a name, or `uid[:gid]`. */
  readonly user: string;
  /** Where the daemon leaves its process id; null: nowhere. */
  readonly pidfile: string | null;
  /** Log fewer lines: neither `connect` nor `login`. */
  readonly brief: boolean;
  /** `udp://host[:port]` or `tcp://host[:port]`; null: what the system has. */
  readonly syslog: string | null;
  /** The syslog facility, by its name. */
  readonly facility: string;
  /** Check the settings, tell what would run, and end. */
  readonly check: boolean;
  /** Stay in the foreground. */
  readonly foreground: boolean;
  /** The dialogue is traced, and the log goes to stderr. */
  readonly debug: boolean;
  /** The built-in sample maildrop is the default server. */
  readonly demo: boolean;
  /** TLS towards clients of a superserver and of -D; a listener of its own says it itself. */
  readonly clientTls: TlsMode;
  /** Certificate chains and keys for clients, each pair by its files. */
  readonly certificates: readonly { readonly cert: string; readonly key: string }[];
  readonly tlsMin: TlsVersion;
  /** Permit logins before TLS where STLS is offered. */
  readonly cleartextLogin: boolean;
  /** TLS towards servers; null: not said, which is none. Port 995 is always `tls`. */
  readonly serverTls: TlsMode | null;
  /** Whom to trust besides nobody: the file of the authorities; null: the system's. */
  readonly serverCa: string | null;
  /** SHA-256 of public keys (SPKI), in hex; one of them takes the place of chain, name and dates. */
  readonly serverPins: readonly string[];
  /** The files of a client certificate for servers. */
  readonly serverCert: string | null;
  readonly serverKey: string | null;
  readonly serverTlsMin: TlsVersion;
  /** Answer CAPA. */
  readonly capa: boolean;
  /** Text after "+OK " of the greeting, latin1. */
  readonly greeting: string;
  /** Inactivity limit (RFC 1939, 3), and the limit for an answer to PASS. */
  readonly timeout: number;
  /** From the connection to complete credentials. */
  readonly loginTimeout: number;
  /** Sessions at once, in all and of one client address. */
  readonly maxSessions: number;
  readonly maxPerClient: number;
  /** For one address of a server to accept the connection. */
  readonly connectTimeout: number;
  /** For a client to accept what was sent to it, at least; else `timeout`. */
  readonly stallTimeout: number;
  /** For a server's greeting and all that comes before PASS. */
  readonly greetingTimeout: number;
  /** For all that is carried out for a client that is gone, up to the answer to its QUIT. */
  readonly quitTimeout: number;
  /** How long the first refused login of an address is held back; it doubles from there to `refusalDelayLimit`. */
  readonly refusalDelay: number;
  readonly refusalDelayLimit: number;
  /** For the lookup of a server's name. */
  readonly lookupTimeout: number;
  /** How long sessions may go on after the daemon was told to end. */
  readonly drainTimeout: number;
}

/**
 * What is wrong with TLS as it was set; null: nothing. Nobody should believe that a connection is encrypted which is not.
 *
 * @param modes how TLS comes into the connections of clients, wherever they come in
 */
export function faultOfTls(config: Config, modes: readonly TlsMode[]): string | null {
  const { certificates, select, server, serverTls, demo } = config;
  if (!modes.some((mode) => mode !== "none")) {
    return certificates.length > 0 ? "--tls-cert is of no use: no client comes in by TLS" : null;
  }
  if (certificates.length === 0) return "TLS for clients needs --tls-cert and --tls-key";
  const near = demo || (server !== null && /^(?:localhost|127\.[0-9.]+|::1)$/.test(server.host));
  const safe = !select && (near || server?.port === POP3S_PORT);
  return serverTls === null && !safe ? "TLS for clients wants --server-tls said; none, too" : null;
}

/** Whether some server may be spoken to under TLS: the default one, or one that a client or the acp chooses on port 995. */
export function maySpeakTls({ serverTls, select, acp, server }: Config): boolean {
  return (serverTls ?? "none") !== "none" || select || acp !== null || server?.port === POP3S_PORT;
}

/** What is wrong with TLS to servers as it was set; null: nothing. */
export function faultOfServerTls(config: Config): string | null {
  const { server, select, serverTls, serverCa, serverPins, serverCert, serverKey, serverTlsMin, demo } = config;
  if ((serverCert === null) !== (serverKey === null)) return "--server-cert and --server-key need each other";
  if (serverPins.length > 0 && !server) return "--server-pin needs a fixed server";
  if (demo && !select && (serverTls ?? "none") !== "none") return "--demo speaks no TLS";
  if (maySpeakTls(config)) return null;
  const [useless] = [
    ...(serverPins.length > 0 ? ["--server-pin"] : []),
    ...(serverCa !== null ? ["--server-ca"] : []),
    ...(serverCert !== null ? ["--server-cert"] : []),
    ...(serverTlsMin !== defaults.serverTlsMin ? ["--server-tls-min"] : []),
  ];
  return useless ? `${useless} is of no use: the server is spoken to in clear; say --server-tls` : null;
}

/** A Config while it is put together. */
export type Draft = { -readonly [Key in keyof Config]: Config[Key] };

export const defaults: Config = Object.freeze({
  server: null,
  select: false,
  delimiters: "@",
  servers: null,
  acp: null,
  acpTimeout: 30,
  prefix: "PROXY_",
  source4: null,
  source6: null,
  clientLog: null,
  listen: [],
  user: "nobody",
  pidfile: null,
  brief: false,
  syslog: null,
  facility: "mail",
  check: false,
  foreground: false,
  debug: false,
  demo: false,
  clientTls: "none",
  certificates: [],
  tlsMin: "1.2",
  cleartextLogin: false,
  serverTls: null,
  serverCa: null,
  serverPins: [],
  serverCert: null,
  serverKey: null,
  serverTlsMin: "1.2",
  capa: false,
  greeting: "POP3 server ready",
  timeout: 600,
  loginTimeout: 180,
  maxSessions: 1000,
  maxPerClient: 50,
  connectTimeout: 30,
  stallTimeout: 600,
  greetingTimeout: 30,
  quitTimeout: 30,
  refusalDelay: 2,
  refusalDelayLimit: 15,
  lookupTimeout: 10,
  drainTimeout: 30,
});
