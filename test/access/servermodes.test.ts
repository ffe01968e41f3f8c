/** A TLS mode for each server: on the command line, at a listener, in the list of -s. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { routeTo } from "../../src/access/admission";
import { Routing } from "../../src/access/routing";
import { parseCommandLine } from "../../src/config/commandline";
import { serverList } from "../../src/config/places";
import { servers } from "../../src/config/values";
import type { Place } from "../../src/session/needs";
import { settingsFor, type Wishes } from "../stage/settings";

const shown = ({ host, port, tls }: Place) => `${host}:${port} ${tls}`;

/** Where a login goes, to each of the servers. */
function places(wishes: Wishes, user = "joe"): string {
  const routing = new Routing(settingsFor(wishes).services[0]);
  const route = routing.route({ user, secret: { kind: "password", password: "p" } });
  return route.kind === "denial" ? route.code : [route, ...route.others].map(shown).join(", ");
}

test("a default server has a mode of its own, else that of --server-tls; port 995 is always tls", () => {
  const rows = [
    ["a,b/tls,c/starttls,d/none", undefined, "a:110 none, b:995 tls, c:110 starttls, d:110 none"],
    ["a,b/tls,c/starttls,d/none", "tls", "a:995 tls, b:995 tls, c:110 starttls, d:110 none"],
    ["a:1110/tls,[::1]/starttls,b:995", "none", "a:1110 tls, ::1:110 starttls, b:995 tls"],
    ["a:995/tls", undefined, "a:995 tls"],
  ] as const;
  for (const [list, serverTls, expected] of rows) {
    assert.equal(places({ server: serverList.parse(list), ...(serverTls && { serverTls }) }), expected, list);
    assert.equal(serverList.show(serverList.parse(list)), list);
  }
});

test("the mode of an entry of the list holds for the servers that it lets in", () => {
  const list = "mail.example.org/starttls,*.example.org/tls,other.example:1110/tls,*.example.net:*";
  const wishes = { select: true, servers: list };
  const rows = [
    ["joe@mail.example.org", "mail.example.org:110 starttls"],
    ["joe@mail.example.org:995", "mail.example.org:995 tls"],
    ["joe@pop.example.org", "pop.example.org:995 tls"],
    ["joe@pop.example.org:110", "pop.example.org:110 tls"],
    ["joe@other.example:1110", "other.example:1110 tls"],
    ["joe@a.example.net:2110", "a.example.net:2110 none"],
    ["joe@mail.example.org/none", "not-a-server"],
    ["joe@mail.example.org:995/none", "not-a-server"],
  ] as const;
  for (const [user, expected] of rows) assert.equal(places(wishes, user), expected, user);
  assert.equal(servers.show(servers.parse(list)), list);
});

test("a server that access control names has no mode but its own; a port alone is one of the same server", () => {
  const rows = [
    ["mail/starttls", { port: 1110 }, "mail:1110 starttls"],
    ["mail/tls", { port: 1995 }, "mail:1995 tls"],
    ["mail/starttls", { port: 995 }, "mail:995 tls"],
    ["mail:995", { port: 110 }, "mail:110 none"],
    ["mail", { port: 1110 }, "mail:1110 none"],
    ["mail/starttls", { host: "other" }, "other:110 starttls"],
    ["mail/starttls", { host: "other", port: 1110 }, "other:1110 none"],
    ["mail/starttls", { host: "other", port: 1110, tls: "tls" }, "other:1110 tls"],
    ["mail/starttls", { tls: "tls" }, "mail:995 tls"],
  ] as const;
  for (const [server, named, expected] of rows) {
    const routing = new Routing(settingsFor({ server: serverList.parse(server) }).services[0]);
    const route = routing.route({ user: "joe", secret: { kind: "password", password: "p" } });
    if (route.kind === "denial") assert.fail(route.code);
    assert.equal(shown(routeTo(route, named, "none", "a test")), expected, server);
    assert.equal(
      shown(routeTo(route, { ...named, tls: "starttls", port: 1110 }, "none", "a test")).slice(-8),
      "starttls",
    );
  }
});

test("a mode that contradicts the port, or is none, is a fault", () => {
  for (const [argv, fault] of [
    [["-D", "mail:995/starttls"], /port 995 always means TLS: leave \/starttls out/],
    [["-D", "mail/ssl"], /"?mail\/ssl"? is not a server: behind it may stand \/tls, \/starttls or \/none/],
    [["-De", "-s", "mail:995/none"], /port 995 always means TLS/],
    [["-De", "-s", "mail/ssl"], /not a server/],
    [["--listen", "110=mail:995/none"], /port 995 always means TLS/],
    [["-D", "pop3://joe:secret@mail"], /URL: give host\[:port\], such as mail$/],
  ] as const) {
    assert.throws(
      () => parseCommandLine(argv, () => ""),
      (thrown: Error) => {
        assert.match(thrown.message, fault);
        assert.doesNotMatch(thrown.message, /secret/);
        return true;
      },
    );
  }
});

test("who says the mode of each server need not say --server-tls, and one with TLS makes its options useful", () => {
  const certified = ["--listen", "995/tls", "--tls-cert", "a", "--tls-key", "b"];
  assert.equal(parseCommandLine([...certified, "mail/none"], () => "").kind, "run");
  assert.throws(() => parseCommandLine([...certified, "mail/none,other"], () => ""), /say with --server-tls/);
  assert.equal(parseCommandLine(["-D", "--server-ca", "x", "mail/starttls"], () => "").kind, "run");
  assert.throws(() => parseCommandLine(["-D", "--server-ca", "x", "mail/none"], () => ""), /--server-ca is of no use/);
});
