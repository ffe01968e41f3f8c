/**
 * The type-length-value fields of a PROXY header, version 2 (HAProxy's proxy-protocol.txt, 2.2), and CRC32C, which one
 * of them has (RFC 3720, appendix B.4).
 */

/** The types that are read; others are skipped. */
const AUTHORITY = 0x02;
const CRC32C = 0x03;
const UNIQUE_ID = 0x05;
const SSL = 0x20;
const SSL_VERSION = 0x21;
const SSL_CIPHER = 0x23;

/** Bits of the field "client" of SSL. HAProxy sends SSL for clients in clear, too, without any bit. */
const CLIENT_SSL = 0x01;

/** The octets of SSL before its own fields: client, verify. */
const SSL_HEAD = 5;

/** The octets of a type and a length. */
const HEAD = 3;

/** TLS between the client and the sender of a header. */
export interface TlsFacts {
  /** As OpenSSL names it, such as TLSv1.3; "TLS" if the header does not tell. */
  readonly version: string;
  /** As OpenSSL names it; "": the header does not tell. */
  readonly cipher: string;
}

/** What the fields say of a client. Texts are latin1, as they came. */
export interface ClientFacts {
  /** TLS of the client; null: the client speaks none, or the header does not tell. */
  readonly tls: TlsFacts | null;
  /** The name that the client has asked for (SNI); "": none. */
  readonly authority: string;
  /** The sender's id of the connection; "": none. */
  readonly uniqueId: string;
}

/** What is known without fields. */
export const NO_FACTS: ClientFacts = { tls: null, authority: "", uniqueId: "" };

/**
 * Reads the fields of a complete header.
 *
 * @param header the whole header @param from where its fields begin
 * @returns null: a field does not fit its length, or the checksum is wrong
 */
export function parseFields(header: Buffer, from: number): ClientFacts | null {
  const fields = split(header.subarray(from));
  if (!fields) return null;
  const facts = { tls: null as TlsFacts | null, authority: "", uniqueId: "" };
  let at = from;
  for (const [type, value] of fields) {
    at += HEAD;
    if (type === CRC32C && !isSound(header, at, value)) return null;
    if (type === AUTHORITY) facts.authority = value.toString("latin1");
    if (type === UNIQUE_ID) facts.uniqueId = value.toString("latin1");
    if (type === SSL) {
      const tls = parseSsl(value);
      if (tls === null) return null;
      facts.tls = tls === "clear" ? null : tls;
    }
    at += value.length;
  }
  return facts;
}

/** The fields, in their order; null: one does not fit. */
function split(octets: Buffer): [type: number, value: Buffer][] | null {
  const fields: [number, Buffer][] = [];
  for (let at = 0; at < octets.length; ) {
    if (at + HEAD > octets.length) return null;
    const value = at + HEAD;
    const end = value + octets.readUInt16BE(at + 1);
    if (end > octets.length) return null;
    fields.push([octets[at] as number, octets.subarray(value, end)]);
    at = end;
  }
  return fields;
}

function parseSsl(value: Buffer): TlsFacts | "clear" | null {
  if (value.length < SSL_HEAD) return null;
  const fields = split(value.subarray(SSL_HEAD));
  if (!fields) return null;
  if (((value[0] as number) & CLIENT_SSL) === 0) return "clear";
  const text = (wanted: number) => fields.find(([type]) => type === wanted)?.[1].toString("latin1") ?? "";
  return { version: text(SSL_VERSION) || "TLS", cipher: text(SSL_CIPHER) };
}

/** The field SSL of a client under TLS that has shown no certificate. */
export function sslField({ version, cipher }: TlsFacts): Buffer {
  const own = Buffer.concat([
    // "verify" is 0 only for a certificate that was verified.
    Buffer.from([CLIENT_SSL, 0, 0, 0, 1]),
    field(SSL_VERSION, version),
    ...(cipher === "" ? [] : [field(SSL_CIPHER, cipher)]),
  ]);
  return field(SSL, own);
}

function field(type: number, value: string | Buffer): Buffer {
  const octets = typeof value === "string" ? Buffer.from(value, "latin1") : value;
  return Buffer.concat([Buffer.from([type, octets.length >> 8, octets.length & 0xff]), octets]);
}

/** Whether the checksum of a header is right. @param at where it stands; it counts as zero octets itself */
function isSound(header: Buffer, at: number, checksum: Buffer): boolean {
  if (checksum.length !== 4) return false;
  const zeroed = Buffer.from(header);
  zeroed.fill(0, at, at + 4);
  return crc32c(zeroed) === checksum.readUInt32BE(0);
}

/** Castagnoli's polynomial, reflected. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc >>> 0;
});

/** CRC32C of these octets. zlib's crc32 has another polynomial. */
export function crc32c(octets: Uint8Array): number {
  let crc = 0xffffffff;
  for (const octet of octets) crc = (crc >>> 8) ^ (TABLE[(crc ^ octet) & 0xff] as number);
  return (crc ^ 0xffffffff) >>> 0;
}
