/**
 * From a name and a password to a server, or not: the whole way through a gateway.
 */

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Accepting, startAccepting } from "../stage/accepting";
import { scratch, script } from "../stage/acp";
import { connectGreeted, welcome as welcomed } from "../stage/dialogue";
import { type Resolve, startGateway, type TestGateway, type Wishes } from "../stage/gateway";
import { freePort } from "../stage/ports";

interface Scene {
  readonly gateway: TestGateway;
  readonly accepting: Accepting;
  /** The port of the server behind. */
  readonly port: number;
  /** Logs in; gives the last answer. */
  answer(user: string, password?: string): Promise<string>;
}

async function scene(t: TestContext, settings: Wishes, resolve?: Resolve): Promise<Scene> {
  const accepting = await startAccepting(t);
  const { port } = accepting;
  const gateway = await startGateway(port, settings, resolve ? { t, resolve } : { t });
  const answer = async (user: string, password = "p") => {
    const client = await connectGreeted(gateway.port, t);
    await client.ask(`USER ${user}`);
    return client.ask(`PASS ${password}`);
  };
  return { gateway, accepting, port, answer };
}

/** A server that takes whoever comes. @returns what it was told */
async function welcome(accepting: Accepting): Promise<string[]> {
  return welcomed(await accepting.next(), "+OK fine");
}

const NOT_PERMITTED = "-ERR [AUTH] server not permitted";

test("L5, L6: a server on the list is reached, with its part of the name and all of the password", async (t) => {
  const { accepting, port, answer, gateway } = await scene(t, { select: true, servers: "127.0.0.*:*", server: null });
  const [reply, told] = await Promise.all([answer(`joe@example.org@127.0.0.1:${port}`, " p:w "), welcome(accepting)]);
  assert.equal(reply, "+OK fine");
  assert.deepEqual(told, ["USER joe@example.org", "PASS  p:w "]);
  const { fields } = await gateway.logged("login");
  assert.deepEqual([fields.user, fields.server], ["joe@example.org", `127.0.0.1:${port}`]);
});

test("L3, S5: a server that is not on the list, or not one at all, gets one text, and is not contacted", async (t) => {
  const { accepting, port, answer, gateway } = await scene(t, { select: true, servers: "mail.example.org" });
  for (const server of [`127.0.0.1:${port}`, "other", "-", "a b", "mail.example.org:25", "[::1]"]) {
    assert.equal(await answer(`joe@${server}`), NOT_PERMITTED, server);
  }
  assert.equal(accepting.count, 0);
  assert.equal(gateway.log.filter(({ event }) => event === "denied").length, 6);
  assert.equal((await gateway.logged("denied")).fields.server, `127.0.0.1:${port}`);
});

