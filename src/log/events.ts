/**
 * Every event of the log in one table: its level, and its fields in the order of the log line. Log lines are made from
 * the table, and a test compares the manual's list of events with it. No field ever holds a password or a token.
 *
 * A reason has a code beside it, which stays the same when the words change. The codes are those of protocol/failure.ts
 * and session/needs.ts; the other codes are in this file.
 */

/** A severity of syslog, by the name that syslog(3) gives it; `debug` is the traced dialogue. */
export type Level = "err" | "warning" | "notice" | "info" | "debug";

interface EventRow<Field extends string> {
  readonly level: Level;
  /** The first word of the line. */
  readonly event: string;
  /** The names of the fields, without the "?" of optional ones. */
  readonly fields: readonly string[];
  /** The names of the fields with their "?"; never set: only the type `FieldsOf` reads it. */
  readonly typed?: Field;
}

/** A row of the table. @param fields the names of the fields; one that ends in "?" is optional */
function row<Field extends string>(level: Level, event: string, ...fields: readonly Field[]): EventRow<Field> {
  return { level, event, fields: fields.map((name) => name.replace("?", "")) };
}

/** The fields of every line about a login: the user and the server. */
const LOGIN = ["user", "proxy-user?", "server"] as const;

/** The same fields in lines of sessions that may have no login yet. */
const MAYBE_LOGIN = ["user?", "proxy-user?", "server?", "mechanism?"] as const;

/** How a session ended. */
const ENDING = ["code", "reason", "seconds", "retrieved", "deleted", "octets"] as const;

/** How a client has connected; what only a PROXY header tells is optional. */
const CONNECTED = ["port", "interface", "tls?", "sni?", "id?"] as const;

/** The table: a row for each name by which the source emits an event. */
export const EVENTS = {
  // Events of a session. The fields `session` and `client` stand before these.
  connect: row("info", "connect", ...CONNECTED),
  // Of a connection that the sender of a PROXY header makes for itself, such as a health check.
  connectProbe: row("debug", "connect", ...CONNECTED),
  login: row("info", "login", ...LOGIN, "mechanism?", "address?", "tls?", "seconds"),
  denied: row("warning", "denied", "user", "proxy-user?", "server?", "mechanism?", "code", "reason", "answer"),
  unsupported: row("notice", "unsupported", "command"),
  virus: row("warning", "virus", "user", "server", "name"),
  notScanned: row("err", "scan", "command", "code", "reason"),
  quarantineFailed: row("err", "quarantine", "code", "reason"),
  tolerated: row("notice", "tolerated", "code", "reason"),
  loginInClear: row("notice", "tls", "code", "reason"),
  failure: row("err", "failure", "blame", "user?", "server?", "address?", "code", "reason", "stack?"),
  close: row("info", "close", ...MAYBE_LOGIN, ...ENDING),
  // The close of a session without a login and without a refusal, such as a health check.
  closeUnused: row("info", "close", ...ENDING),
  closeProbe: row("debug", "close", ...ENDING),
  oauthUnstored: row("err", "oauth", "code", "reason"),
  clientLogFailed: row("err", "client-log", "code", "reason"),

  // Events of a session; the field `session` alone stands before these.
  viaSaid: row("notice", "via", "said"),
  viaEnded: row("err", "via", "status"),
  acpSaid: row("notice", "acp", "said"),
  acpEnded: row("info", "acp", "status", "seconds"),
  acpIgnored: row("warning", "acp", "ignored"),
  acpMisunderstood: row("err", "acp", "misunderstood"),
  clientHeard: row("debug", "client<", "line"),
  clientTold: row("debug", "client>", "line"),
  serverHeard: row("debug", "server<", "line"),
  serverTold: row("debug", "server>", "line"),

  // Events of a listener.
  listen: row("info", "listen", "interface", "port"),
  unlisten: row("info", "unlisten", "interface", "port"),
  fewDescriptors: row("warning", "listen", "code", "reason"),
  accept: row("err", "accept", "code", "reason"),
  turnedAway: row("notice", "refused", "client", "code", "reason"),
  resetEarly: row("info", "refused", "interface", "code", "reason"),
  notProxied: row("notice", "refused", "client", "code", "reason"),

  // Events of the process.
  warning: row("warning", "tls", "code", "reason"),
  logDoubtful: row("warning", "log", "code", "reason"),
  clientLogUnusable: row("warning", "client-log", "code", "reason"),
  scanDoubtful: row("warning", "scan", "code", "reason"),
  root: row("warning", "root", "code", "reason"),
  reload: row("notice", "reload"),
  reloadFailed: row("err", "reload", "code", "reason"),
  restartNeeded: row("warning", "reload", "code", "reason"),
  notifyFailed: row("warning", "notify", "code", "reason"),
  metrics: row("info", "metrics", "interface", "port"),
  metricsFailed: row("err", "metrics", "code", "reason"),
  end: row("notice", "end", "signal"),
  start: row("err", "start", "code", "reason"),
  crash: row("err", "crash", "code", "reason", "stack?"),
  lost: row("warning", "lost", "messages"),
} satisfies Record<string, EventRow<string>>;

/** The other codes: of events that concern no session, or not its end. The manual's section "Codes" has a line for each. */
export const PROCESS_CODES = [
  "accept",
  "certificate-ends",
  "certificate-invalid",
  "client-log",
  "log-unreachable",
  "log-unsure",
  "max-per-client",
  "max-sessions",
  "metrics",
  "notify",
  "open-files",
  "proxy-from",
  "proxy-header",
  "quarantine",
  "reload",
  "reset",
  "restart",
  "root",
  "root-group",
  "scan-size",
  "spool",
  "start",
  "stls",
  "tls-old-version",
  "unreadable",
] as const;

/** The name by which the source emits an event. */
export type EventName = keyof typeof EVENTS;

/** A value of a field. A string may hold any octets (latin1); line.ts escapes them. */
export type Value = string | number;

type Shown<Names extends string> = {
  readonly [Name in Names as Name extends `${string}?` ? never : Name]: Value;
} & { readonly [Name in Names as Name extends `${infer Optional}?` ? Optional : never]?: Value | undefined };

/** The fields of an event; a field that is undefined is left out. */
export type FieldsOf<Name extends EventName> = Shown<NonNullable<(typeof EVENTS)[Name]["typed"]>>;

/** What an event belongs to. */
export interface Origin {
  /** The name of a service of the configuration file. */
  readonly service?: string;
  /** The session's id. */
  readonly session?: string;
  /** The client's address; "" where there is no network. */
  readonly client?: string;
}

/**
 * Writes an event to the log. Never blocks and never throws.
 *
 * @param fields a function is called only if the event is logged
 * @param origin absent: the event concerns the process
 */
export type Emit = <Name extends EventName>(
  name: Name,
  fields: FieldsOf<Name> | (() => FieldsOf<Name>),
  origin?: Origin,
) => void;

/** The fields as an Emit gets them. */
export function given<Fields extends object>(fields: Fields | (() => Fields)): Fields {
  return typeof fields === "function" ? fields() : fields;
}
