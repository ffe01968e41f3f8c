/** AUTH with the client: its limits, where it is permitted, and that all that holds for USER and PASS holds for it. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { AUTH_LIMIT } from "../../src/protocol/command";
import { type Accepting, startAccepting } from "../stage/accepting";
import { script } from "../stage/acp";
import { authority, certified, lacking } from "../stage/certificates";
import { connectGreeted, connectStls } from "../stage/dialogue";
import { startGateway, type TestGateway, type Wishes } from "../stage/gateway";
import type { Peer } from "../stage/peer";

const mechanisms = ["PLAIN", "OAUTHBEARER", "XOAUTH2"] as const;
const base64 = (text: string) => Buffer.from(text, "latin1").toString("base64");
const xoauth2 = (user: string, token: string) => base64(`user=${user}\x01auth=Bearer ${token}\x01\x01`);

/** A gateway, and the server behind it with its port. */
async function stage(t: TestContext, wishes: Wishes = {}): Promise<[TestGateway, Accepting, number]> {
  const accepting = await startAccepting(t);
  const { port } = accepting;
  return [await startGateway(port, { mechanisms, ...wishes }, { t }), accepting, port];
}

/** Takes a login with a mechanism at the server's end, up to the response, which is not answered. @returns it */
async function response(server: Peer, mechanism: string): Promise<string> {
  await server.write("+OK\r\n");
  await server.answer("CAPA", `+OK\r\nSASL ${mechanism}\r\n.\r\n`);
  await server.answer(`AUTH ${mechanism}`, "+ \r\n");
  return server.line();
}

test("L7: a line of AUTH may have 12 KiB, and so may the response behind it; one octet more is refused", async (t) => {
  const [gateway, accepting] = await stage(t);
  const longest = xoauth2("joe", "x".repeat(9150));
  const inline = `AUTH XOAUTH2 ${longest}`;
  const token = "x".repeat(9150 + Math.floor((AUTH_LIMIT - 2 - inline.length) / 4) * 3);
  const fits = `AUTH XOAUTH2 ${xoauth2("joe", token)}`;
  assert.ok(fits.length + 2 <= AUTH_LIMIT && fits.length + 2 > AUTH_LIMIT - 4);
  for (const lines of [[fits], ["AUTH XOAUTH2", fits.slice("AUTH XOAUTH2 ".length)]]) {
    const client = await connectGreeted(gateway.port, t);
    await client.say(...lines);
    if (lines.length > 1) await client.expect("+ \r\n");
    const server = await accepting.next();
    assert.equal(await response(server, "XOAUTH2"), xoauth2("joe", token));
    await server.write("+OK\r\n");
    assert.equal(await client.line(), "+OK");
    client.destroy();
  }
  const client = await connectGreeted(gateway.port, t);
  const padded = `AUTH XOAUTH2 ${"x".repeat(AUTH_LIMIT - "AUTH XOAUTH2 \r\n".length)}`;
  assert.equal(await client.ask(padded), "-ERR response is not base64");
  assert.equal(await client.ask(`${padded}x`), "-ERR command line too long");
  for (const [line, reply] of [
    ["x".repeat(AUTH_LIMIT - 2), "-ERR response is not base64"],
    ["x".repeat(AUTH_LIMIT - 1), "-ERR command line too long"],
    ["x".repeat(1 << 20), "-ERR command line too long"],
  ] as const) {
    await client.say("AUTH XOAUTH2");
    await client.expect("+ \r\n");
    assert.equal(await client.ask(line), reply);
  }
  // All other lines are as long as without AUTH.
  assert.equal(await client.ask(`USER ${"x".repeat(1024)}`), "-ERR command line too long");
  assert.equal(await client.ask(`NOOP ${"x".repeat(255)}`), "-ERR command line too long");
  assert.equal(await client.ask("USER joe"), "+OK password required");
  client.destroy();
});

