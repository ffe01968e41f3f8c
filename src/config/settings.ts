/**
 * Settings: all that can be set, in groups. The command line makes them (commandline.ts, rules.ts); a test may write them
 * by hand. A group or a value that was not asked for is absent. Times are in milliseconds.
 */

import type { HostPort } from "../base/address";
import type { Cidr } from "../base/cidr";
import type { ServerEntry } from "./servers";
import type { SyslogTarget } from "./syslog";

/** How TLS comes into a connection: never, after STLS, or at once. */
export type TlsMode = "none" | "starttls" | "tls";

/** A TLS version, as options name it. */
export type TlsVersion = "1.0" | "1.1" | "1.2" | "1.3";

export interface Settings {
  readonly process: ProcessSettings;
  readonly log: LogSettings;
  readonly service: Service;
}

/** What concerns the process, whatever it serves. */
export interface ProcessSettings {
  /** The user to run as when started by root: a name, or `uid[:gid]`. */
  readonly user: string;
  /** Whether the daemon stays in the foreground. */
  readonly foreground: boolean;
  /** Where the daemon leaves its process id. */
  readonly pidfile?: string | undefined;
  /** How long sessions may go on after the daemon was told to end. */
  readonly drain: number;
}

export interface LogSettings {
  /** The dialogue is traced, and the log goes to stderr. */
  readonly debug: boolean;
  /** Neither `connect` nor `login` is logged. */
  readonly brief: boolean;
  /** Where a syslog daemon listens; absent: what the system has. */
  readonly syslog?: SyslogTarget | undefined;
  /** The number of the syslog facility. */
  readonly facility: number;
}

/** Clients that come in somewhere, and where they are led. */
export interface Service {
  /** Where the daemon listens; empty: a superserver passes the clients. */
  readonly listen: readonly ListenAddress[];
  readonly clients: ClientSettings;
  readonly servers: ServerSettings;
  readonly access: AccessSettings;
  readonly limits: Limits;
  readonly replies: ReplySettings;
}

export interface ListenAddress {
  /** The interface's address or name; null: all of IPv4 and IPv6. */
  readonly host: string | null;
  /** 0: any free port. */
  readonly port: number;
  /** TLS towards clients; absent: `clients.tls` decides. */
  readonly tls?: TlsMode;
}

/** The files of a certificate chain and of its key. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** TLS towards clients. */
export interface ClientSettings {
  /** For clients of a superserver and of -D; a listener of its own says it itself. */
  readonly tls: TlsMode;
  readonly certificates: readonly CertificateFiles[];
  readonly tlsMin: TlsVersion;
  /** Whether logins before TLS are permitted where STLS is offered. */
  readonly cleartextLogin: boolean;
}

/** Which server it is, and how it is reached. */
export interface ServerSettings {
  /** The default server; absent: the client has to select one. */
  readonly server?: HostPort | undefined;
  /** Whether the built-in sample maildrop is the default server. */
  readonly demo: boolean;
  /** Source addresses of connections, for each address family; absent: the system's choice. */
  readonly source4?: string | undefined;
  readonly source6?: string | undefined;
  /** TLS towards servers; absent: not said, which is none. Port 995 is always `tls`. */
  readonly tls?: TlsMode | undefined;
  /** The file of the authorities that may certify servers; absent: the system's. */
  readonly ca?: string | undefined;
  /** SHA-256 of public keys (SPKI) in hex; one of them takes the place of chain, name and dates. */
  readonly pins: readonly string[];
  /** A client certificate for servers. */
  readonly certificate?: CertificateFiles | undefined;
  readonly tlsMin: TlsVersion;
}

/** Who may go where, and who learns of it. */
export interface AccessSettings {
  /** The client selects the server: `user@server`. */
  readonly selection?: SelectionSettings | undefined;
  readonly acp?: AcpSettings | undefined;
  /** The folder of the client log. */
  readonly clientLog?: string | undefined;
}

export interface SelectionSettings {
  /** The characters that separate user from server. */
  readonly delimiters: string;
  /** The servers that may be selected; absent: any public one. */
  readonly servers?: readonly ServerEntry[] | undefined;
}

/** The access control program. */
export interface AcpSettings {
  readonly argv: readonly string[];
  readonly timeout: number;
  /** Prefix of its variables. */
  readonly prefix: string;
}

export interface Limits {
  /** Without activity of client or server (RFC 1939, 3); also for the answer to PASS. */
  readonly inactivity: number;
  /** From the connection to complete credentials. */
  readonly login: number;
  /** Sessions at once, in all and of one client. */
  readonly sessions: number;
  readonly perClient: number;
  /** For one address of a server to accept the connection. */
  readonly connect: number;
  /** For a server's greeting and all that comes before PASS. */
  readonly greeting: number;
  /** For a client to accept what was sent to it, at least; else `inactivity`. */
  readonly stall: number;
  /** For all that is carried out for a client that is gone, up to the answer to its QUIT. */
  readonly quit: number;
  /** For the lookup of a server's name. */
  readonly lookup: number;
  /** The delay of a client's first refused login as a user; it doubles up to `refusalMost`. */
  readonly refusal: number;
  readonly refusalMost: number;
  /** For an attempt to log in that waits for its turn. */
  readonly turn: number;
  /** The clients that have neither delays nor the limit `perClient`. */
  readonly exempt: readonly Cidr[];
}

/** What the gateway itself says. */
export interface ReplySettings {
  /** Text after "+OK " of the greeting, latin1. */
  readonly greeting: string;
  /** Whether CAPA is answered. */
  readonly capa: boolean;
}

/** The limits that no option sets. */
export const FIXED_LIMITS = {
  connect: 30_000,
  greeting: 30_000,
  stall: 600_000,
  quit: 30_000,
  lookup: 10_000,
  refusal: 2000,
  refusalMost: 15_000,
  turn: 75_000,
} satisfies Partial<Limits>;

/** How long sessions may go on after the daemon was told to end. */
export const DRAIN = 30_000;
