/**
 * XCLIENT to dovecot: its log has the address of the client and the session's id of the gateway. Without it, and where
 * dovecot does not trust the gateway, all clients have the gateway's address.
 */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { authority, certified, withCertificates } from "../stage/certificates";
import { connectGreeted, connectStls, connectTls, logIn, quit } from "../stage/dialogue";
import { drawn, tellDraw, testOfDraw } from "../stage/draws";
import type { Peer } from "../stage/peer";
import { type GatewayProcess, startProcess } from "../stage/process";
import { until } from "../stage/waiting";
import { type OwnDovecot, startDovecot, startTlsDovecot } from "./dovecot";
import { lacking } from "./programs";
import { inspect, password, user } from "./server";
import { spoken } from "./verbs";

const test = testOfDraw();

const TRUSTED = "login_trusted_networks = 127.0.0.1";
const skip = lacking("dovecot");
const skipTls = lacking("dovecot", "openssl");

/** The line that dovecot has logged of the login, and the session's id in the log of the gateway. The client leaves. */
async function logged(server: OwnDovecot, gateway: GatewayProcess, client: Peer): Promise<[string, string]> {
  const { fields } = await gateway.logged("login");
  await quit(client);
  const [line] = await until(
    () => / Login: .*/.exec(server.said()),
    () => server.said(),
  );
  return [line, `${fields.session}`];
}

/** A gateway in front of a server, with these options. */
function before({ port }: OwnDovecot, t: TestContext, ...options: string[]): Promise<GatewayProcess> {
  return startProcess([...options, `127.0.0.1:${port}`], { t, inspect });
}

/** A client at 127.0.0.3. */
function clientOf({ port }: GatewayProcess, t: TestContext): Promise<Peer> {
  return connectGreeted({ host: "127.0.0.1", port, localAddress: "127.0.0.3" }, t);
}

test("dovecot logs the client's address and the gateway's session", { skip }, async (t) => {
  const server = await startDovecot(t, [], TRUSTED);
  const gateway = await before(server, t, "--xclient");
  const client = await clientOf(gateway, t);
  await logIn(client, user, password);
  const [line, session] = await logged(server, gateway, client);
  assert.match(line, /, rip=127\.0\.0\.3, lip=127\.0\.0\.1,/);
  assert.ok(line.includes(`, session=<${session}>`), line);
  await spoken(gateway, /^XCLIENT USER PASS /, "server>");
  // Its lines of the session itself have it, too.
  await until(() => server.said().includes(`<${session}>: Info: Disconnected: Logged out`));
});

for (const [name, settings, ...options] of [
  ["without --xclient", [TRUSTED]],
  ["dovecot trusts another address", ["login_trusted_networks = 192.0.2.1"], "--xclient"],
] as const) {
  test(`${name}, dovecot logs the gateway's address`, { skip }, async (t) => {
    const server = await startDovecot(t, [], ...settings);
    const gateway = await before(server, t, ...options);
    const client = await clientOf(gateway, t);
    await logIn(client, user, password);
    const [line, session] = await logged(server, gateway, client);
    assert.match(line, /, rip=127\.0\.0\.1, lip=127\.0\.0\.1,/);
    assert.ok(!line.includes(session), line);
    await spoken(gateway, /^USER PASS /, "server>");
  });
}

test("a refused login has the client's address, too", { skip }, async (t) => {
  const server = await startDovecot(t, [], TRUSTED);
  const gateway = await before(server, t, "--xclient", "--exempt", "127.0.0.0/8");
  const client = await clientOf(gateway, t);
  await client.ask(`USER ${user}`);
  assert.match(await client.ask("PASS wrong"), /^-ERR \[AUTH\]/);
  const refused = /auth failed, 1 attempts .*, rip=127\.0\.0\.3, lip=127\.0\.0\.1, .*session=<(\w+\.\w+)>/;
  const [, session] = await until(
    () => refused.exec(server.said()),
    () => server.said(),
  );
  assert.equal((await gateway.logged("denied")).fields.session, session);
});

