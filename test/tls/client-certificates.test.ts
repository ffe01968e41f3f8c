/**
 * The certificates that clients are shown: which one, with which TLS versions, and what is told at the start of those
 * that can't be used.
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { SecureVersion } from "node:tls";
import { UsageFault } from "../../src/config/rules";
import { certified, fileOf, type Kind, lacking, lockedKey, rawOf, withCertificates } from "../stage/certificates";
import { connectTls } from "../stage/dialogue";
import { startInside } from "../stage/inside";
import { launch, MAIN, startProcess } from "../stage/process";
import { startBeforeDemo } from "./beforedemo";

const LIMITS = { skip: lacking, timeout: 300_000, concurrency: 4 };

/** Starts the gateway as a process, which must end by itself. @returns its exit status and all that it has said */
async function failing(t: TestContext, ...argv: string[]): Promise<{ status: number | string; said: string }> {
  const options = ["--foreground", "--listen", "127.0.0.1:0/tls", ...argv, "127.0.0.1:1"];
  const child = launch(t, process.execPath, [MAIN, ...options], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.child.stdout?.on("data", (chunk: Buffer) => (said += chunk));
  const status = await child.ended();
  return { status, said: said + child.said() };
}

/** What can't be used: the options, the file that must be told, and why. */
type Unusable = readonly [name: string, argv: string[], file: string, reason: RegExp];

/** One line without a stack, which has the file and the reason in it. */
function assertTold(name: string, said: string, file: string, reason: RegExp): void {
  assert.doesNotMatch(said, /\n/, name);
  assert.ok(said.includes(file), `${name}: ${said}`);
  assert.match(said, reason, name);
}

test("certificates that can't be used are told at the start, with file and reason", LIMITS, async (t) => {
  const good = certified("good");
  const { certFile, keyFile } = good;
  const garbage = fileOf("garbage.pem", "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n");
  const empty = fileOf("empty.pem", "");
  const pair = (cert: string, key: string) => withCertificates({ certFile: cert, keyFile: key });
  const apart: readonly Unusable[] = [
    ["a missing certificate", pair("/nowhere/a.pem", keyFile), "/nowhere/a.pem", /there is no such file/],
    ["the second of two", [...pair(certFile, keyFile), ...pair(garbage, keyFile)], garbage, /./],
    [
      "a server's authority that is none",
      [...pair(certFile, keyFile), "--server-tls", "tls", "--server-ca", garbage],
      garbage,
      /./,
    ],
  ];
  const inside: readonly Unusable[] = [
    ["a missing key", pair(certFile, "/nowhere/a.key"), "/nowhere/a.key", /there is no such file/],
    ["a folder", pair("/tmp", keyFile), "/tmp", /it is a directory/],
    [
      "a key of another certificate",
      pair(certFile, certified("ec").keyFile),
      certFile,
      /the key is not that of the certificate/,
    ],
    [
      "a key of another one of the same kind",
      pair(certified("ec2").certFile, certified("ec").keyFile),
      "ec2",
      /the key is not that of the certificate/,
    ],
    ["garbage as certificate", pair(garbage, keyFile), garbage, /the certificate in the file is damaged/],
    ["garbage as key", pair(certFile, garbage), garbage, /a key is needed here, and the file holds a certificate/],
    ["an empty certificate", pair(empty, keyFile), empty, /no certificate in PEM/],
    ["an empty key", pair(certFile, empty), empty, /no key in PEM/],
    [
      "a key where the certificate should be",
      pair(keyFile, keyFile),
      keyFile,
      /a certificate is needed here, and the file holds a key/,
    ],
    [
      "a key that wants a passphrase",
      pair(certFile, lockedKey(good)),
      "locked.key",
      /the key is encrypted; openssl pkey/,
    ],
    [
      "an empty file of authorities",
      [...pair(certFile, keyFile), "--server-tls", "tls", "--server-ca", empty],
      empty,
      /./,
    ],
    [
      "a missing file of authorities",
      [...pair(certFile, keyFile), "--server-tls", "tls", "--server-ca", "/nowhere/ca"],
      "/nowhere/ca",
      /there is no such file/,
    ],
    [
      "a key that is not the client certificate's",
      [
        ...pair(certFile, keyFile),
        "--server-tls",
        "tls",
        "--server-cert",
        certified("ec2").certFile,
        "--server-key",
        keyFile,
      ],
      "ec2",
      /the key is not that of the certificate/,
    ],
  ];
  for (const [name, argv, file, reason] of apart) {
    const { status, said } = await failing(t, ...argv);
    assert.equal(status, 69, said);
    assert.ok(said.endsWith("\n"), said);
    assertTold(name, said.slice(0, -1), file, reason);
  }
  for (const [name, argv, file, reason] of inside) {
    const fault = await startInside(t, [...argv, "127.0.0.1:1"], ["/tls"]).then(
      () => assert.fail(`it starts with ${name}`),
      (thrown: Error) => thrown,
    );
    assertTold(name, fault.message, file, reason);
  }
});

test("pairs that are not pairs are faults of usage", LIMITS, async (t) => {
  const { certFile, keyFile } = certified("good");
  const [cert, key] = [
    ["--tls-cert", certFile],
    ["--tls-key", keyFile],
  ];
  for (const argv of [[], cert, key, [...cert, ...key, ...cert]]) {
    await assert.rejects(startInside(t, [...argv, "127.0.0.1:1"], ["/tls"]), (thrown: Error) => {
      assert.ok(thrown instanceof UsageFault, thrown.message);
      assert.match(thrown.message, /--tls-(?:cert|key)/);
      return true;
    });
  }
  const { status, said } = await failing(t);
  assert.equal(status, 64, said);
  assert.match(said, /--tls-(?:cert|key)/);
});

test("a certificate that is not valid now is served, with a warning", LIMITS, async (t) => {
  for (const [kind, start] of [
    ["expired", (argv: string[]) => startProcess(argv, { t, listeners: ["/tls"] })],
    ["not yet valid", (argv: string[]) => startInside(t, argv, ["/tls"])],
  ] as const) {
    const { port, saying } = await start([...withCertificates(certified(kind)), "127.0.0.1:1"]);
    const { tls } = await connectTls(port, { rejectUnauthorized: false }, t);
    assert.deepEqual(tls?.getPeerX509Certificate()?.raw, rawOf(certified(kind)));
    await saying(new RegExp(`warning tls .*${kind.replaceAll(" ", "-")}\\.pem`));
  }
});

/** What each name leads to, if these are the certificates in their order. */
async function chosen(t: TestContext, ...kinds: readonly [Kind, ...Kind[]]): Promise<void> {
  const argv = [...withCertificates(...kinds.map(certified)), "127.0.0.1:1"];
  const { port } = await startInside(t, argv, ["/tls"]);
  const shown = async (servername: string, maxVersion: "TLSv1.2" | "TLSv1.3") => {
    const options = { rejectUnauthorized: false, servername, maxVersion };
    const { tls } = await connectTls(port, options, t);
    return tls?.getPeerCertificate().subject.CN;
  };
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    for (const kind of kinds) {
      assert.equal(await shown(kind, version), kind, version);
      assert.equal(await shown(kind.toUpperCase(), version), kind, version);
    }
    assert.equal(await shown("three.example", version), kinds[0], version);
    assert.equal(await shown("", version), kinds[0], version);
    if (kinds.includes("two.example")) assert.equal(await shown("mail.two.example", version), "two.example", version);
  }
}

