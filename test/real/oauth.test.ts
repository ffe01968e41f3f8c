/**
 * OAUTHBEARER and XOAUTH2 of real clients in front of dovecot, which asks an authorization server for each token.
 */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { authority, certified, withCertificates } from "../stage/certificates";
import { drawn, tellDraw, testOfDraw } from "../stage/draws";
import { type GatewayProcess, startProcess } from "../stage/process";
import { curl, curlAll } from "./curl";
import { type OwnDovecot, startDovecot, startTlsDovecot } from "./dovecot";
import { mails, plain, stored } from "./mails";
import { mpop } from "./mpop";
import { muttAll } from "./mutt";
import { lacking } from "./programs";
import { same, sorted } from "./same";
import { scratch } from "./scratch";
import { user } from "./server";
import { type Asking, startTokens, token } from "./tokens";
import { spoken } from "./verbs";

const test = testOfDraw();

const inspect = { secret: token };

/** The mechanisms of --auth; curl takes OAUTHBEARER where it is listed. */
const BOTH = "OAUTHBEARER,XOAUTH2";

const bearer = (own: string) => ["--oauth2-bearer", own, "--user", `${user}:`];

/** A gateway in front of a dovecot, on listeners in clear, with STLS and with TLS. @param list of dovecot's mechanisms */
async function both(
  t: TestContext,
  { permitted = BOTH, list, asking = "tokeninfo" }: { permitted?: string; list?: string; asking?: Asking } = {},
  all = mails,
): Promise<[GatewayProcess, OwnDovecot]> {
  const tokens = await startTokens(t, asking);
  const server = await startDovecot(t, all, tokens.settings(list));
  return [await gatewayTo(t, `127.0.0.1:${server.port}`, "none", "--auth", permitted), server];
}

function gatewayTo(t: TestContext, server: string, tls: string, ...options: string[]): Promise<GatewayProcess> {
  const argv = [...withCertificates(certified("ec")), "--server-tls", tls, "--exempt", "127.0.0.1", ...options];
  return startProcess([...argv, server], { t, listeners: ["", "/starttls", "/tls"], inspect });
}

