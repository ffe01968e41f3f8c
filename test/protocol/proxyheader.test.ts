import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { showHostPort } from "../../src/base/address";
import { type ProxyEnd, type ProxyParse, parseProxyHeader, writeProxyHeader } from "../../src/protocol/proxyheader";
import { crc32c } from "../../src/protocol/proxytlv";
import { HEADERS, type KnownHeader, known } from "./proxyheaders";

const show = ({ address, port }: ProxyEnd) => showHostPort(address, port);

/** A parse as proxy-headers.txt writes it. */
function meaningOf(parsed: ProxyParse): string {
  if (parsed.kind === "bad") return "BAD";
  if (parsed.kind === "more") return "MORE";
  const { header } = parsed;
  if (header.kind === "local") return "LOCAL";
  const { tls, authority, uniqueId } = header.facts;
  const facts = Object.entries({ sni: authority, id: uniqueId, tls: tls?.version, cipher: tls?.cipher });
  const told = facts.flatMap(([name, value]) => (value ? [`${name}=${value}`] : []));
  return ["CLIENT", show(header.from), show(header.to), ...told].join(" ");
}

/** Parses as octets arrive, in these segments. @returns the outcome, and after how many octets it came */
function arriving(octets: Buffer, size: number): { parsed: ProxyParse; after: number } {
  let parsed: ProxyParse = { kind: "more" };
  let after = 0;
  while (parsed.kind === "more" && after < octets.length) {
    after = Math.min(octets.length, after + size);
    parsed = parseProxyHeader(octets.subarray(0, after));
  }
  return { parsed, after };
}

const sorted = (meaning: string) => meaning.split(" ").sort().join(" ");

/** The sizes of segments: octet by octet, small ones, all at once. */
const SIZES = [1, 7, 100_000];

test("I13: every header that was captured, in three segmentations", () => {
  assert.equal(HEADERS.length, 42);
  for (const { name, meaning, octets, rest } of HEADERS) {
    for (const size of SIZES) {
      const { parsed, after } = arriving(octets, size);
      assert.equal(sorted(meaningOf(parsed)), sorted(meaning), `${name}, ${size}`);
      if (parsed.kind !== "complete") continue;
      assert.equal(parsed.length, octets.length - rest, name);
      // Complete at its last octet, not before and not later.
      if (size === 1) assert.equal(after, parsed.length, name);
    }
  }
});

test("what is no header is told by its first wrong octet, before a header could be complete", () => {
  for (const [octets, after] of [
    ["USER joe\r\n", 1],
    ["PROXI TCP4", 5],
    ["\r\n\r\nX", 5],
    ["GET / HTTP/1.1\r\n", 1],
  ] as const) {
    const outcome = arriving(Buffer.from(octets), 1);
    assert.deepEqual([outcome.parsed.kind, outcome.after], ["bad", after], octets);
  }
});

