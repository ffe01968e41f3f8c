/**
 * POP3 and POP3S in one process, as the two listeners of a mail server, and certificates chosen by the name that the
 * client asks for.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectPlain } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { Authority } from "./certificates";
import { Dialogue } from "./dialogue";
import { startDovecot } from "./dovecot";
import { mails } from "./mails";
import { lacking, program, run } from "./programs";
import { same } from "./same";
import { password, user } from "./server";
import { loginStls, loginTls, startTlsGateway } from "./tlsgateway";

test("110 and 995 in one process", { skip: lacking("dovecot", "openssl") }, async (t) => {
  const authority = await Authority.make(t);
  const { cert, key } = await authority.issue();
  const server = await startDovecot(t, mails);
  const argv = ["--tls-cert", cert, "--tls-key", key, `127.0.0.1:${server.port}`];
  const gateway = await startTlsGateway(t, ["/starttls", "/tls", ""], argv);
  const [starttls, tls, clear] = gateway.ports as [number, number, number];
  const trust = { ca: readFileSync(authority.ca) };
  const logins = [
    ["STLS", () => loginStls(starttls, trust)],
    ["TLS", () => loginTls(tls, trust)],
    ["clear", () => Dialogue.login(clear, user, password)],
  ] as const;

  await t.test("every mail by each of them", async () => {
    for (const [, login] of logins) {
      const dialogue = await login();
      for (const [index, octets] of mails.entries()) same(await dialogue.mail(index + 1), octets);
      await dialogue.quit();
    }
  });

  await t.test("every mail by each of them, the clients slow", async () => {
    for (const [, login] of logins) {
      const dialogue = await login();
      for (const [index, octets] of mails.entries()) {
        const mail = dialogue.mail(index + 1);
        dialogue.socket.pause();
        await sleep(50);
        dialogue.socket.resume();
        same(await mail, octets);
      }
      await dialogue.quit();
    }
  });

  await t.test("no login in clear on 110", async () => {
    const dialogue = await Dialogue.open(starttls);
    const before = Buffer.from(await dialogue.response("CAPA")).toString();
    assert.match(before, /^\+OK/);
    const capabilities: string[] = [];
    for (let line = await dialogue.line(); line !== "."; line = await dialogue.line()) capabilities.push(line);
    assert.ok(capabilities.includes("STLS") && !capabilities.includes("USER"), capabilities.join());
    assert.match(await dialogue.ask(`USER ${user}`), /^-ERR \[SYS\/PERM\] /);
    assert.match(await dialogue.ask(`PASS ${password}`), /^-ERR /);
    await dialogue.quit();
  });

  await t.test("T10: 995 spoken to in clear, 110 in TLS", async () => {
    const plain = connect({ port: starttls, host: "127.0.0.1", ...trust });
    await once(plain, "error");
    const argv = ["-c", 'printf "USER joe\\r\\n" | timeout 5 cat - > /dev/tcp/127.0.0.1/$1', "bash", String(tls)];
    assert.equal((await run(program("bash"), argv)).code, 0);
    const dialogue = await loginTls(tls, trust);
    await dialogue.quit();
  });

  await t.test("a client that leaves inside the handshake holds no place", async (t) => {
    const options = ["--max-per-client", "2", ...argv];
    const { ports, said, saying } = await startTlsGateway(t, ["/tls", "/starttls"], options);
    for (const octets of ["", "\x16\x03\x01\x00"]) {
      const implicit = connectPlain(ports[0] as number, "127.0.0.1");
      await once(implicit, "connect");
      const explicit = await Dialogue.open(ports[1] as number);
      assert.match(await explicit.ask("STLS"), /^\+OK/);
      for (const socket of [implicit, explicit.socket]) {
        const from = said().length;
        socket.end(octets, "latin1");
        await saying(/ close /, from);
        socket.destroy();
      }
    }
  });

  await t.test("T7: a client that stalls inside the handshake is closed", async (t) => {
    const { ports, saying } = await startTlsGateway(t, ["/tls"], ["--login-timeout", "1", ...argv]);
    const socket = connectPlain(ports[0] as number, "127.0.0.1", () => socket.write("\x16\x03", "latin1"));
    await once(socket.resume(), "close");
    await saying(/ close /);
  });
});

for (const kind of ["ec", "rsa"] as const) {
  test(`two names, their keys ${kind}`, { skip: lacking("openssl") }, async (t) => {
    const authority = await Authority.make(t);
    const [first, second] = [
      await authority.issue({ kind, names: ["DNS:one.example"] }),
      await authority.issue({ kind, names: ["DNS:two.example", "DNS:*.wild.example"] }),
    ];
    const pairs = [first, second].flatMap(({ cert, key }) => ["--tls-cert", cert, "--tls-key", key]);
    const gateway = await startTlsGateway(t, ["/tls", "/starttls"], [...pairs, "127.0.0.1:1"]);
    const [tls, starttls] = gateway.ports as [number, number];

    for (const [asked, given] of [
      ["one.example", "one.example"],
      ["two.example", "two.example"],
      ["TWO.Example", "two.example"],
      ["a.wild.example", "a.wild.example"],
      ["elsewhere.example", "one.example"],
      ["", "one.example"],
    ] as const) {
      await t.test(asked || "no name", async () => {
        for (const version of ["-tls1_2", "-tls1_3"]) {
          for (const [port, more] of [
            [tls, []],
            [starttls, ["-starttls", "pop3"]],
          ] as const) {
            const name = asked ? ["-servername", asked] : ["-noservername"];
            const trust = ["-CAfile", authority.ca, "-verify_return_error", "-verify_hostname", given];
            const argv = ["s_client", "-connect", `127.0.0.1:${port}`, "-brief", version, ...name, ...trust, ...more];
            const outcome = await run(program("openssl"), argv);
            assert.match(outcome.stderr, /^Verification: OK$/m);
            assert.equal(outcome.code, 0, outcome.stderr);
          }
        }
      });
    }
  });
}