test("L7: bare AUTH lists the mechanisms; one that is not permitted is unsupported, and counts", async (t) => {
  const [gateway] = await stage(t, { mechanisms: ["PLAIN"] });
  const client = await connectGreeted(gateway.port, t);
  assert.equal(await client.ask("AUTH"), "+OK mechanisms follow");
  await client.expect("PLAIN\r\n.\r\n");
  for (let count = 0; count < 5; count++) {
    assert.equal(await client.ask("AUTH XOAUTH2"), "-ERR unsupported authentication mechanism");
  }
  const { fields } = await gateway.logged("unsupported");
  assert.equal(fields.command, "AUTH XOAUTH2");
  assert.equal(await client.ask("AUTH LOGIN"), "-ERR too many unsupported commands");
  await client.expectEnd();
});

test("L7: without --auth AUTH is unsupported, and CAPA has no SASL", async (t) => {
  const [gateway] = await stage(t, { mechanisms: [], capa: true });
  const client = await connectGreeted(gateway.port, t);
  assert.equal(await client.ask(`AUTH PLAIN ${base64("\0joe\0s3cr3t")}`), "-ERR unsupported command");
  assert.equal(await client.ask("AUTH"), "-ERR unsupported command");
  await client.say("CAPA");
  assert.doesNotMatch(await client.upTo("\r\n.\r\n"), /SASL/);
  client.destroy();
});

test("G2: the line behind a refused AUTH is no word of the log, however AUTH was written", async (t) => {
  const [gateway] = await stage(t, { debug: true });
  for (const line of ["AUTH LOGIN", " AUTH LOGIN", "AUTH\tLOGIN", "\xff\xfb\x01AUTH PLAIN", "auth"]) {
    const client = await connectGreeted(gateway.port, t);
    await client.say(line, "AGEAczNjcjN0");
    const count = line === "auth" ? 4 : 2;
    for (let lines = 0; lines < count; lines++) await client.line();
    client.destroy();
  }
  await gateway.logged("close", 5);
  assert.doesNotMatch(gateway.said(), /AGEAczNjcjN0/);
});

test("L9, T5: before STLS there is no AUTH, and what the client said before it is forgotten", {
  skip: lacking,
}, async (t) => {
  const [tlsCert, tlsKey] = [certified("good").certFile, certified("good").keyFile];
  const listen = [{ host: "127.0.0.1", port: 0, tls: "starttls" }] as const;
  const wishes = {
    listen,
    tlsCerts: [tlsCert],
    tlsKeys: [tlsKey],
    serverTls: "none",
    utf8: true,
    debug: true,
  } as const;
  const [gateway] = await stage(t, wishes);
  const client = await connectGreeted(gateway.port, t);
  for (const line of ["AUTH", "AUTH PLAIN", `AUTH PLAIN ${base64("\0joe\0s3cr3t")}`]) {
    assert.equal(await client.ask(line), "-ERR [SYS/PERM] use STLS first", line);
  }
  // A client that did not wait for the answer says its response all the same.
  assert.match(await client.ask("AGpvZQBzMw"), /^-ERR unsupported command/);
  await client.say("CAPA");
  const before = await client.upTo("\r\n.\r\n");
  assert.match(before, /\r\nSTLS\r\n/);
  assert.doesNotMatch(before, /SASL|USER/);
  assert.equal(await client.ask("UTF8"), "+OK UTF8 enabled");
  assert.equal(await client.ask("STLS"), "-ERR STLS has to come before UTF8");
  await client.say("CAPA");
  assert.doesNotMatch(await client.upTo("\r\n.\r\n"), /STLS/);
  client.destroy();
  const secure = await connectStls(gateway.port, undefined, t);
  await secure.say("CAPA");
  assert.match(await secure.upTo("\r\n.\r\n"), /\r\nSASL PLAIN OAUTHBEARER XOAUTH2\r\n/);
  assert.equal(await secure.ask("UTF8"), "+OK UTF8 enabled");
  secure.destroy();
  assert.doesNotMatch(gateway.said(), /AGpvZQBz|s3cr3t/);
});

