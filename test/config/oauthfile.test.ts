/** The file of --oauth: what it says, and its faults, each with its place, several at once, without a secret. */

import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readOauthFile } from "../../src/config/oauthfile";
import { scratch } from "../real/scratch";

const SECRET = "s3cr3t-value";

/** A provider's lines, each under the key that it has. */
const GOOD: Readonly<Record<string, string>> = {
  name: 'name = "one"',
  accounts: 'accounts = ["*@Example.org"]',
  server: 'server = "pop.example.org:995"',
  flow: 'flow = "device"',
  "client-id": 'client-id = "id"',
  scope: 'scope = "mail offline_access"',
  "device-endpoint": 'device-endpoint = "https://login.example.org/device"',
  "token-endpoint": 'token-endpoint = "https://login.example.org/token"',
};

function read(t: TestContext, text: string, mode = 0o600) {
  const file = join(scratch(t), "oauth.toml");
  writeFileSync(file, text, { mode });
  chmodSync(file, mode);
  return readOauthFile(file, false);
}

/** A file with one provider, in which keys have other lines, or none. */
function one(changes: Readonly<Record<string, string>> = {}): string {
  const lines = Object.values({ ...GOOD, ...changes }).filter((line) => line !== "");
  return `store = "accounts"\n[[provider]]\n${lines.join("\n")}\n`;
}

/** The faults, without the file's name. */
function faults(t: TestContext, text: string, mode?: number): string[] {
  try {
    read(t, text, mode);
  } catch (thrown) {
    const { message } = thrown as Error;
    assert.ok(!message.includes(SECRET), message);
    return message.split("\n").map((line) => line.replace(/^\S*oauth\.toml:? ?/, ""));
  }
  return [];
}

test("a file with two providers", (t) => {
  const text = `${one()}
[[provider]]
name = "two"
accounts = "joe@example.net"
server = "127.0.0.1:8110"
mechanism = "oauthbearer"
flow = "code"
client-id = "id"
client-secret = "${SECRET}"
scope = "mail"
issuer = "http://127.0.0.1:8080"
`;
  const { store, providers } = read(t, text);
  assert.match(store, /^\/.*\/accounts$/, "beside the file");
  assert.deepEqual(providers, [
    {
      name: "one",
      accounts: ["*@example.org"],
      server: { host: "pop.example.org", port: 995 },
      mechanism: "XOAUTH2",
      flow: "device",
      clientId: "id",
      scope: "mail offline_access",
      endpoints: { device: "https://login.example.org/device", token: "https://login.example.org/token" },
    },
    {
      name: "two",
      accounts: ["joe@example.net"],
      server: { host: "127.0.0.1", port: 8110 },
      mechanism: "OAUTHBEARER",
      flow: "code",
      clientId: "id",
      clientSecret: SECRET,
      scope: "mail",
      endpoints: { issuer: "http://127.0.0.1:8080/" },
    },
  ]);
});