test("the certificate is chosen by the name that the client asks for, else it is the first", LIMITS, async (t) => {
  await chosen(t, "one.example", "two.example");
  await chosen(t, "two.example", "one.example");
});

// nodejs/node#54235: left to itself, Node shows the first one's certificate when the keys are of two kinds.
test("so it is when the keys are of several kinds, whichever is the first", LIMITS, async (t) => {
  await chosen(t, "one.example", "rsa.example", "ed.example");
  await chosen(t, "rsa.example", "one.example", "ed.example", "two.example");
  await chosen(t, "ed.example", "rsa.example", "one.example");
});

/** Whether a client of this version comes in. */
async function comesIn(t: TestContext, port: number, version: SecureVersion): Promise<boolean> {
  const range = { minVersion: version, maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" };
  return connectTls(port, range, t).then(
    (peer) => peer.version === version,
    () => false,
  );
}

test("--tls-min is the lowest version for clients, with a warning where it is not secure", LIMITS, async (t) => {
  const versions: readonly SecureVersion[] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];
  for (const [lowest, index] of [
    ["", 2],
    ["1.0", 0],
    ["1.1", 1],
    ["1.2", 2],
    ["1.3", 3],
  ] as const) {
    const { port, said } = await startBeforeDemo(t, ["/tls"], lowest === "" ? [] : ["--tls-min", lowest]);
    for (const [at, version] of versions.entries()) {
      assert.equal(await comesIn(t, port, version), at >= index, `${version} with ${lowest}`);
    }
    assert.equal(/ warning tls .*not secure/.test(said()), index < 2);
  }
});
