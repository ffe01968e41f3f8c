/** Responses of SASL as clients write them, and with faults of every kind. */

import type { Random } from "../random";
import { OCTETS } from "../words";
import { base64, type Mechanism } from "./sasl";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** What a client logs in with. */
export interface Person {
  readonly user: string;
  readonly password: string;
  readonly token: string;
  /** A part of the password and of the token that is found nowhere else. */
  readonly core: string;
}

/** @param brief whether a response with it is so short that it could pass for a word */
export function person(random: Random, brief: boolean): Person {
  if (brief) {
    const core = random.text(LETTERS, 6);
    return { user: "a", password: core, token: core, core };
  }
  const core = random.text(LETTERS, 16);
  const around = () => random.pick(["", "", "", " ", ":", "=", ",", "\xe9", "\x80", "=2C", "pp:"]);
  const token = `${random.pick(["", "ya29.", "a-b_", "+/~"])}${core}${random.pick(["", "", "=", "=="])}`;
  return { user: name(random), password: around() + core + around(), token: lengthy(random, token), core };
}

function name(random: Random): string {
  const plain = random.pick([
    "joe",
    "j,o=e",
    "=2C",
    "J\xfcrgen",
    "joe smith",
    "%s",
    "joe ",
    "\x80",
    "pu:joe",
    "a:b:c",
    ":",
  ]);
  const server = random.pick(["", "", "", "", "@mail.example.org", "@[::1]:110", "@", "@not listed"]);
  const long = random.chance(0.03) ? random.text(",=x", random.pick([900, 1000, 1017, 1018, 1100])) : "";
  return long + plain + server;
}

/** The token, sometimes so long that its line is near the limit. */
function lengthy(random: Random, token: string): string {
  if (random.chance(0.96)) return token;
  const length = random.pick([1000, 4000, 9120 + random.below(60), 9150 + random.below(60)]);
  return random.text(LETTERS, length - token.length) + token;
}

/** A response that is well-formed, if the person's words are. */
export function frame(random: Random, mechanism: Mechanism, { user, password, token }: Person): string {
  if (mechanism === "PLAIN") return [random.pick(["", "", user]), user, password].join("\0");
  if (mechanism === "XOAUTH2") return `user=${user}\x01auth=${random.pick(["Bearer", "bearer"])} ${token}\x01\x01`;
  const escaped = user.replaceAll("=", "=3D").replaceAll(",", "=2C");
  const auth = `auth=Bearer${random.pick([" ", " ", "  "])}${token}\x01`;
  const place = random.pick(["", "host=mail.example.org\x01port=110\x01", "x=\x01"]);
  return `${random.pick(["n", "n", "y"])},a=${escaped},\x01${random.chance(0.5) ? auth + place : place + auth}\x01`;
}

/** Octets and words that mean something in a response. */
const MARKS = ["\0", "\r", "\n", "\r\n", "\x01", "\x01\x01", ",", "=", "=2C", "=3D", "=2c", "a=", "auth=", "user="];
const OTHERS = [" ", ":", "@", "\x7f", "\x80", "\xff", "\t", "Bearer ", "Basic ", "n,", "p=x,", "host=", "\x01x=y\x01"];

/** An octet or a word put in, removed, replaced or moved. */
export function damaged(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const mark = random.chance(0.7) ? random.pick([...MARKS, ...OTHERS]) : random.pick([...OCTETS, "\n"]);
  const separators = [...text.matchAll(/[\0\x01,=]/g)].map(({ index }) => index);
  const place = separators.length > 0 && random.chance(0.5) ? random.pick(separators) : at;
  return random.pick([
    () => text.slice(0, at) + random.pick(["\r", "\n", "\r\n", "\0", "\x7f", "\t"]) + text.slice(at),
    () => text.slice(0, at) + mark + text.slice(at),
    () => text.slice(0, place) + mark + text.slice(place),
    () => text.slice(0, place) + mark + text.slice(place + 1),
    () => text.slice(0, place) + text.slice(place + 1),
    () => text.slice(0, at),
    () => text.slice(at),
    () => text + mark,
    () => text + text,
    () => text.slice(place) + text.slice(0, place),
    () => random.text(OCTETS, random.below(60)),
    () => text.replaceAll("\x01", "\0"),
  ])();
}

/** Base64 that is not quite that. */
export function badly(random: Random, text: string): string {
  const at = random.below(text.length + 1);
  const put = (what: string) => text.slice(0, at) + what + text.slice(at);
  return random.pick([
    () => text.replace(/=+$/, ""),
    () => `${text}=`,
    () => `${text}====`,
    () => text.replace(/[A-Za-z0-9+/](?==*$)/, () => random.pick([..."AQgwBRhx9/"])),
    () => text.replaceAll("+", "-").replaceAll("/", "_"),
    () => put(random.pick([" ", "\t", "\r", "\n", "\r\n", "\0", "*", "=", "-", "\xc0", ",", "+", "."])),
    () => text.slice(0, at),
    () => text.slice(at),
    () => text + text,
    () => random.pick(["", "=", "==", "*", "* ", " ", "+", "+ ", "QUIT", "AA==", "AQ==", "AAAA", "A"]),
    () => ` ${text}`,
    () => `${text} `,
    () => `${text} ${text}`,
    () => `=${text}`,
    () => text.toLowerCase(),
    () => `"${text}"`,
    () => base64(text),
    () => text + random.text(LETTERS, 12_200 + random.below(200) - Math.min(text.length, 12_000)),
    () => random.text(LETTERS, 12_280 + random.below(12)),
  ])();
}
