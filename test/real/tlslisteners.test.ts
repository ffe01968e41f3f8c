/**
 * POP3 and POP3S in one process, as the two listeners of a mail server, and certificates chosen by the name that the
 * client asks for.
 */

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { authority, certified, withCertificates } from "../stage/certificates";
import { capabilities, connectGreeted, connectStls, connectTls, fetchMail, logIn, quit } from "../stage/dialogue";
import { drawn, tellDraw, testOfDraw } from "../stage/draws";
import { Peer } from "../stage/peer";
import { startProcess } from "../stage/process";
import { startDovecot } from "./dovecot";
import { slowMails } from "./mails";
import { lacking, program, run } from "./programs";
import { same } from "./same";
import { inspect, password, user } from "./server";

const test = testOfDraw();

tellDraw("versions of TLS and listeners");

test("110 and 995 in one process", { skip: lacking("dovecot", "openssl") }, async (t) => {
  const mails = slowMails();
  const server = await startDovecot(t, mails);
  const argv = [...withCertificates(certified("ec")), `127.0.0.1:${server.port}`];
  const gateway = await startProcess(argv, { t, listeners: ["/starttls", "/tls", ""], inspect });
  const [starttls, tls, clear] = gateway.ports as [number, number, number];
  const overTls = async () => {
    const client = await connectTls(tls);
    assert.match(await client.line(), /^\+OK/);
    return client;
  };
  const ways: readonly (() => Promise<Peer>)[] = [() => connectStls(starttls), overTls, () => connectGreeted(clear)];

  await t.test("every mail by each of them", async () => {
    for (const connect of ways) {
      const client = await connect();
      await logIn(client, user, password);
      for (const [index, octets] of mails.entries()) same(await fetchMail(client, index + 1), octets);
      await quit(client);
    }
  });

  await t.test("every mail by each of them, the clients slow", async () => {
    for (const connect of ways) {
      const client = await connect();
      await logIn(client, user, password);
      for (const [index, octets] of mails.entries()) {
        const mail = fetchMail(client, index + 1);
        client.pause();
        await sleep(50);
        client.resume();
        same(await mail, octets);
      }
      await quit(client);
    }
  });

  await t.test("no login in clear on 110", async () => {
    const client = await connectGreeted(starttls);
    const listed = await capabilities(client);
    assert.ok(listed.includes("STLS") && !listed.includes("USER"), listed.join());
    assert.match(await client.ask(`USER ${user}`), /^-ERR \[SYS\/PERM\] /);
    assert.match(await client.ask(`PASS ${password}`), /^-ERR /);
    await quit(client);
  });

  await t.test("T10: 995 spoken to in clear, 110 in TLS", async () => {
    await assert.rejects(connectTls(starttls));
    const argv = ["-c", 'printf "USER joe\\r\\n" | timeout 60 cat - > /dev/tcp/127.0.0.1/$1', "bash", String(tls)];
    assert.equal((await run(program("bash"), argv)).code, 0);
    const client = await overTls();
    await logIn(client, user, password);
    await quit(client);
  });

  await t.test("a client that leaves inside the handshake holds no place", async (t) => {
    const options = ["--max-per-client", "2", ...argv];
    const { ports, ended } = await startProcess(options, { t, listeners: ["/tls", "/starttls"], inspect });
    let count = 0;
    for (const octets of ["", "\x16\x03\x01\x00"]) {
      const implicit = await Peer.connect(ports[0] as number);
      const explicit = await connectGreeted(ports[1] as number);
      assert.match(await explicit.ask("STLS"), /^\+OK/);
      for (const client of [implicit, explicit]) {
        client.cut(octets);
        await ended(++count);
        client.destroy();
      }
    }
  });

  await t.test("T7: a client that stalls inside the handshake is closed", async (t) => {
    const options = ["--login-timeout", "1", ...argv];
    const { port, ended } = await startProcess(options, { t, listeners: ["/tls"], inspect });
    const client = await Peer.connect(port);
    await client.write("\x16\x03");
    await client.untilEnd();
    client.end();
    await client.expectClose();
    await ended();
  });
});

/** s_client's options for each version of TLS at each listener. */
const ways = ["-tls1_2", "-tls1_3"].flatMap((version) => [
  [0, [version]] as const,
  [1, [version, "-starttls", "pop3"]] as const,
]);

for (const [keys, kinds] of [
  ["ec", ["one.example", "two.example"]],
  ["rsa", ["one.example, RSA", "two.example, RSA"]],
] as const) {
  test(`two names, their keys ${keys}`, { skip: lacking("openssl") }, async (t) => {
    const argv = [...withCertificates(...kinds.map(certified)), "127.0.0.1:1"];
    const { ports } = await startProcess(argv, { t, listeners: ["/tls", "/starttls"], inspect });

    for (const [asked, given] of [
      ["one.example", "one.example"],
      ["two.example", "two.example"],
      ["TWO.Example", "two.example"],
      ["a.two.example", "a.two.example"],
      ["elsewhere.example", "one.example"],
      ["", "one.example"],
    ] as const) {
      await t.test(asked || "no name", async () => {
        for (const [listener, more] of drawn(ways, 1, `${keys} ${asked}`)) {
          const name = asked ? ["-servername", asked] : ["-noservername"];
          const trust = ["-CAfile", authority(), "-verify_return_error", "-verify_hostname", given];
          const argv = ["s_client", "-connect", `127.0.0.1:${ports[listener]}`, "-brief", ...name, ...trust, ...more];
          const outcome = await run(program("openssl"), argv);
          assert.match(outcome.stderr, /^Verification: OK$/m);
          assert.equal(outcome.code, 0, outcome.stderr);
        }
      });
    }
  });
}
