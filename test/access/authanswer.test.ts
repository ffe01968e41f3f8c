/** Answers of auth_http services, as a table. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, GRANTED, ok, route, shown, startService, TEMP } from "./authlogin";

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
  [ok("Auth-Status: OK", "Auth-Server: pop/tls"), "pop:995 tls joe@example.org some secret 0"],
  [ok("Auth-Status: OK", "Auth-Server: [::1]/starttls"), "::1:110 starttls joe@example.org some secret 0"],
  [ok("Auth-Status: OK", "Auth-Server: pop/tls", "Auth-Port: 1995"), "pop:1995 tls joe@example.org some secret 0"],
  [ok("Auth-Status: OK", "Auth-Server: pop/tls", "Auth-Port: 995"), "pop:995 tls joe@example.org some secret 0"],
  [ok("Auth-Status: OK", "Auth-User: joe", "Auth-Pass: "), "mail.example.org:110 none joe  1"],
  [
    ok("Auth-Status: OK", "Auth-User: two%20words", "Auth-Pass: d\xe9"),
    "mail.example.org:110 none two%20words d\xe9 1",
  ],
  [ok("Auth-Status: OK", "Auth-Wait: 3"), GRANTED],
  ["HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n0\r\n\r\n", GRANTED],
  ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nAuth-Status: OK\r\nContent-Length: 0\r\n\r\n", GRANTED],
  ["HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", GRANTED],
  [ok("Auth-Status: OK", "Auth-Server: ::ffff:192.0.2.25"), "::ffff:c000:219:110 none joe@example.org some secret 0"],
  // Refusals.
  [`HTTP/1.1 103 Early Hints\r\nAuth-Status: OK\r\n\r\n${ok("Auth-Status: no")}`, denied("no")],
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
  ["HTTP/1.1 200 OK\r\nAuth-Status: OK\r\n and more\r\nContent-Length: 0\r\n\r\n", TEMP],
  ["HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", TEMP],
  ["HTTP/1.1 200 OK\r\nAuth-Status: OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", TEMP],
  [`HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n${ok("Auth-Status: OK")}`, TEMP],
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
  [ok("Auth-Status: OK", "Auth-Server: /tls"), PERM],
  [ok("Auth-Status: OK", "Auth-Server: pop/ssl"), PERM],
  [ok("Auth-Status: OK", "Auth-Server: pop/none", "Auth-Port: 995"), PERM],
  [ok("Auth-Status: OK", "Auth-Server: -oProxyCommand=x"), PERM],
  [ok("Auth-Status: OK", "Auth-Port: 0"), PERM],
  [ok("Auth-Status: OK", "Auth-Port: 65536"), PERM],
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

test("G2: what a service quotes of a login's secrets is not in the log, and of its own header nowhere", async (t) => {
  const headers = [{ name: "X-Auth-Key", value: "p%ss phrase" }];
  for (const [text, reply] of [
    ["bad password some secret", "-ERR [AUTH] bad password some secret"],
    ["bad password some%20secret", "-ERR [AUTH] bad password some%20secret"],
    ["bad key p%ss phrase", "-ERR [AUTH] access denied"],
    ["[SYS/PERM] bad key p%25ss+phrase, p%25ss%20phrase", "-ERR [AUTH] access denied"],
  ] as const) {
    const service = await startService(t, (socket) => socket.write(ok(`Auth-Status: ${text}`)), { headers });
    const { outcome, log } = await ask(t, service);
    assert.ok(outcome.kind === "denial");
    assert.equal(outcome.reply, reply);
    assert.doesNotMatch(JSON.stringify([outcome.reason, log]), /some.*secret|p%.*phrase/);
  }
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

test("without a default server the service has to name one", async (t) => {
  const nowhere = { ...route, host: "-", others: [] };
  const named = await startService(t, (socket) => socket.write(ok("Auth-Status: OK", "Auth-Server: 192.0.2.25")));
  assert.equal(shown((await ask(t, named, nowhere)).outcome), "192.0.2.25:110 none joe@example.org some secret 0");
  const silent = await startService(t, (socket) => socket.write(ok("Auth-Status: OK")));
  assert.equal(shown((await ask(t, silent, nowhere)).outcome), PERM);
});
