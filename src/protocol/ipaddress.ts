/**
 * IP addresses as texts and as octets (RFC 4291, 2.2; RFC 5952). An IPv4-mapped IPv6 address is IPv4: so it is compared
 * and shown everywhere.
 */

const FOUR = /^(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})$/;
const GROUP = /^[0-9a-f]{1,4}$/i;

/** The octets before the IPv4 address in an IPv4-mapped one: ::ffff:0:0/96. */
const MAPPED = "00000000000000000000ffff";

/** The octets of an IPv4 or IPv6 address, 4 or 16; null: the text is none. No leading zeros in IPv4, and no zones. */
export function addressOctets(text: string): Buffer | null {
  return text.includes(":") ? octetsOfSix(text) : octetsOfFour(text);
}

function octetsOfFour(text: string): Buffer | null {
  if (!FOUR.test(text)) return null;
  const numbers = text.split(".").map(Number);
  return numbers.some((number) => number > 255) ? null : Buffer.from(numbers);
}

function octetsOfSix(text: string): Buffer | null {
  // An IPv4 address at the end stands for the last two groups.
  const [, front = "", four] = /^(.*:)([0-9.]*\.[0-9.]*)$/.exec(text) ?? [];
  const last = four === undefined ? null : octetsOfFour(four);
  if (four !== undefined && !last) return null;
  const all = last ? `${front}${last.toString("hex", 0, 2)}:${last.toString("hex", 2)}` : text;
  const halves = all.split("::");
  if (halves.length > 2) return null;
  const [left = [], right = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const zeros = 8 - left.length - right.length;
  if (halves.length === 2 ? zeros < 1 : zeros !== 0) return null;
  const groups = [...left, ...Array<string>(zeros).fill("0"), ...right];
  if (!groups.every((group) => GROUP.test(group))) return null;
  return Buffer.from(groups.map((group) => group.padStart(4, "0")).join(""), "hex");
}

/** The text of 4 or 16 octets; an IPv4-mapped address as IPv4. */
export function addressText(octets: Buffer): string {
  if (octets.length === 4) return octets.join(".");
  if (octets.toString("hex", 0, 12) === MAPPED) return octets.subarray(12).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => octets.readUInt16BE(2 * index).toString(16));
  const text = groups.join(":");
  // The longest run of zeros, of two groups at least, the first one of equals (RFC 5952, 4.2).
  const runs = [...text.matchAll(/(?<![0-9a-f])0(?::0(?![0-9a-f]))+/g)];
  const [longest] = runs.sort(([one], [other]) => other.length - one.length);
  if (!longest) return text;
  const before = text.slice(0, longest.index).replace(/:$/, "");
  const after = text.slice(longest.index + longest[0].length).replace(/^:/, "");
  return `${before}::${after}`;
}

/** An address without the name of an interface, which means nothing to another machine. */
export function withoutZone(address: string): string {
  return address.replace(/%.*/s, "");
}

/** As 16 octets: an IPv4 address as an IPv4-mapped one. */
export function mappedOctets(octets: Buffer): Buffer {
  return octets.length === 16 ? octets : Buffer.concat([Buffer.from(MAPPED, "hex"), octets]);
}
