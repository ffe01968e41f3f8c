/**
 * The header of the PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt), by which a load balancer tells the
 * server behind it who the client is. It comes before all else on a connection, TLS included.
 *
 * - A header is complete at its last octet and at no other. What stands behind it belongs to the client.
 * - Whoever reads one requires it: whether there is one is never guessed.
 * - What good senders do wrong is taken: a destination of the other address family, in version 1.
 */

import { addressOctets, addressText, mappedOctets, withoutZone } from "./ipaddress";
import { type ClientFacts, NO_FACTS, parseFields, sslField, type TlsFacts } from "./proxytlv";

/** One end of the client's connection. */
export interface ProxyEnd {
  /** An IP address; an IPv4-mapped one as IPv4. */
  readonly address: string;
  readonly port: number;
}

/** A header. */
export type ProxyHeader =
  /** The sender speaks for itself, such as a health check, or does not know the client: the socket's addresses count. */
  | { readonly kind: "local" }
  | {
      readonly kind: "client";
      readonly from: ProxyEnd;
      /** Where the client has connected to. */
      readonly to: ProxyEnd;
      readonly facts: ClientFacts;
    };

/** The state of a header after some octets. */
export type ProxyParse =
  | { readonly kind: "more" }
  /** It is no header, or one that is not taken. */
  | { readonly kind: "bad"; readonly why: string }
  | { readonly kind: "complete"; readonly header: ProxyHeader; readonly length: number };

/** The longest header of version 1, with its CRLF. */
const V1_LIMIT = 107;

/** The most octets behind the first 16 of version 2. Its sender may claim up to 65535; 536 are what the protocol promises. */
const V2_LIMIT = 4096;

const V1_BEGIN = Buffer.from("PROXY ");
const V2_BEGIN = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");

/** The octets of version 2 before the addresses. */
const V2_HEAD = 16;

/** Version and command of version 2, in one octet. */
const LOCAL = 0x20;
const PROXY = 0x21;

/** Family and protocol of version 2, in one octet: TCP over IPv4 and over IPv6. UDP and unix sockets are not taken. */
const TCP4 = 0x11;
const TCP6 = 0x21;

const MORE: ProxyParse = { kind: "more" };

/** Parses what has arrived on a connection so far, from its first octet on. */
export function parseProxyHeader(octets: Buffer): ProxyParse {
  if (octets.length === 0) return MORE;
  for (const [begin, parse] of [
    [V1_BEGIN, parseV1],
    [V2_BEGIN, parseV2],
  ] as const) {
    const count = Math.min(begin.length, octets.length);
    if (octets.compare(begin, 0, count, 0, count) === 0) return count < begin.length ? MORE : parse(octets);
  }
  return bad("no PROXY header");
}

function bad(why: string): ProxyParse {
  return { kind: "bad", why };
}

function parseV1(octets: Buffer): ProxyParse {
  const end = octets.subarray(0, V1_LIMIT).indexOf("\n");
  if (end < 0) return octets.length >= V1_LIMIT ? bad("a header of more than 107 octets") : MORE;
  const line = octets.toString("latin1", 0, end);
  if (!line.endsWith("\r")) return bad("a header without CRLF");
  const words = line.slice(V1_BEGIN.length, -1);
  const length = end + 1;
  if (words.startsWith("UNKNOWN")) return { kind: "complete", header: { kind: "local" }, length };
  const [family = "", source = "", destination = "", ...digits] = words.split(" ");
  const [from, to] = [source, destination].map(addressOctets);
  const [fromPort, toPort] = digits.map(portOf);
  if (digits.length !== 2 || !from || !to || fromPort === undefined || toPort === undefined) {
    return bad("a header that is malformed");
  }
  if (family !== (from.length === 4 ? "TCP4" : "TCP6")) return bad("a header with an address of another family");
  return complete([from, fromPort], [to, toPort], NO_FACTS, length);
}

/** A port without leading zeros; undefined: it is none. */
function portOf(digits: string): number | undefined {
  return /^(?:0|[1-9][0-9]{0,4})$/.test(digits) && Number(digits) <= 0xffff ? Number(digits) : undefined;
}

function parseV2(octets: Buffer): ProxyParse {
  const [command, family] = [octets[12], octets[13]];
  if (command === undefined) return MORE;
  if (command !== LOCAL && command !== PROXY) return bad("a header of another version or command");
  if (octets.length < V2_HEAD) return MORE;
  const size = octets.readUInt16BE(14);
  if (size > V2_LIMIT) return bad(`a header of more than ${V2_LIMIT} octets`);
  const length = V2_HEAD + size;
  const addresses = family === TCP4 ? 4 : family === TCP6 ? 16 : 0;
  const fields = V2_HEAD + 2 * addresses + 4;
  if (command === PROXY && addresses === 0) return bad("a header of another protocol than TCP");
  if (command === PROXY && fields > length) return bad("a header that is malformed");
  if (octets.length < length) return MORE;
  // All of it is to be ignored, whatever the family is.
  if (command === LOCAL) return { kind: "complete", header: { kind: "local" }, length };
  const facts = parseFields(octets.subarray(0, length), fields);
  if (!facts) return bad("a header with a field that is malformed, or a wrong checksum");
  const at = (index: number) => octets.subarray(V2_HEAD + index * addresses, V2_HEAD + (index + 1) * addresses);
  const ports = V2_HEAD + 2 * addresses;
  return complete([at(0), octets.readUInt16BE(ports)], [at(1), octets.readUInt16BE(ports + 2)], facts, length);
}

type RawEnd = readonly [address: Buffer, port: number];

function complete(from: RawEnd, to: RawEnd, facts: ClientFacts, length: number): ProxyParse {
  const end = ([address, port]: RawEnd) => ({ address: addressText(address), port });
  return { kind: "complete", header: { kind: "client", from: end(from), to: end(to), facts }, length };
}

/** For whom a header is written. */
export interface ProxyClient {
  readonly from: ProxyEnd;
  readonly to: ProxyEnd;
  /** TLS of the client; null: it speaks none. */
  readonly tls: TlsFacts | null;
}

/**
 * Writes a header. Addresses of two families are both written as IPv6, since servers refuse them otherwise.
 *
 * @param client null, or one without addresses: the header says that the client is not known
 */
export function writeProxyHeader(version: 1 | 2, client: ProxyClient | null): Buffer {
  const [from, to] = [client?.from, client?.to].map((end) => addressOctets(withoutZone(end?.address ?? "")));
  if (!client || !from || !to) {
    return version === 1 ? Buffer.from("PROXY UNKNOWN\r\n") : Buffer.concat([V2_BEGIN, Buffer.from([LOCAL, 0, 0, 0])]);
  }
  const six = from.length === 16 || to.length === 16;
  const ports = [client.from.port, client.to.port];
  if (version === 1) {
    const texts = [from, to].map((octets) => (six && octets.length === 4 ? "::ffff:" : "") + addressText(octets));
    return Buffer.from(["PROXY", six ? "TCP6" : "TCP4", ...texts, ...ports].join(" ").concat("\r\n"));
  }
  const addresses = [from, to].map((octets) => (six ? mappedOctets(octets) : octets));
  const rest = Buffer.concat([
    ...addresses,
    Buffer.from(ports.flatMap((port) => [port >> 8, port & 0xff])),
    ...(client.tls ? [sslField(client.tls)] : []),
  ]);
  const head = [PROXY, six ? TCP6 : TCP4, rest.length >> 8, rest.length & 0xff];
  return Buffer.concat([V2_BEGIN, Buffer.from(head), rest]);
}