/** Checks how the client and the gateway have logged in, and that the log has no token. */
async function loggedInBy(gateway: GatewayProcess, mechanism: string, atServer = mechanism): Promise<void> {
  assert.equal((await gateway.logged("login")).fields.mechanism, mechanism);
  assert.match(gateway.said(), new RegExp(` server> \\S+ line="AUTH ${atServer} \\*\\*\\*"$`, "m"));
  await spoken(gateway, /^(CAPA STLS )?CAPA AUTH \*\*\* /, "server>");
  for (const response of gateway.said().matchAll(/ line="?([\w+/=]{40,})/g)) {
    assert.doesNotMatch(Buffer.from(`${response[1]}`, "base64").toString(), /Bearer/);
  }
}

tellDraw("logins with a token");

test("curl with a token in front of dovecot", {
  skip: lacking("dovecot", "curl", "openssl"),
  concurrency: 3,
}, async (t) => {
  const bearers = [
    ["OAUTHBEARER", BOTH, "oauthbearer xoauth2 plain", "OAUTHBEARER", "tokeninfo", []],
    ["OAUTHBEARER", BOTH, "oauthbearer xoauth2", "OAUTHBEARER", "introspection", ["--sasl-ir"]],
  ] as const;
  const xoauths = [
    ["XOAUTH2", "XOAUTH2", "oauthbearer xoauth2 plain", "XOAUTH2", "introspection", []],
    ["XOAUTH2", "XOAUTH2", "plain xoauth2", "XOAUTH2", "tokeninfo", ["--sasl-ir"]],
  ] as const;
  const translated = [
    ["OAUTHBEARER", BOTH, "plain xoauth2", "XOAUTH2", "tokeninfo", []],
    ["XOAUTH2", "XOAUTH2", "oauthbearer", "OAUTHBEARER", "tokeninfo", []],
  ] as const;
  const rows = [...drawn(bearers, 1, "OAUTHBEARER"), ...drawn(xoauths, 1, "XOAUTH2"), ...translated];
  const runs = rows.map(([mechanism, permitted, list, atServer, asking, options]) =>
    t.test(`${mechanism}, ${list} ${options}`, async (t) => {
      const [gateway, server] = await both(t, { permitted, list, asking });
      const url = `pop3://127.0.0.1:${gateway.port}/`;
      same(await curlAll(t, mails.length, url, ...options, ...bearer(token)), mails);
      await loggedInBy(gateway, mechanism, atServer);
      await server.saying(new RegExp(`Login: user=<${user}>, method=${atServer},`));
    }),
  );
  await Promise.all([
    ...runs,

    t.test("under TLS on both legs", async (t) => {
      const tokens = await startTokens(t, "tokeninfo");
      const server = await startTlsDovecot(t, certified("good"), mails, { settings: [tokens.settings()] });
      const modes = [
        ["starttls", server.port],
        ["tls", server.tlsPort],
      ] as const;
      for (const [mode, port] of drawn(modes, 1, "--server-tls")) {
        const options = ["--server-ca", authority(), "--auth", BOTH];
        const gateway = await gatewayTo(t, `localhost:${port}`, mode, ...options);
        const [, starttls, tls] = gateway.ports;
        const clear = await curl(...bearer(token), `pop3://localhost:${starttls}/`);
        assert.notEqual(clear.code, 0);
        for (const url of [`pop3://localhost:${starttls}/`, `pop3s://localhost:${tls}/`]) {
          const trust = ["--ssl-reqd", "--cacert", authority()];
          same(await curlAll(t, mails.length, url, ...trust, ...bearer(token)), mails);
        }
        await loggedInBy(gateway, "OAUTHBEARER");
      }
      assert.doesNotMatch(server.said(), /Login: (?!.*, TLS)/);
    }),
  ]);
});

test("a token that dovecot refuses", { skip: lacking("dovecot", "curl", "openssl"), concurrency: 3 }, async (t) => {
  const rows = [
    [BOTH, "oauthbearer xoauth2", "OAUTHBEARER", "tokeninfo"],
    ["XOAUTH2", "oauthbearer xoauth2", "XOAUTH2", "introspection"],
    [BOTH, "xoauth2", "XOAUTH2", "introspection"],
    ["XOAUTH2", "oauthbearer", "OAUTHBEARER", "tokeninfo"],
  ] as const;
  const runs = rows.map(([permitted, list, atServer, asking]) =>
    t.test(`${permitted} to ${list}`, async (t) => {
      const [gateway] = await both(t, { permitted, list, asking }, []);
      const outcome = await curl("--verbose", ...bearer("ya29.expired"), `pop3://127.0.0.1:${gateway.port}/`);
      assert.equal(outcome.code, 67, outcome.stderr);
      assert.match(outcome.stderr, /^< -ERR \[AUTH\] Authentication failed\.\r?$/m);
      const { fields } = await gateway.logged("denied");
      assert.equal(fields.answer, "-ERR [AUTH] Authentication failed.");
      assert.match(gateway.said(), new RegExp(`server> \\S+ line="AUTH ${atServer} `));
      assert.match(gateway.said(), /server< \S+ line="\+ eyJ/, "a challenge says why");
    }),
  );
  await Promise.all([
    ...runs,

    t.test("no mechanism for tokens", async (t) => {
      const [gateway, server] = await both(t, { list: "plain" }, []);
      const outcome = await curl("--verbose", ...bearer(token), `pop3://127.0.0.1:${gateway.port}/`);
      assert.equal(outcome.code, 67, outcome.stderr);
      assert.match(outcome.stderr, /^< -ERR \[SYS\/PERM\] server does not take this kind of login\r?$/m);
      assert.equal((await gateway.logged("denied")).fields.code, "no-mechanism");
      assert.doesNotMatch(server.said(), /auth failed/);
    }),
  ]);
});

test("other clients with a token", { skip: lacking("dovecot", "openssl"), concurrency: 3 }, async (t) => {
  const kinds = ["oauthbearer", "xoauth2"] as const;
  const mpops = drawn(kinds, 1, "mpop").map((kind) =>
    t.test(`mpop, ${kind}`, { skip: lacking("mpop") }, async (t) => {
      const [gateway] = await both(t);
      const login = { auth: kind, secret: token, ca: authority() };
      const got = await mpop(scratch(t), gateway.ports[1] as number, "on", login);
      same(sorted(got), sorted(mails.map(stored)));
      await loggedInBy(gateway, kind.toUpperCase());
    }),
  );
  const mutts = [
    ["neomutt", "oauthbearer"],
    // neomutt 20220429 has no XOAUTH2 in POP3.
    ...drawn(kinds, 1, "mutt").map((kind) => ["mutt", kind] as const),
  ] as const;
  const runs = mutts.map(([name, kind]) =>
    t.test(`${name}, ${kind}`, { skip: lacking(name, "script") }, async (t) => {
      const [gateway] = await both(t, {}, plain);
      const settings = `set pop_authenticators="${kind}" pop_oauth_refresh_command="echo ${token}"`;
      const got = await muttAll(t, name, `pop://${user}@127.0.0.1:${gateway.port}/`, settings);
      same(sorted(got), sorted(plain.map(stored)));
      await loggedInBy(gateway, kind.toUpperCase());
    }),
  );
  await Promise.all([...mpops, ...runs]);
});
