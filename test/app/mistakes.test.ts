/**
 * Mistakes that people make, and what they are told: what is wrong, with which word of theirs, and what to give instead.
 * No answer has the words of Node or OpenSSL.
 */

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { check } from "../../src/app/check";
import { parseCommandLine } from "../../src/config/commandline";
import { UsageFault } from "../../src/config/rules";
import { startScripted } from "../stage/accepting";
import { scratch } from "../stage/acp";
import { authority, certified, fileOf, lacking, lockedKey, withCertificates } from "../stage/certificates";
import { atEnd } from "../stage/ending";
import { freePort } from "../stage/ports";

type Mistake = readonly [command: string, told: RegExp];

/** What the command line itself shows. */
const TYPED: readonly Mistake[] = [
  [
    "",
    /^no server: name one, such as mail\.example\.org, or say what selects it: -e, --map, --oauth, or -a with a URL$/,
  ],
  ["-D", /^no server: name one/],
  ["-D -", /^no server: name one/],
  ["-D mail 8110", /^too many operands: 8110$/],
  [
    "-D pop3://mail.example.org",
    /^pop3:\/\/mail\.example\.org is not a server but a URL: give host\[:port\], such as mail/,
  ],
  ["-D https://mail.example.org:995/in", /a URL: give host\[:port\], such as mail\.example\.org:995$/],
  ["-D joe@mail.example.org", /is not a server: give host\[:port\] without a user$/],
  ["-D mail:99999", /^mail:99999 is not a server: a port is a number from 1 to 65535$/],
  ["-D mail:pop3", /^mail:pop3 is not a server: give host\[:port\], a port is a number from 1 to 65535$/],
  ["-D 2001:db8::1", /is not a server: give an IPv6 address in brackets, \[2001:db8::1\]$/],
  ["-D mail_server..example", /is not a server: give a name or an address/],
  ["-D 127.1", /^127\.1 is not a server: give a name or an address/],
  ["-DD mail.example.org", /^-DD takes two operands, \[interface:\]port and server, such as 8110 mail\.example\.org$/],
  ["-DD", /^-DD takes \[interface:\]port as first operand, such as 8110$/],
  ["-DD 70000 mail", /^-DD 70000: give a port from 1 to 65535, or 0 for any free one$/],
  ["-DD pop3 mail", /^-DD pop3: give \[interface:\]port/],
  ["-DD 110 --listen 111 mail", /^-DD and --listen exclude each other$/],
  ["--listen 110/ssl mail", /^--listen 110\/ssl: give \[interface:\]port\[\/tls\|\/starttls\]/],
  ["--listen ::1:110 mail", /^--listen ::1:110: give .* an IPv6 interface in brackets$/],
  ["--listen 110=pop3://mail", /^--listen 110=pop3:\/\/mail: .* a URL: give host\[:port\], such as mail$/],
  ["--listen 995/tls mail", /^TLS for clients needs --tls-cert and --tls-key$/],
  ["--listen 995/tls --tls-cert a.pem mail", /^each --tls-cert needs its --tls-key$/],
  ["-D --tls-cert a --tls-key b mail", /^--tls-cert is of no use: no listener has TLS$/],
  ["-D --tls-min 1.3 mail", /^--tls-min is of no use: no listener has TLS$/],
  ["--listen 995/tls --tls-cert a --tls-key b mail", /^clients speak TLS, so say with --server-tls how the server/],
  ["--client-tls ssl mail", /^--client-tls ssl: give one of none, starttls, tls$/],
  [
    "--client-tls tls --listen 995 mail",
    /^--client-tls is of no use beside --listen: write \/tls or \/starttls behind the port/,
  ],
  ["-D --tls-min 1.4 mail", /^--tls-min 1\.4: give one of 1\.0, 1\.1, 1\.2, 1\.3$/],
  ["-D --server-pin abc mail:995", /^--server-pin abc: give a SHA-256 in hex or base64$/],
  ["-D --server-ca a.pem mail", /^--server-ca is of no use: the server is spoken to in clear; say --server-tls$/],
  ["-D --server-cert a.pem mail:995", /^--server-cert and --server-key need each other$/],
  ["-D -s mail.* mail", /^-s needs -e$/],
  ["--authorize joe@example.org", /^--authorize needs --oauth$/],
  ["--forget joe@example.org mail", /^--forget needs --oauth$/],
  ["-D -e -s 10.0.0.1:0", /^-s 10\.0\.0\.1:0: not a server: 10\.0\.0\.1:0$/],
  ["-D -e -s 2001:db8::1", /^-s 2001:db8::1: not a server: .*write an IPv6 address in brackets/],
  [
    "-D -a /nowhere/acp mail",
    /^-a \/nowhere\/acp: \/nowhere\/acp is not a program that can be run: there is no such file$/,
  ],
  ["-D -a /tmp/ mail", /^-a \/tmp\/: \/tmp is not a program that can be run: it is a directory$/],
  [
    "-D -a /etc/passwd mail",
    /^-a \/etc\/passwd: \/etc\/passwd is not a program .*: it is not executable: chmod \+x it$/,
  ],
  ["-D -l /nowhere mail", /^-l \/nowhere: \/nowhere is not a directory$/],
  ["-D -q mail.example.org mail", /^-q mail\.example\.org: give an IP address$/],
  ["-D -c a mail", /^-c a: give characters that no server has in its name, such as @$/],
  ["-D -v PATH mail", /^-v PATH: give a prefix of your own/],
  ["-D -t 10m mail", /^-t 10m: give a whole number from 1 to 1000000$/],
  ["-D -t", /^option '-t, --timeout <seconds>' argument missing$/],
  ["-D --exempt 10/8 mail", /^--exempt 10\/8: give addresses, or networks as address\/length/],
  ["-D --syslog loghost mail", /^--syslog loghost: .*udp:\/\//],
  ["-D --facility post mail", /^--facility post: /],
  ["-D --log-format yaml mail", /^--log-format yaml: give one of text, json$/],
  ["-D --greeting [hi] mail", /^--greeting \[hi\]: give a text that does not begin with a response code$/],
  ["-D --lisen 110 mail", /^unknown option '--lisen' \(Did you mean --listen\?\)$/],
  ["-D --server-tsl tls mail", /\(Did you mean --server-tls\?\)$/],
  ["-D -x mail", /^unknown option '-x'$/],
  ["-D --demo mail", /^--demo brings its own server: leave the operand out$/],
];

/** Holds an answer against the rules for all. */
function readsLikeHelp(text: string): void {
  assert.doesNotMatch(text, /\n/, "one line");
  assert.doesNotMatch(text, /\bE[A-Z]{4,}\b|routines|\(\S+:\d+:\d+\)|Error|errno|syscall/, text);
  assert.ok(text.length < 500, text);
}

test(`${TYPED.length} mistakes of the command line`, () => {
  assert.ok(TYPED.length >= 40);
  for (const [command, told] of TYPED) {
    assert.throws(
      () => parseCommandLine(command.split(" ").filter(Boolean), () => ""),
      (fault: Error) => {
        assert.ok(fault instanceof UsageFault, `${command}: ${fault.stack}`);
        assert.match(fault.message, told, command);
        readsLikeHelp(fault.message);
        return true;
      },
      command,
    );
  }
});

/** What --check says is wrong. */
async function wrong(...argv: string[]): Promise<string> {
  const request = parseCommandLine(["--check", "-u", "root", ...argv], () => "");
  if (request.kind !== "check") assert.fail(argv.join(" "));
  const lines = (await check(request)).lines.filter((line) => /^(?:FAULT|warning):/.test(line));
  for (const line of lines) readsLikeHelp(line);
  return lines.join("\n");
}

/** A server that greets so, and answers each command with the next of these lines. */
async function serverThat(t: TestContext, greeting: string, ...answers: string[]): Promise<string> {
  const { port } = await startScripted(t, async (peer) => {
    await peer.say(greeting);
    for (const answer of answers) {
      await peer.line();
      await peer.say(answer);
    }
    await peer.line();
  });
  return `localhost:${port}`;
}

test("mistakes that only the system or a server shows", { concurrency: true }, async (t) => {
  const holder = createServer().listen(0, "127.0.0.1");
  atEnd(t, async () => void holder.close());
  const folder = scratch(t);
  mkdirSync(join(folder, "sub"));
  writeFileSync(join(folder, "file"), "");
  const refusing = `127.0.0.1:${await freePort()}`;
  const cases: readonly (readonly [argv: string[], told: RegExp])[] = [
    [["-D", refusing], /FAULT: server: .*connection refused, nothing listens there/],
    [["-D", "nobody.invalid"], /FAULT: server: .*nobody\.invalid.*(?:no such host|no name server answers)/],
    [
      ["--listen", "192.0.2.1:110", refusing],
      /FAULT: listeners: can't listen on 192\.0\.2\.1: this machine does not have that/,
    ],
    [
      ["--listen", "nobody.invalid:110", refusing],
      /FAULT: listeners: nobody\.invalid: (?:no such host|no name server)/,
    ],
    [["-D", "--pidfile", "/nowhere/pid", refusing], /FAULT: pidfile: \/nowhere: there is no such file/],
    [["-D", "-q", "192.0.2.1", refusing], /FAULT: server: .*this machine does not have that address/],
    [
      ["-D", `${refusing},nobody.invalid`],
      /FAULT: server 127\.0\.0\.1:\d+: .*connection refused.*\nFAULT: server nobody\.invalid:110: .*/,
    ],
    [["-D", "-a", "no-such-program", refusing], /FAULT: access control: no-such-program can't be run/],
    [["-D", "-e", "-s", "nobody.invalid", refusing], /warning: -s nobody\.invalid: no /],
    [["-D", await serverThat(t, "220 mail.example.org ready")], /FAULT: server: server does not speak POP3: 220 mail/],
    [
      ["-D", await serverThat(t, "-ERR [IN-USE] closed")],
      /FAULT: server: server refuses service: -ERR \[IN-USE\] closed/,
    ],
  ];
  await Promise.all(cases.map(async ([argv, told]) => assert.match(await wrong(...argv), told)));
});

test("mistakes with certificates", { skip: lacking }, async (t) => {
  const good = certified("good");
  const { certFile, keyFile } = good;
  const tls = (cert: string, key: string) => [
    "--listen",
    "995/tls",
    ...withCertificates({ certFile: cert, keyFile: key }),
  ];
  const text = fileOf("text.pem", "hello\n");
  const der = fileOf("cert.der", "0\x82\x01\x02");
  for (const [pair, told] of [
    [tls(keyFile, keyFile), /good\.key: a certificate is needed here, and the file holds a key/],
    [tls(certFile, certFile), /good\.pem: a key is needed here, and the file holds a certificate/],
    [tls(text, keyFile), /text\.pem: no certificate in PEM is in the file/],
    [tls(der, keyFile), /cert\.der: no certificate in PEM is in the file; if it is DER, openssl x509 -inform DER/],
    [
      tls(certFile, lockedKey(good)),
      /locked\.key: the key is encrypted; openssl pkey -in FILE -out NEW writes it without/,
    ],
    [tls(certFile, certified("ec").keyFile), /ec\.key: the key is not that of the certificate in .*good\.pem/],
    [tls("/nowhere/a.pem", keyFile), /FAULT: files: \/nowhere\/a\.pem: there is no such file/],
    [tls("/tmp", keyFile), /FAULT: files: \/tmp: it is a directory/],
    [
      tls(certified("expired").certFile, certified("expired").keyFile),
      /warning: .*expired\.pem: not valid at this time/,
    ],
  ] as const) {
    assert.match(await wrong(...pair, await serverThat(t, "+OK", "-ERR")), told);
  }
  const secure = async (kind: "expired" | "self-signed" | "wrong name", ca = authority()) => {
    const { cert, key } = certified(kind);
    const { port } = await startScripted(t, async (peer) => {
      await peer.acceptTls({ cert, key });
      await peer.say("+OK");
    });
    return wrong("-D", "--server-tls", "tls", "--server-ca", ca, `localhost:${port}`);
  };
  assert.match(
    await secure("expired"),
    /certificate of CN=expired, issued by CN=ca: expired on .*--server-pin [0-9a-f]{64}/,
  );
  assert.match(await secure("self-signed"), /signed by itself; --server-pin [0-9a-f]{64} trusts this key alone/);
  assert.match(await secure("wrong name"), /it is for .+, not for localhost; --server-pin/);
  const clear = await serverThat(t, "+OK ready");
  assert.match(
    await wrong("-D", "--server-tls", "tls", clear),
    /the answer is not TLS: if it is POP3 in clear, say --server-tls none/,
  );
  assert.match(
    await wrong("-D", "--server-tls", "starttls", await serverThat(t, "+OK", "-ERR")),
    /try port 995, or --server-tls none/,
  );
});

test("a server that answers TLS to a clear dialogue, and one that wants STLS first", {
  skip: lacking,
}, async (t) => {
  const { cert, key } = certified("good");
  const { port } = await startScripted(t, async (peer) => {
    await peer.acceptTls({ cert, key });
    await peer.say("+OK");
  });
  assert.match(
    await wrong("-D", "--server-timeout", "3", `127.0.0.1:${port}`),
    /it answers TLS on this port, so say --server-tls tls/,
  );
  const capable = await startScripted(t, async (peer) => {
    await peer.say("+OK ready");
    await peer.answer("CAPA", "+OK\r\nSTLS\r\nUIDL\r\n.\r\n");
    await peer.line();
  });
  assert.match(
    await wrong("-D", `127.0.0.1:${capable.port}`),
    /warning: .* wants STLS before a login: say --server-tls starttls/,
  );
});

test("what listens on this machine says nothing of a server behind a command", { skip: lacking }, async (t) => {
  const { cert, key } = certified("good");
  const { port } = await startScripted(t, (peer) => peer.acceptTls({ cert, key }));
  const told = await wrong("-D", "--via", "/bin/echo hello", `far.example:${port}`);
  assert.match(told, /server does not speak POP3: hello$/);
});