test("a client that speaks IPv6, and dovecot on IPv4", { skip }, async (t) => {
  const server = await startDovecot(t, [], TRUSTED);
  const gateway = await before(server, t, "--xclient", "--listen", "[::1]:0");
  const [, port] = await until(() => gateway.ports.length === 2 && gateway.ports);
  const client = await connectGreeted({ host: "::1", port: port as number }, t);
  await logIn(client, user, password);
  const [line] = await logged(server, gateway, client);
  assert.match(line, /, rip=::1, lip=127\.0\.0\.1,/);
});

test("AUTH PLAIN behind XCLIENT", { skip }, async (t) => {
  const server = await startDovecot(t, [], TRUSTED);
  const gateway = await before(server, t, "--xclient", "--auth", "PLAIN");
  const client = await clientOf(gateway, t);
  const response = Buffer.from(`\0${user}\0${password}`).toString("base64");
  assert.match(await client.ask(`AUTH PLAIN ${response}`), /^\+OK/);
  const [line] = await logged(server, gateway, client);
  assert.match(line, /, rip=127\.0\.0\.3, lip=127\.0\.0\.1,/);
  await spoken(gateway, /^XCLIENT CAPA USER PASS /, "server>");
});

tellDraw("listeners in front of a server under TLS");

test("XCLIENT under TLS", { skip: skipTls }, async (t) => {
  for (const [mode, said] of [
    ["starttls", /^CAPA STLS XCLIENT USER PASS /],
    ["tls", /^XCLIENT USER PASS /],
  ] as const) {
    for (const listener of drawn(["", "/starttls", "/tls"] as const, 1, mode)) {
      await t.test(`to dovecot ${mode}, from the client ${listener || "none"}`, async (t) => {
        const server = await startTlsDovecot(t, certified("good"), [], { settings: [TRUSTED] });
        const to = `localhost:${mode === "tls" ? server.tlsPort : server.port}`;
        const tls = ["--server-tls", mode, "--server-ca", authority()];
        const own = listener === "" ? [] : withCertificates(certified("ec"));
        const gateway = await startProcess(["--xclient", ...tls, ...own, to], { t, listeners: [listener], inspect });
        const place = { host: "127.0.0.1", port: gateway.port, localAddress: "127.0.0.3" };
        const client = await {
          "": () => connectGreeted(place, t),
          "/starttls": () => connectStls(place, undefined, t),
          "/tls": () => connectTls(place, undefined, t),
        }[listener]();
        if (listener === "/tls") assert.match(await client.line(), /^\+OK/);
        await logIn(client, user, password);
        const [line, session] = await logged(server, gateway, client);
        assert.match(line, /, rip=127\.0\.0\.3, lip=127\.0\.0\.1,.* TLS, /);
        assert.ok(line.includes(`, session=<${session}>`), line);
        await spoken(gateway, said, "server>");
        assert.match(gateway.said(), new RegExp(`CLIENT-TRANSPORT=${listener ? "TLS" : "insecure"}"`));
      });
    }
  }
});

test("from an address that it trusts, dovecot takes passwords in clear", { skip }, async (t) => {
  for (const [trusted, answer] of [
    ["127.0.0.2", /^\+OK/],
    ["127.0.0.1", /^-ERR \[AUTH\] Plaintext authentication disallowed/],
  ] as const) {
    const settings = ["disable_plaintext_auth = yes", `login_trusted_networks = ${trusted}`];
    const server = await startDovecot(t, [], ...settings);
    const gateway = await before(server, t, "--xclient", "--source", "127.0.0.2", "--exempt", "127.0.0.0/8");
    const client = await clientOf(gateway, t);
    await client.ask(`USER ${user}`);
    assert.match(await client.ask(`PASS ${password}`), answer);
    client.destroy();
  }
});
