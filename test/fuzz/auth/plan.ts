/** What the client of a dialogue says: a valid login with AUTH, or with USER and PASS, made wrong in many ways. */

import type { Random } from "../random";
import { command, foreign, fragment, refused } from "../words";
import { badly, damaged, frame, type Person } from "./frames";
import { base64, MECHANISMS } from "./sasl";
import { HANDSHAKE } from "./wire";

export interface Plan {
  /** Each is said at once; then the client waits until nothing comes any more, if it waits at all. */
  readonly segments: readonly string[];
  readonly waits: boolean;
  readonly end: "ends" | "leaves" | "resets" | "stays";
}

const CASES = [(text: string) => text, (text: string) => text.toLowerCase(), (text: string) => text.replace("A", "a")];

/** A person's login, line by line, each without its line end. @param faults how likely a fault is in each part */
function login(random: Random, person: Person, faults: number): string[] {
  if (random.chance(0.12)) return [`USER ${person.user}`, `PASS ${person.password}`];
  const mechanism = random.pick(MECHANISMS);
  let response = frame(random, mechanism, person);
  if (random.chance(faults)) response = damaged(random, response);
  let written = base64(response);
  if (random.chance(faults)) written = badly(random, written);
  const said = random.chance(faults / 2)
    ? random.pick([
        "LOGIN",
        "CRAM-MD5",
        "PLAIN",
        "XOAUTH",
        "X-YZ_1",
        "",
        " PLAIN",
        "PLAIN,XOAUTH2",
        "\xdf",
        "x".repeat(21),
      ])
    : random.pick(CASES)(mechanism);
  const verb = random.chance(faults / 4) ? random.pick(["AUTH ", " AUTH", "AUTH\t", "AUTHX", "\0AUTH"]) : "AUTH";
  const line = `${random.pick(CASES)(verb)} ${said}`;
  if (random.chance(0.45)) return [`${line} ${written === "" ? "=" : written}`];
  return [line, written];
}

/** Lines before, between or behind the lines of a login. */
function another(random: Random, person: Person): string {
  if (random.chance(0.25)) return refused(random, { whole: person.password, core: person.core });
  return random.pick([
    "CAPA",
    "AUTH",
    "UTF8",
    "NOOP",
    "STLS",
    "USER joe",
    "USER",
    `PASS ${person.password}`,
    "AUTH PLAIN",
    "AUTH PLAIN =",
    "AUTH XOAUTH2",
    "*",
    "",
    "QUIT",
    "AUTH LOGIN",
    "am9l",
    "CAPA x",
    "auth",
    base64(person.password),
  ]);
}

function mutated(random: Random, lines: readonly string[], person: Person): string[] {
  const all = [...lines];
  const at = random.below(all.length + 1);
  const line = all[at] ?? "";
  const cut = random.below(line.length + 1);
  random.pick([
    () => all.splice(at, 0, another(random, person)),
    () => all.splice(at, 1),
    () => all.splice(at, 0, line),
    () => all.splice(at, 1, line.slice(0, cut)),
    () => all.splice(at, 1, line.slice(0, cut), line.slice(cut)),
    () => all.splice(at, 1, `${line}${random.pick([" ", "  x", "\r", "\t", "\0", "\x7f"])}`),
    () => all.splice(at, 1, line.replace(" ", random.pick(["", "  ", "\t", "=", "\r\n"]))),
    () => all.reverse(),
    () => all.splice(0, 0, random.chance(0.1) ? foreign(random) : "CAPA"),
    () =>
      all.splice(at, 0, ...Array.from({ length: 7 }, () => random.pick(["AUTH LOGIN", "XYZ", "*", "AUTH PLAIN ="]))),
    () => all.splice(at, 0, "x".repeat(random.pick([253, 254, 1022, 1023, 12_286, 12_287, 40_000]))),
    () => all.splice(at, 0, `USER ${"x".repeat(random.pick([1017, 1018, 12_300]))}`),
  ])();
  return all;
}

/** @param tls how TLS begins on this leg @param clean whether the client makes no mistake */
export function planOf(random: Random, person: Person, tls: "none" | "starttls" | "tls", clean: boolean): Plan {
  const faults = clean ? 0 : random.pick([0.1, 0.3, 0.6]);
  let lines: string[] = [];
  for (let count = random.below(3); count > 0; count--)
    lines.push(random.pick(["CAPA", "NOOP", "UTF8", "CAPA", "AUTH"]));
  // Where there is no STLS it is one command more that is not permitted.
  if (tls === "starttls" ? random.chance(0.8) : random.chance(0.05)) lines.push("STLS");
  // A client tries again, as another mail program does, or gives up.
  for (let count = 1 + random.below(clean ? 1 : 3); count > 0; count--) {
    if (random.chance(0.1)) lines.push("AUTH PLAIN", "*");
    lines.push(...login(random, person, faults));
  }
  for (let count = random.below(4); count > 0; count--) lines.push(command(random));
  if (random.chance(0.7)) lines.push("QUIT");
  if (!clean) for (let count = random.pick([0, 1, 1, 2]); count > 0; count--) lines = mutated(random, lines, person);
  const end = clean || random.chance(0.8) ? "\r\n" : random.pick(["\n", "\r\r\n", "\r", "\r\n\r\n", "\n\r"]);
  const texts = lines.map((line) => line + (random.chance(0.95) ? end : "\r\n"));
  const secured = tls === "starttls" && (clean || random.chance(0.95));
  if (secured) for (const [at, text] of texts.entries()) if (text === `STLS${end}`) texts[at] = `${text}${HANDSHAKE}`;
  if (tls === "tls" && (clean || random.chance(0.98))) texts.unshift(HANDSHAKE);
  if (!clean && random.chance(0.1)) texts.push(fragment(random));
  if (!clean && random.chance(0.1)) texts.splice(0, texts.length, texts.join("").slice(0, random.below(300)));
  const waits = random.chance(0.5);
  const pieces = waits ? texts : [texts.join("")];
  const ends = clean ? (["ends", "stays"] as const) : (["ends", "ends", "stays", "leaves", "resets"] as const);
  return { segments: pieces.flatMap((piece) => segmentsOf(random, piece)), waits, end: random.pick(ends) };
}

/** In one piece, in some, or octet by octet. */
function segmentsOf(random: Random, text: string): string[] {
  if (text.length <= 300 && random.chance(0.05)) return [...text];
  // TLS does not begin in the segment of STLS.
  return text.split(/(?=\x16)/).flatMap((part) => (random.chance(0.8) ? [part] : random.segments(part)));
}
