/**
 * Every event of the log in one table: its level, and its fields in the order in which they are shown. Log lines are
 * made from it, and the manual's list of events is held against it. No field ever holds a password or a token.
 *
 * A reason has a code beside it, which does not change with the words. The codes are those of protocol/failure.ts,
 * session/needs.ts and, for what concerns no session, of this file.
 */

/** As syslog's severities; `debug` is the traced dialogue. */
export type Level = "err" | "warning" | "notice" | "info" | "debug";

interface EventRow<Field extends string> {
  readonly level: Level;
  /** The first word of the line. */
  readonly event: string;
  /** The names of the fields, without the "?" of those that may be missing. */
  readonly fields: readonly string[];
  /** The names with their "?"; for the type alone. */
  readonly typed?: Field;
}

/** @param fields their names; one that ends in "?" is left out where there is nothing to show */
function row<Field extends string>(level: Level, event: string, ...fields: readonly Field[]): EventRow<Field> {
  return { level, event, fields: fields.map((name) => name.replace("?", "")) };
}

/** What a line about a login has in common: whose it is, and where to. */
const LOGIN = ["user", "proxy-user?", "server"] as const;

/** The same before there is a server, or where there is none. */
const MAYBE_LOGIN = ["user?", "proxy-user?", "server?"] as const;

export const EVENTS = {
  // Of a session. `session` and `client` stand before these fields.
  connect: row("info", "connect", "interface"),
  login: row("info", "login", ...LOGIN, "tls?"),
  denied: row("warning", "denied", "user", "proxy-user?", "server?", "code", "reason", "answer"),
  unsupported: row("notice", "unsupported", "command"),
  failure: row("err", "failure", "blame", "server?", "code", "reason", "stack?"),
  close: row("info", "close", ...MAYBE_LOGIN, "code", "reason", "seconds", "retrieved", "deleted", "octets"),
  clientLogFailed: row("err", "client-log", "code", "reason"),

  // Of a session; `session` alone stands before these fields.
  acpSaid: row("notice", "acp", "said"),
  acpEnded: row("info", "acp", "status", "seconds"),
  acpIgnored: row("warning", "acp", "ignored"),
  acpMisunderstood: row("err", "acp", "misunderstood"),
  clientHeard: row("debug", "client<", "line"),
  clientTold: row("debug", "client>", "line"),
  serverHeard: row("debug", "server<", "line"),
  serverTold: row("debug", "server>", "line"),

  // Of a listener.
  listen: row("info", "listen", "interface", "port"),
  fewDescriptors: row("warning", "listen", "code", "reason"),
  accept: row("err", "accept", "code", "reason"),
  turnedAway: row("notice", "refused", "client", "code", "reason"),
  resetEarly: row("info", "refused", "interface", "code", "reason"),

  // Of the process.
  warning: row("warning", "tls", "code", "reason"),
  clientLogUnusable: row("warning", "client-log", "code", "reason"),
  root: row("warning", "root", "code", "reason"),
  reload: row("notice", "reload"),
  reloadFailed: row("err", "reload", "code", "reason"),
  end: row("notice", "end", "signal"),
  start: row("err", "start", "code", "reason"),
  crash: row("err", "crash", "code", "reason", "stack?"),
  lost: row("warning", "lost", "messages"),
} satisfies Record<string, EventRow<string>>;

/** The codes of what concerns no session. Each has its line in the manual's section "Codes". */
export const PROCESS_CODES = [
  "accept",
  "certificate-invalid",
  "client-log",
  "max-per-client",
  "max-sessions",
  "open-files",
  "reload",
  "reset",
  "root",
  "start",
  "tls-old-version",
  "unreadable",
] as const;

export type EventName = keyof typeof EVENTS;

export type Value = string | number;

type Shown<Names extends string> = {
  readonly [Name in Names as Name extends `${string}?` ? never : Name]: Value;
} & { readonly [Name in Names as Name extends `${infer Optional}?` ? Optional : never]?: Value | undefined };

/** The fields of an event; those that are undefined are left out. */
export type FieldsOf<Name extends EventName> = Shown<NonNullable<(typeof EVENTS)[Name]["typed"]>>;

/** Whose event it is. */
export interface Origin {
  readonly session: string;
  /** The client's address; "" where there is no network. */
  readonly client?: string;
}

/** Writes an event to the log. Never blocks and never throws. */
export type Emit = <Name extends EventName>(name: Name, fields: FieldsOf<Name>, origin?: Origin) => void;
