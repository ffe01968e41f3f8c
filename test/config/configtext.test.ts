/** What --check prints as a configuration file loads to the same settings. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { parseCommandLine } from "../../src/config/commandline";
import { readConfiguration } from "../../src/config/configfile";
import { configText } from "../../src/config/configtext";
import { longName, type OptionRow } from "../../src/config/optionrows";
import { defaults, type Options } from "../../src/config/options";
import { OPTIONS, SERVER } from "../../src/config/optiontable";
import { serviceOf, settingsWith, UsageFault } from "../../src/config/rules";
import type { Service, Settings } from "../../src/config/settings";
import { networks } from "../../src/config/values";
import { scratch } from "../stage/acp";
import { LONG } from "../stage/draws";

const word = fc
  .string({ unit: fc.constantFrom("a", "b", "-", "x1"), minLength: 1, maxLength: 4 })
  .map((one) => `h${one}h`);
const host = fc.oneof(
  word,
  fc.ipV4(),
  fc.ipV6().map((six) => `[${six}]`),
);
const mode = fc.constantFrom("", "", "/tls", "/starttls", "/none");
const place = fc.tuple(host, fc.constantFrom("", ":1110", ":2995"), mode).map((parts) => parts.join(""));
const list = (one: fc.Arbitrary<string>) => fc.array(one, { minLength: 1, maxLength: 20 }).map((all) => all.join(","));
const name = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => text.trim() !== "" && !text.includes("\0"));
const count = fc.integer({ min: 1, max: 1_000_000 }).map(String);

/** What no file that is printed has. */
const SECRET = "s3cr3t";

/** Texts that the command line takes, by the long name of an option. */
const TEXTS: Record<string, fc.Arbitrary<string>> = {
  server: list(place),
  pidfile: name,
  user: name,
  drain: count,
  servers: list(
    fc
      .tuple(fc.constantFrom("*.a", "10.?", "mail", "[2001:db8::*]"), fc.constantFrom("", ":*", ":1110"), mode)
      .map((parts) => parts.join("")),
  ),
  map: name,
  oauth: name,
  delimiters: fc.constantFrom("@", "%@", "\\^", '"@'),
  acp: fc.constantFrom("/bin/sh", "/bin/sh -c 'exit'", 'true "x"', "https://[::1]:8443/a?b", "unix:/run/auth:/mail"),
  "auth-http-header": fc.constantFrom(`X-Key: ${SECRET}`, `Authorization: Basic ${SECRET}`),
  "auth-http-header-file": name,
  "proxy-from": list(fc.constantFrom("10.0.0.0/8", "192.0.2.1", "2001:db8::/32")),
  "send-proxy": fc.constantFrom("1", "2"),
  prefix: fc.constantFrom("ACP_", "X"),
  "acp-timeout": count,
  "client-log": fc.constantFrom("/tmp", "/"),
  via: fc.constantFrom("/bin/sh -c %h %p %%", "nc %h %p"),
  ssh: fc.constantFrom("joe@gate.example", "gate"),
  source: fc.oneof(fc.ipV4(), fc.ipV6()),
  clamd: fc.constantFrom("127.0.0.1:3310", "[::1]:3310", "/run/clamd.ctl"),
  quarantine: fc.constant("/tmp"),
  "scan-oversize": fc.constantFrom("refuse", "notify"),
  "client-tls": fc.constantFrom("none", "starttls", "tls"),
  "tls-cert": name,
  "tls-key": name,
  "tls-min": fc.constantFrom("1.0", "1.1", "1.2", "1.3"),
  "server-tls": fc.constantFrom("none", "starttls", "tls"),
  "server-ca": name,
  "server-pin": fc.constantFrom("0".repeat(64), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
  "server-cert": name,
  "server-key": name,
  "server-tls-min": fc.constantFrom("1.0", "1.3"),
  greeting: fc.constantFrom("hello", "Grüße \u{1F4EC}", 'a "quoted" \\ text', "#1"),
  auth: list(fc.constantFrom("PLAIN", "XOAUTH2", "oauthbearer")),
  timeout: count,
  "login-timeout": count,
  "server-timeout": count,
  "max-sessions": count,
  "max-per-client": count,
  exempt: list(fc.constantFrom("10.0.0.0/8", "192.0.2.1", "2001:db8::/32")),
  syslog: fc.constantFrom("udp://127.0.0.1", "tcp://[::1]:601"),
  facility: fc.constantFrom("mail", "local7"),
  "log-format": fc.constantFrom("text", "json"),
};

/** What is given of an option: how often, and with which texts. */
const givenOf = (row: OptionRow): fc.Arbitrary<string[]> => {
  if (row.scope === "command" || row.key === "listen") return fc.constant([]);
  const texts = TEXTS[longName(row)];
  if (!texts) return fc.constantFrom([], [], [""]);
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant<string[]>([]) },
    { weight: 1, arbitrary: fc.array(texts, { minLength: 1, maxLength: 2 }) },
  );
};

