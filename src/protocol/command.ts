/**
 * Command lines: one table says which commands exist and what their arguments look like; what is not in it is
 * unsupported and never forwarded. A command is written to the server anew from its parsed form.
 * Lines are latin1 strings without their line end. Sources: RFC 1939; LAST: RFC 1460; SPEC section 3.
 */

import { texts } from "./response";

/** The longest command line, in octets with its line end (RFC 2449, 4). */
export const COMMAND_LIMIT = 255;

/** The commands that only an option permits. */
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

/** A command that goes nowhere: what the client is told, and whether it counts as not permitted. */
export interface Rejection {
  readonly reply: string;
  readonly unsupported: boolean;
}

/**
 * Parses a command line in the given state.
 *
 * @param line latin1, without its line end
 * @param opened the optional commands that are permitted
 * @returns the command, or the refusal that the client is to be told
 */
export function parseCommand(line: string, state: State, opened: readonly Optional[] = []): Command | Rejection {
  if (/[\x00-\x1f\x7f]/.test(line)) return { reply: texts.controlOctet, unsupported: false };
  const blank = line.indexOf(" ");
  const verb = verbOf(line);
  const row = TABLE.get(verb);
  if (!row || (row.optional && !opened.includes(verb as Optional)))
    return { reply: texts.unsupported, unsupported: true };
  const rest = blank < 0 ? null : line.slice(blank + 1);
  const argument = row.takes === "text" ? verbatim(verb, rest) : numbers(row.takes, rest);
  if (argument === undefined) return { reply: `-ERR ${verb} ${REASONS[row.takes]}`, unsupported: false };
  // Clients that know CAPA may try what they like before they log in (SPEC section 3).
  if (verb === "NOOP" && opened.includes("CAPA")) return new Command(verb, null, false);
  if (row.state !== "both" && row.state !== state) {
    return { reply: state === "AUTHORIZATION" ? texts.loginFirst : texts.loggedIn, unsupported: false };
  }
  const multiline = row.multiline === "always" || (row.multiline === "without argument" && argument === null);
  return new Command(verb, argument, multiline);
}

/** The first word in capitals; "" if it is not all letters of ASCII: others have capitals that look like ours. */
function verbOf(line: string): string {
  return /^[A-Za-z]+(?= |$)/.exec(line)?.[0].toUpperCase() ?? "";
}

/** USER's trailing blanks are cut, PASS is left alone; undefined: there is nothing. */
function verbatim(verb: string, rest: string | null): string | undefined {
  if (rest === null) return undefined;
  if (verb === "PASS") return rest;
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
 * What of an unsupported line may be told: its first word if that is plainly a word, else only its length. A word with
 * PASS or AUTH at its front may have lost a blank.
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
