/** Access tokens of accounts: who gets one, when it is renewed, how often, and what a fault of the provider means. */

import assert from "node:assert/strict";
import crypto from "node:crypto";
import { readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Abort } from "../../src/base/until";
import { renewTokens } from "../../src/oauth/renewal";
import { Renewals } from "../../src/oauth/renewals";
import { Vault, type VaultAnswer, VaultMemory } from "../../src/oauth/vault";
import { Starts } from "../../src/process/children";
import { drawn, LONG } from "../stage/draws";
import { until } from "../stage/waiting";
import { ACCOUNT, PASSWORD, type Stage, stage } from "./stage";

/** Renewals without processes of their own, which take most of the time. */
const here = { renew: renewTokens };

const newMemory = () => new VaultMemory(here);

function login(vault: Vault, given: { account?: string; password?: string; refused?: string } = {}) {
  return vault.token({ account: ACCOUNT, provider: "fake", password: PASSWORD, ...given }, new Abort());
}

async function opened(t: TestContext, lines?: string, rotates = true): Promise<[Vault, Stage]> {
  const on = await stage(t, lines, rotates);
  return [new Vault(on.settings, newMemory()), on];
}

function tokenOf(answer: VaultAnswer): string {
  return answer.kind === "token" ? answer.token : assert.fail(JSON.stringify(answer));
}

/** What is in the store's files, to see that nothing changes. */
function contents({ store }: Stage): string[] {
  return readdirSync(store.folder).map((name) => readFileSync(join(store.folder, name), "utf8"));
}

test("B28: 50 logins of one account at the moment of expiry cause one refresh", async (t) => {
  const [vault, { provider, authorize }] = await opened(t);
  await authorize();
  const answers = await Promise.all(Array.from({ length: 50 }, () => login(vault)));
  assert.deepEqual(new Set(answers.map(tokenOf)).size, 1);
  assert.equal(provider.asked.length, 1);
  assert.ok(provider.takes(tokenOf(answers[0] as VaultAnswer)));
  assert.equal(provider.asked[0]?.get("scope"), "mail", "Microsoft refuses a refresh without the scope");
  await login(vault);
  assert.equal(provider.asked.length, 1, "a token that is alive is used");
});

test("B28: several processes with one store refresh once, and each refresh token is used once", async (t) => {
  const on = await stage(t);
  await on.authorize();
  const own = () => new VaultMemory(new Renewals(new Starts()));
  const vaults = Array.from({ length: LONG ? 6 : 2 }, () => new Vault(on.settings, own()));
  const answers = await Promise.all(vaults.map((vault) => login(vault)));
  assert.equal(new Set(answers.map(tokenOf)).size, 1);
  assert.equal(on.provider.asked.length, 1);
  // And again with the refresh token that came in the place of the first one.
  const refused = tokenOf(answers[0] as VaultAnswer);
  const again = await Promise.all(vaults.map((vault) => login(vault, { refused })));
  assert.equal(new Set(again.map(tokenOf)).size, 1);
  assert.notEqual(tokenOf(again[0] as VaultAnswer), refused);
  assert.equal(on.provider.asked.length, 2);
});

test("an access token that is stored and alive needs neither provider nor renewal", async (t) => {
  const [vault, { provider, authorize }] = await opened(t);
  await authorize(ACCOUNT, { token: "stored", until: Date.now() + 60_000 });
  assert.deepEqual(await login(vault), { kind: "token", token: "stored", issued: false });
  assert.equal(provider.asked.length, 0);
});

test("L11: 1,000 wrong passwords harm nothing, and cost no key each once the password has been right", async (t) => {
  const [vault, on] = await opened(t);
  await on.authorize(ACCOUNT, { token: "stored", until: Date.now() + 600_000 });
  const before = contents(on);
  const keys = t.mock.method(crypto, "scrypt");
  assert.equal((await login(vault, { password: "wrong" })).kind, "none");
  assert.equal(keys.mock.callCount(), 1);
  tokenOf(await login(vault));
  assert.equal(keys.mock.callCount(), 2);
  for (let count = 0; count < 1000; count++) {
    const answer = await login(vault, { password: `wrong ${count}` });
    assert.deepEqual(answer, { kind: "none", fault: "password", why: "wrong gateway password" });
  }
  tokenOf(await login(vault));
  assert.equal(keys.mock.callCount(), 2);
  assert.deepEqual(contents(on), before);
  assert.equal(on.provider.asked.length, 0);
});

