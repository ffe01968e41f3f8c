/**
 * Answers of auth_http services, as a table: each is written by a service that speaks over a plain socket, so that it can
 * be as wrong as it likes.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { AuthHttp } from "../../src/access/authhttp";
import { Requests } from "../../src/access/requests";
import type { AuthHttpSettings } from "../../src/config/settings";
import { given, type Value } from "../../src/log/events";
import type { Denial, Route } from "../../src/session/needs";
import { until as untilHolds } from "../stage/waiting";

const route: Route = {
  kind: "route",
  host: "mail.example.org",
  port: 110,
  user: "joe@example.org",
  secret: { kind: "password", password: "some secret" },
  proxyUser: "",
  proxyPassword: "",
  selected: false,
  guarded: false,
  tls: "none",
  because: "the default server",
  others: [{ host: "spare.example.org", port: 110, tls: "none" }],
};
const about = { interface: { host: "192.0.2.9", port: 110 }, client: "192.0.2.7", clientPort: 4321, session: "s.1" };
const patient = new AbortController().signal;

/** What a service does with the n-th request of all. */
type Play = (socket: Socket, count: number) => void;

interface Service {
  readonly settings: AuthHttpSettings;
  /** The requests, as they came. */
  readonly requests: string[];
  connections: number;
}

