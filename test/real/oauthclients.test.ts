/**
 * Mail programs that know USER and PASS alone read a mailbox of dovecot, which takes nothing but tokens for it and asks
 * the provider for each: the gateway gets them from there.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { authority, certified, withCertificates } from "../stage/certificates";
import { drawn, LONG, shuffled, tellDraw, testOfDraw } from "../stage/draws";
import { type GatewayProcess, startProcess } from "../stage/process";
import { type Accounts, accountsAt, authorized, gatewayPassword, type Wanted } from "./authorizing";
import { curl, curlAll } from "./curl";
import { type OwnDovecot, startDovecot, startTlsDovecot } from "./dovecot";
import { fetchmail } from "./fetchmail";
import { plain, stored } from "./mails";
import { mpop } from "./mpop";
import { introspected, startOidc } from "./oidc";
import { lacking } from "./programs";
import { same, sorted } from "./same";
import { put, scratch } from "./scratch";
import { user } from "./server";

const test = testOfDraw();

const inspect = { secret: gatewayPassword };
const parts = ["dovecot", "openssl"];

/** dovecot with joe's mails, whose logins are asked of a provider. */
interface Mailbox {
  readonly accounts: Accounts;
  readonly dovecot: OwnDovecot;
}

async function mailbox(t: TestContext, wanted: Omit<Wanted, "server">, tls?: "tls" | "starttls"): Promise<Mailbox> {
  const oidc = await startOidc(t);
  const settings = introspected(oidc, join(scratch(t), "oauth2"), put);
  const dovecot = tls
    ? await startTlsDovecot(t, certified("good"), plain, { settings })
    : await startDovecot(t, plain, ...settings);
  const server = tls
    ? `localhost:${tls === "tls" ? dovecot.tlsPort : dovecot.port}/${tls}`
    : `127.0.0.1:${dovecot.port}`;
  return { accounts: accountsAt(t, oidc, { ...wanted, server }), dovecot };
}

/** A gateway in front of it, on listeners in clear, with STLS and with TLS. */
function gatewayTo(t: TestContext, { accounts: { file } }: Mailbox): Promise<GatewayProcess> {
  const trust = ["--server-ca", authority(), "--exempt", "127.0.0.1"];
  const argv = [...withCertificates(certified("ec")), ...trust, "--oauth", file];
  return startProcess(argv, { t, listeners: ["", "/starttls", "/tls"], inspect });
}

/** A program that retrieves joe's mails, in no special order, with LF. */
type Client = (t: TestContext, gateway: GatewayProcess) => Promise<Buffer[]>;

function fetchmailBy(listener: number, options: string): Client {
  return async (t, { ports }) => {
    const server = `poll localhost service ${ports[listener]} protocol pop3 timeout 300 auth password`;
    const account = `user "${user}" password "${gatewayPassword}" is "${user}" here ${options} keep`;
    const { code, stderr, mails } = await fetchmail(t, `${server} ${account}`);
    assert.equal(code, 0, stderr);
    return [...mails];
  };
}

function mpopBy(listener: number, secure: boolean): Client {
  return (t, { ports }) =>
    mpop(scratch(t), ports[listener] as number, "on", { secret: gatewayPassword, ...(secure && { ca: authority() }) });
}

function curlBy(listener: number, scheme: string, ...options: string[]): Client {
  return async (t, { ports }) => {
    const login = ["--cacert", authority(), "--user", `${user}:${gatewayPassword}`, ...options];
    return (await curlAll(t, plain.length, `${scheme}://localhost:${ports[listener]}/`, ...login)).map(stored);
  };
}

const trusted = `sslcertfile "${authority()}"`;
const CLIENTS: Readonly<Record<string, readonly [name: string, client: Client][]>> = {
  fetchmail: [
    ["in clear", fetchmailBy(0, 'sslproto ""')],
    ["STLS", fetchmailBy(1, `sslproto "auto" ${trusted}`)],
    ["TLS", fetchmailBy(2, `ssl ${trusted}`)],
  ],
  mpop: [
    ["in clear", mpopBy(0, false)],
    ["STLS", mpopBy(1, true)],
  ],
  curl: [
    ["in clear", curlBy(0, "pop3")],
    ["STLS", curlBy(1, "pop3", "--ssl-reqd")],
    ["TLS", curlBy(2, "pop3s")],
  ],
};

tellDraw("programs that know USER and PASS alone");

const flows = [
  [{ flow: "code" }, "tls"],
  [{ flow: "code", explicit: true, secret: true, mechanism: "oauthbearer" }, "starttls"],
  [{ flow: "device", mechanism: "oauthbearer" }, undefined],
  [{ flow: "device", explicit: true, secret: true }, "tls"],
  [{ flow: "client-credentials" }, "starttls"],
  [{ flow: "client-credentials", explicit: true, mechanism: "oauthbearer" }, undefined],
] as const;

/** A flow of each kind. */
const chosen = ["code", "device", "client-credentials"].flatMap((kind) =>
  drawn(
    flows.filter(([{ flow }]) => flow === kind),
    1,
    kind,
  ),
);

/** The programs that try a flow: each tries one of them. */
function programs(index: number): string[] {
  const all = shuffled(Object.keys(CLIENTS), "programs");
  return LONG ? all : all.slice(index, index + 1);
}

for (const [index, [wanted, tls]] of chosen.entries()) {
  const title = Object.entries(wanted)
    .map(([key, value]) => (value === true ? key : value))
    .join(", ");
  test(`${title}, dovecot with ${tls ?? "no TLS"}`, { skip: lacking(...parts, "curl"), concurrency: 3 }, async (t) => {
    const box = await mailbox(t, wanted, tls);
    const { oidc } = box.accounts;
    await authorized(t, box.accounts);
    const gateway = await gatewayTo(t, box);
    for (const program of programs(index)) {
      const skip = lacking(program);
      for (const [how, client] of drawn(CLIENTS[program] ?? [], 2, `${program} ${title}`)) {
        await t.test(`${program}, ${how}`, { skip }, async (t) => {
          same(sorted(await client(t, gateway)), sorted(plain.map(stored)));
        });
      }
    }
    const way = "mechanism" in wanted ? "OAUTHBEARER" : "XOAUTH2";
    await box.dovecot.saying(new RegExp(`Login: user=<${user}>, method=${way},`));
    assert.doesNotMatch(box.dovecot.said(), /method=PLAIN|auth failed/);
    // One token served them all.
    assert.equal(oidc.access.length, wanted.flow === "client-credentials" ? 2 : 1, `${oidc.granted}`);
    assert.deepEqual(oidc.refused, []);

    const wrong = await curl("--verbose", "--user", `${user}:another password`, `pop3://localhost:${gateway.port}/`);
    assert.match(wrong.stderr, /^< -ERR \[AUTH\] /m);
    await curlBy(0, "pop3")(t, gateway);
  });
}