test("B28: when too many passwords are to be tried, those that have been right still get new tokens", async (t) => {
  const { settings, provider, authorize } = await stage(t);
  const memory = newMemory();
  const vault = new Vault(settings, memory);
  const accounts = ["u1@example.org", "u2@example.org", "u3@example.org"];
  const date = Date.now();
  for (const account of [...accounts, ACCOUNT]) await authorize(account, { token: "stored", until: date + 60_000 });
  for (const account of accounts) tokenOf(await login(vault, { account }));
  t.mock.method(memory.keys, "make", async () => null);
  t.mock.method(Date, "now", () => date + 61_000);
  const answers = await Promise.all(accounts.map((account) => login(vault, { account })));
  assert.equal(new Set(answers.map(tokenOf)).size, accounts.length);
  assert.equal(provider.asked.length, accounts.length);
  const busy = { kind: "none", fault: "busy", why: "too many passwords at once are to be tried" };
  assert.deepEqual(await login(vault), busy);
});

test("a password that is replaced counts at once, and the old one no more", async (t) => {
  const [vault, { provider, authorize, store }] = await opened(t);
  await authorize();
  tokenOf(await login(vault));
  await authorize(ACCOUNT, undefined, "another password");
  assert.deepEqual(await login(vault), { kind: "none", fault: "password", why: "wrong gateway password" });
  tokenOf(await login(vault, { password: "another password" }));
  assert.equal(provider.asked.length, 2, "the new authorization has tokens of its own");
  await store.forget(ACCOUNT);
  assert.deepEqual(await login(vault), { kind: "none", fault: "unauthorized", why: "it was never authorized" });
});

test("B29: a store that is gone is no refusal of its accounts, and one that is back serves them", async (t) => {
  const [vault, { authorize, store }] = await opened(t);
  await authorize(ACCOUNT, { token: "stored", until: Date.now() + 600_000 });
  tokenOf(await login(vault));
  renameSync(store.folder, `${store.folder}.away`);
  const gone = { kind: "none", fault: "store", why: `${store.folder}: there is no such folder` };
  assert.deepEqual(await login(vault), gone);
  assert.deepEqual(await login(vault, { account: "jim@example.org" }), gone);
  renameSync(`${store.folder}.away`, store.folder);
  tokenOf(await login(vault));
});

test("an account of another provider, or that was never authorized, is told apart", async (t) => {
  const [vault, { authorize }] = await opened(t);
  const never = await login(vault, { account: "jim@example.org" });
  assert.deepEqual(never, { kind: "none", fault: "unauthorized", why: "it was never authorized" });
  await authorize();
  const other = await vault.token({ account: ACCOUNT, provider: "other", password: PASSWORD }, new Abort());
  assert.match(JSON.stringify(other), /"unauthorized".*authorized with the provider fake/);
});

test("a login that gives up leaves the renewal to the others, and the token is stored", async (t) => {
  const [vault, { provider, authorize, store }] = await opened(t);
  await authorize();
  let answer = () => {};
  const answers = new Promise<undefined>((resolve) => (answer = () => resolve(undefined)));
  provider.whim = () => answers;
  const gone = new Abort();
  const left = vault.token({ account: ACCOUNT, provider: "fake", password: PASSWORD }, gone);
  await until(() => provider.asked.length > 0, "the request");
  gone.abort(new Error("the client has left"));
  await assert.rejects(left, /the client has left/);
  const other = login(vault);
  answer();
  tokenOf(await other);
  assert.equal(provider.asked.length, 1);
  assert.notEqual((await store.read(ACCOUNT))?.renewed, undefined);
});

