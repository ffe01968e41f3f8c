/**
 * Command lines. One table has all commands and their arguments. A command that is not in the table is unsupported and
 * never forwarded. A permitted command is written to the server from its parsed form, never as it was received. Lines
 * are latin1 strings without their line end. Sources: RFC 1939; LAST: RFC 1460; CAPA: RFC 2449; STLS: RFC 2595;
 * AUTH: RFC 5034; UTF8: RFC 6856.
 */

import type { Mechanism } from "./credentials";
import { nameOf } from "./foreign";
import { hasControl, withoutTrailingBlanks } from "./octets";
import { replies } from "./replies";

/** The longest command line, in octets with its line end (RFC 2449, 4). */
export const COMMAND_LIMIT = 255;

/** The longest line with USER or PASS, likewise: passwords of several hundred octets exist, and the server decides. */
export const LOGIN_LIMIT = 1024;

/** The longest user or password that such a line can have, in octets. */
export const WORD_LIMIT = LOGIN_LIMIT - "PASS \r\n".length;

/**
 * The longest line with AUTH, and the longest response that follows it, likewise. RFC 5034 would have a long response
 * behind a "+", but mail programs send tokens in the line of AUTH.
 */
export const AUTH_LIMIT = 12_288;

/** The commands whose line may be longer than COMMAND_LIMIT. */
const LIMITS: ReadonlyMap<string, number> = new Map([
  ["USER", LOGIN_LIMIT],
  ["PASS", LOGIN_LIMIT],
  ["AUTH", AUTH_LIMIT],
]);

/** The commands that only an option, or a listener that offers STLS, permits; AUTH with a mechanism each. */
export type Optional = "CAPA" | "STLS" | "UTF8" | "AUTH" | `AUTH ${Mechanism}`;

/**
 * The arguments that a command takes. "text" is the rest of the line after one blank, taken verbatim. A "response" is
 * that of RFC 5034, 4.
 */
type Arguments = "nothing" | "text" | "message?" | "message" | "message count" | "mechanism? response?";

interface CommandRow {
  readonly takes: Arguments;
  /** When a positive response is multi-line (RFC 1939): that of LIST and UIDL only without a message number. */
  readonly multiline: "never" | "always" | "without argument";
  readonly state: "AUTHORIZATION" | "TRANSACTION" | "both";
  /** Whether the command is one of `Optional`. */
  readonly optional?: boolean;
}

const TABLE: ReadonlyMap<string, CommandRow> = new Map<string, CommandRow>([
  ["USER", { takes: "text", multiline: "never", state: "AUTHORIZATION" }],
  ["PASS", { takes: "text", multiline: "never", state: "AUTHORIZATION" }],
  ["STAT", { takes: "nothing", multiline: "never", state: "TRANSACTION" }],
  ["LIST", { takes: "message?", multiline: "without argument", state: "TRANSACTION" }],
  ["RETR", { takes: "message", multiline: "always", state: "TRANSACTION" }],
  ["UIDL", { takes: "message?", multiline: "without argument", state: "TRANSACTION" }],
  ["DELE", { takes: "message", multiline: "never", state: "TRANSACTION" }],
  ["TOP", { takes: "message count", multiline: "always", state: "TRANSACTION" }],
  ["LAST", { takes: "nothing", multiline: "never", state: "TRANSACTION" }],
  ["NOOP", { takes: "nothing", multiline: "never", state: "TRANSACTION" }],
  ["RSET", { takes: "nothing", multiline: "never", state: "TRANSACTION" }],
  ["CAPA", { takes: "nothing", multiline: "always", state: "both", optional: true }],
  ["STLS", { takes: "nothing", multiline: "never", state: "AUTHORIZATION", optional: true }],
  ["UTF8", { takes: "nothing", multiline: "never", state: "AUTHORIZATION", optional: true }],
  ["AUTH", { takes: "mechanism? response?", multiline: "without argument", state: "AUTHORIZATION", optional: true }],
  ["QUIT", { takes: "nothing", multiline: "never", state: "both" }],
]);

/** The texts of the refusals of a command with other arguments. */
const REASONS: Readonly<Record<Arguments, string>> = {
  nothing: "takes no argument",
  text: "takes an argument",
  "message?": "takes at most one message number",
  message: "takes a message number",
  "message count": "takes a message number and a number of lines",
  "mechanism? response?": "takes a mechanism and a response",
};

/** The verbs whose arguments are secrets. */
const SECRET: ReadonlySet<string> = new Set(["PASS", "AUTH"]);

/** A state of a session in which the client sends commands (RFC 1939, 4 and 5). */
export type State = "AUTHORIZATION" | "TRANSACTION";

/** A permitted command with valid arguments. */
export class Command {
  readonly kind = "command";

  constructor(
    /** In capitals. */
    readonly verb: string,
    /** The text after the verb and one blank; null: the command has no argument ("" is an empty one). */
    readonly argument: string | null,
    /** Whether a positive response to it is multi-line. */
    readonly multiline: boolean,
  ) {}

  /** The command line, without CRLF. */
  toString(): string {
    return this.argument === null ? this.verb : `${this.verb} ${this.argument}`;
  }
}

