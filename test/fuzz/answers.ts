/**
 * The model of a server's leg: what a server's octets answer to the commands that it was asked. Where the gateway may
 * take them in more than one way, all of these are tried: lines behind the greeting, and LF "." LF in a mail, which is
 * the end if nothing more has come and the client goes on. It imports nothing of the gateway.
 */

import { type Forward, LISTED, OWN_LIST } from "./commands";

/** What the gateway says to a server, and what it expects. */
export interface Asked {
  /** "status": one line, which the client does not get; "list": the server's list for STLS. */
  readonly kind: "greeting" | "list" | "stls" | "user" | "pass" | "transaction";
  readonly command: Forward | null;
}

export interface Answer {
  /** Where it ends in what the server said. */
  readonly end: number;
  readonly positive: boolean;
  /** What the client hears of it; "": nothing. */
  readonly text: string;
  /** A body without its end. */
  readonly open: boolean;
  readonly capabilities: readonly string[];
}

/** One way to take what a server said. */
export interface Reading {
  readonly answers: readonly Answer[];
  /**
   * Why there is no further answer: "done", all that was asked is answered; "lost", the input has ended; "faulty", it is
   * not POP3; "over", the server refuses the login.
   */
  readonly stop: "done" | "lost" | "faulty" | "over";
}

export interface ServerSaid {
  readonly text: string;
  /** How many octets came before TLS. */
  readonly clear: number;
  /** Whether the gateway has seen it end in order. */
  readonly ended: "surely" | "perhaps" | "no";
  /** Whether the client had gone on when so many octets had been sent. */
  readonly declared: (end: number) => boolean;
}

interface Place {
  readonly at: number;
  readonly empty: number;
  /** Whether a "." may follow. */
  readonly dot: boolean;
}

type Status = Place & { readonly line: string; readonly lineEnd: string };

const LISTING = ["RETR", "TOP", "LIST", "UIDL"];
const PASSED = ["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE", "LOGIN-DELAY"];
const CODE = /^-ERR \[(?:IN-USE|LOGIN-DELAY|AUTH|SYS\/TEMP|SYS\/PERM)\]/i;

export const cleaned = (line: string): string => line.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, "").slice(0, 510);
const isStatus = (line: string): boolean => /^(?:\+OK|-ERR)/.test(line);
const words = (lines: readonly string[]): string[] => lines.map((line) => (line.split(" ")[0] ?? "").toUpperCase());

/** A status line; or why there is none. */
function statusAt({ text, ended }: ServerSaid, place: Place, limit: number): Status | "lost" | "faulty" {
  let { at, empty, dot } = place;
  for (;;) {
    const next = text.indexOf("\n", at);
    if (next < 0 || next >= limit) {
      const rest = text.slice(at, limit);
      if (rest.length >= 4096) return "faulty";
      if (!isStatus(rest) || ended === "no" || limit < text.length) return "lost";
      return { at: limit, empty, dot: false, line: rest.replace(/\r$/, ""), lineEnd: "" };
    }
    if (next - at >= 4096) return "faulty";
    const crlf = text[next - 1] === "\r" && next > at;
    const line = text.slice(at, crlf ? next - 1 : next);
    at = next + 1;
    if (line === "" && empty < 8) empty++;
    else if (line === "." && dot) dot = false;
    else return isStatus(line) ? { at, empty, dot: false, line, lineEnd: crlf ? "\r\n" : "\n" } : "faulty";
  }
}

/** The lines of a list of capabilities, and where it ends; null: it is not valid, or not complete. */
function listAt({ text }: ServerSaid, from: number, limit: number): { lines: string[]; at: number } | null {
  const lines: string[] = [];
  for (let at = from; lines.length <= 100; ) {
    const next = text.indexOf("\n", at);
    if (next < 0 || next >= limit || next - at >= 512) return null;
    const line = text.slice(at, next).replace(/\r$/, "");
    at = next + 1;
    if (line === ".") return { lines, at };
    lines.push(line);
  }
  return null;
}

/** Where a body may end. The last one is that of RFC 1939; if there is none, the body is open. */
function* endsOf(said: ServerSaid, { at, lineEnd }: Status): Generator<{ end: number; open: boolean }> {
  const { text } = said;
  const terminator = `${lineEnd}.${lineEnd}`;
  const found = text.indexOf(terminator, at - lineEnd.length);
  const last = found < 0 ? text.length : found + terminator.length;
  yield { end: last, open: found < 0 };
  // The line end of one may be the beginning of the next.
  for (const match of text.slice(at - 1, last).matchAll(/\n(?=(\.\r?\n))/g)) {
    const end = at + match.index + (match[1] as string).length;
    if ((end < last || found < 0) && said.declared(end)) yield { end, open: false };
  }
}

