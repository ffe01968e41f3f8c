/** --send-proxy to Dovecot with `haproxy = yes`: it logs the client, and delays the client, not all clients at once. */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { authority, certified } from "../stage/certificates";
import { checkInside } from "../stage/checking";
import { connectGreeted, connectTls, logIn, quit } from "../stage/dialogue";
import { testOfDraw } from "../stage/draws";
import type { Peer } from "../stage/peer";
import { freePort } from "../stage/ports";
import { type GatewayProcess, type Listener, startProcess } from "../stage/process";
import { until } from "../stage/waiting";
import { type OwnDovecot, startDovecot, startOwnDovecot, startTlsDovecot } from "./dovecot";
import { startHaproxy } from "./haproxy";
import { lacking, program, run } from "./programs";
import { inspect, password, user } from "./server";

const test = testOfDraw();

const skip = lacking("dovecot", "openssl");

const TRUSTED = ["haproxy_trusted_networks = 127.0.0.0/8"];

/** A further listener of Dovecot, which expects headers. */
function expecting(port: number, tls = "no"): string[] {
  const listener = [`  inet_listener proxied {`, `    port = ${port}`, `    ssl = ${tls}`, "    haproxy = yes", "  }"];
  return [...TRUSTED, "service pop3-login {", ...listener, "}"];
}

/** A client at an address of its own. */
function clientAt(localAddress: string, { port }: Pick<GatewayProcess, "port">, t: TestContext): Promise<Peer> {
  return connectGreeted({ host: "127.0.0.1", port, localAddress }, t);
}

async function loggedIn(server: OwnDovecot): Promise<string> {
  const [line] = await until(
    () => / Login: .*/.exec(server.said()),
    () => server.said(),
  );
  return line;
}

async function logInAt(localAddress: string, gateway: GatewayProcess, t: TestContext): Promise<void> {
  const client = await clientAt(localAddress, gateway, t);
  await logIn(client, user, password);
  await quit(client);
}

test("Dovecot logs the client's address, with either version, trusted or not", { skip }, async (t) => {
  for (const version of ["1", "2"]) {
    for (const trusted of [[], ["login_trusted_networks = 127.0.0.0/8"]]) {
      const port = await freePort();
      const server = await startDovecot(t, [], ...expecting(port), ...trusted);
      const gateway = await startProcess(["--send-proxy", version, "--xclient", `127.0.0.1:${port}`], { t, inspect });
      await logInAt("127.0.0.3", gateway, t);
      assert.match(await loggedIn(server), /, rip=127\.0\.0\.3, lip=127\.0\.0\.1,/);
    }
  }
});

test("a header before TLS and STLS", { skip }, async (t) => {
  for (const [mode, tls] of [
    ["tls", "yes"],
    ["starttls", "no"],
  ] as const) {
    const port = await freePort();
    const server = await startTlsDovecot(t, certified("good"), [], { settings: expecting(port, tls) });
    const argv = ["--send-proxy", "2", "--server-tls", mode, "--server-ca", authority(), `localhost:${port}`];
    const gateway = await startProcess(argv, { t, inspect });
    await logInAt("127.0.0.3", gateway, t);
    assert.match(await loggedIn(server), /, rip=127\.0\.0\.3, .* TLS, /);
    const { sound, said } = await checkInside("-D", ...argv);
    assert.ok(sound, said);
  }
});

/** The addresses whose logins Dovecot delays. */
async function delayed({ settings }: OwnDovecot): Promise<string[]> {
  const { code, stdout, stderr } = await run(program("doveadm"), ["-c", settings, "-f", "tab", "penalty"]);
  assert.equal(code, 0, stderr);
  const [, ...rows] = `${stdout}`.trim().split("\n");
  return rows.map((row) => row.split("\t")[0] as string);
}

test("one client's wrong passwords delay that client alone", { skip }, async (t) => {
  const port = await freePort();
  const server = await startOwnDovecot(t, [], expecting(port).join("\n"));
  const gateway = await startProcess(["--send-proxy", "2", `127.0.0.1:${port}`], { t, inspect });
  const guess = await clientAt("127.0.0.5", gateway, t);
  await guess.ask(`USER ${user}`);
  assert.match(await guess.ask("PASS wrong"), /^-ERR \[AUTH\]/);
  await guess.expectEnd();
  assert.deepEqual(await delayed(server), ["127.0.0.5"]);
  await logInAt("127.0.0.6", gateway, t);
});

test("version 2 tells of the client's TLS, and Dovecot then takes passwords in clear", { skip }, async (t) => {
  for (const [listener, version, answer] of [
    ["/tls", "2", /^\+OK/],
    ["/tls", "1", /^-ERR \[AUTH\] Plaintext authentication disallowed/],
    ["", "2", /^-ERR \[AUTH\] Plaintext authentication disallowed/],
  ] as const satisfies readonly (readonly [Listener, string, RegExp])[]) {
    const port = await freePort();
    const settings = [...expecting(port), "disable_plaintext_auth = yes", "login_trusted_networks = 192.0.2.1"];
    // What comes from this machine counts as secure.
    await startDovecot(t, [], ...settings);
    const { certFile, keyFile } = certified("ec");
    const tls = listener === "/tls" ? ["--tls-cert", certFile, "--tls-key", keyFile] : [];
    const argv = [...tls, "--server-tls", "none", "--send-proxy", version, `127.0.0.1:${port}`];
    const gateway = await startProcess(argv, { t, listeners: [listener], inspect });
    const place = { host: "127.0.0.1", port: gateway.port, localAddress: "127.0.0.3" };
    const client = listener === "/tls" ? await connectTls(place, undefined, t) : await connectGreeted(place, t);
    if (listener === "/tls") await client.line();
    await client.ask(`USER ${user}`);
    assert.match(await client.ask(`PASS ${password}`), answer, `${listener} ${version}`);
    client.destroy();
  }
});

test("--check finds a Dovecot that expects a header, and one that expects none", { skip }, async (t) => {
  const port = await freePort();
  const server = await startDovecot(t, [], ...expecting(port));
  const wrong = await checkInside("-D", "--send-proxy", "1", `127.0.0.1:${server.port}`);
  assert.ok(!wrong.sound);
  assert.match(wrong.said, /^FAULT: server: it answers the PROXY header as if it were commands/m);
  const missing = await checkInside("-D", "--server-timeout", "10", `127.0.0.1:${port}`);
  assert.ok(!missing.sound);
  assert.match(missing.said, /^FAULT: server: .* needs --send-proxy$/m);
});

test("HAProxy in front and Dovecot behind: the client's address goes all the way", {
  skip: lacking("haproxy", "dovecot", "openssl"),
}, async (t) => {
  const port = await freePort();
  const server = await startDovecot(t, [], ...expecting(port));
  const argv = ["--proxy-from", "127.0.0.1", "--send-proxy", "2", `127.0.0.1:${port}`];
  const gateway = await startProcess(argv, { t, listeners: ["/proxy"], inspect });
  const front = await startHaproxy(t, { to: gateway.port, server: "send-proxy-v2 check" });
  const client = await clientAt("127.0.0.7", { port: front }, t);
  await logIn(client, user, password);
  await quit(client);
  assert.match(await loggedIn(server), /, rip=127\.0\.0\.7, lip=127\.0\.0\.1,/);
});