test("version 1: what is refused, and what is taken", () => {
  const bad = (line: string) => assert.equal(parseProxyHeader(Buffer.from(line)).kind, "bad", line);
  const taken = (line: string, meaning: string) => {
    assert.equal(meaningOf(parseProxyHeader(Buffer.from(line))), meaning, line);
  };
  for (const line of [
    "PROXY TCP4 192.0.2.7 192.0.2.8 1\r\n",
    "PROXY TCP4 192.0.2.7 192.0.2.8 1 2 \r\n",
    "PROXY TCP4 192.0.2.7  192.0.2.8 1 2\r\n",
    "PROXY  TCP4 192.0.2.7 192.0.2.8 1 2\r\n",
    "PROXY TCP4 192.0.2.7 192.0.2.8 1 65536\r\n",
    "PROXY TCP4 192.0.2.7 192.0.2.8 01 2\r\n",
    "PROXY TCP4 192.0.2.256 192.0.2.8 1 2\r\n",
    "PROXY TCP4 192.0.2.7 192.0.2.8 -1 2\r\n",
    "PROXY TCP4 ::ffff:192.0.2.7 192.0.2.8 1 2\r\n",
    "PROXY TCP6 192.0.2.7 2001:db8::8 1 2\r\n",
    "PROXY TCP6 2001:db8::7%eth0 2001:db8::8 1 2\r\n",
    "PROXY TCP6 2001:db8:::7 2001:db8::8 1 2\r\n",
    "PROXY UDP4 192.0.2.7 192.0.2.8 1 2\r\n",
    "PROXY tcp4 192.0.2.7 192.0.2.8 1 2\r\n",
    "PROXY TCP4 192.0.2.7 192.0.2.8 1 2\n",
    "PROXY UNKNOWN\n",
    "PROXY \r\n",
  ]) {
    bad(line);
  }
  bad(`PROXY UNKNOWN ${"x".repeat(200)}`);
  taken("PROXY TCP6 2001:DB8:0:0::7 192.0.2.8 1 0\r\n", "CLIENT [2001:db8::7]:1 192.0.2.8:0");
  taken("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:c000:208 1 2\r\n", "CLIENT 192.0.2.7:1 192.0.2.8:2");
  taken("PROXY UNKNOWN\r\n", "LOCAL");
  taken("PROXY UNKNOWN what ever 1\r\nUSER joe", "LOCAL");
  const longest = `PROXY UNKNOWN ${"x".repeat(91)}\r\n`;
  assert.equal(longest.length, 107);
  taken(longest, "LOCAL");
  bad(longest.replace("\r\n", "x\r\n"));
});

/** A header of version 2 with this command, family and length. */
function v2(command: number, family: number, rest: Buffer, size = rest.length): Buffer {
  const head = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
  return Buffer.concat([head, Buffer.from([command, family, size >> 8, size & 0xff]), rest]);
}

const FOUR = Buffer.from("c0000207c00002081f90006e", "hex");

test("version 2: commands, families, lengths", () => {
  const kind = (octets: Buffer) => parseProxyHeader(octets).kind;
  assert.equal(kind(v2(0x21, 0x11, FOUR)), "complete");
  for (const [command, family] of [
    [0x22, 0x11],
    [0x11, 0x11],
    [0x21, 0x00],
    [0x21, 0x12],
    [0x21, 0x22],
    [0x21, 0x31],
    [0x21, 0x32],
    [0x21, 0x41],
  ] as const) {
    assert.equal(kind(v2(command, family, Buffer.alloc(300))), "bad", `${command} ${family}`);
  }
  assert.equal(kind(v2(0x21, 0x11, FOUR.subarray(1))), "bad");
  assert.equal(kind(v2(0x21, 0x21, FOUR)), "bad");
  // The length is the sender's word: it is refused before so many octets are kept.
  assert.equal(kind(v2(0x21, 0x11, Buffer.alloc(0), 4097)), "bad");
  assert.equal(kind(v2(0x20, 0x00, Buffer.alloc(0), 0xffff)), "bad");
  const padding = Buffer.concat([Buffer.from([4, 0x0f, 0xf1]), Buffer.alloc(0x0ff1)]);
  assert.equal(kind(v2(0x21, 0x11, Buffer.concat([FOUR, padding]))), "complete");
  assert.equal(kind(v2(0x20, 0x77, Buffer.from("whatever"))), "complete");
});

test("version 2: fields that do not fit, and the checksum", () => {
  const kind = (hex: string) => parseProxyHeader(v2(0x21, 0x11, Buffer.concat([FOUR, Buffer.from(hex, "hex")]))).kind;
  assert.equal(kind("ea000161"), "complete");
  for (const hex of ["02", "0200", "020002", "02000261", "2000040100000000", "200006010000000121", "030003000000"]) {
    assert.equal(kind(hex), "bad", hex);
  }
  assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
  const sound = known("haproxy-v2-all-cert");
  assert.equal(parseProxyHeader(sound).kind, "complete");
  // Any one bit that changes is noticed, but in the type of the checksum itself.
  const length = sound.length - "CAPA\r\n".length;
  const type = 16 + FOUR.length;
  assert.equal(sound[type], 3);
  for (let at = 16; at < length; at++) {
    if (at === type) continue;
    const damaged = Buffer.from(sound);
    damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
    assert.notEqual(parseProxyHeader(damaged).kind, "complete", `octet ${at}`);
  }
});