/** @param fits whether the client can have heard these answers so far */
export function* readings(
  said: ServerSaid,
  asked: readonly Asked[],
  fits: (answers: readonly Answer[]) => boolean,
): Generator<Reading> {
  yield* from(said, asked, fits, [], { at: 0, empty: 0, dot: false });
}

function* from(
  said: ServerSaid,
  asked: readonly Asked[],
  fits: (answers: readonly Answer[]) => boolean,
  answers: readonly Answer[],
  place: Place,
): Generator<Reading> {
  const next = asked[answers.length];
  if (!next) {
    yield { answers, stop: "done" };
    return;
  }
  const inClear = asked[1]?.kind === "list" && ["greeting", "list", "stls"].includes(next.kind);
  const limit = inClear ? said.clear : said.text.length;
  const status = statusAt(said, place, limit);
  if (typeof status === "string") {
    yield { answers, stop: status };
    return;
  }
  // A last line without a line end counts where the answer is one line in any case.
  const counts = said.ended === "surely" && next.kind === "transaction" && !next.command?.multi;
  if (status.lineEnd === "" && !counts) yield { answers, stop: "lost" };
  for (const { answer, at } of answersTo(said, next, status, limit)) {
    if (answer === null) {
      yield { answers, stop: "faulty" };
      continue;
    }
    const all = [...answers, answer];
    if (!fits(all)) continue;
    const dot =
      next.command !== null && LISTING.includes(next.command.verb) && !(next.command.multi && answer.positive);
    if (answer.open) yield { answers: all, stop: "lost" };
    else if (next.kind !== "transaction" && !answer.positive) yield { answers: all, stop: "over" };
    else
      for (const skipped of next.kind === "greeting" ? behindGreeting(said, asked, at) : [at])
        yield* from(said, asked, fits, all, { at: skipped, empty: status.empty, dot });
  }
}

/** Where USER's answer may begin: up to 5 lines behind the greeting are skipped, unless STLS follows. */
function* behindGreeting({ text }: ServerSaid, asked: readonly Asked[], at: number): Generator<number> {
  yield at;
  if (asked[1]?.kind === "list") return;
  for (let count = 0, next = text.indexOf("\n", at); count < 5 && next >= 0; count++) {
    yield next + 1;
    next = text.indexOf("\n", next + 1);
  }
}

function* answersTo(
  said: ServerSaid,
  { kind, command }: Asked,
  status: Status,
  limit: number,
): Generator<{ answer: Answer | null; at: number }> {
  const { line, at } = status;
  const positive = line.startsWith("+OK");
  const one = { end: at, positive, open: false, capabilities: [] };
  const say = cleaned(line);
  if (kind === "greeting") {
    const refused = CODE.test(line) ? say : cleaned(line.replace(/^-ERR ?/, "-ERR [SYS/TEMP] "));
    yield { answer: { ...one, text: positive ? "" : `${refused}\r\n` }, at };
  } else if (kind === "list" || command?.verb === "CAPA") {
    yield capabilities(said, kind, status, limit, positive);
  } else if (kind === "stls") {
    // Behind the answer to STLS there is nothing in clear.
    const secured = positive && at === said.clear && said.clear < said.text.length + 1;
    yield { answer: { ...one, positive: secured, text: secured ? "" : INSECURE }, at };
  } else if (kind === "user") {
    yield { answer: { ...one, text: positive ? "" : `${say}\r\n` }, at };
  } else if (command?.multi && positive) {
    if (status.lineEnd === "") return;
    for (const { end, open } of endsOf(said, status)) {
      yield { answer: { ...one, end, open, text: `${say}\r\n${said.text.slice(at, end)}` }, at: end };
    }
  } else {
    yield { answer: { ...one, text: `${say}\r\n` }, at };
  }
}

const INSECURE = "-ERR [SYS/TEMP] no secure connection to server\r\n";

function capabilities(
  said: ServerSaid,
  kind: Asked["kind"],
  { at }: Status,
  limit: number,
  positive: boolean,
): { answer: Answer | null; at: number } {
  const found = positive ? listAt(said, at, limit) : { lines: [], at };
  if (!found) return { answer: null, at };
  const listed = words(found.lines);
  const one = { end: found.at, open: false, capabilities: listed };
  if (kind === "list") {
    const offered = positive && listed.includes("STLS");
    return { answer: { ...one, positive: offered, text: offered ? "" : INSECURE }, at: found.at };
  }
  const shown = positive
    ? found.lines.map(cleaned).filter((each) => PASSED.includes(words([each])[0] ?? ""))
    : OWN_LIST;
  return { answer: { ...one, positive: true, text: `${LISTED}${[...shown, "."].join("\r\n")}\r\n` }, at: found.at };
}