const ROWS = [SERVER, ...OPTIONS];

const drawn = fc.tuple(...ROWS.map((row) => givenOf(row).map((texts) => [longName(row), texts] as const)));

/** Options as the command line would leave them. @param own those that they begin with */
function optionsOf(
  given: readonly (readonly [string, readonly string[]])[],
  own: Options,
  scope: OptionRow["scope"],
  listen: string,
): Options {
  const draft = { ...own };
  for (const [name, texts] of given) {
    const row = ROWS.find((one) => longName(one) === name);
    if (row?.scope === scope) for (const text of texts) row.set(draft, text);
  }
  if (scope === "service") {
    const row = OPTIONS.find(({ key }) => key === "listen") as OptionRow;
    for (const text of listen.split(" ").filter(Boolean)) row.set(draft, text);
  }
  return draft;
}

const parsed = networks.parse("::1");

/** Options with what they need of each other, as far as most combinations lack it. */
function withNeeds(given: Options, listening: boolean): Options {
  const { via, ssh, serverCert, serverKey, sendProxy, authHttpHeaderFile, ...options } = given;
  const { clientTls, tlsCerts, defaultServers, sources, serverPins, clamd, quarantine, scanOversize } = options;
  const tls = !listening && clientTls !== "none";
  const far = via !== undefined || ssh !== undefined;
  const demo = options.demo && defaultServers.length === 0 && !far;
  const select = options.select || options.servers !== undefined;
  const clientProxy = options.clientProxy && !listening;
  const proxied = clientProxy || options.listen.some(({ proxy }) => proxy);
  const http = options.acp !== undefined && "host" in options.acp;
  return {
    ...options,
    ...(ssh === undefined ? via && { via } : { ssh }),
    ...(serverCert !== undefined && serverKey !== undefined && { serverCert, serverKey }),
    map: options.map ?? "/map",
    serverTls: options.serverTls ?? "tls",
    select,
    clientProxy,
    proxyFrom: proxied ? [...parsed, ...options.proxyFrom] : [],
    ...(sendProxy !== undefined && (select || !demo) && { sendProxy }),
    authHttpHeaders: http ? options.authHttpHeaders : [],
    ...(authHttpHeaderFile !== undefined && http && { authHttpHeaderFile }),
    servers: options.servers ?? [],
    scan: options.scan || [clamd, quarantine, scanOversize].some((one) => one !== undefined),
    demo,
    sources: far ? [] : sources,
    serverPins: defaultServers.length > 0 ? serverPins : [],
    clientTls: listening ? defaults.clientTls : clientTls,
    tlsCerts: tls ? ["/cert", ...tlsCerts] : [],
    tlsKeys: tls ? ["/key", ...tlsCerts] : [],
  };
}

const LISTEN = ["1110 [::1]:0", "127.0.0.1:1111/none/proxy=mail", "localhost:1112/proxy", ""] as const;

