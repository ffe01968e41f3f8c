/**
 * Command lines: one table says which commands exist and what their arguments look like; what is not in it is
 * unsupported and never forwarded. A command is written to the server anew from its parsed form.
 * Lines are latin1 strings without their line end. Sources: RFC 1939; LAST: RFC 1460; CAPA: RFC 2449; STLS: RFC 2595.
 */

import { hasControl } from "./octets";
import { replies } from "./replies";

/** The longest command line, in octets with its line end (RFC 2449, 4). */
export const COMMAND_LIMIT = 255;

/** The longest line with USER or PASS, likewise: passwords of several hundred octets exist, and the server decides. */
export const LOGIN_LIMIT = 1024;

/** The commands whose line may be as long as LOGIN_LIMIT. */
const LONG: ReadonlySet<string> = new Set(["USER", "PASS"]);

/** The commands that only an option, or a listener that offers STLS, permits. */
export type Optional = "CAPA" | "STLS";

/** What a command takes behind its verb. `text` is verbatim behind one blank. */
type Arguments = "nothing" | "text" | "message?" | "message" | "message count";

interface CommandRow {
  readonly takes: Arguments;
  /** When a positive response is multi-line (RFC 1939): LIST and UIDL only if they name no message. */
  readonly multiline: "never" | "always" | "without argument";
  readonly state: "AUTHORIZATION" | "TRANSACTION" | "both";
  /** It is unsupported unless an option permits it. */
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
  ["QUIT", { takes: "nothing", multiline: "never", state: "both" }],
]);

const REASONS: Readonly<Record<Arguments, string>> = {
  nothing: "takes no argument",
  text: "takes an argument",
  "message?": "takes at most one message number",
  message: "takes a message number",
  "message count": "takes a message number and a number of lines",
};

export type State = "AUTHORIZATION" | "TRANSACTION";

/** A command that is permitted, with sound arguments. */
export class Command {
  readonly kind = "command";

  constructor(
    /** In capitals. */
    readonly verb: string,
    /** Behind the verb and one blank; null: the command has none (an empty one is not null). */
    readonly argument: string | null,
    /** Whether a positive response to it is multi-line. */
    readonly multiline: boolean,
  ) {}

  /** The command line, without CRLF. */
  toString(): string {
    return this.argument === null ? this.verb : `${this.verb} ${this.argument}`;
  }
}

/** A command that is not carried out. */
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
 * Parses a command line in the given state.
 *
 * @param line latin1, without its line end
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
  const verb = verbOf(line);
  if (octets > COMMAND_LIMIT && !LONG.has(verb)) return { kind: "overlong", reply: replies.lineTooLong };
  const row = TABLE.get(verb);
  if (!row || (row.optional && !opened.includes(verb as Optional))) {
    return { kind: "unsupported", reply: replies.unsupported };
  }
  const rest = blank < 0 ? null : line.slice(blank + 1);
  const argument = row.takes === "text" ? verbatim(verb, rest) : numbers(row.takes, rest);
  if (argument === undefined) return { kind: "faulty", reply: `-ERR ${verb} ${REASONS[row.takes]}` };
  // Clients that know CAPA try a NOOP before they log in.
  if (verb === "NOOP" && opened.includes("CAPA")) return new Command(verb, null, false);
  if (row.state !== "both" && row.state !== state) {
    return { kind: "faulty", reply: state === "AUTHORIZATION" ? replies.loginFirst : replies.loggedIn };
  }
  const multiline = row.multiline === "always" || (row.multiline === "without argument" && argument === null);
  return new Command(verb, argument, multiline);
}

/** The first word in capitals; "" if it is not all letters of ASCII, since others have capitals that are ASCII. */
function verbOf(line: string): string {
  return /^[A-Za-z]+(?= |$)/.exec(line)?.[0].toUpperCase() ?? "";
}

/** USER's trailing blanks are cut, PASS is left alone, and empty without its blank; undefined: there is nothing. */
function verbatim(verb: string, rest: string | null): string | undefined {
  if (verb === "PASS") return rest ?? "";
  if (rest === null) return undefined;
  return rest.replace(/ +$/, "") || undefined;
}

/** Numbers of 1 to 10 digits, without their leading zeros; null: none and none needed; undefined: not as it should be. */
function numbers(takes: Arguments, rest: string | null): string | null | undefined {
  const words = rest?.match(/[^ ]+/g) ?? [];
  if (!words.every((word) => /^[0-9]{1,10}$/.test(word))) return undefined;
  const [message, count] = words.map(Number);
  const fits = {
    nothing: words.length === 0,
    "message?": words.length <= 1,
    message: words.length === 1,
    "message count": words.length === 2,
    text: false,
  }[takes];
  if (!fits || message === 0) return undefined;
  return message === undefined ? null : count === undefined ? `${message}` : `${message} ${count}`;
}

/**
 * What the log gets of an unsupported line: its first word if that is plainly a word, else only its length. A word that
 * begins with PASS or AUTH may be a secret that has lost its blank.
 *
 * @param secret whether the line may be one, whatever it looks like
 */
export function nameOf(line: string, secret = false): string {
  const word = line.split(" ", 1)[0] ?? "";
  return !secret && /^(?!pass.|auth.)[a-z0-9]{1,12}$/i.test(word) ? word : `(${word.length} octets)`;
}

/** A client's command line as it may be shown in a trace: secrets, and what might be one, are masked. */
export function masked(line: string, secret = false): string {
  const verb = verbOf(line);
  if (TABLE.has(verb) && verb !== "PASS") return line;
  return line.includes(" ") ? `${nameOf(line, secret)} ***` : nameOf(line, secret);
}
