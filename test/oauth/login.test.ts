/** Logins with tokens, from a client's USER and PASS to the server's answer. */

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { Counters } from "../../src/metrics/counters";
import { script } from "../stage/acp";
import { connectGreeted } from "../stage/dialogue";
import { startGateway, type TestGateway, type Wishes } from "../stage/gateway";
import { ACCOUNT, PASSWORD, type Stage, stage } from "./stage";

async function gate(t: TestContext, wishes: Wishes = {}, lines = ""): Promise<[TestGateway, Stage]> {
  const on = await stage(t, lines);
  return [await startGateway(1, { oauth: on.file, server: null, ...wishes }, { t }), on];
}

/** Logs in. @returns the gateway's answer */
async function login(t: TestContext, gateway: TestGateway, user = ACCOUNT, password = PASSWORD): Promise<string> {
  const client = await connectGreeted(gateway.port, t);
  await client.ask(`USER ${user}`);
  const answer = await client.ask(`PASS ${password}`);
  if (answer.startsWith("+OK")) {
    assert.equal(await client.ask("STAT"), "+OK 0 0");
    await client.ask("QUIT");
  }
  client.destroy();
  return answer;
}

const alive = (provider: Stage["provider"]) => ({ token: provider.access(), until: Date.now() + 600_000 });

test("a client with USER and PASS logs in with a token, and neither of its secrets is in the log", async (t) => {
  const [gateway, { provider, server, authorize }] = await gate(t, { debug: true });
  const refresh = await authorize();
  assert.equal(await login(t, gateway, "Joe@Example.org"), "+OK");
  assert.match(server.responses[0] ?? "", /^user=Joe@Example\.org\x01auth=Bearer access-\S+\x01\x01$/);
  await gateway.ended();
  const said = gateway.said();
  const token = /Bearer (\S+?)\x01/.exec(server.responses[0] ?? "")?.[1] ?? "";
  assert.ok(provider.takes(token));
  for (const secret of [
    PASSWORD,
    token,
    refresh,
    Buffer.from(server.responses[0] ?? "", "latin1").toString("base64"),
  ]) {
    assert.ok(!said.includes(secret), secret);
  }
  assert.match(said, /login .*user=Joe@Example\.org/);
});

test("OAUTHBEARER, where the file says so", async (t) => {
  const on = await stage(t);
  const [usual] = on.settings.providers;
  const lines = `mechanism = "oauthbearer"\nflow = "device"\nissuer = "${on.provider.place}"\n`;
  const [gateway, { provider, server, authorize }] = await gate(t, {}, lines);
  assert.equal(usual?.mechanism, "XOAUTH2");
  await authorize(ACCOUNT, alive(provider));
  assert.equal(await login(t, gateway), "+OK");
  assert.match(server.responses[0] ?? "", /^n,a=joe@example\.org,\x01auth=Bearer \S+\x01\x01$/);
});

test("renewals are counted, whether they give a token or not", async (t) => {
  const on = await stage(t);
  const counters = new Counters();
  const gateway = await startGateway(1, { oauth: on.file, server: null }, { t, counters });
  const counts = () => Object.fromEntries(counters.tallies.renewals.all.map(([key, count]) => [key.join(), count]));
  assert.equal(counts()["fake,expired"], 0);
  await on.authorize();
  assert.equal(await login(t, gateway), "+OK");
  assert.equal(await login(t, gateway), "+OK");
  assert.equal(counts()["fake,success"], 1);
  await on.authorize("jim@example.org");
  on.provider.whim = () => ({ status: 500, body: { error: "server_error" } });
  assert.match(await login(t, gateway, "jim@example.org"), /^-ERR \[SYS\/TEMP\]/);
  assert.equal(counts()["fake,unavailable"], 1);
});

test("what a login without a token gets, and what the log says to do", async (t) => {
  const [gateway, { provider, authorize, file }] = await gate(t);
  assert.equal(await login(t, gateway), "-ERR [SYS/PERM] account is not authorized here");
  await gateway.logged("denied");
  const command = `pop3.proxy --oauth ${file} --authorize joe@example.org`;
  assert.ok(gateway.said().includes(command), gateway.said());
  await authorize();
  assert.equal(await login(t, gateway, ACCOUNT, "wrong"), "-ERR [AUTH] wrong password");
  const answers: [number, string, string, RegExp][] = [
    [
      500,
      "server_error",
      "-ERR [SYS/TEMP] authorization service not available",
      /code=oauth-provider .*can't be asked/,
    ],
    [
      401,
      "invalid_client",
      "-ERR [SYS/TEMP] authorization service not available",
      /code=oauth-provider .*refuses the gateway: invalid_client/,
    ],
    [
      400,
      "invalid_grant",
      "-ERR [AUTH] authorization expired",
      /code=oauth-expired .*withdrawn the authorization: invalid_grant; renew it by/,
    ],
  ];
  for (const [status, error, reply, line] of answers) {
    provider.whim = () => ({ status, body: { error } });
    assert.equal(await login(t, gateway), reply);
    await gateway.saying(line);
  }
  provider.whim = null;
  await authorize();
  assert.equal(await login(t, gateway), "+OK");
});

