/**
 * Settings: all that can be set, in groups. The command line makes them (commandline.ts, rules.ts); a test may write
 * them by hand. A group or a value that was not asked for is absent. Times are in milliseconds.
 */

import type { HostPort } from "../base/address";
import type { Cidr } from "../base/cidr";
import type { Mechanism } from "../protocol/credentials";
import type { AccessSettings } from "./accesssettings";
import type { SyslogTarget } from "./syslog";
import type { TlsMode } from "./tlsmodes";

export type {
  AccessSettings,
  AcpSettings,
  AuthHttpSettings,
  AuthHttpUrl,
  HttpHeader,
} from "./accesssettings";
export type { TlsMode } from "./tlsmodes";

/** A TLS version, as options name it. */
export type TlsVersion = "1.0" | "1.1" | "1.2" | "1.3";

/** A server as the administrator names it, perhaps with a TLS mode of its own. */
export interface ServerAddress extends HostPort {
  /** How TLS comes into connections to it; absent: as for the other servers of the service. Port 995 is always `tls`. */
  readonly tls?: TlsMode;
}

/** All settings. */
export interface Settings {
  readonly process: ProcessSettings;
  readonly log: LogSettings;
  /** The services; the command line has one, a configuration file any number. */
  readonly services: readonly [Service, ...Service[]];
}

/** What concerns the process, whatever it serves. */
interface ProcessSettings {
  /** The user to run as when started by root: a name, or `uid[:gid]`. */
  readonly user: string;
  /** Whether the daemon stays in the foreground. */
  readonly foreground: boolean;
  /** Where the daemon leaves its process id. */
  readonly pidfile?: string | undefined;
  /** How long sessions may go on after SIGTERM or SIGINT. */
  readonly drain: number;
  /** Metrics and the status page; absent: there are none. */
  readonly metrics?: MetricsSettings | undefined;
}

