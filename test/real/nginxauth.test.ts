/**
 * An auth_http service that nginx itself is tried with: nginx and the gateway get the same logins, decide the same, and
 * send the same request but for what the manual names.
 */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { writeProxyHeader } from "../../src/protocol/proxyheader";
import { certified, withCertificates } from "../stage/certificates";
import { startDemo } from "../stage/demo";
import { connectGreeted, connectTls } from "../stage/dialogue";
import { Peer } from "../stage/peer";
import { freePort } from "../stage/ports";
import { type GatewayProcess, type Listener, startProcess } from "../stage/process";
import { type AuthService, startAuthService } from "./authservice";
import { nginxParts, startOwnNginx } from "./nginx";
import { lacking } from "./programs";

const skip = lacking("openssl", ...nginxParts);

const KEY = "X-Auth-Key: sekret";

interface Both {
  readonly service: AuthService;
  /** The ports of nginx and of the gateway: in clear, with TLS, behind PROXY headers. */
  readonly nginx: readonly number[];
  readonly gateway: GatewayProcess;
}

const LISTENERS: readonly Listener[] = ["", "/tls", "/proxy"];

/** nginx and a gateway, which ask the same service. @param answers as for the service; gets the server's port */
async function both(
  t: TestContext,
  answers: (user: string, count: number, server: number) => readonly string[],
): Promise<Both> {
  const { port: server } = await startDemo(t);
  const service = await startAuthService(t, (user, count) => answers(user, count, server));
  const url = `http://127.0.0.1:${service.port}/mail/auth`;
  const [clear, tls, proxied] = [await freePort(), await freePort(), await freePort()];
  const { certFile, keyFile } = certified("ec");
  const settings = `mail {
    auth_http ${url};
    auth_http_header ${KEY.replace(": ", " ")};
    proxy_pass_error_message on;
    pop3_auth plain;
    server { listen 127.0.0.1:${clear}; protocol pop3; }
    server { listen 127.0.0.1:${tls} ssl; protocol pop3; ssl_certificate ${certFile}; ssl_certificate_key ${keyFile}; }
    server { listen 127.0.0.1:${proxied} proxy_protocol; protocol pop3; set_real_ip_from 127.0.0.1; }
  }`;
  await startOwnNginx(t, settings, clear);
  const own = ["-a", url, "--auth-http-header", KEY, "--proxy-from", "127.0.0.1", "--server-tls", "none"];
  const argv = [
    ...own,
    ...withCertificates(certified("ec")),
    "--auth",
    "PLAIN",
    "--exempt",
    "127.0.0.0/8,192.0.2.0/24",
  ];
  const gateway = await startProcess(argv, { t, listeners: LISTENERS });
  return { service, nginx: [clear, tls, proxied], gateway };
}

/** Logs in, and gives the answer to PASS; "" if the connection ends without one. */
async function answerTo(client: Peer, user: string, password: string): Promise<string> {
  if ((await client.ask(`USER ${user}`).catch(() => "")) === "") return "";
  const answer = await client.ask(`PASS ${password}`).catch(() => "");
  client.destroy();
  return answer;
}

/** The headers of a request without what the manual says that only the gateway sends. */
function common(asked: readonly string[] | undefined): string[] {
  return (asked ?? [])
    .map((line) => line.replace(/ HTTP\/1\.[01]$/, "").replace(/^(Proxy-Protocol-Port|Client-Port): .*/, "$1"))
    .filter((line) => !/^(?:Auth-Port|Client-Port|Connection)/.test(line));
}

let logins = 0;

/** Each login has a maildrop of its own, since that of the login before may still be open. */
const granted = (server: number, ...more: string[]) => [
  "Auth-Status: OK",
  "Auth-Server: 127.0.0.1",
  `Auth-Port: ${server}`,
  `Auth-User: two%20words${++logins}`,
  ...more,
];

const octets = (text: string) => Buffer.from(text).toString("latin1");

