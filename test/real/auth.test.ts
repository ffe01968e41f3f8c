/**
 * AUTH PLAIN of real clients in front of dovecot, which gets USER and PASS, or AUTH PLAIN where it lists no USER. Dovecot
 * lists USER wherever it lists PLAIN, so there the line is taken out of its answer.
 */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { authority, certified, withCertificates } from "../stage/certificates";
import { drawn, tellDraw, testOfDraw } from "../stage/draws";
import { type GatewayProcess, startProcess } from "../stage/process";
import { curlAll } from "./curl";
import { startDovecot } from "./dovecot";
import { fetchmail } from "./fetchmail";
import { authenSasl, fetchBy, netpop3, poplib } from "./libraries";
import { mails, plain, stored } from "./mails";
import { mpop } from "./mpop";
import { muttAll } from "./mutt";
import { lacking } from "./programs";
import { same, sorted } from "./same";
import { scratch } from "./scratch";
import { inspect, password, user } from "./server";
import { spoken } from "./verbs";
import { withoutUser } from "./withoutuser";

const test = testOfDraw();

const RESPONSE = Buffer.from(`\0${user}\0${password}`).toString("base64");
const login = ["--user", `${user}:${password}`];

const inOneLine = `import base64
assert pop._longcmd("AUTH")[1] == [b"PLAIN"]
pop._shortcmd("AUTH PLAIN " + base64.b64encode(("\\0%s\\0%s" % (user, password)).encode()).decode())`;
const inTwoLines = `import base64
assert pop._shortcmd("AUTH PLAIN") == b"+ "
pop._shortcmd(base64.b64encode(("%s\\0%s\\0%s" % (user, user, password)).encode()).decode())`;

interface Client {
  readonly name: string;
  /** What must be installed. */
  readonly parts: readonly string[];
  /** How it logs in. */
  readonly verbs: RegExp;
  /** Fetches all mails, and leaves them there. */
  fetch(t: TestContext, gateway: GatewayProcess): Promise<readonly Buffer[]>;
  /** What it must have got, perhaps in another order; default: all mails as they are. */
  readonly mails?: readonly Buffer[];
}

const unix = mails.map(stored);
const short = plain.map(stored);

/** The gateway's first listener is in clear, its second one has STLS. */
const clients: readonly Client[] = [
  {
    name: "curl",
    parts: ["curl"],
    verbs: /^CAPA AUTH \*\*\* /,
    fetch: (t, { port }) => curlAll(t, mails.length, `pop3://127.0.0.1:${port}/`, ...login),
  },
  {
    name: "curl --sasl-ir",
    parts: ["curl"],
    verbs: /^CAPA AUTH RETR /,
    fetch: (t, { port }) => curlAll(t, mails.length, `pop3://127.0.0.1:${port}/`, "--sasl-ir", ...login),
  },
  {
    name: "curl under TLS",
    parts: ["curl"],
    verbs: /^CAPA STLS CAPA AUTH \*\*\* /,
    fetch: (t, { ports }) => {
      const tls = ["--ssl-reqd", "--cacert", authority()];
      return curlAll(t, mails.length, `pop3://localhost:${ports[1]}/`, ...tls, ...login);
    },
  },
  {
    name: "mpop, auth on",
    parts: ["mpop"],
    verbs: /^CAPA STLS CAPA AUTH /,
    fetch: (t, { ports }) => mpop(scratch(t), ports[1] as number, "on", { auth: "on", ca: authority() }),
    mails: unix,
  },
  {
    name: "mpop, auth plain",
    parts: ["mpop"],
    verbs: /^CAPA AUTH /,
    fetch: (t, { port }) => mpop(scratch(t), port, "on", { auth: "plain" }),
    mails: unix,
  },
  {
    name: "poplib, in one line",
    parts: ["python3"],
    verbs: /^AUTH AUTH STAT /,
    fetch: (t, { port }) => fetchBy(t, poplib(inOneLine), port, false),
  },
  {
    name: "poplib, in two lines",
    parts: ["python3"],
    verbs: /^AUTH \*\*\* STAT /,
    fetch: (t, { port }) => fetchBy(t, poplib(inTwoLines), port, false),
  },
  {
    name: "Net::POP3",
    parts: ["perl", authenSasl],
    verbs: /^CAPA AUTH STAT /,
    fetch: (t, { port }) => fetchBy(t, netpop3("$pop->auth($user, $password) && ($pop->popstat)[0]"), port, false),
    mails: unix,
  },
  ...["mutt", "neomutt"].map((name) => ({
    name,
    parts: [name, "script"],
    verbs: /^CAPA AUTH \*\*\* /,
    fetch: (t: TestContext, { port }: GatewayProcess) =>
      muttAll(t, name, `pop://${user}@127.0.0.1:${port}/`, 'set pop_authenticators="plain"'),
    mails: short,
  })),
];

/** Clients that have heard of AUTH PLAIN, and log in with USER and PASS. */
const others: readonly Client[] = [
  {
    name: "poplib, USER and PASS",
    parts: ["python3"],
    verbs: /^USER PASS STAT /,
    fetch: (t, { port }) => fetchBy(t, poplib(), port, false),
  },
  ...["", "auth password"].map((auth) => ({
    name: `fetchmail ${auth}`,
    parts: ["fetchmail"],
    verbs: /^(CAPA )?USER PASS STAT /,
    fetch: async (t: TestContext, { port }: GatewayProcess) => {
      const server = `poll 127.0.0.1 service ${port} protocol pop3 timeout 300 ${auth}`;
      const account = `user "${user}" password "${password}" is "${user}" here sslproto "" keep`;
      const { code, stderr, mails } = await fetchmail(t, `${server} ${account}`);
      assert.equal(code, 0, stderr);
      return mails;
    },
    mails: short,
  })),
];

tellDraw("clients of servers with AUTH");

const listed = [...drawn(clients, 4, "AUTH, USER listed"), ...drawn(others, 2, "USER listed")];
const unlisted = [...drawn(clients, 2, "AUTH"), ...drawn(others, 1, "USER")];
for (const [name, relay, said, by] of [
  ["USER", null, / USER PASS\b/, listed],
  ["no USER", withoutUser, / AUTH \*\*\*/, unlisted],
] as const) {
  test(`AUTH PLAIN to dovecot, which lists ${name}`, {
    skip: lacking("dovecot", "openssl"),
    concurrency: 2,
  }, async (t) => {
    const argv = ["--auth", "PLAIN", ...withCertificates(certified("ec")), "--server-tls", "none"];
    const runs = by.map((client) =>
      t.test(client.name, { skip: lacking(...client.parts) }, async (t) => {
        const drop = client.mails === short ? plain : mails;
        const server = await startDovecot(t, drop);
        const port = relay ? await relay(t, server.port) : server.port;
        const gateway = await startProcess([...argv, `127.0.0.1:${port}`], {
          t,
          listeners: ["", "/starttls"],
          inspect,
        });
        same(sorted(await client.fetch(t, gateway)), sorted(client.mails ?? drop));
        assert.equal(server.stored().length, drop.length);
        const { fields } = await gateway.logged("login");
        const auth = clients.includes(client);
        assert.equal(fields.mechanism, auth ? "PLAIN" : undefined);
        await spoken(gateway, client.verbs);
        await spoken(gateway, auth ? said : /^USER PASS /, "server>");
        assert.ok(!gateway.said().includes(RESPONSE), "the response is in the log");
      }),
    );
    await Promise.all(runs);
  });
}