test("T4: after STLS the server's capabilities are asked anew", { skip: lacking }, async (t) => {
  const { cert, key } = certified("good");
  const [gateway, accepting] = await stage(t, { serverTls: "starttls", serverCa: authority() });
  const client = await connectGreeted(gateway.port, t);
  await client.say(`AUTH XOAUTH2 ${xoauth2("joe", "t0k3n")}`);
  const server = await accepting.next();
  await server.write("+OK\r\n");
  await server.answer("CAPA", "+OK\r\nSTLS\r\nSASL OAUTHBEARER\r\n.\r\n");
  await server.answer("STLS", "+OK\r\n");
  await server.acceptTls({ cert, key });
  await server.answer("CAPA", "+OK\r\nSASL XOAUTH2\r\n.\r\n");
  await server.answer("AUTH XOAUTH2", "+ \r\n");
  await server.answer(xoauth2("joe", "t0k3n"), "+OK\r\n");
  assert.equal(await client.line(), "+OK");
  client.destroy();
});

test("L8: a server that refuses a token without a wait for the answer to its challenge", async (t) => {
  const [gateway, accepting] = await stage(t);
  for (const at of ["at once", "late", "behind an empty line"] as const) {
    const client = await connectGreeted(gateway.port, t);
    await client.say(`AUTH XOAUTH2 ${xoauth2(at, "t0k3n")}`);
    const server = await accepting.next();
    await response(server, "XOAUTH2");
    if (at === "at once") {
      await server.write("+ e30=\r\n-ERR [AUTH] expired\r\n");
    } else {
      await server.write(at === "late" ? "+ e30=\r\n" : "+ e30=\r\n\r\n");
      await server.answer("", "-ERR [AUTH] expired\r\n");
    }
    assert.equal(await client.line(), "-ERR [AUTH] expired");
    assert.equal(await server.rest(), "");
  }
});

test("L7: a server that never ends its challenges is left", async (t) => {
  const [gateway, accepting] = await stage(t);
  const client = await connectGreeted(gateway.port, t);
  await client.say(`AUTH PLAIN ${base64("\0joe\0s3cr3t")}`);
  const server = await accepting.next();
  await response(server, "PLAIN");
  await server.write("+ more\r\n");
  for (let count = 0; count < 2; count++) await server.answer("*", "+ more\r\n");
  assert.equal(await client.line(), "-ERR [SYS/TEMP] server not available");
  assert.equal(await server.rest(), "");
});

test("L6, L7: server selection, the proxy login and the acp hold for every mechanism", async (t) => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell reads it
  const said = "echo $PROXY_SERVERLOGIN $PROXY_USERNAME ${#PROXY_PASSWD} >&2";
  const wishes = { acp: script(t, said), select: true, servers: "127.0.0.1:*", server: null };
  const [gateway, accepting, port] = await stage(t, wishes);
  const user = `pu:joe@127.0.0.1:${port}`;
  for (const [line, mechanism, seen, sent] of [
    [`AUTH PLAIN ${base64(`\0${user}\0pp:s3cr3t`)}`, "PLAIN", "joe pu 2", base64("\0joe\0s3cr3t")],
    [`AUTH XOAUTH2 ${xoauth2(user, "t0k3n")}`, "XOAUTH2", "joe pu 0", xoauth2("joe", "t0k3n")],
  ] as const) {
    const client = await connectGreeted(gateway.port, t);
    await client.say(line);
    const server = await accepting.next();
    assert.equal(await response(server, mechanism), sent);
    await server.write("+OK\r\n");
    assert.equal(await client.line(), "+OK");
    assert.ok(
      gateway.log.some(({ event, fields }) => event === "acp" && fields.said === seen),
      gateway.said(),
    );
    client.destroy();
  }
});

