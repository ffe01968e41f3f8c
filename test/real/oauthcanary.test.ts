/** No password and no token in clear: in no log, trace, output, process list, environment or file. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { drawn, LONG, testOfDraw } from "../stage/draws";
import { atEnd } from "../stage/ending";
import { Peer } from "../stage/peer";
import { type GatewayProcess, launch, MAIN, startProcess } from "../stage/process";
import { descendantsOf } from "../stage/processes";
import { until } from "../stage/waiting";
import { type Accounts, accountsAt, authorize, gatewayPassword } from "./authorizing";
import { startDovecot } from "./dovecot";
import { plain } from "./mails";
import { CONFIDENTIAL, introspected, type Oidc, startOidc } from "./oidc";
import { lacking } from "./programs";
import { put, scratch } from "./scratch";
import { user } from "./server";

const test = testOfDraw();

const WRONG = "canary-wrong-password-8Vd";

/** What is in all that was said, also in the words of base64 in it; and in words that are in such words. */
function unveiled(text: string, depth = 2): string {
  if (depth === 0) return text;
  const words = text.match(/[\w+/-]{16,}={0,2}/g) ?? [];
  return [text, ...words.map((word) => unveiled(Buffer.from(word, "base64").toString("latin1"), depth - 1))].join("\n");
}

/** @throws AssertionError if a secret is somewhere; it is not told */
function assertNone(secrets: readonly string[], places: Readonly<Record<string, string>>): void {
  assert.ok(secrets.length > 8 && secrets.every((one) => one.length > 20), "there is something to look for");
  for (const [place, text] of Object.entries(places)) {
    const all = unveiled(text);
    const found = secrets.findIndex((one) => all.includes(one) || all.includes(encodeURIComponent(one)));
    assert.equal(found, -1, `secret ${found} is in ${place}`);
  }
}

function secretsOf(...oidcs: readonly Oidc[]): string[] {
  const issued = oidcs.flatMap(({ access, refresh }) => [...access, ...refresh]);
  return [gatewayPassword, WRONG, CONFIDENTIAL.secret, ...issued];
}

/** Logs in by a command. @returns the answer */
async function login(t: TestContext, port: number, ...lines: string[]): Promise<string> {
  const client = await Peer.connect(port, t);
  let answer = await client.line();
  for (const line of lines) answer = await client.ask(line);
  client.destroy();
  return answer;
}

const byPass = (password: string) => [`USER ${user}`, `PASS ${password}`];
const byPlain = (password: string) => [`AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString("base64")}`];

/** The files of a folder. */
function filesOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { withFileTypes: true }).filter((one) => one.isFile());
  return Object.fromEntries(files.map(({ name }) => [name, readFileSync(join(folder, name), "latin1")]));
}

/** What everybody can see of the processes that a gateway has started, and the files beside them, meanwhile. */
async function renewing(gateway: GatewayProcess, oidc: Oidc, { store }: Accounts, run: () => Promise<unknown>) {
  const release = oidc.hold();
  const running = run();
  const seen: Record<string, string> = {};
  await until(() => {
    for (const pid of descendantsOf(gateway.pid)) {
      for (const file of ["cmdline", "environ"])
        seen[`${pid} ${file}`] = readFileSync(`/proc/${pid}/${file}`, "latin1");
    }
    Object.assign(seen, filesOf(store));
    const temporary = Object.keys(seen).some((name) => /^\.[0-9a-f]{40}\./.test(name) && !name.endsWith(".lock"));
    return temporary && Object.values(seen).some((text) => text.includes("POP3_PROXY_RENEWAL="));
  }, "the process that renews");
  release();
  await running;
  return seen;
}

