/** What the client of a play says: commands of every kind, and what is none. */

import type { Random } from "./random";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
export const DIGITS = "0123456789";
/** Every octet but LF, which would end the line. */
export const OCTETS = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code))
  .join("")
  .replace("\n", "");
const PRINTABLE = OCTETS.replace(/[\x00-\x1f\x7f]/g, "");

/** The password of a play: its middle is found nowhere else. */
export interface Secret {
  readonly whole: string;
  readonly core: string;
}

export function secret(random: Random): Secret {
  const core = random.text(LETTERS + DIGITS, 10);
  const around = () => random.pick(["", "", "", " ", ":", "@", "\xe9", "  ", "=", '"', "\\"]);
  return { whole: around() + core + around(), core };
}

export function user(random: Random): string {
  return random.pick([
    "joe",
    "joe",
    "joe@example.org",
    "a:b",
    "J\xfcrgen",
    "joe smith",
    "%s%n",
    "-joe",
    `u${random.text(PRINTABLE, 20).trim()}x`,
  ]);
}

const number = (random: Random): string =>
  random.pick([`${1 + random.below(9)}`, `${1 + random.below(9)}`, "01", "4294967296", "0000000007", "9999999999"]);

/** A verb in any case. */
const cased = (random: Random, verb: string): string =>
  random.chance(0.7) ? verb : [...verb].map((one) => (random.chance(0.5) ? one.toLowerCase() : one)).join("");

/** A command that is permitted in the TRANSACTION state. */
export function command(random: Random): string {
  const verb = random.pick([
    "STAT",
    "LIST",
    "UIDL",
    "RETR",
    "RETR",
    "RETR",
    "DELE",
    "DELE",
    "TOP",
    "NOOP",
    "RSET",
    "LAST",
  ]);
  const said = cased(random, verb);
  const blanks = random.chance(0.9) ? "" : random.pick([" ", "   "]);
  if (verb === "RETR" || verb === "DELE") return `${said} ${number(random)}${blanks}`;
  if (verb === "TOP") return `${said} ${number(random)}${random.pick([" ", " ", "  "])}${random.below(100)}${blanks}`;
  if ((verb === "LIST" || verb === "UIDL") && random.chance(0.5)) return `${said} ${number(random)}${blanks}`;
  return said + blanks;
}

/** A line that is refused wherever it stands, or seldom permitted. */
export function refused(random: Random, { core }: Secret): string {
  return random.pick([
    () =>
      random.pick([
        "RETR",
        "RETR x",
        "DELE 0",
        "LIST 1 2",
        "TOP 1",
        "TOP 0 1",
        "STAT 1",
        "QUIT now",
        "RETR 12345678901",
      ]),
    () =>
      random.pick([
        "RETR -1",
        "RETR 1.",
        "DELE 1,2",
        "LIST 0",
        "NOOP x",
        "USER",
        "USER ",
        "TOP 1 2 3",
        "RETR 1;DELE 1",
      ]),
    () => random.pick(["CAPA", "CAPA", "CAPA x", "STLS", "NOOP", "USER joe", `PASS ${core}`, "STAT", "DELE 1"]),
    () =>
      random.pick([
        "",
        " ",
        ".",
        "+OK",
        "-ERR no",
        " RETR 1",
        "RETR1",
        "NOOPX",
        "XTND XMIT",
        "GET / HTTP/1.0",
        "\xdfTAT",
      ]),
    () =>
      random.pick([
        "DELE 1\x00",
        "RETR 1\x7f",
        "RETR\t1",
        "\x1b[A",
        `PASS\t${core}`,
        "QUIT\r\rDELE 1",
        "STAT\r",
        "\x00",
      ]),
    () =>
      `${cased(random, random.pick(["DELE 1", "RETR 1", "XYZ", "USER", "PASS"]))} ${random.text(LETTERS, 230 + random.below(40))}`,
    () =>
      `${random.pick(["DELE 1", "LIST", "AUTH", "PASS", "USER"])} ${random.text(`${LETTERS} `, random.pick([1015, 1017, 1018, 1019, 1024, 1030, 5000, 20_000]))}`,
    () => random.text(OCTETS, random.below(40)),
    () => `PASS${core}`,
  ])();
}

/** An AUTH whose secret comes in the lines behind it. */
export const auth = ({ core }: Secret): string[] => ["AUTH LOGIN", "am9l", core];

/** What other protocols begin with. */
export const foreign = (random: Random): string =>
  random.pick([
    "GET / HTTP/1.1",
    "POST /x HTTP/1.0",
    "EHLO example.org",
    "MAIL FROM:<a@b>",
    "PROXY TCP4 1.2.3.4 1.2.3.5 1 2",
    "\x16\x03\x01\x00\x05",
    "\r\n\r\n\0\r\nQUIT",
  ]);

/** What stands at the end without a line end, and must not run. */
export const fragment = (random: Random): string =>
  random.pick(["DELE 1", "RETR 1", "QUIT ", "QUIT\r", "QUI", "DELE 12", " ", "\x00", "USER x"]);