test("S2: a name that leads inside is refused, and the log tells which address and what would permit it", async (t) => {
  const names: Record<string, string[]> = {
    "inside.example": ["127.0.0.1"],
    "both.example": ["8.8.8.8", "10.0.0.1"],
    "six.example": ["::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
  };
  const { answer, gateway, accepting } = await scene(t, { select: true }, async (host) => names[host] ?? []);
  for (const name in names) assert.equal(await answer(`joe@${name}`), NOT_PERMITTED, name);
  assert.equal(accepting.count, 0);
  const reasons = gateway.log.filter(({ event }) => event === "denied").map(({ fields }) => fields.reason);
  assert.deepEqual(reasons, [
    "127.0.0.1 is not public; -s 127.0.0.1 would permit it",
    "10.0.0.1 is not public; -s 10.0.0.1 would permit it",
    "::1 is not public; -s [::1] would permit it",
    "::ffff:7f00:1 is not public; -s [::ffff:7f00:1] would permit it",
  ]);
});

test("S2: the address that was checked is the one that is dialled, whatever the name means a moment later", async (t) => {
  let asked = 0;
  // The list permits 127.0.0.1 as a number; the second answer would lead elsewhere, to a port that nobody serves.
  const resolve: Resolve = async () => [asked++ === 0 ? "127.0.0.1" : "127.0.0.2"];
  const { answer, accepting, port } = await scene(t, { select: true, servers: "*.example:*,127.0.0.1" }, resolve);
  const [reply] = await Promise.all([answer(`joe@rebind.example:${port}`), welcome(accepting)]);
  assert.equal(reply, "+OK fine");
  assert.equal(asked, 1, "one lookup");
  assert.equal(await answer(`joe@rebind.example:${port}`), NOT_PERMITTED, "each session looks and checks anew");
});

test("S4: never back to ourselves, however the client spells it", async (t) => {
  const { answer, gateway } = await scene(t, { select: true, servers: "*:*,[::ffff:*]:*" }, async () => ["127.0.0.1"]);
  for (const own of ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"]) {
    assert.equal(await answer(`joe@${own}:${gateway.port}`), NOT_PERMITTED, own);
  }
  const wild = await scene(t, { select: true, servers: "*:*", listen: [{ host: null, port: 0 }] });
  for (const own of ["127.0.0.1", "127.9.9.9", "[::1]", "0.0.0.0"]) {
    assert.equal(await wild.answer(`joe@${own}:${wild.gateway.port}`), NOT_PERMITTED, own);
  }
});

test("B25, S4: never back to ourselves by unspecified, mapped and zoned addresses", async (t) => {
  const settings = { select: true, servers: "*:*,[*:*]:*" };
  for (const [listener, ...targets] of [
    ["127.0.0.1", "0.0.0.0", "[::]", "[::ffff:0.0.0.0]", "[::ffff:127.0.0.1]"],
    ["::ffff:127.0.0.1", "127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0"],
    ["::", "[fe80::1%lo]", "[::1%lo]", "[::ffff:127.0.0.1]", "[::]", "0.0.0.0", "127.0.0.1"],
  ] as [string, ...string[]][]) {
    const { answer, gateway } = await scene(t, { ...settings, listen: [{ host: listener, port: 0 }] });
    for (const to of targets) {
      assert.equal(await answer(`joe@${to}:${gateway.port}`), NOT_PERMITTED, `${to} of ${listener}`);
    }
    assert.equal(gateway.log.filter(({ event }) => event === "connect").length, targets.length, "no nested session");
    const codes = gateway.log.filter(({ event }) => event === "denied").map(({ fields }) => fields.code);
    assert.deepEqual(new Set(codes), new Set(["own-address"]));
  }
});

test("S4: a default server that is this gateway is a fault of the configuration", async (t) => {
  const own = { host: "127.0.0.1", port: await freePort() };
  const { answer, gateway } = await scene(t, { listen: [own], server: own });
  assert.match(await answer("joe"), /^-ERR \[SYS\/PERM\]/);
  assert.equal(gateway.log.filter(({ event }) => event === "connect").length, 1, "it does not connect to itself");
});

test("L3: a server that can't be found or reached is no fault of the credentials", async (t) => {
  const { answer } = await scene(t, { select: true, servers: "*:*,127.*" }, async (host) => {
    if (host === "dead.example") return ["127.0.0.1"];
    throw new Error("queryA ENOTFOUND");
  });
  assert.match(await answer("joe@none.example"), /^-ERR \[SYS\/TEMP\]/);
  assert.match(await answer("joe@dead.example:1"), /^-ERR \[SYS\/TEMP\]/);
});

test("-q: the connection to the server comes from there; one that is not ours is told as such", async (t) => {
  const one = await scene(t, { sources: ["127.0.0.77"] });
  const [, from] = await Promise.all([
    one.answer("joe"),
    one.accepting.next().then(async (server) => {
      await server.say("+OK");
      await server.line();
      await server.say("-ERR no");
      return server.socket.remoteAddress;
    }),
  ]);
  assert.equal(from, "127.0.0.77");
  const other = await scene(t, { sources: ["192.0.2.1"] });
  assert.match(await other.answer("joe"), /^-ERR \[SYS\/PERM\]/);
});

test("proxy login: the acp gets the left sides, the server the right ones; a refusal reaches no server", async (t) => {
  const acp = script(
    t,
    'test "$PROXY_USERNAME:$PROXY_PASSWD:$PROXY_SERVERLOGIN" = "pu:pp:su" || { echo "-ERR who?"; exit 1; }',
  );
  const { answer, accepting, gateway } = await scene(t, { acp });
  const [reply, told] = await Promise.all([answer("pu:su", "pp:s:p"), welcome(accepting)]);
  assert.equal(reply, "+OK fine");
  assert.deepEqual(told, ["USER su", "PASS s:p"]);
  assert.equal((await gateway.logged("login")).fields["proxy-user"], "pu");
  assert.equal(await answer("pu:su", "wrong:sp"), "-ERR who?");
  assert.equal(accepting.count, 1);
  assert.match((await gateway.logged("denied")).fields.reason as string, /^acp: exit status 1$/);
});

test("descriptor 3: the acp sends a login elsewhere, past list and guard", async (t) => {
  const elsewhere = new Accepting();
  const port = await elsewhere.open();
  t.after(() => elsewhere.close());
  const acp = script(t, `printf 'SERVER=127.0.0.1\\nSERVERPORT=${port}\\nSERVERLOGIN=new\\nSERVERPASSWD=n\\n' >&3`);
  const { answer, accepting } = await scene(t, { acp, select: true });
  const [reply, told] = await Promise.all([answer("joe@mail.example.org"), welcome(elsewhere)]);
  assert.equal(reply, "+OK fine");
  assert.deepEqual(told, ["USER new", "PASS n"]);
  assert.equal(accepting.count, 0);
});

test("a client that leaves during its acp ends the session, and the acp", async (t) => {
  const { gateway } = await scene(t, { acp: script(t, "sleep 30") });
  const client = await connectGreeted(gateway.port, t);
  await client.ask("USER joe");
  await client.say("PASS p");
  await new Promise((resolve) => setTimeout(resolve, 50));
  client.reset();
  assert.equal((await gateway.logged("close")).fields.reason, "client closed the connection");
});

test("the client log is written before the client hears that it is in, and only then", async (t) => {
  const folder = scratch(t);
  const { answer, accepting, port } = await scene(t, { clientLog: folder });
  const [reply, seen] = await Promise.all([
    answer("jo e").then((line) => [line, readFileSync(join(folder, "127.0.0.1"), "latin1")]),
    welcome(accepting).then(() => readdirSync(folder)),
  ]);
  assert.equal(reply[0], "+OK fine");
  assert.match(reply[1] ?? "", new RegExp(`^\\d+ 127\\.0\\.0\\.1 jo%20e 127\\.0\\.0\\.1:${port}\\n$`));
  assert.deepEqual(seen, []);
});

test("a client log that can't be written is logged, and the session goes on", async (t) => {
  const folder = join(scratch(t), "log");
  mkdirSync(join(folder, "127.0.0.1"), { recursive: true });
  const { answer, accepting, gateway } = await scene(t, { clientLog: folder });
  const [reply] = await Promise.all([answer("joe"), welcome(accepting)]);
  assert.equal(reply, "+OK fine");
  assert.ok(await gateway.logged("client-log"));
});