/** All that may go wrong with an account, at a gateway. @returns what was to be seen meanwhile */
async function suffered(t: TestContext, gateway: GatewayProcess, oidc: Oidc, accounts: Accounts) {
  const { port } = gateway;
  const right = () => login(t, port, ...byPass(gatewayPassword));
  for (const lines of [byPass(gatewayPassword), byPlain(gatewayPassword)]) {
    assert.match(await login(t, port, ...lines), /^\+OK/);
  }
  for (const lines of [byPass(WRONG), byPlain(WRONG), [`USER ${user}`, `${WRONG}`], [`PASS ${WRONG}`]]) {
    assert.match(await login(t, port, ...lines), /^-ERR/);
  }
  await pause((oidc.life / 2) * 1000 + 100);
  const seen = await renewing(gateway, oidc, accounts, async () => assert.match(await right(), /^\+OK/));
  await oidc.disable();
  assert.match(await right(), /^\+OK/);
  assert.ok(oidc.refreshes() >= 2);
  await pause((oidc.life / 2) * 1000 + 100);
  await oidc.down();
  assert.match(await right(), /^-ERR \[SYS\/TEMP\]/);
  await oidc.up();
  await oidc.revoke();
  assert.match(await right(), /^-ERR \[AUTH\] authorization expired/);
  return seen;
}

for (const mode of LONG ? (["-d", "--foreground"] as const) : (["-d"] as const)) {
  test(`no secret is in clear anywhere, with ${mode}`, { skip: lacking("dovecot") }, async (t) => {
    const oidc = await startOidc(t);
    oidc.life = 1;
    const dovecot = await startDovecot(t, plain.slice(0, 1), ...introspected(oidc, join(scratch(t), "oauth2"), put));
    const accounts = accountsAt(t, oidc, { flow: "code", secret: true, server: `127.0.0.1:${dovecot.port}` });
    const { file, store } = accounts;
    const refused = await authorize(t, accounts, [gatewayPassword, WRONG]);
    const done = await authorize(t, accounts);
    assert.deepEqual([refused.status, done.status], [69, 0], done.stderr);
    const gateway = await startProcess(["--oauth", file, "--exempt", "127.0.0.1", "--auth", "PLAIN"], { t, mode });
    const seen = await suffered(t, gateway, oidc, accounts);
    const { child, said, ended } = launch(t, process.execPath, [MAIN, "--check", "--oauth", file], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let checked = "";
    child.stdout?.on("data", (chunk) => (checked += chunk));
    await ended();
    assert.match(checked, /oauth: account joe of example: .*withdrawn/);
    assert.equal(await gateway.stop(), 0);
    const codes = ["oauth-password", "oauth-provider", "oauth-expired"];
    for (const code of codes) assert.ok(gateway.said().includes(`code=${code}`), code);
    const hidden = Buffer.from(`user=${user}\x01auth=Bearer ${oidc.access[0]}\x01\x01`).toString("base64");
    assert.throws(() => assertNone(secretsOf(oidc), { seeded: `AUTH XOAUTH2 ${hidden}` }));
    assertNone(secretsOf(oidc), {
      ...seen,
      ...filesOf(store),
      log: gateway.said(),
      "output of --check": `${checked}${said()}`,
      "output of --authorize": [refused, done].map(({ stdout, stderr }) => `${stdout}${stderr}`).join(""),
    });
  });
}

test("an answer that is none is not quoted", async (t) => {
  const token = "canary-token-of-a-broken-answer-9Tz";
  const answers = [
    ["application/json", `{"access_token": "${token}", `],
    ["application/json", `{"access_token": "${token}", "token_type": "mac"}`],
    ["application/json", `{"access_token": ["${token}"], "token_type": "bearer"}`],
    ["application/json", `{"access_token": "${token} \\u0001", "token_type": "bearer"}`],
    ["text/html", `<p>${token}</p>`],
  ];
  const tried = drawn(answers, 2, "broken answers");
  const kinds = [...tried];
  const server = createServer((request, response) => {
    const [type, text] = kinds.shift() ?? [];
    request.resume().once("end", () => response.writeHead(200, { "content-type": `${type}` }).end(text));
  }).listen(0, "127.0.0.1");
  atEnd(t, async () => void server.close());
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const wanted = { flow: "client-credentials", explicit: true, server: "127.0.0.1:110" } as const;
  const accounts = accountsAt(t, { issuer } as Oidc, wanted);
  for (const [, text] of tried) {
    const { status, stdout, stderr } = await authorize(t, accounts);
    assert.equal(status, 69, text);
    assert.match(stderr, /^pop3\.proxy: [ -~]+\n$/);
    for (const secret of [token, gatewayPassword, CONFIDENTIAL.secret]) {
      assert.ok(!`${stdout}${stderr}`.includes(secret), stderr);
    }
  }
});
