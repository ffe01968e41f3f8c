/**
 * --check, by the command: what is told, and the exit status.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startScripted } from "../stage/accepting";
import { scratch, script } from "../stage/acp";
import { authority, certified, fileOf, lacking, pinOf, withCertificates } from "../stage/certificates";
import { checkInside } from "../stage/checking";
import { startDemo } from "../stage/demo";
import { upToStls } from "../stage/dialogue";
import { MAIN } from "../stage/process";

const LIMITS = { timeout: 300_000, concurrency: 4 };

/** For servers that are not there, and not looked at: they are not tried for seconds, as one that restarts would be. */
const BRIEFLY = ["--server-timeout", "1"];

/** As a process of its own. */
function checked(...argv: string[]): Promise<{ status: number; said: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, "--check", ...argv], { timeout: 60_000 }, (_, stdout, stderr) =>
      resolve({ status: child.exitCode ?? -1, said: stdout + stderr }),
    );
  });
}

async function upstream(t: TestContext): Promise<string> {
  return `127.0.0.1:${(await startDemo(t)).port}`;
}

test("servers of a user map that have no address are told, with the line", LIMITS, async (t) => {
  const map = join(scratch(t), "map");
  writeFileSync(map, "# users\njoe 127.0.0.1,[::1]\n*@a.example nobody.invalid:995\njim nobody.invalid,none.invalid\n");
  const { status, said } = await checked("-D", "--map", map, ...BRIEFLY);
  assert.equal(status, 0, said);
  const warned = [...said.matchAll(/^warning: (.*invalid): no (?:such host|name server answers|answer in time)/gm)];
  assert.deepEqual(warned.map(([, what]) => what?.replace(map, "MAP")).sort(), [
    "MAP, line 3: nobody.invalid",
    "MAP, line 4: none.invalid",
  ]);
  const far = await checked("-D", "--map", map, "--via", "/bin/true", ...BRIEFLY);
  assert.doesNotMatch(far.said, /warning: .*invalid/, "the far side looks names up");
});

test("what would run is told, and what its server says", LIMITS, async (t) => {
  const server = await upstream(t);
  const log = scratch(t);
  chmodSync(log, 0o777);
  const { status, said } = await checked(
    "-e",
    "-s",
    "mail.*,nobody.invalid",
    "-l",
    log,
    "--listen",
    "[::1]:1110",
    server,
  );
  assert.equal(status, 0, said);
  for (const line of [
    /^listens on \[::1\]:1110$/m,
    /^runs as /m,
    new RegExp(`^default server: ${server}$`, "m"),
    /^servers that clients may select: mail\.\*,nobody\.invalid$/m,
    /^client log in /m,
    /^server 127\.0\.0\.1:\d+ is reached at 127\.0\.0\.1, in clear$/m,
    /^server says: \+OK /m,
    /^server offers: .*UIDL/m,
    /^warning: -s nobody\.invalid: no /m,
  ]) {
    assert.match(said, line);
  }
  assert.match((await checkInside("--demo", "-D")).said, /sample maildrop/);
  chmodSync(log, 0o555);
  const shut = await checked("-l", log, server);
  assert.equal(shut.status, 78, shut.said);
  assert.match(shut.said, /^FAULT: client log: .+: permission denied$/m);
});

test("files that root alone can read are read as root, the rest is tried without it", {
  ...LIMITS,
  skip: lacking || (process.getuid?.() !== 0 && "only root has such files"),
}, async (t) => {
  const { cert, key } = certified("ec");
  const [certFile, keyFile] = [fileOf("root-check.pem", cert), fileOf("root-check.key", key)];
  chmodSync(keyFile, 0o600);
  const { port } = await startScripted(t, async (peer) => {
    await peer.acceptTls({ ...certified("good") });
    await peer.say("+OK ready");
    await peer.line();
  });
  const tls = ["--server-tls", "tls", "--server-ca", authority(), "--server-cert", certFile, "--server-key", keyFile];
  const { status, said } = await checked(...tls, `localhost:${port}`);
  assert.equal(status, 0, said);
  const nobody = await checked("-u", "no.such.user", ...tls, `localhost:${port}`);
  assert.equal(nobody.status, 78);
  assert.match(nobody.said, /^FAULT: user: there is no user no\.such\.user$/m);
  const faulty = ["--listen", "192.0.2.1:110", "--pidfile", "/nowhere/pid"];
  const elsewhere = await checkInside(...faulty, ...BRIEFLY, "127.0.0.1:1");
  assert.match(elsewhere.said, /^FAULT: listeners: .*this machine does not have that address/m);
  assert.match(elsewhere.said, /^FAULT: pidfile: /m);
});