test("what is written is what senders write, and is read as it was meant", () => {
  const from = { address: "127.0.0.1", port: 52_548 };
  const to = { address: "127.0.0.1", port: 24_001 };
  const bare = ({ octets, rest }: KnownHeader) => octets.subarray(0, octets.length - rest);
  const of = (name: string) => bare(HEADERS.find((header) => header.name === name) as KnownHeader);
  assert.deepEqual(writeProxyHeader(1, { from, to, tls: null }), of("haproxy-v1-tcp4-with-data"));
  assert.deepEqual(
    writeProxyHeader(2, { from: { ...from, port: 36_864 }, to: { ...to, port: 24_002 }, tls: null }),
    of("haproxy-v2-tcp4-with-data"),
  );
  assert.deepEqual(
    writeProxyHeader(2, {
      from: { address: "2001:db8::9", port: 0xa72a },
      to: { address: "127.0.0.1", port: 0x5dce },
      tls: null,
    }),
    of("haproxy-v2-mixed-families"),
  );
  assert.deepEqual(
    writeProxyHeader(1, {
      from: { address: "2001:db8::9", port: 34_220 },
      to: { address: "127.0.0.1", port: 24_013 },
      tls: null,
    }),
    of("haproxy-v1-mixed-families"),
  );
  assert.deepEqual(writeProxyHeader(2, null), of("haproxy-check-v2-local"));
  assert.deepEqual(writeProxyHeader(1, null), of("nginx-stream-v1-unix"));
  const pipe = { address: "", port: 0 };
  assert.deepEqual(writeProxyHeader(1, { from: pipe, to: pipe, tls: null }), of("nginx-stream-v1-unix"));
  const secure = writeProxyHeader(2, { from, to, tls: { version: "TLSv1.3", cipher: "TLS_AES_256_GCM_SHA384" } });
  assert.match(meaningOf(parseProxyHeader(secure)), / tls=TLSv1\.3 cipher=TLS_AES_256_GCM_SHA384$/);
  const zone = { address: "fe80::1%eth0", port: 1 };
  assert.match(`${writeProxyHeader(1, { from: zone, to: zone, tls: null })}`, /^PROXY TCP6 fe80::1 fe80::1 1 1\r\n$/);
});

test("any two ends are read as they were written, and no octets make a fault", () => {
  const end = fc.record({
    address: fc.oneof(
      fc.ipV4(),
      fc.tuple(...Array.from({ length: 8 }, () => fc.constantFrom("0", "1", "db8", "ffff"))).map((g) => g.join(":")),
    ),
    port: fc.nat(0xffff),
  });
  fc.assert(
    fc.property(end, end, fc.constantFrom(1 as const, 2 as const), (from, to, version) => {
      const octets = writeProxyHeader(version, { from, to, tls: null });
      assert.ok(version === 2 || octets.length <= 107);
      const parsed = parseProxyHeader(Buffer.concat([octets, Buffer.from("USER joe\r\n")]));
      assert.ok(parsed.kind === "complete" && parsed.header.kind === "client", octets.toString());
      assert.equal(parsed.length, octets.length);
      const again = writeProxyHeader(version, { from: parsed.header.from, to: parsed.header.to, tls: null });
      const { header } = parseProxyHeader(again) as Extract<ProxyParse, { kind: "complete" }>;
      assert.deepEqual(header, parsed.header);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(0, 1, 2), (octets, before) => {
      const begin = ["", "PROXY ", "\r\n\r\n\0\r\nQUIT\n\x21\x11"][before] as string;
      const { kind } = parseProxyHeader(Buffer.concat([Buffer.from(begin, "latin1"), octets]));
      assert.ok(["more", "bad", "complete"].includes(kind));
    }),
  );
});