test("a token that can't be stored any more is used all the same, and that is told", async (t) => {
  const [vault, { provider, authorize, store }] = await opened(t);
  await authorize();
  provider.whim = () => {
    rmSync(store.folder, { recursive: true });
    return undefined;
  };
  const answer = await login(vault);
  assert.ok(provider.takes(tokenOf(answer)));
  assert.match(JSON.stringify(answer), /"unstored":".*no such file/);
});

test("a provider without rotation keeps its refresh token", async (t) => {
  const [vault, { provider, authorize }] = await opened(t, "", false);
  const refresh = await authorize();
  const refused = tokenOf(await login(vault));
  tokenOf(await login(vault, { refused }));
  assert.deepEqual(
    provider.asked.map((one) => one.get("refresh_token")),
    [refresh, refresh],
  );
});

test("a short life is used for its half, and a clock that is put back or forward costs a renewal at most", async (t) => {
  const [vault, { provider, authorize }] = await opened(t);
  await authorize();
  provider.life = 2;
  // A clock that goes on by itself would end the half of a life meanwhile on a busy machine.
  let date = Date.now();
  t.mock.method(Date, "now", () => date);
  const first = tokenOf(await login(vault));
  date += 900;
  assert.equal(tokenOf(await login(vault)), first);
  date += 200;
  const second = tokenOf(await login(vault));
  assert.notEqual(second, first, "half of its life is over");
  // The clock is put back by a day: the token seems to live for long, until the server refuses it.
  date -= 86_400_000;
  assert.equal(tokenOf(await login(vault)), second);
  assert.notEqual(tokenOf(await login(vault, { refused: second })), second);
});

test("a provider that has withdrawn an authorization is asked again after a while, or for new tokens", async (t) => {
  const on = await stage(t);
  const { provider, authorize } = on;
  let time = performance.now();
  const vault = new Vault(on.settings, newMemory());
  t.mock.method(performance, "now", () => time);
  await authorize();
  const first = tokenOf(await login(vault));
  provider.whim = () => ({ status: 400, body: { error: "invalid_grant" } });
  assert.equal(tokenOf(await login(vault)), first, "a token that is alive needs no provider");
  const expired = { kind: "none", fault: "expired", why: "invalid_grant" };
  const asked = provider.asked.length;
  for (let count = 0; count < 20; count++) assert.deepEqual(await login(vault, { refused: first }), expired);
  assert.equal(provider.asked.length, asked + 1);
  const wrong = { kind: "none", fault: "password", why: "wrong gateway password" };
  assert.deepEqual(await login(vault, { password: "wrong", refused: first }), wrong);
  time += 61_000;
  assert.deepEqual(await login(vault, { refused: first }), expired);
  assert.equal(provider.asked.length, asked + 2);
  provider.whim = null;
  await authorize();
  assert.notEqual(tokenOf(await login(vault, { refused: first })), first);
});

test("what a provider may say, and what it means", async (t) => {
  const [vault, { provider, authorize, store, settings }] = await opened(t);
  await authorize();
  const before = (await store.read(ACCOUNT))?.sealed;
  const oauth = (error: string, status = 400) => ({
    status,
    body: { error, error_description: "so it is\r\n\x1b[2J" },
  });
  const rows: readonly [string, NonNullable<Awaited<ReturnType<NonNullable<typeof provider.whim>>>>, string, RegExp][] =
    [
      [
        "a server error",
        oauth("server_error", 500),
        "unavailable",
        /^http:\S+\/token: an answer with the status 500, and of application.json$/,
      ],
      ["a busy one", oauth("temporarily_unavailable", 503), "unavailable", /status 503/],
      ["an unknown client", oauth("invalid_client", 401), "refused", /^invalid_client/],
      ["a scope", oauth("invalid_scope"), "refused", /^invalid_scope/],
      [
        "HTML",
        { status: 200, body: "<html>", headers: { "content-type": "text/html" } },
        "unavailable",
        /status 200, and of text.html/,
      ],
      ["HTML of an error", { status: 502, body: "<html>" }, "unavailable", /./],
      ["no JSON", { status: 200, body: "{" }, "unavailable", /no answer of OAuth/],
      ["an empty answer", { status: 200, body: "" }, "unavailable", /./],
      ["no token", { status: 200, body: { token_type: "Bearer" } }, "unavailable", /./],
      ["another kind of token", { status: 200, body: { access_token: "x", token_type: "mac" } }, "unavailable", /./],
      [
        "a token with a line end",
        { status: 200, body: { access_token: "x\r\nDELE 1", token_type: "Bearer" } },
        "refused",
        /no usable token/,
      ],
      [
        "a token that is too long",
        { status: 200, body: { access_token: "x".repeat(9000), token_type: "Bearer" } },
        "refused",
        /no usable token/,
      ],
      [
        "a redirect",
        { status: 302, body: "", headers: { location: "http://127.0.0.1:1/" } },
        "unavailable",
        /redirect/,
      ],
      ["100 kB", { status: 200, body: "x".repeat(100_000) }, "unavailable", /more than 65536 octets/],
      ["a revoked grant", oauth("invalid_grant"), "expired", /^invalid_grant, so it is \[2J$/],
    ];
  for (const [what, answer, fault, why] of [...drawn(rows.slice(0, -1), 5, "answers"), ...rows.slice(-1)]) {
    provider.whim = () => answer;
    const told = await login(vault);
    assert.equal(told.kind === "none" && told.fault, fault, `${what}: ${JSON.stringify(told)}`);
    assert.match(told.kind === "none" ? told.why : "", why, what);
    assert.equal((await store.read(ACCOUNT))?.sealed, before, `${what}: the old token stays`);
  }
  assert.match(`${(await store.read(ACCOUNT))?.refused}`, /^\d{4}-/, "--check tells it");
  provider.whim = null;
  tokenOf(await login(new Vault(settings, newMemory())));
  assert.equal((await store.read(ACCOUNT))?.refused, undefined);
});

test("client credentials and service accounts mint tokens with the gateway password alone", async (t) => {
  const { privateKey, publicKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  const on = await stage(t);
  await on.authorize();
  const [usual] = on.settings.providers;
  const base = { ...(usual as NonNullable<typeof usual>) };
  const vaultOf = (provider: object) =>
    new Vault({ ...on.settings, providers: [{ ...base, ...provider } as typeof base] }, newMemory());
  tokenOf(await login(vaultOf({ flow: "client-credentials", clientSecret: "s3" })));
  const asked = on.provider.asked.at(-1);
  assert.equal(asked?.get("grant_type"), "client_credentials");
  assert.equal(asked?.get("client_secret"), "s3");
  assert.equal(asked?.get("scope"), "mail");
  await on.authorize();
  const file = join(on.store.folder, "..", "key.json");
  (await import("node:fs")).writeFileSync(file, JSON.stringify({ type: "service_account", private_key: pem }), {
    mode: 0o600,
  });
  tokenOf(await login(vaultOf({ flow: "service-account", key: file })));
  const assertion = `${on.provider.asked.at(-1)?.get("assertion")}`;
  const [head = "", claims = "", signature = ""] = assertion.split(".");
  assert.ok(crypto.verify("sha256", Buffer.from(`${head}.${claims}`), publicKey, Buffer.from(signature, "base64url")));
  const { iss, sub, scope, aud, iat, exp } = JSON.parse(Buffer.from(claims, "base64url").toString());
  assert.deepEqual([iss, sub, scope, aud], ["gateway", ACCOUNT, "mail", `${on.provider.place}/token`]);
  assert.equal(exp - iat, 3600);
});

test("an issuer tells the endpoints", async (t) => {
  const on = await stage(t);
  await on.authorize();
  const [usual] = on.settings.providers;
  const provider = { ...(usual as NonNullable<typeof usual>), endpoints: { issuer: on.provider.place } };
  tokenOf(await login(new Vault({ ...on.settings, providers: [provider] }, newMemory())));
  const dead = { ...provider, endpoints: { issuer: "http://127.0.0.1:1" } };
  await on.authorize();
  const answer = await login(new Vault({ ...on.settings, providers: [dead] }, newMemory()));
  assert.match(JSON.stringify(answer), /"unavailable".*connection refused/);
});
