/** Responses of SASL, read by hand and octet by octet: it imports nothing of the gateway. All texts are latin1. */

export const MECHANISMS = ["PLAIN", "OAUTHBEARER", "XOAUTH2"] as const;

export type Mechanism = (typeof MECHANISMS)[number];

export interface Login {
  readonly user: string;
  /** The password or the token. */
  readonly secret: string;
  readonly token: boolean;
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const ALPHANUMERIC = ALPHABET.slice(0, 62);
const LONGEST = 1017;

export const base64 = (text: string): string => Buffer.from(text, "latin1").toString("base64");

/** The octets of a text in base64; null: it is not strictly that. */
export function decode(text: string): string | null {
  if (text.length % 4 !== 0) return null;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  let octets = "";
  let [bits, count] = [0, 0];
  for (const character of text.slice(0, text.length - padding)) {
    const value = ALPHABET.indexOf(character);
    if (value < 0) return null;
    bits = ((bits << 6) | value) & 0xffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    octets += String.fromCharCode((bits >> count) & 0xff);
  }
  // Nothing is hidden in the bits behind the last octet.
  return count === padding * 2 && (bits & ((1 << count) - 1)) === 0 ? octets : null;
}

/** The login in a decoded response; null: it is refused. */
export function read(mechanism: Mechanism, text: string): Login | null {
  const login = { PLAIN: readPlain, OAUTHBEARER: readOauthbearer, XOAUTH2: readXoauth2 }[mechanism](text);
  if (!login || !isWord(login.user.replace(/ +$/, "")) || (!login.token && !isWord(login.secret))) return null;
  return login.user === "" ? null : login;
}

function isWord(text: string): boolean {
  return text.length <= LONGEST && [...text].every((one) => one > "\x1f" && one !== "\x7f");
}

function readPlain(text: string): Login | null {
  const [identity = "", user = "", secret = "", ...more] = text.split("\0");
  if (text.split("\0").length < 3 || more.length > 0) return null;
  if (user === "" || (identity !== "" && identity !== user)) return null;
  return { user, secret, token: false };
}

function readXoauth2(text: string): Login | null {
  const [user = "", auth = "", ...more] = text.split("\x01");
  if (more.length !== 2 || more.join("") !== "" || user.slice(0, 5).toLowerCase() !== "user=") return null;
  if (auth.slice(0, 12).toLowerCase() !== "auth=bearer ") return null;
  const secret = auth.slice(12);
  return isToken(secret) ? { user: user.slice(5), secret, token: true } : null;
}

function readOauthbearer(text: string): Login | null {
  const start = text.indexOf(",\x01", 2);
  if ((text[0] !== "n" && text[0] !== "y") || text[1] !== "," || start < 0 || !text.endsWith("\x01\x01")) return null;
  const name = text.slice(2, start);
  // Behind the header each key has its 0x01, and one more is the end.
  const body = text.slice(start + 2, -1);
  const pairs = body.split("\x01");
  if (pairs.pop() !== "" || !pairs.every(isPair)) return null;
  const auth = pairs.filter((pair) => pair.slice(0, 5).toLowerCase() === "auth=").map((pair) => pair.slice(5));
  const [value = ""] = auth;
  const secret = value.slice(6).replace(/^ +/, "");
  if (auth.length !== 1 || value.slice(0, 7).toLowerCase() !== "bearer " || !isToken(secret)) return null;
  if (name.slice(0, 2) !== "a=") return null;
  const user = saslName(name.slice(2));
  return user === null ? null : { user, secret, token: true };
}

function isPair(pair: string): boolean {
  const at = pair.indexOf("=");
  const value = pair.slice(at + 1);
  if (at < 1 || [...pair.slice(0, at)].some((one) => !ALPHABET.slice(0, 52).includes(one))) return false;
  return [...value].every((one) => "\t\n\r".includes(one) || (one >= " " && one <= "~"));
}

function isToken(text: string): boolean {
  const body = text.replace(/=+$/, "");
  return body !== "" && [...body].every((one) => `${ALPHANUMERIC}._~+/-`.includes(one));
}

/** A name with its commas and equal signs (RFC 5801, 4); null: it has bare ones. */
function saslName(text: string): string | null {
  let name = "";
  for (let at = 0; at < text.length; at++) {
    const three = text.slice(at, at + 3);
    if (three === "=2C" || three === "=3D") {
      name += three === "=2C" ? "," : "=";
      at += 2;
    } else if ("\0,=".includes(text[at] as string)) {
      return null;
    } else {
      name += text[at];
    }
  }
  return name;
}