test("tokens that can't be stored any more serve this login, and the log says what will follow", async (t) => {
  const [gateway, { provider, store, authorize }] = await gate(t);
  await authorize();
  provider.whim = () => {
    rmSync(store.folder, { recursive: true });
    return undefined;
  };
  assert.equal(await login(t, gateway), "+OK");
  const { level, fields } = await gateway.logged("oauth");
  assert.deepEqual([level, fields.code], ["err", "oauth-store"]);
  assert.match(`${fields.reason}`, /joe@example\.org could not be stored: .*no such file.*wants --authorize again$/);
});

test("a token that the server refuses is renewed once; then the server's words count", async (t) => {
  const [gateway, { provider, server, authorize }] = await gate(t);
  await authorize(ACCOUNT, alive(provider));
  assert.equal(await login(t, gateway), "+OK");
  provider.forgetAccess();
  assert.equal(await login(t, gateway), "+OK");
  assert.equal(server.responses.length, 3);
  assert.equal(provider.asked.length, 1);
  provider.forgetAccess();
  const takes = t.mock.method(provider, "takes", () => false);
  assert.equal(await login(t, gateway), "-ERR [AUTH] not this token");
  assert.equal(server.responses.length, 5);
  assert.equal(provider.asked.length, 2);
  await gateway.saying(
    /code=server-denied reason="server refuses the token of provider fake \(.*400.*POP3 switched on/,
  );
  takes.mock.restore();
  assert.equal(await login(t, gateway), "+OK");
});

test("an account goes to the provider's server, whatever the name and the operand say", async (t) => {
  const [gateway, { provider, server, authorize }] = await gate(t, { select: true, servers: "other.example.org" });
  await authorize(ACCOUNT, alive(provider));
  assert.equal(await login(t, gateway), "+OK", "its @ selects no server");
  assert.equal(server.responses.length, 1);
  assert.equal(await login(t, gateway, "joe@elsewhere.example"), "-ERR [AUTH] server not permitted");
  assert.equal(await login(t, gateway, "joe"), "-ERR [AUTH] no server selected");
});

test("access control is asked, and may answer another user, but no other server", async (t) => {
  const known = '[ "$PROXY_USERNAME" = proxy ] && [ "$PROXY_PASSWD" = word ] || exit 1';
  const acp = script(t, known, "echo SERVERLOGIN=shared@example.org >&3");
  const [gateway, { provider, server, authorize }] = await gate(t, { acp });
  await authorize(ACCOUNT, alive(provider));
  assert.equal(await login(t, gateway, `proxy:${ACCOUNT}`, `word:${PASSWORD}`), "+OK");
  assert.match(server.responses[0] ?? "", /^user=shared@example\.org\x01/, "as of a shared mailbox");
  assert.match(await login(t, gateway, ACCOUNT, PASSWORD), /^-ERR/);
  const elsewhere = script(t, "echo SERVER=127.0.0.2 >&3");
  const [other, on] = await gate(t, { acp: elsewhere });
  await on.authorize(ACCOUNT, alive(on.provider));
  assert.equal(await login(t, other), "-ERR [SYS/PERM] gateway is not set up for this");
  assert.equal(on.server.responses.length, 0);
  // Nor other TLS: it might be none.
  const inClear = script(t, "echo SERVERTLS=starttls >&3");
  const [third, there] = await gate(t, { acp: inClear });
  await there.authorize(ACCOUNT, alive(there.provider));
  assert.equal(await login(t, third), "-ERR [SYS/PERM] gateway is not set up for this");
});

test("a client that brings a token of its own uses that", async (t) => {
  const [gateway, { provider, server }] = await gate(t, { mechanisms: ["XOAUTH2"] });
  const token = provider.access();
  const client = await connectGreeted(gateway.port, t);
  const response = Buffer.from(`user=${ACCOUNT}\x01auth=Bearer ${token}\x01\x01`).toString("base64");
  // The server here lists nothing in CAPA, so it takes no tokens from clients.
  assert.equal(await client.ask(`AUTH XOAUTH2 ${response}`), "-ERR [SYS/PERM] server does not take this kind of login");
  assert.equal(server.responses.length, 0);
  client.destroy();
});

test("L11: a wrong password is delayed as any other, and guesses are counted", async (t) => {
  const [gateway, { authorize, provider }] = await gate(t, { limits: { refusal: 300, refusalMost: 600 } });
  await authorize(ACCOUNT, alive(provider));
  const began = performance.now();
  await login(t, gateway, ACCOUNT, "wrong 1");
  await login(t, gateway, ACCOUNT, "wrong 2");
  assert.ok(performance.now() - began >= 900);
  const never = performance.now();
  await login(t, gateway, "jim@example.org");
  assert.ok(performance.now() - never >= 300, "who is authorized can't be found out quickly");
});