test("each fault has its line and column, and says what to do", (t) => {
  const secret = `client-secret = "${SECRET}"`;
  const rows: readonly (readonly [string, string, RegExp])[] = [
    ["an empty file", "", /^1:1: store is missing$/],
    ["no provider", 'store = "x"', /^1:1: there is no provider: add \[\[provider\]\]$/],
    ["an empty store", `store = ""\n${one().split("\n").slice(1).join("\n")}`, /^1:9: store: give a text/],
    [
      "a store that is a number",
      `store = 1\n${one().split("\n").slice(1).join("\n")}`,
      /^1:9: store: give a text in quotes$/,
    ],
    [
      "one pair of brackets",
      one().replace("[[provider]]", "[provider]"),
      /^2:1: there is no such table; a provider is/,
    ],
    ["one with a name", one().replace("[[provider]]", "[provider.one]"), /^2:1: there is no such table; a provider is/],
    ["a table behind a provider", `${one()}[provider.more]\na = 1\n`, /^11:1: there is no such table; a provider is/],
    [
      "providers as a value",
      'store = "x"\nprovider = [{ name = "a" }]\n',
      /^2:1: a provider is a table: \[\[provider\]\]$/,
    ],
    ["a provider of dots", 'store = "x"\nprovider.one.name = "a"\n', /^2:1: a provider is a table: \[\[provider\]\]$/],
    ["a table of dots", `stored.x = 1\n${one()}`, /^1:1: there is no such key: did you mean store\?$/],
    ["a store that is a table", `store.x = 1\n${one().split("\n").slice(1).join("\n")}`, /^1:1: there is no such key$/],
    ["another list", one().replace("[[provider]]", "[[server]]"), /^2:1: give \[\[provider\]\] here$/],
    ["a key at the top", `stores = "x"\n${one()}`, /^1:1: there is no such key: did you mean store\?$/],
    ["a key of a provider", one({ x: 'client_id = "x"' }), /: there is no such key: did you mean client-id\?$/],
    ["a table in a provider", one({ x: "[provider.more]\na = 1" }), /there is no such/],
    ["no TOML", one({ name: "name = one" }), /^3:8: this is no value: a text needs quotes$/],
    ["a name with a blank", one({ name: 'name = "a b"' }), /^3:8: name: give letters, digits/],
    ["no accounts", one({ accounts: "accounts = []" }), /^4:12: accounts: give a text in quotes, or an array/],
    ["accounts that are numbers", one({ accounts: "accounts = [1]" }), /^4:12: accounts: give a text/],
    [
      "a server in clear",
      one({ server: 'server = "pop.example.org"' }),
      /^5:10: server: a token needs TLS: give port 995/,
    ],
    [
      "a server that is none",
      one({ server: 'server = "joe:x@pop.example.org"' }),
      /^5:10: server: give a server, as host/,
    ],
    ["another mechanism", one({ x: 'mechanism = "plain"' }), /mechanism: give one of xoauth2, oauthbearer$/],
    ["another flow", one({ flow: 'flow = "password"' }), /^6:8: flow: give one of code, device, client-credentials/],
    [
      "an endpoint in clear",
      one({ "token-endpoint": 'token-endpoint = "http://login.example.org/"' }),
      /token-endpoint: give a URL with https/,
    ],
    [
      "an endpoint that is no URL",
      one({ "token-endpoint": 'token-endpoint = "login"' }),
      /token-endpoint: give a URL, such as/,
    ],
    [
      "a URL with a user",
      one({ "token-endpoint": `token-endpoint = "https://u:${SECRET}@h/"` }),
      /a URL without a user/,
    ],
    [
      "issuer and endpoints",
      one({ x: 'issuer = "https://login.example.org"' }),
      /device-endpoint is of no use beside issuer/,
    ],
    ["no endpoint for tokens", one({ "token-endpoint": "" }), /^6:1: flow: it needs issuer, or token-endpoint$/],
    [
      "the endpoint of another flow",
      one({ flow: 'flow = "code"' }),
      /flow: it needs issuer, or authorization-endpoint/,
    ],
    [
      "an endpoint that the flow does not need",
      one({ x: 'authorization-endpoint = "https://a/"' }),
      /of no use with this flow$/,
    ],
    [
      "credentials without a secret",
      one({ flow: 'flow = "client-credentials"', "device-endpoint": "" }),
      /flow: it needs client-secret$/,
    ],
    [
      "an account without a key",
      one({ flow: 'flow = "service-account"', "device-endpoint": "" }),
      /flow: it needs key, a file$/,
    ],
    ["a key for another flow", one({ x: 'key = "k"' }), /key is of no use with this flow$/],
    [
      "a secret of a service account",
      one({ flow: 'flow = "service-account"', "device-endpoint": "", x: `key = "k"\n${secret}` }),
      /client-secret is of no use/,
    ],
    [
      "a control character",
      one({ "client-id": 'client-id = "a\\u0000b"' }),
      /^7:13: client-id: give a text without control/,
    ],
    ["a secret that is a number", one({ x: `client-secret = ["${SECRET}"]` }), /client-secret: give a text in quotes$/],
    ["a key twice", one({ x: 'name = "other"' }), /name is in line 3 already: give it once$/],
    [
      "a name twice",
      `${one()}[[provider]]\n${Object.values(GOOD).join("\n")}\n`,
      /^12:1: name: another provider has this name$/,
    ],
    ...Object.keys(GOOD)
      .filter((key) => !key.endsWith("endpoint"))
      .map((key): [string, string, RegExp] => [
        `no ${key}`,
        one({ [key]: "" }),
        new RegExp(`^2:1: ${key} is missing$`),
      ]),
  ];
  for (const [what, text, fault] of rows) {
    const told = faults(t, text);
    assert.ok(
      told.some((line) => fault.test(line)),
      `${what}: ${told.join(" | ")}`,
    );
  }
});

test("several faults are told at once, in their order", (t) => {
  const told = faults(t, one({ name: 'name = ""', server: 'server = "x"', scope: "" }));
  assert.deepEqual(told, [
    "2:1: scope is missing",
    "3:8: name: give letters, digits, -, . and _, at most 32",
    "5:10: server: a token needs TLS: give port 995, or /tls or /starttls behind the server",
  ]);
});

test("a file with a secret is for its readers alone; one without may be read by all", (t) => {
  const secret = one({ "client-secret": `client-secret = "${SECRET}"` });
  assert.match(faults(t, secret, 0o644)[0] ?? "", /client-secret: every user can read this file: chmod o-r it$/);
  assert.deepEqual(faults(t, secret, 0o640), []);
  assert.deepEqual(faults(t, one(), 0o644), []);
  assert.match(faults(t, one(), 0o646)[0] ?? "", /every user can write it: chmod o-w it/);
});

test("patterns match the octets of names, whose ASCII letters have no case", (t) => {
  const [provider] = read(t, one({ accounts: 'accounts = ["Jos\u00c9@Example.org"]' })).providers;
  assert.deepEqual(provider?.accounts, ["jos\xc3\x89@example.org"]);
});