/** Where metrics and the status page are served. */
export interface MetricsAddress {
  /** The interface's address or name. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Metrics and the status page. */
export interface MetricsSettings extends MetricsAddress {
  /** The file of the token with which sessions can be ended; absent: nobody can end one. */
  readonly tokenFile?: string | undefined;
}

/** The log. */
export interface LogSettings {
  /** Whether the dialogue is traced, and the log goes to stderr. */
  readonly debug: boolean;
  /** Whether `connect` and `login` are left out of the log. */
  readonly brief: boolean;
  /** Where a syslog daemon listens; absent: what the system has. */
  readonly syslog?: SyslogTarget | undefined;
  /** The number of the syslog facility. */
  readonly facility: number;
  /** How an event is written; absent: as text. */
  readonly format?: LogFormat;
}

/** How an event is written in the log: `event key=value ...`, or as a JSON object. */
export type LogFormat = "text" | "json";

/** A service: where clients connect, and which servers they get. */
export interface Service {
  /** Its name in a configuration file; absent: the command line has set it up. */
  readonly name?: string;
  /** Where the daemon listens; empty: a superserver passes the clients. */
  readonly listen: readonly ListenAddress[];
  readonly clients: ClientSettings;
  readonly servers: ServerSettings;
  readonly access: AccessSettings;
  /** Virus scanning; absent: there is none. */
  readonly scan?: ScanSettings | undefined;
  readonly limits: Limits;
  readonly dialogue: DialogueSettings;
}

/** Where the daemon listens. */
export interface ListenAddress {
  /** The interface's address or name; null: all of IPv4 and IPv6. */
  readonly host: string | null;
  /** 0: any free port. */
  readonly port: number;
  /** TLS towards clients; absent: none. */
  readonly tls?: TlsMode;
  /** Whether a PROXY header comes first; absent: none does. */
  readonly proxy?: boolean;
  /** The default servers of this listener's clients; absent: those of all. */
  readonly servers?: readonly ServerAddress[];
}

/** The files of a certificate chain and of its key. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** TLS towards clients. */
export interface ClientSettings {
  /** How TLS comes into connections of a superserver and of -D; each --listen has a mode of its own. */
  readonly tls: TlsMode;
  readonly certificates: readonly CertificateFiles[];
  /** The lowest version. */
  readonly tlsMin: TlsVersion;
  /** Whether logins before TLS are permitted where STLS is offered. */
  readonly cleartextLogin: boolean;
  /** Whether a PROXY header comes first on connections of a superserver and of -D; each --listen says so itself. */
  readonly proxy: boolean;
  /** The only senders of PROXY headers. */
  readonly proxyFrom: readonly Cidr[];
}

/** The default servers, and how servers are connected to. */
export interface ServerSettings {
  /** The default server, and those that are tried when it does not answer; empty: the client has to select one. */
  readonly defaultServers: readonly ServerAddress[];
  /** Whether the built-in sample maildrop is the default server. */
  readonly demo: boolean;
  /** The command through which servers are reached, with `%h` and `%p`; absent: they are connected to. */
  readonly via?: readonly string[] | undefined;
  /** The host through which ssh reaches servers, as `[user@]host`. */
  readonly ssh?: string | undefined;
  /** Whether servers that offer XCLIENT are told who the client is. */
  readonly xclient: boolean;
  /** The version of the PROXY header that servers get before all else; absent: they get none. */
  readonly sendProxy?: 1 | 2 | undefined;
  /** Whether servers that list PIPELINING get commands before they have answered others. */
  readonly pipelining: boolean;
  /** Source addresses of connections, for each address family; absent: the system's choice. */
  readonly source4?: string | undefined;
  /** The source address of connections by IPv6; absent: the system's choice. */
  readonly source6?: string | undefined;
  /** TLS towards servers; absent: no option has set it, and it is `none`. Port 995 is always `tls`. */
  readonly tls?: TlsMode | undefined;
  /** The file of the authorities that may certify servers; absent: the system's. */
  readonly ca?: string | undefined;
  /** SHA-256 of public keys (SPKI) in hex; one of them takes the place of chain, name and dates. */
  readonly pins: readonly string[];
  /** A client certificate for servers. */
  readonly certificate?: CertificateFiles | undefined;
  /** The lowest version. */
  readonly tlsMin: TlsVersion;
}

/** Where clamd listens. */
export type ClamdAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** What becomes of a mail that is larger than clamd scans: it is refused, or a notice takes its place. */
export type Oversize = "refuse" | "notify";

/** Virus scanning. */
export interface ScanSettings {
  readonly clamd: ClamdAddress;
  /** The folder that infected mails are kept in; absent: they are not kept. */
  readonly quarantine?: string | undefined;
  readonly oversize: Oversize;
}

/** Limits of time and number. */
export interface Limits {
  /** The time without activity of client or server (RFC 1939, 3); also the time for the answer to PASS. */
  readonly inactivity: number;
  /** The time from the connection to complete credentials. */
  readonly login: number;
  /** The number of sessions at once. */
  readonly sessions: number;
  /** The number of sessions at once of one client. */
  readonly perClient: number;
  /** For the connection to a server, all its addresses together; and again for its greeting and all before PASS. */
  readonly server: number;
  /** For a client to accept what was sent to it, at least; else `inactivity`. */
  readonly stall: number;
  /** The time for the commands of a client that has hung up after QUIT, with the answer to QUIT. */
  readonly quit: number;
  /** The time for the lookup of a server's name. */
  readonly lookup: number;
  /** The delay of a client's first refused login as a user; it doubles up to `refusalMost`. */
  readonly refusal: number;
  /** The longest time that such an answer is held back. */
  readonly refusalMost: number;
  /** For a PROXY header to be complete. */
  readonly proxyHeader: number;
  /** For clamd to answer PING. */
  readonly ping: number;
  /** For clamd's verdict on a mail. */
  readonly scan: number;
  /** After so long without a verdict, and again and again, the client gets a line of a header. */
  readonly pending: number;
  /** After so long without more octets, a mail that ends in LF "." CRLF and is to be scanned has ended. */
  readonly silence: number;
  /** For an attempt to log in that waits for its turn. */
  readonly turn: number;
  /** The clients that have neither delays nor the limit `perClient`. */
  readonly exempt: readonly Cidr[];
}

/** The dialogue with clients. */
interface DialogueSettings {
  /** Text after "+OK " of the greeting, latin1. */
  readonly greeting: string;
  /** Whether CAPA is answered. */
  readonly capa: boolean;
  /** The mechanisms of AUTH that are permitted. */
  readonly mechanisms: readonly Mechanism[];
  /** Whether UTF8 is permitted. */
  readonly utf8: boolean;
}

/** The limits that no option sets. */
export const FIXED_LIMITS = {
  stall: 600_000,
  lookup: 10_000,
  refusal: 2000,
  refusalMost: 15_000,
  turn: 75_000,
  proxyHeader: 5000,
  ping: 5000,
  scan: 300_000,
  pending: 20_000,
  silence: 10_000,
} satisfies Partial<Limits>;

/** The least time for what a client that is gone has said, in milliseconds (`Limits.quit`). */
export const LEAST_QUIT = 30_000;