test("the same logins get the same decisions, and make the same requests", { skip }, async (t) => {
  const { service, nginx, gateway } = await both(t, (user, count, server) => {
    switch (user) {
      case "bob":
        return ["Auth-Status: Invalid login or password"];
      case "ann":
        return ["Auth-Status: Account suspended", "Auth-Wait: 1"];
      case "wait":
        return count === 1 ? ["Auth-Status: WAIT", "Auth-Wait: 1"] : granted(server);
      case "other":
        return granted(server, "Auth-Pass: demo");
      case "elsewhere":
        return ["Auth-Status: OK", "Auth-Server: 127.0.0.1", "Auth-Port: 1"];
      default:
        return granted(server);
    }
  });
  for (const [user, password, taken, text] of [
    ["joe@example.org", "demo", true],
    ["jo%e", "demo", true],
    [octets("jörg"), "demo", true],
    ["joe", octets('p%w dé"x y '), false, ""],
    ["bob", "x", false, "Invalid login or password"],
    ["ann", "x", false, "Account suspended"],
    ["wait", "demo", true],
    ["other", "wrong", true],
    ["elsewhere", "demo", false, ""],
  ] as const) {
    const before = service.asked.length;
    const theirs = await answerTo(await connectGreeted(nginx[0] as number, t), user, password);
    const asked = service.asked.length;
    const ours = await answerTo(await connectGreeted(gateway.port, t), user, password);
    assert.equal(theirs.startsWith("+OK"), taken, `nginx: ${user}: ${theirs}`);
    assert.equal(ours.startsWith("+OK"), taken, `gateway: ${user}: ${ours}`);
    if (text) assert.deepEqual([theirs, ours], [`-ERR ${text}`, `-ERR [AUTH] ${text}`]);
    const [one, other] = [service.asked.slice(before, asked), service.asked.slice(asked)];
    assert.deepEqual(other.map(common), one.map(common), user);
  }
  const own = service.asked.filter(([line]) => line?.endsWith("HTTP/1.1")).at(-1) ?? [];
  assert.ok(own.includes(`Auth-Port: ${gateway.port}`) && own.some((line) => /^Client-Port: \d+$/.test(line)));
  assert.ok(!gateway.said().includes("sekret"));
});

test("AUTH PLAIN, TLS and a PROXY header make the same requests, too", { skip }, async (t) => {
  const { service, nginx, gateway } = await both(t, (_user, _count, server) => granted(server));
  const [, secure, behind] = gateway.ports as [number, number, number];
  const plain = Buffer.from("\0joe@example.org\0demo").toString("base64");
  const header = writeProxyHeader(1, {
    from: { address: "192.0.2.7", port: 4321 },
    to: { address: "192.0.2.8", port: 110 },
    tls: null,
  });
  const sessions: [string, (port: number) => Promise<string>, theirs: number, ours: number][] = [
    [
      "AUTH PLAIN",
      async (port) => (await connectGreeted(port, t)).ask(`AUTH PLAIN ${plain}`),
      nginx[0] as number,
      gateway.port,
    ],
    [
      "TLS",
      async (port) => {
        const options = { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" } as const;
        const client = await connectTls(port, options, t);
        await client.line();
        return answerTo(client, "joe", "demo");
      },
      nginx[1] as number,
      secure,
    ],
    [
      "PROXY",
      async (port) => {
        const client = await Peer.connect(port, t);
        await client.write(header);
        await client.line();
        return answerTo(client, "joe", "demo");
      },
      nginx[2] as number,
      behind,
    ],
  ];
  for (const [name, play, theirs, ours] of sessions) {
    const before = service.asked.length;
    assert.match(await play(theirs), /^\+OK/, `nginx: ${name}`);
    assert.match(await play(ours), /^\+OK/, `gateway: ${name}`);
    const [one, other] = service.asked.slice(before);
    assert.deepEqual(common(other), common(one), name);
  }
});
