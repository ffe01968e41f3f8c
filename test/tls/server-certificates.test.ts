/**
 * T8: which servers are believed. Each certificate is tried after STLS, or from the first octet, and in the long form both
 * ways; a login that is refused has told the server nothing, not even under TLS.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import type { TLSSocketOptions } from "node:tls";
import type { Script } from "../stage/accepting";
import { authority, certified, type Kind, lacking, otherAuthority, pinOf } from "../stage/certificates";
import { upToStls } from "../stage/dialogue";
import { drawn, tellDraw } from "../stage/draws";
import { accepted, assertUnsaid, attempt, type Mode, refused, type Setting, welcome } from "./login";

const MODES: readonly Mode[] = ["starttls", "tls"];

/** A server with this certificate that takes the login. */
function server(mode: Mode, kind: Kind, options: TLSSocketOptions = {}): Script {
  return async (peer) => {
    if (mode === "starttls") await upToStls(peer);
    const { cert, key } = certified(kind);
    await peer.acceptTls({ cert, key, ...options });
    if (mode === "tls") await peer.say("+OK ready");
    await welcome(peer);
  };
}

const trusting = () => ["--server-ca", authority()];
const pinning = (...kinds: Kind[]) => kinds.flatMap((kind) => ["--server-pin", pinOf(certified(kind))]);
/** Pins beside an authority that does not vouch for the server; the system's many take long to load. */
const pinningAlone = (...kinds: Kind[]) => ["--server-ca", otherAuthority(), ...pinning(...kinds)];

/**
 * What is tried, in both modes: with which certificate, how the server is named, which options there are, and in which
 * mode the gateway is a process of its own.
 */
type Try = readonly [name: string, kind: Kind, setting?: Omit<Setting, "mode" | "apart"> & { apart?: Mode }];

const REFUSED = (): readonly (readonly [...Required<Try>, RegExp])[] => [
  [
    "self-signed",
    "self-signed",
    { apart: "starttls" },
    /certificate of CN=self-signed, .*: signed by itself; --server-pin [0-9a-f]{64} /,
  ],
  ["expired", "expired", {}, /certificate of CN=expired, issued by CN=ca: expired on .+; --server-pin [0-9a-f]{64} /],
  ["not yet valid", "not yet valid", {}, /not valid before .+; is the clock right\?/],
  ["of another name", "wrong name", {}, /it is for .+, not for localhost; /],
  ["of the address, not of the name", "address only", {}, /it is for .+, not for localhost; /],
  ["of the name, not of the address", "name only", { host: "127.0.0.1" }, /it is for .+, not for 127\.0\.0\.1; /],
  ["of the address as a name", "address as a name", { host: "127.0.0.1" }, /it is for .+, not for 127\.0\.0\.1; /],
  [
    "of an authority that is not known",
    "unknown authority",
    {},
    /issued by CN=.+: its authority is not in .+; name a file that has it with --server-ca/,
  ],
  [
    "of an authority that only we know",
    "good",
    { options: [] },
    /its authority is not in .+; name a file that has it with --server-ca/,
  ],
  ["good, with the pin of another", "good", { options: pinningAlone("ec") }, /pin/],
  [
    "good, with its authority and the pin of another",
    "good",
    { options: [...trusting(), ...pinning("ec", "ec2")] },
    /pin/,
  ],
];

const ACCEPTED = (): readonly Try[] => [
  ["with a good certificate", "good", { apart: "tls" }],
  ["with a good EC certificate", "ec"],
  ["known by its address", "good", { host: "127.0.0.1" }],
  ["known by its address, and certified for nothing else", "address only", { host: "127.0.0.1" }],
  ["pinned, though expired", "expired", { options: pinningAlone("expired") }],
  ["pinned, though not yet valid", "not yet valid", { options: pinningAlone("not yet valid") }],
  ["pinned, though self-signed", "self-signed", { options: pinningAlone("self-signed") }],
  ["pinned, though of another name", "wrong name", { options: [...trusting(), ...pinning("wrong name")] }],
  [
    "with the second of two pins",
    "unknown authority",
    { options: [...trusting(), ...pinning("ec", "unknown authority")] },
  ],
  ["pinned in base64", "ec", { options: ["--server-pin", pinOf(certified("ec"), "base64")] }],
];

/** Tries each of them both ways; in the short form one of them, and the first row both. */
async function bothWays<Row extends readonly [string, ...unknown[]]>(
  t: TestContext,
  rows: readonly Row[],
  tryOut: (t: TestContext, mode: Mode, row: Row) => Promise<unknown>,
): Promise<void> {
  const modes = (row: Row) => (row === rows[0] ? MODES : drawn(MODES, 1, row[0]));
  const all = rows.flatMap((row) => modes(row).map((mode) => [mode, row] as const));
  await Promise.all(
    all.map(([mode, row]) => t.test(`${mode}: ${row[0]}`, { timeout: 300_000 }, (t) => tryOut(t, mode, row).then())),
  );
}

tellDraw("modes of TLS");

const LIMITS = { skip: lacking, concurrency: 4, timeout: 300_000 };

test("T8: certificates that are refused, before any credential leaves", LIMITS, (t) =>
  bothWays(t, REFUSED(), (t, mode, [, kind, setting, reason]) =>
    refused(t, server(mode, kind), { ...setting, mode, apart: setting.apart === mode }, reason),
  ),
);

test("T8: servers that are believed; an address is no server name", LIMITS, (t) =>
  bothWays(t, ACCEPTED(), async (t, mode, [, kind, setting = {}]) => {
    const { server: played } = await accepted(t, server(mode, kind), {
      ...setting,
      mode,
      apart: setting.apart === mode,
    });
    assert.equal(played.peers[0]?.sni, setting.host === "127.0.0.1" ? "" : "localhost");
  }),
);

/** What a server of another age speaks. */
const VINTAGE: TLSSocketOptions = { minVersion: "TLSv1", maxVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" };

test("a server that knows TLS 1.0 only is refused, unless --server-tls-min permits it", LIMITS, (t) =>
  bothWays(t, [["1.2"], ["1.1"], ["1.0"]] as const, async (t, mode, [lowest]) => {
    const script = server(mode, "good", VINTAGE);
    const options = [...trusting(), "--server-tls-min", lowest];
    if (lowest !== "1.0") return refused(t, script, { mode, options }, /alert|version|protocol/i);
    const { server: played } = await accepted(t, script, { mode, options });
    assert.equal(played.peers[0]?.version, "TLSv1");
  }),
);

test("a server that wants a certificate gets none, or the one that was named", LIMITS, (t) => {
  const demanding = { requestCert: true, rejectUnauthorized: true, ca: readFileSync(authority()) };
  return bothWays(t, [["TLSv1.2"], ["TLSv1.3"]] as const, async (t, mode, [maxVersion]) => {
    const looking = server(mode, "good", { ...demanding, maxVersion });
    const { reply, server: played, gateway } = await attempt(t, looking, { mode });
    assert.match(reply, /^-ERR \[SYS\/TEMP\] /);
    assert.equal((await gateway.ended()).length, 1);
    assertUnsaid(played);
    const { certFile, keyFile } = certified("ec");
    await accepted(t, looking, { mode, options: [...trusting(), "--server-cert", certFile, "--server-key", keyFile] });
  });
});