/** A command line that the gateway refuses. */
export interface Rejection {
  /**
   * "unsupported": the command is not permitted, and counts as such; "overlong": the line is too long for a command;
   * "faulty": a permitted command with a fault in it.
   */
  readonly kind: "unsupported" | "overlong" | "faulty";
  /** The status line for the client. */
  readonly reply: string;
}

/**
 * Parses a command line.
 *
 * @param line latin1, without its line end
 * @param state the state of the session
 * @param opened the optional commands that are permitted
 * @param octets how long the line was with its line end
 * @returns the command, or why it is not carried out
 */
export function parseCommand(
  line: string,
  state: State,
  opened: readonly Optional[] = [],
  octets = line.length + 2,
): Command | Rejection {
  if (hasControl(line)) return { kind: "faulty", reply: replies.controlOctet };
  const blank = line.indexOf(" ");
  const word = blank < 0 ? line : line.slice(0, blank);
  const verb = TABLE.has(word) ? word : verbOf(line);
  const row = TABLE.get(verb);
  const permitted = row && (!row.optional || opened.includes(verb as Optional));
  const limit = (permitted && LIMITS.get(verb)) || COMMAND_LIMIT;
  if (octets > limit) return { kind: "overlong", reply: replies.lineTooLong };
  if (!permitted) return { kind: "unsupported", reply: replies.unsupported };
  const rest = blank < 0 ? null : line.slice(blank + 1);
  const argument = argumentOf(verb, row.takes, rest);
  if (argument === undefined) return { kind: "faulty", reply: `-ERR ${verb} ${REASONS[row.takes]}` };
  // Some clients send CAPA and then NOOP before they log in; RFC 1939 has NOOP in the TRANSACTION state only.
  if (verb === "NOOP" && opened.includes("CAPA")) return new Command(verb, null, false);
  if (row.state !== "both" && row.state !== state) {
    return { kind: "faulty", reply: state === "AUTHORIZATION" ? replies.loginFirst : replies.loggedIn };
  }
  if (verb === "AUTH" && argument !== null) {
    const mechanism = argument.split(" ", 1)[0] as Mechanism;
    if (!opened.includes(`AUTH ${mechanism}`)) return { kind: "unsupported", reply: replies.unsupportedMechanism };
  }
  const multiline = row.multiline === "always" || (row.multiline === "without argument" && argument === null);
  return new Command(verb, argument, multiline);
}

/**
 * The first word in capitals; "" if it is not all ASCII letters and digits: some other letters have a capital that is
 * ASCII.
 */
function verbOf(line: string): string {
  return /^[A-Za-z0-9]+(?= |$)/.exec(line)?.[0].toUpperCase() ?? "";
}

/** The argument in its canonical form; null: there is none, and the command needs none; undefined: it is not valid. */
function argumentOf(verb: string, takes: Arguments, rest: string | null): string | null | undefined {
  if (takes === "text") return verbatim(verb, rest);
  if (takes === "mechanism? response?") return mechanismAndResponse(rest);
  return numbers(takes, rest);
}

/** The mechanism in capitals, and the response, if there is one, with a blank between them. */
function mechanismAndResponse(rest: string | null): string | null | undefined {
  const text = withoutTrailingBlanks(rest ?? "");
  if (text === "") return null;
  const [, mechanism = "", response] = /^([A-Za-z0-9_-]{1,20})(?: ([^ ]+))?$/.exec(text) ?? [];
  if (mechanism === "") return undefined;
  return response === undefined ? mechanism.toUpperCase() : `${mechanism.toUpperCase()} ${response}`;
}

/** USER's trailing blanks are cut, PASS is left alone, and empty without its blank; undefined: there is nothing. */
function verbatim(verb: string, rest: string | null): string | undefined {
  if (verb === "PASS") return rest ?? "";
  if (rest === null) return undefined;
  return withoutTrailingBlanks(rest) || undefined;
}

/** How many numbers a command takes, at least and at most. */
const COUNTS: Readonly<Partial<Record<Arguments, readonly [number, number]>>> = {
  nothing: [0, 0],
  "message?": [0, 1],
  message: [1, 1],
  "message count": [2, 2],
};

/** A number of 1 to 10 digits. */
const NUMBER = /^[0-9]{1,10}$/;

/** Arguments that are numbers, without leading zeros. */
function numbers(takes: Arguments, rest: string | null): string | null | undefined {
  const [least, most] = COUNTS[takes] ?? [0, 0];
  const words = rest === null ? [] : rest.split(" ").filter((word) => word !== "");
  if (words.length < least || words.length > most || !words.every((word) => NUMBER.test(word))) return undefined;
  const [message, count] = words.map(Number);
  if (message === 0) return undefined;
  return message === undefined ? null : count === undefined ? `${message}` : `${message} ${count}`;
}

/** A client's command line for the trace; all that may be a secret is masked. @param secret as for `nameOf` */
export function masked(line: string, secret = false): string {
  const verb = verbOf(line);
  // A line with a CR in it may be several commands, and one of them PASS.
  if (TABLE.has(verb) && !SECRET.has(verb) && !hasControl(line)) return line;
  return line.includes(" ") ? `${nameOf(line, secret)} ***` : nameOf(line, secret);
}