test("L8: the acp can replace a token by a password", async (t) => {
  const acp = script(t, "printf 'SERVERPASSWD=s3cr3t\\n' >&3");
  const [gateway, accepting] = await stage(t, { acp, debug: true });
  const client = await connectGreeted(gateway.port, t);
  await client.say(`AUTH XOAUTH2 ${xoauth2("joe", "t0k3n")}`);
  const server = await accepting.next();
  assert.equal(await response(server, "PLAIN"), base64("\0joe\0s3cr3t"));
  await server.write("+OK\r\n");
  assert.equal(await client.line(), "+OK");
  client.destroy();
  await gateway.logged("close");
  assert.doesNotMatch(gateway.said(), /s3cr3t|t0k3n/);
});

test("L8, L10: a refused AUTH counts as a refused PASS does, and a server without the mechanism does not", async (t) => {
  const [gateway, accepting] = await stage(t);
  const login = async (answer: string | null) => {
    const client = await connectGreeted(gateway.port, t);
    await client.say(`AUTH XOAUTH2 ${xoauth2("joe", "t0k3n")}`);
    const server = await accepting.next();
    if (answer === null) {
      await server.write("+OK\r\n");
      await server.answer("CAPA", "+OK\r\nUSER\r\n.\r\n");
    } else {
      await response(server, "XOAUTH2");
      await server.write(`${answer}\r\n`);
    }
    const heard = await client.line();
    client.destroy();
    return heard;
  };
  let refusals = 0;
  const { throttle } = gateway.memory;
  const attempt = throttle.attempt.bind(throttle);
  throttle.attempt = async (...wishes) => {
    const one = await attempt(...wishes);
    const refused = one?.refused.bind(one);
    if (!one || !refused) return one;
    one.refused = () => {
      refusals++;
      return refused();
    };
    return one;
  };
  assert.match(await login(null), /^-ERR \[SYS\/PERM\]/);
  assert.equal(refusals, 0);
  assert.equal(await login("-ERR no"), "-ERR no");
  assert.equal(refusals, 1);
  assert.equal(await login("+OK"), "+OK");
  assert.equal(refusals, 1);
});

test("G2: no token and no response is in the log, nor in a trace, also where a server repeats them", async (t) => {
  const [gateway, accepting] = await stage(t, { debug: true });
  const sent = xoauth2("joe", "t0k3n-t0k3n");
  for (const [lines, answer] of [
    [[`AUTH XOAUTH2 ${sent}`], `-ERR bad response ${sent}`],
    [["AUTH XOAUTH2", sent], "-ERR t0k3n-t0k3n expired"],
    [["AUTH XOAUTH2", sent], `what is ${sent.slice(0, 20)}`],
  ] as const) {
    const client = await connectGreeted(gateway.port, t);
    for (const line of lines) {
      await client.say(line);
      if (line === "AUTH XOAUTH2") await client.expect("+ \r\n");
    }
    const server = await accepting.next();
    assert.equal(await response(server, "XOAUTH2"), sent);
    await server.write(`${answer}\r\n`);
    await client.line();
    client.destroy();
  }
  const client = await connectGreeted(gateway.port, t);
  // Not well-formed, cancelled, or without a permitted mechanism.
  for (const line of [`AUTH XOAUTH2 ${sent}=`, `AUTH XOAUTH2 ${sent} x`, `AUTH LOGIN ${sent}`, sent])
    await client.ask(line);
  client.destroy();
  await gateway.logged("close", 4);
  assert.match(gateway.said(), /client< .*AUTH XOAUTH2 \*\*\*/);
  assert.match(gateway.said(), /server> .*line="?\*\*\*/);
  for (const secret of ["t0k3n", sent, sent.slice(0, 12)]) assert.ok(!gateway.said().includes(secret), secret);
});