test("what a server says is shown as one line that does nothing to a terminal", LIMITS, async (t) => {
  const { port } = await startScripted(t, async (peer) => {
    await peer.write("\x1b]0;owned\x07 not pop\xff\r\n");
    await peer.line();
  });
  const { said } = await checkInside(`127.0.0.1:${port}`);
  assert.match(said, /^FAULT: server: server does not speak POP3: \?\]0;owned\? not pop\?$/m);
});

test("the port is the one that sessions use", { ...LIMITS, skip: lacking }, async (t) => {
  const options = ["--server-tls", "tls", "--server-ca", authority(), ...BRIEFLY];
  assert.match((await checkInside("-D", ...options, "127.0.0.1")).said, /^default server: 127\.0\.0\.1:995 with TLS$/m);
  assert.match((await checkInside("-D", await upstream(t))).said, /^default server: 127\.0\.0\.1:\d+$/m);
});

test("a server that is not there, not found, not willing or no POP3 server is a fault", LIMITS, async (t) => {
  const says = async (greeting: string) => {
    const { port } = await startScripted(t, async (peer) => {
      await peer.write(greeting);
      await peer.line();
    });
    return `127.0.0.1:${port}`;
  };
  for (const [server, fault] of [
    ["127.0.0.1:1", /connection refused/],
    ["nobody.invalid", /no such host|no name server answers/],
    [await says("-ERR go away\r\n"), /refuses service: -ERR go away/],
    [await says("220 smtp.example.org ESMTP\r\n"), /does not speak POP3: 220 smtp/],
  ] as const) {
    const { sound, said } = await checkInside("-D", server);
    assert.ok(!sound, said);
    assert.match(said, /^FAULT: server: /m);
    assert.match(said, fault);
  }
});

test("an access control program that can't be run is a fault", LIMITS, async (t) => {
  const server = await upstream(t);
  const [acp = ""] = script(t, "exit 0");
  const good = await checkInside("-a", `${acp} --word`, server);
  assert.ok(good.sound, good.said);
  assert.ok(good.said.includes(`access control by ${acp} --word\n`), good.said);
  const found = await checkInside("-a", "true", server);
  assert.ok(found.sound, found.said);
  const missing = await checkInside("-a", "no-such-program-anywhere", server);
  assert.ok(!missing.sound, missing.said);
  assert.match(
    missing.said,
    /^FAULT: access control: no-such-program-anywhere can't be run: no folder of PATH has it$/m,
  );
});

test("certificates for clients are told, with their faults", { ...LIMITS, skip: lacking }, async (t) => {
  const server = await upstream(t);
  const listen = ["--listen", "995/tls", "--listen", "110/starttls"];
  const good = await checkInside(...listen, ...withCertificates(certified("one.example")), server);
  assert.ok(good.sound, good.said);
  assert.match(good.said, /^listens on \*:995 with TLS; \*:110 with STLS$/m);
  assert.match(good.said, /^certificate .*one\.example\.pem: DNS:one\.example, until /m);
  const late = await checkInside(...listen, ...withCertificates(certified("expired")), server);
  assert.ok(late.sound, late.said);
  assert.match(late.said, /^warning: .*expired\.pem: not valid at this time, from .+ to .+$/m);
  const { certFile } = certified("ec2");
  const wrong = await checkInside(
    ...listen,
    ...withCertificates({ certFile, keyFile: certified("ec").keyFile }),
    server,
  );
  assert.ok(!wrong.sound, wrong.said);
  assert.match(wrong.said, /^FAULT: files: .*ec2\.pem/m);
  assert.match(wrong.said, /^server says: /m, "the rest is checked all the same");
});

