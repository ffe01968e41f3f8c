/** What the server of a play says in a multi-line response: bodies that are hard to relay. */

import type { Bodies } from "./plan";
import type { Random } from "./random";
import { OCTETS } from "./words";

const LINES = [
  "",
  "",
  ".",
  "..",
  ".x",
  "...",
  ". ",
  "x.",
  ".\t",
  "+OK",
  "-ERR no",
  "-ERR [SYS/TEMP] no",
  "QUIT",
  "From: mary",
  " ",
  "\0",
  ".\0",
  "a\0b",
  "\x80\xff",
  "\r",
  ".\r",
  "\r.",
  "\r.\r",
  "a\rb",
  "trailing \t",
  "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=",
];
/** Lines with a bare LF in them, which is none to RFC 1939. */
const WITH_LF = ["a\nb", "\n", "x\n..y", "x\n.y", "\n\n", "\n-ERR no", "\n+OK", "x\n"];
/** Lines that look like the end to those who read lines. */
const FAKES = ["x\n.", "x\n.\ny", "\n.", "x\n.\r", "\n.\n"];

const stuffed = (line: string): string => (line.startsWith(".") ? `.${line}` : line);

/** A whole body with its end. @param end the line end of its status line */
export function bodyOf(random: Random, end: "\r\n" | "\n", kind: Bodies): string {
  const pool =
    kind === "plain" && end === "\r\n"
      ? [...LINES, ...WITH_LF]
      : kind === "fakes" && end === "\r\n"
        ? [...LINES, ...WITH_LF, ...FAKES, ...FAKES]
        : LINES;
  const lines = Array.from({ length: random.below(10) }, () => random.pick(pool));
  if (random.chance(0.1)) lines.push(random.text(OCTETS.replace("\r", ""), random.below(3000)));
  if (random.chance(0.05)) lines.push(random.text("x. ", random.below(100_000)));
  if (random.chance(0.04)) lines.push(...Array.from({ length: 1000 + random.below(4000) }, () => random.pick(LINES)));
  const text = (eol: string) => lines.map((line) => stuffed(line) + eol).join("");
  if (kind !== "stored") return safely(text(end), end, kind, () => bodyOf(random, end, kind));
  return `${text("\n")}.\r\n`;
}

/** The body, if it is of this kind; else another one. */
function safely(text: string, end: string, kind: Bodies, another: () => string): string {
  const early = `${end}${text}`.includes(`${end}.${end}`);
  const fake = kind === "plain" && /\n\.\r?\n/.test(`\n${text}`);
  return early || fake ? another() : `${text}.${end}`;
}

/** The lines of LIST or UIDL. */
export function listOf(random: Random, end: "\r\n" | "\n"): string {
  const lines = Array.from(
    { length: random.below(6) },
    (_, index) => `${index + 1} ${random.text("0123456789abc", 1 + random.below(70))}`,
  );
  return `${lines.map((line) => line + end).join("")}.${end}`;
}

const CAPABILITIES = [
  "TOP",
  "UIDL",
  "RESP-CODES",
  "PIPELINING",
  "EXPIRE NEVER",
  "LOGIN-DELAY 0",
  "SASL PLAIN",
  "IMPLEMENTATION x",
  "user",
  "top",
  "STLS",
  "x\0y",
  "",
];

export function capabilitiesOf(random: Random, end: "\r\n" | "\n", stls: boolean): string {
  const lines = CAPABILITIES.filter((line) => (line === "STLS" ? stls : random.chance(0.6)));
  return `${lines.map((line) => line + end).join("")}.${end}`;
}

/** The text behind "+OK" or "-ERR". */
export function statusText(random: Random): string {
  return random.pick([
    "",
    " ",
    " ok",
    " 2 320",
    " 1 120\toctets",
    " gr\xc3\xbc\xc3\x9fe",
    " a\0b\x1bc\x7f",
    " a\rb",
    "ok",
    " [IN-USE] busy",
    ` ${random.text("x. ", 400 + random.below(300))}`,
    ` ${random.text("y", random.below(4080))}`,
    " .",
    " +OK",
  ]);
}