/** A service; each request is answered by `play`. */
async function startService(t: TestContext, play: Play, more: Partial<AuthHttpSettings> = {}): Promise<Service> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  const server = createServer((socket) => {
    service.connections++;
    sockets.add(socket);
    let octets = "";
    socket
      .on("error", () => {})
      .on("data", (chunk) => {
        octets += chunk.toString("latin1");
        const at = octets.indexOf("\r\n\r\n");
        if (at < 0) return;
        requests.push(octets.slice(0, at + 4));
        octets = octets.slice(at + 4);
        play(socket, requests.length);
      });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const settings = { secure: false, host: "127.0.0.1", port, path: "/auth", timeout: 30_000, headers: [], ...more };
  const service: Service = { settings, requests, connections: 0 };
  return service;
}

interface Outcome {
  readonly outcome: Route | Denial;
  readonly log: Readonly<Record<string, Value | undefined>>[];
}

async function ask(t: TestContext, { settings }: Service, to = route, until = patient): Promise<Outcome> {
  const log: Outcome["log"] = [];
  const requests = new Requests();
  t.after(() => requests.close());
  const control = new AuthHttp(settings, "none", { requests }, (_name, fields) => log.push(given(fields)));
  return { outcome: await control.admit(to, about, until), log };
}

/** An outcome in one line. */
function shown(outcome: Route | Denial): string {
  if (outcome.kind === "denial") return `${outcome.code}${outcome.temporary ? "" : " counts"}: ${outcome.reply}`;
  const { host, port, tls, user, secret, others } = outcome;
  const password = secret.kind === "password" ? secret.password : "a token";
  return `${host}:${port} ${tls} ${user} ${password} ${others.length}`;
}

const ok = (...headers: string[]) => ["HTTP/1.1 200 OK", "Content-Length: 0", ...headers, "", ""].join("\r\n");
const GRANTED = "mail.example.org:110 none joe@example.org some secret 1";
const TEMP = "acp-failed: -ERR [SYS/TEMP] access control not available";
const PERM = "acp-answer: -ERR [SYS/PERM] gateway is not set up for this";
const denied = (text: string) => `acp-denied counts: -ERR [AUTH] ${text}`;

/** Answers, and what becomes of the login. "<close>" at the end: the service closes then. */
const TABLE: readonly (readonly [answer: string, outcome: string])[] = [
  [ok("Auth-Status: OK"), GRANTED],
  [ok("auth-status: OK"), GRANTED],
  [ok("Auth-Status:    OK   "), GRANTED],
  ["HTTP/1.0 200 OK\r\nAuth-Status: OK\r\n\r\n<close>", GRANTED],
  ["HTTP/1.1 204 No Content\r\nAuth-Status: OK\r\n\r\n", GRANTED],
  [
    ok("Auth-Status: OK", "Auth-Server: 192.0.2.25", "Auth-Port: 1110"),
    "192.0.2.25:1110 none joe@example.org some secret 0",
  ],
  [
    ok("Auth-Status: OK", "Auth-Server: 192.0.2.25", "Auth-Port: 995"),
    "192.0.2.25:995 tls joe@example.org some secret 0",
  ],
  [ok("Auth-Status: OK", "Auth-Server: Pop.Example.Net."), "pop.example.net:110 none joe@example.org some secret 0"],
  [ok("Auth-Status: OK", "Auth-Server: 2001:db8::1"), "2001:db8::1:110 none joe@example.org some secret 0"],
  [ok("Auth-Status: OK", "Auth-Server: [2001:db8::1]"), "2001:db8::1:110 none joe@example.org some secret 0"],
  [ok("Auth-Status: OK", "Auth-User: joe", "Auth-Pass: "), "mail.example.org:110 none joe  1"],
  [
    ok("Auth-Status: OK", "Auth-User: two%20words", "Auth-Pass: d\xe9"),
    "mail.example.org:110 none two%20words d\xe9 1",
  ],
  [ok("Auth-Status: OK", "Auth-Wait: 3"), GRANTED],
  ["HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n0\r\n\r\n", GRANTED],
  ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nAuth-Status: OK\r\nContent-Length: 0\r\n\r\n", GRANTED],
  // Refusals.
  [ok("Auth-Status: Invalid login or password"), denied("Invalid login or password")],
  [ok("Auth-Status: ok"), denied("ok")],
  [ok("Auth-Status: OK, OK"), denied("OK, OK")],
  [ok("Auth-Status: "), denied("access denied")],
  [ok("Auth-Status: [SYS/TEMP] no database"), "acp-denied: -ERR [SYS/TEMP] no database"],
  [ok("Auth-Status: [XYZ] no"), denied("[XYZ] no")],
  [ok(`Auth-Status: ${"x".repeat(600)}`), denied("x".repeat(498))],
  [ok("Auth-Status: OK\x85\xe9"), denied("OK\x85\xe9")],
  // No verdict.
  [ok(), TEMP],
  [ok("Auth-Status: bad", "Auth-Status: OK"), TEMP],
  [ok("Auth-Status: OK", "auth-status: OK"), TEMP],
  [ok("Auth-Status: OK", "Auth-Server: 192.0.2.25", "Auth-Server: 192.0.2.26"), TEMP],
  ["HTTP/1.1 500 Oops\r\nAuth-Status: OK\r\nContent-Length: 0\r\n\r\n", TEMP],
  ["HTTP/1.1 403 No\r\nAuth-Status: no\r\nContent-Length: 0\r\n\r\n", TEMP],
  ["HTTP/1.1 302 Found\r\nLocation: /other\r\nAuth-Status: OK\r\nContent-Length: 0\r\n\r\n", TEMP],
  ["HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", TEMP],
  ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\nAuth-Status: OK\r\n\r\n", TEMP],
  ["HTTP/1.1 200 OK\nAuth-Status: OK\nContent-Length: 0\n\n", TEMP],
  ["Auth-Status: OK\r\n\r\n", TEMP],
  ["HTTP/1.1 200 OK\r\nAuth-Status : OK\r\nContent-Length: 0\r\n\r\n", TEMP],
  ["HTTP/1.1 200 OK\r\nAuth-Status: O\0K\r\nContent-Length: 0\r\n\r\n", TEMP],
  ["HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nContent-Length: 5\r\n\r\nabc<close>", TEMP],
  ["HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n", TEMP],
  ["HTTP/1.1 200 OK\r\nAuth-Status: OK<close>", TEMP],
  ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Auth-Status\r\n\r\n0\r\nAuth-Status: OK\r\n\r\n", TEMP],
  ["HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\nAuth-Status: OK\n", TEMP],
  ["+OK POP3 ready\r\n", TEMP],
  ["\x16\x03\x01\x02\x00", TEMP],
  ["<close>", TEMP],
  [ok(...Array.from({ length: 2500 }, () => "A:b"), "Auth-Status: OK", "Auth-Status: no"), TEMP],
  [ok("Auth-Status: OK", `X: ${"x".repeat(20_000)}`), TEMP],
  [`HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nContent-Length: 100000000\r\n\r\n${"x".repeat(1000)}`, TEMP],
  [`HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nContent-Length: 17000\r\n\r\n${"x".repeat(17_000)}`, TEMP],
  // Granted, to what can't be.
  [ok("Auth-Status: OK", "Auth-Server: 127.1"), PERM],
  [ok("Auth-Status: OK", "Auth-Server: mail.example.org:110"), PERM],
  [ok("Auth-Status: OK", "Auth-Server: "), PERM],
  [ok("Auth-Status: OK", "Auth-Server: -oProxyCommand=x"), PERM],
  [ok("Auth-Status: OK", "Auth-Port: 0"), PERM],
  [ok("Auth-Status: OK", "Auth-Port: 110x"), PERM],
  [ok("Auth-Status: OK", "Auth-User: "), PERM],
  [ok("Auth-Status: OK", "Auth-User: a\tb"), PERM],
  [ok("Auth-Status: OK", `Auth-Pass: ${"x".repeat(1100)}`), PERM],
];

test("answers of a service, and what becomes of the login", async (t) => {
  for (const [answer, wanted] of TABLE) {
    const [octets = "", close] = answer.split("<close>");
    const service = await startService(t, (socket) => {
      socket.write(octets, "latin1");
      if (close !== undefined) socket.end();
    });
    const { outcome, log } = await ask(t, service);
    assert.equal(shown(outcome), wanted, answer.slice(0, 200));
    assert.ok(!JSON.stringify(log).includes("some secret"));
  }
});

test("100 MB of body cost neither memory nor time", async (t) => {
  let written = 0;
  const service = await startService(t, (socket) => {
    socket.write("HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    const more = () => {
      while (written < 100e6 && !socket.destroyed) {
        written += chunk.length;
        if (!socket.write(chunk)) break;
      }
      if (written < 100e6) socket.once("drain", more);
    };
    more();
  });
  const { outcome } = await ask(t, service);
  assert.equal(shown(outcome), TEMP);
  assert.ok(written < 50e6, `${written} octets were taken`);
});

test("a service without an answer, or whose answer drips, ends at the time limit", async (t) => {
  const dripping: NodeJS.Timeout[] = [];
  t.after(() => dripping.forEach(clearInterval));
  for (const play of [
    () => {},
    (socket: Socket) => socket.write("HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nContent-Length: 9\r\n\r\nab"),
    (socket: Socket) => {
      socket.write("HTTP/1.1 200 OK\r\nAuth-Status: OK\r\n");
      dripping.push(setInterval(() => socket.write("X: y\r\n"), 20));
    },
    (socket: Socket) => dripping.push(setInterval(() => socket.write("HTTP/1.1 100 Continue\r\n\r\n"), 20)),
  ]) {
    const service = await startService(t, play as Play, { timeout: 200 });
    const began = performance.now();
    const { outcome, log } = await ask(t, service);
    assert.equal(shown(outcome), TEMP);
    assert.equal(log[0]?.status, "no answer in time");
    assert.ok(performance.now() - began >= 190);
  }
});

test("nobody listens, or the name is not known", async (t) => {
  const service = await startService(t, () => {});
  const wrong = (more: Partial<AuthHttpSettings>) => ask(t, { ...service, settings: { ...service.settings, ...more } });
  const refused = await wrong({ host: "127.0.0.1", port: 1 });
  assert.deepEqual(
    [shown(refused.outcome), refused.log[0]?.status],
    [TEMP, "connection refused, nothing listens there"],
  );
  const missing = await wrong({ socket: "/nowhere/socket", host: "localhost" });
  assert.deepEqual([shown(missing.outcome), missing.log[0]?.status], [TEMP, "there is no such file"]);
  // It speaks no TLS.
  const clear = await startService(t, (socket) => socket.end("no"), { secure: true, timeout: 2000 });
  assert.equal(shown((await ask(t, clear)).outcome), TEMP);
});

test("Auth-Wait: the answer to a refusal is held back so long, 60 seconds at most", async (t) => {
  for (const [header, wait] of [
    ["X: y", 0],
    ["Auth-Wait: 3", 3000],
    ["Auth-Wait: 0", 0],
    ["Auth-Wait: 1000000", 60_000],
    ["Auth-Wait: soon", 0],
    ["Auth-Wait: -1", 0],
  ] as const) {
    const service = await startService(t, (socket) => socket.write(ok("Auth-Status: no", header)));
    const { outcome } = await ask(t, service);
    assert.equal(outcome.kind === "denial" && outcome.wait, wait, header);
  }
});

test("WAIT: the service is asked again, five times at most", async (t) => {
  const wait = ok("Auth-Status: WAIT", "Auth-Wait: 1");
  const twice = await startService(t, (socket, count) => socket.write(count < 3 ? wait : ok("Auth-Status: OK")));
  const began = performance.now();
  const always = await startService(t, (socket) => socket.write(wait));
  const [granted, given] = await Promise.all([ask(t, twice), ask(t, always)]);
  assert.equal(shown(granted.outcome), GRANTED);
  assert.equal(twice.requests.length, 3);
  assert.equal(new Set(twice.requests).size, 1, "each request is the same");
  assert.equal(shown(given.outcome), TEMP);
  assert.equal(always.requests.length, 6);
  assert.ok(performance.now() - began >= 4900);
});

test("a client that leaves ends the request, and the wait for the next one", async (t) => {
  for (const answer of ["", ok("Auth-Status: WAIT", "Auth-Wait: 60")]) {
    let closed = false;
    const service = await startService(t, (socket) => {
      socket.on("close", () => (closed = true));
      if (answer) socket.write(answer);
    });
    const until = new AbortController();
    const asked = assert.rejects(ask(t, service, route, until.signal), /gone/);
    await untilHolds(() => service.requests.length === 1);
    until.abort(new Error("gone"));
    await asked;
    if (!answer) await untilHolds(() => closed);
  }
});

test("connections are kept and shared; one that the service has closed meanwhile is no fault", async (t) => {
  const service = await startService(t, (socket, count) => {
    // The 20th request comes over a kept connection, and is lost with it.
    if (count === 20) socket.resetAndDestroy();
    else socket.write(ok("Auth-Status: OK"));
  });
  const requests = new Requests();
  t.after(() => requests.close());
  const control = new AuthHttp(service.settings, "none", { requests }, () => {});
  for (let count = 0; count < 30; count++) {
    assert.equal(shown(await control.admit(route, about, patient)), GRANTED);
  }
  assert.equal(service.requests.length, 31);
  assert.ok(service.connections <= 3, `${service.connections} connections`);
  // Of many at once, 64 are under way: none is answered before so many have come.
  let waiting: Socket[] = [];
  let most = 0;
  const slow = await startService(t, (socket, count) => {
    waiting.push(socket);
    most = Math.max(most, waiting.length);
    if (waiting.length < 64 && count < 200) return;
    for (const one of waiting) one.write(ok("Auth-Status: OK"));
    waiting = [];
  });
  const crowd = new AuthHttp(slow.settings, "none", { requests }, () => {});
  const all = await Promise.all(Array.from({ length: 200 }, () => crowd.admit(route, about, patient)));
  assert.ok(all.every((outcome) => shown(outcome) === GRANTED));
  assert.equal(most, 64);
  assert.ok(slow.connections <= 64, `${slow.connections} connections`);
});

test("without a default server the service has to name one", async (t) => {
  const nowhere = { ...route, host: "-", others: [] };
  const named = await startService(t, (socket) => socket.write(ok("Auth-Status: OK", "Auth-Server: 192.0.2.25")));
  assert.equal(shown((await ask(t, named, nowhere)).outcome), "192.0.2.25:110 none joe@example.org some secret 0");
  const silent = await startService(t, (socket) => socket.write(ok("Auth-Status: OK")));
  assert.equal(shown((await ask(t, silent, nowhere)).outcome), PERM);
});