test("TLS with the server is done as sessions do it", { ...LIMITS, skip: lacking }, async (t) => {
  const fake = (mode: "tls" | "starttls", kind: "good" | "expired") =>
    startScripted(t, async (peer) => {
      if (mode === "starttls") await upToStls(peer);
      const { cert, key } = certified(kind);
      await peer.acceptTls({ cert, key });
      if (mode === "tls") await peer.say("+OK ready");
      await peer.line();
      await peer.say("-ERR");
    });
  for (const mode of ["tls", "starttls"] as const) {
    const options = ["--server-tls", mode, "--server-ca", authority()];
    const good = await checkInside(...options, `localhost:${(await fake(mode, "good")).port}`);
    assert.ok(good.sound, good.said);
    assert.match(good.said, /^server localhost:\d+ is reached at 127\.0\.0\.1, TLSv1\.3, verified$/m);
    const late = await checkInside(...options, `localhost:${(await fake(mode, "expired")).port}`);
    assert.ok(!late.sound, late.said);
    assert.match(late.said, /certificate of CN=expired.*: expired on /);
    const pins = ["--server-tls", mode, "--server-pin", pinOf(certified("expired"))];
    assert.ok((await checkInside(...pins, `localhost:${(await fake(mode, "expired")).port}`)).sound);
  }
  const stripped = await startScripted(t, async (peer) => {
    await peer.say("+OK ready");
    await peer.answer("CAPA", "+OK\r\nTOP\r\n.\r\n");
  });
  const options = ["--server-tls", "starttls", "--server-ca", authority()];
  const { sound, said } = await checkInside(...options, `127.0.0.1:${stripped.port}`);
  assert.ok(!sound, said);
  assert.match(said, /does not offer STLS/);
  const empty = await checkInside("--server-tls", "tls", "--server-ca", fileOf("nothing.pem", ""), "127.0.0.1:1");
  assert.ok(!empty.sound, empty.said);
  assert.ok(empty.said.includes(join("nothing.pem")), empty.said);
});

test("a command is started as the user of -u, or not at all", {
  ...LIMITS,
  skip: process.getuid?.() !== 0 && "only root can be another user",
}, async (t) => {
  const [command] = script(t, 'echo "$(id -u) in $HOME" >&2; exit 3');
  const other = await checked("-u", "4321:4321", "--via", command, "127.0.0.1:1");
  assert.match(other.said, /^command says: 4321 in \/$/m);
  assert.match(other.said, /^FAULT: server: .*: exit status 3: 4321 in \/$/m);
  for (const argv of [
    ["-u", "nosuchuser", "--via", command],
    ["-u", "nobody", "--ssh", "gateway.invalid"],
  ]) {
    const { status, said } = await checked(...argv, "127.0.0.1:1");
    assert.equal(status, 78);
    assert.match(said, /^FAULT: user: .*(?:there is no user nosuchuser|--ssh: the user nobody has no home)/m);
    assert.doesNotMatch(said, /FAULT: server|command says/);
  }
});

test("with a file, what is found is a comment, and the configuration that would run loads again", LIMITS, async (t) => {
  const server = await upstream(t);
  const folder = scratch(t);
  const file = join(folder, "gateway.toml");
  writeFileSync(file, `timeout = 77\n[service.a]\nlisten = ["127.0.0.1:1110"]\nserver = "${server}"\n`);
  const found = await checked("-f", file);
  assert.equal(found.status, 0, found.said);
  for (const line of [/^# configuration: .*gateway\.toml$/m, /^# a: server says: \+OK /m, /^max-per-client = 50$/m]) {
    assert.match(found.said, line);
  }
  const printed = join(folder, "printed.toml");
  writeFileSync(printed, found.said);
  const again = await checked("-f", printed, "--changed");
  assert.equal(again.status, 0, again.said);
  const [, text] = again.said.split("\n\n");
  assert.equal(text, `[service.a]\nserver = ["${server}"]\nlisten = ["127.0.0.1:1110"]\ntimeout = 77\n`);
  const line = await checked("--changed", "-D", "-t", "77", server);
  assert.match(line.said, /\n\n\[service\.pop3\]\n[\s\S]*listen = \["110"\]\ntimeout = 77\n$/);
});
