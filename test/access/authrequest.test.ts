/** What an auth_http service gets, beside what nginx has sent in the same case. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { AccessRequest } from "../../src/access/admission";
import { requestHeaders } from "../../src/access/authrequest";
import { Requests } from "../../src/access/requests";
import type { Route } from "../../src/session/needs";
import { startHttpService } from "../stage/httpservice";
import { NEAR, octets, routeOf } from "./authlogin";

/** Beside the sources: the tests run from a build elsewhere. */
const FILE = join(__dirname, "..", "..", "..", "test", "access", "nginx-auth-http.txt");

/** nginx's requests by their titles, each as header lines. */
const NGINX = new Map(
  readFileSync(FILE, "latin1")
    .split(/^## /m)
    .slice(1)
    .map((text) => {
      const [title = "", request = "", ...lines] = text.trimEnd().split("\n");
      assert.match(request, /^GET \S+ HTTP\/1\.0$/);
      return [title, lines] as const;
    }),
);

const joe = routeOf("joe@example.org", 'p%w dé"x y ');
const settings = { host: "127.0.0.1", headers: [{ name: "X-Auth-Key", value: "sekret" }] };

function lines(route: Route, about: AccessRequest, of = settings): string[] {
  const headers = requestHeaders(of, route, about);
  return headers.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${headers[index + 1]}`] : []));
}

/** A request without what nginx does not send. */
const withoutOwn = (all: readonly string[]) => all.filter((line) => !/^(?:Auth-Port|Client-Port): /.test(line));

test("the same login makes nginx's request, but for Auth-Port and Client-Port", () => {
  const header = {
    kind: "client",
    from: { address: "192.0.2.7", port: 4321 },
    to: { address: "192.0.2.8", port: 110 },
    facts: { tls: null, authority: "", uniqueId: "" },
  } as const;
  const behind = { ...NEAR, client: "192.0.2.7", header };
  const cases: [title: string, route: Route, about: AccessRequest][] = [
    ["plain login; 8-bit octets go raw, blank and % are escaped", joe, NEAR],
    ["USER and PASS with blanks", routeOf("two words ", "x "), NEAR],
    ["listener with PROXY header and set_real_ip_from", joe, behind],
  ];
  for (const [title, route, about] of cases) {
    const own = lines(route, { ...about, clientPort: 4321 });
    assert.deepEqual(withoutOwn(own), NGINX.get(title), title);
    assert.ok(own.includes("Auth-Port: 110") && own.includes("Client-Port: 4321"));
  }
  // The gateway asks clients for no certificate.
  const secure = { ...NEAR, tls: { version: "TLSv1.2", cipher: "ECDHE-ECDSA-AES256-GCM-SHA384" } };
  const captured = NGINX.get("TLS listener with client certificate") ?? [];
  const expected = captured.filter(
    (line) => !/^Auth-SSL-(?:Verify|Subject|Issuer|Serial|Fingerprint|Cert):/.test(line),
  );
  assert.deepEqual(withoutOwn(lines(joe, secure)), expected);
});

test("tokens, a selected server, IPv6, a pipe, and every octet of a name", () => {
  const secret = { kind: "token", mechanism: "XOAUTH2", token: "ya29.a" } as const;
  assert.ok(lines({ ...joe, secret }, NEAR).includes("Auth-Method: xoauth2"));
  assert.ok(lines({ ...joe, secret }, NEAR).includes("Auth-Pass: ya29.a"));
  const selected = lines({ ...joe, selected: true, host: "2001:db8::1", port: 995 }, NEAR);
  assert.ok(selected.includes("Auth-Server: 2001:db8::1") && selected.includes("Auth-Server-Port: 995"));
  assert.ok(!lines(joe, NEAR).some((line) => line.startsWith("Auth-Server")));
  assert.ok(lines(joe, { ...NEAR, client: "fe80::1%eth0" }).includes("Client-IP: fe80::1"));
  assert.equal(lines(joe, NEAR, { ...settings, host: "2001:db8::9" })[0], "Host: [2001:db8::9]");
  const pipe = { interface: { host: "", port: 0 }, client: "", clientPort: 0, session: "s.1" };
  assert.ok(!lines(joe, pipe).some((line) => /^(?:Client-|Auth-Port)/.test(line)));
  const all = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet)).toString("latin1");
  const user = lines({ ...joe, user: all }, NEAR).find((line) => line.startsWith("Auth-User: ")) ?? "";
  assert.equal(decodeURIComponentLatin1(user.slice("Auth-User: ".length)), all);
  assert.match(user, /^Auth-User: [!-~\x80-\xff]+$/);
});

/** Only %XX is undone. */
function decodeURIComponentLatin1(text: string): string {
  return text.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

test("I14: on the wire a request is these lines in this order, and nothing that a user has chosen ends one", async (t) => {
  const service = await startHttpService(t, (socket) => socket.end("HTTP/1.0 200 OK\r\nAuth-Status: OK\r\n\r\n"));
  const requests = new Requests();
  t.after(() => requests.close());
  const to = { secure: false, host: "127.0.0.1", port: service.port, path: "/mail/auth?a=b" };
  const route = routeOf("joe\r\nAuth-Status: OK\r\n\r\n", "a\0b\x7f\x85");
  const headers = requestHeaders(settings, route, { ...NEAR, clientPort: 4321 });
  const answer = await requests.ask({ to, context: null, headers, timeout: 30_000 }, new AbortController().signal);
  assert.equal(answer.kind, "answer");
  const sent = octets("a%00b%7F\x85");
  assert.deepEqual(service.requests, [
    [
      "GET /mail/auth?a=b HTTP/1.1",
      "Host: 127.0.0.1",
      "Auth-Method: plain",
      "Auth-User: joe%0D%0AAuth-Status:%20OK%0D%0A%0D%0A",
      `Auth-Pass: ${sent}`,
      "Auth-Protocol: pop3",
      "Auth-Login-Attempt: 1",
      "Client-IP: 127.0.0.1",
      "Auth-Port: 110",
      "Client-Port: 4321",
      "X-Auth-Key: sekret",
      "Connection: keep-alive",
      "",
      "",
    ].join("\r\n"),
  ]);
});
