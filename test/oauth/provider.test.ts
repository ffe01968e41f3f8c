/** Providers with odd answers: none costs an account its new refresh token, and none brings a secret into a message. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import type { OauthProvider } from "../../src/config/oauthsettings";
import { plainAnswer } from "../../src/oauth/answers";
import { Provider } from "../../src/oauth/provider";
import type { ProviderFault } from "../../src/oauth/providerfault";
import type { Tokens } from "../../src/oauth/record";
import { atEnd } from "../stage/ending";
import { FakeProvider } from "../stage/provider";

const OLD = "refresh-token-of-before";
const SECRET = "secret of the client";
const GOOD = { access_token: "access", token_type: "Bearer", expires_in: 3600, refresh_token: "next" };

function providerOf(place: string, flow: OauthProvider["flow"] = "code"): OauthProvider {
  const endpoints = { authorization: `${place}/auth`, device: `${place}/device`, token: `${place}/token` };
  const server = { host: "127.0.0.1", port: 110 };
  const fixed = { name: "fake", accounts: ["*"], server, mechanism: "XOAUTH2" as const, clientId: "id" };
  return { ...fixed, flow, clientSecret: SECRET, scope: "mail", endpoints };
}

async function opened(t: TestContext): Promise<[FakeProvider, () => Promise<Tokens | ProviderFault>]> {
  const fake = await new FakeProvider().open(t);
  const provider = await Provider.open(providerOf(fake.place));
  return [fake, () => provider.renew("joe", { refresh: OLD }).catch((thrown: ProviderFault) => thrown)];
}

test("what nobody needs of an answer with tokens may be odd, and the new refresh token is kept", async (t) => {
  const [fake, renew] = await opened(t);
  const changes: readonly object[] = [
    { expires_in: "3600" },
    ...[-5, 0, null, "soon", {}, 1e308].map((expires_in) => ({ expires_in })),
    ...["bearer", "BEARER", undefined, null].map((token_type) => ({ token_type })),
    ...[null, ["mail"], "", 5].map((scope) => ({ scope })),
    ...["none", 5, null].map((id_token) => ({ id_token })),
  ];
  for (const change of changes) {
    fake.whim = () => ({ status: 200, body: { ...GOOD, ...change } });
    const { access, refresh } = (await renew()) as Tokens;
    const until = JSON.parse(JSON.stringify(access)).until - Date.now();
    assert.deepEqual([access?.token, refresh], ["access", "next"], JSON.stringify(change));
    assert.ok(until > 0 && until <= 24 * 3600_000, `${JSON.stringify(change)}: ${until}`);
  }
  for (const refresh_token of ["", null, 5, undefined]) {
    fake.whim = () => ({ status: 201, body: { ...GOOD, refresh_token }, headers: { "content-type": "text/plain" } });
    assert.equal(((await renew()) as Tokens).refresh, OLD);
  }
  fake.whim = () => ({ status: 200, body: { ...GOOD, access_token: "a b" } });
  assert.deepEqual(await renew(), { refresh: "next" }, "an access token that no server may get is none");
});

test("a code of the device flow that nobody has used in time says so", async (t) => {
  const fake = await new FakeProvider().open(t);
  fake.approved = false;
  fake.codeLife = 1;
  const provider = await Provider.open(providerOf(fake.place, "device"));
  const { done } = await provider.device();
  const told = { kind: "expired", message: "the code has expired before the login: start again" };
  await assert.rejects(done(), told);
});

test("a provider that quotes what it was given brings no secret into a message", async (t) => {
  const [fake, renew] = await opened(t);
  for (const secret of [OLD, SECRET]) {
    fake.whim = () => ({ status: 400, body: { error: "invalid_grant", error_description: `no ${secret} here` } });
    const { kind, message } = (await renew()) as ProviderFault;
    assert.deepEqual([kind, message.includes(secret)], ["expired", false], message);
  }
  const answer = (status: number, body: unknown) => plainAnswer({ status, body: JSON.stringify(body) }, "code=abcdef");
  assert.ok(!`${answer(400, { error: "abcdef" }).body}`.includes("abcdef"));
  assert.equal(answer(400, { error: "x", error_description: {} }).body, '{"error":"x"}');
});

test("what a fault means, also with a challenge in the head, or too many requests", async (t) => {
  const [fake, renew] = await opened(t);
  const told = async (status: number, body: string | object, headers: object = {}) => {
    fake.whim = () => ({ status, body, headers });
    const { kind, message } = (await renew()) as ProviderFault;
    return `${kind}: ${message}`;
  };
  const challenge = { "www-authenticate": 'Basic realm="x"' };
  assert.equal(await told(401, { error: "invalid_client" }, challenge), "refused: invalid_client");
  assert.equal(await told(429, { error: "slow" }), "unavailable: slow");
  assert.match(await told(400, { error: { message: "x" } }), /^unavailable: .*status 400/);
  assert.match(await told(400, { error: "invalid_grant", error_description: ["x"] }), /^expired: invalid_grant$/);
});

test("an answer of another protocol, or of none, ends the request", async (t) => {
  const rows: readonly [string, RegExp][] = [
    ["HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", /another protocol/],
    ["hello\r\n", /no answer of HTTP/],
    ["HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{}", /the connection was closed/],
    ["", /the connection was closed/],
  ];
  let text = "";
  const server = createServer((request) => request.socket.end(text)).listen(0, "127.0.0.1");
  await once(server, "listening");
  atEnd(t, async () => void server.close());
  const provider = await Provider.open(providerOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
  for (const [answer, fault] of rows) {
    text = answer;
    await assert.rejects(provider.renew("joe", { refresh: OLD }), fault, answer);
  }
});

test("a login in a browser, at a provider that tells its issuer in the result, as Google does", async (t) => {
  const fake = await new FakeProvider().open(t);
  const redirect = "http://127.0.0.1:1/";
  const login = await (await Provider.open(providerOf(fake.place))).browser(redirect, "jos\xc3\xa9@example.org");
  assert.equal(new URL(login.address).searchParams.get("login_hint"), "jos\u00e9@example.org");
  const { headers } = await fetch(login.address, { redirect: "manual" });
  const result = new URL(`${headers.get("location")}`);
  result.searchParams.set("iss", "https://accounts.example.org");
  assert.ok(login.isResult(result));
  assert.match(`${(await login.done(result)).refresh}`, /^refresh-/);
});