/** Headers may be secrets, and are printed as a comment. */
function withoutHeaders(settings: Settings): Settings {
  const bare = ({ access, ...service }: Service): Service => {
    const { authHttp } = access;
    return { ...service, access: { ...access, authHttp: authHttp && { ...authHttp, headers: [] } } };
  };
  const [first, ...others] = settings.services;
  return { ...settings, services: [bare(first), ...others.map(bare)] };
}

test("--check prints a file that loads to the same settings, whatever these are", (t) => {
  const file = join(scratch(t), "printed.toml");
  let compared = 0;
  const all = fc.tuple(drawn, fc.array(drawn, { minLength: 1, maxLength: 3 }), fc.boolean(), fc.boolean());
  fc.assert(
    fc.property(all, ([top, each, listening, changed]) => {
      const own = optionsOf(top, { ...defaults, demo: false }, "process", "");
      const services = new Map(
        each.map((rows, index) => {
          const options = optionsOf(rows, own, "service", listening ? (LISTEN[index] as string) : "");
          return [`s${index}`, withNeeds(options, listening)] as const;
        }),
      );
      let settings: ReturnType<typeof settingsWith>;
      try {
        const [first, ...others] = [...services].map(([name, options]) => serviceOf(options, name));
        if (!first) return;
        settings = settingsWith(own, [first, ...others]);
      } catch (thrown) {
        // Options that contradict each other are no settings.
        if (thrown instanceof UsageFault) return;
        throw thrown;
      }
      compared++;
      const text = configText(own, services, changed).join("\n");
      assert.ok(!text.includes(SECRET), text);
      writeFileSync(file, text);
      assert.deepEqual(readConfiguration(file, {}, false).settings, withoutHeaders(settings));
    }),
    { numRuns: LONG ? 2000 : 250 },
  );
  assert.ok(compared > (LONG ? 200 : 25), `${compared} settings were compared`);
});

test("a command line is shown as a file that means the same", (t) => {
  const file = join(scratch(t), "shown.toml");
  for (const argv of [
    ["-D", "--client-tls", "starttls", "--tls-cert", "/a", "--tls-key", "/b", "--server-tls", "tls", "a,b/starttls"],
    ["-DD", "[::1]:8110", "-e", "-s", "*.a/tls,10.*", "-t", "5", "-m", "--no-pipelining", "-"],
    ["-D", "--client-proxy", "--proxy-from", "::1,10.0.0.0/8", "--send-proxy", "1", "-a", "http://127.0.0.1/a"],
    ["--listen", "1110/tls=c", "--tls-cert", "/a", "--tls-key", "/b", "--server-tls", "none", "d:1110"],
  ]) {
    const request = parseCommandLine(["--check", ...argv], () => "");
    if (request.kind !== "check") assert.fail();
    writeFileSync(file, configText(request.own, request.services, true).join("\n"));
    const { process: own, log, services } = readConfiguration(file, {}, false).settings;
    const [{ name, clients, ...service }] = services;
    const [{ clients: before, ...expected }] = request.settings.services;
    assert.deepEqual([own, log, service], [request.settings.process, request.settings.log, expected]);
    assert.deepEqual([name, { ...clients, tls: before.tls, proxy: before.proxy }], ["pop3", before]);
  }
});

test("only what differs from the defaults is shown, and every array that is long has a line for each element", () => {
  const request = parseCommandLine(
    ["--check", "-De", "-s", Array.from({ length: 30 }, (_, i) => `mail${i}`).join(), "-t", "5"],
    () => "",
  );
  if (request.kind !== "check") assert.fail();
  const lines = configText(request.own, request.services, true).join("\n").split("\n");
  assert.deepEqual(lines.slice(0, 5), [
    "[service.pop3]",
    'listen = ["110"]',
    "select = true",
    "servers = [",
    '  "mail0",',
  ]);
  assert.deepEqual(lines.slice(-3), ['  "mail29",', "]", "timeout = 5"]);
});
