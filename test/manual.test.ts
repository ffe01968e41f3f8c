/**
 * The manual and the README tell the truth: every option is there, none that does not exist, and the examples run.
 */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseCommandLine } from "../src/config/commandline";
import { readConfiguration } from "../src/config/configfile";
import { readOauthFile } from "../src/config/oauthfile";
import { OPTIONS } from "../src/config/optiontable";
import { EVENTS, PROCESS_CODES } from "../src/log/events";
import { COUNTERS, GAUGES, HISTOGRAMS, PROCESS } from "../src/metrics/families";
import { FAILURE_CODES } from "../src/protocol/failure";
import { DENIAL_CODES } from "../src/session/needs";
import { TOLERATED_CODES } from "../src/session/statuslines";
import { startScripted } from "./stage/accepting";
import { scratch } from "./stage/acp";
import { checkInside } from "./stage/checking";
import { connectGreeted, welcome } from "./stage/dialogue";
import { startWith } from "./stage/gateway";
import { brisk } from "./stage/inside";
import { MANUAL, PAGES, page } from "./stage/manual";
import { launch, MAIN } from "./stage/process";
import { until } from "./stage/waiting";

const TOP = join(__dirname, "..", "..");
const manual = page("pop3.proxy.1");
const readme = readFileSync(join(TOP, "README.md"), "utf8");

/** Part of the manual. */
function section(name: string): string {
  return manual.split(/^\.SH /m).find((text) => text.startsWith(`${name}\n`)) ?? "";
}

const names = [
  ...OPTIONS.flatMap(({ flags }) => flags.match(/--?[a-zA-Z][a-z0-9-]*/g) ?? []),
  "-V",
  "--version",
  "-h",
  "--help",
];

test("every option is in the manual and in the README", () => {
  assert.ok(names.length > 50);
  for (const name of names) {
    assert.match(section("OPTIONS"), new RegExp(`(?<![\\w-])${name}(?![\\w-])`), `${name} in the manual`);
    assert.match(readme, new RegExp(`(?<![\\w-])${name}(?![\\w-])`), `${name} in the README`);
  }
});

/** The paragraphs that begin with a word in bold, of a subsection of the manual. */
function entries(name: string): string[] {
  const [, text = ""] = manual.split(`.SS ${name}\n`);
  const [own = ""] = text.split(/^\.S[SH] /m);
  return [...own.matchAll(/^\.TP\n\.B (.*)$/gm)].map(([, head]) => head as string);
}

test("the manual has every event of the log with its fields, and no other", () => {
  const expected = new Map<string, Set<string>>();
  for (const { event, fields } of Object.values(EVENTS)) {
    const all = expected.get(event) ?? new Set();
    for (const field of fields) all.add(`${field}=`);
    expected.set(event, all);
  }
  const told = entries("Events").flatMap((head) => {
    const words = head.split(/,? /);
    const fields = words.filter((word) => word.endsWith("="));
    return words.filter((word) => !word.endsWith("=")).map((event) => [event, fields.sort()] as const);
  });
  const sorted = [...expected].map(([event, fields]) => [event, [...fields].sort()] as const);
  assert.deepEqual(new Map(told), new Map(sorted));
});

test("the manual has every code, each once, and no other", () => {
  const codes = ["quit", "refused", ...FAILURE_CODES, ...DENIAL_CODES, ...TOLERATED_CODES, ...PROCESS_CODES];
  assert.deepEqual(entries("Codes").sort(), codes.sort());
  assert.equal(new Set(codes).size, codes.length);
});

test("the manual has every metric with its labels, and no other", () => {
  const families = [COUNTERS, HISTOGRAMS, GAUGES, PROCESS].flatMap((table) => Object.values(table));
  const expected = families.map(({ name, labels }) => [name, ...labels].join(" "));
  assert.deepEqual(entries("Metrics and Status").sort(), expected.sort());
});

test("no option is told of that does not exist", () => {
  // A recipe also has the options of other programs, some of which name files of the gateway.
  const recipes = page("pop3.proxy-recipes.7").match(/^.*pop3\.proxy .*$/gm) ?? [];
  for (const text of [manual, readme, ...recipes]) {
    for (const [name] of text.matchAll(/(?<![\w-])--[a-z][a-z0-9-]*/g)) assert.ok(names.includes(name), name);
  }
});

/** The configuration files that the manual and the README show. */
function configurations(): string[] {
  const blocks = PAGES.flatMap((name) => [...page(name).matchAll(/^\.nf\n(.*?)^\.fi$/gms)].map(([, block]) => block));
  const shown = readme.match(/(?:^ {4}.*\n|^\n(?= {4}))+/gm)?.map((block) => block.replace(/^ {4}/gm, "")) ?? [];
  return [...blocks, ...shown].filter((block): block is string => /^\[service\./m.test(block ?? ""));
}

test("the configuration files of the manual and of the README load", (t) => {
  const file = join(scratch(t), "gateway.toml");
  const all = configurations();
  assert.ok(all.length >= 3);
  for (const text of all) {
    writeFileSync(file, text);
    const { settings } = readConfiguration(file, {}, false);
    assert.deepEqual(
      settings.services.map(({ name }) => name),
      ["inside", "outside"],
      text,
    );
  }
});

/** The files of --oauth that the pages show. */
function oauthFiles(): string[] {
  const blocks = PAGES.flatMap((name) =>
    [...page(name).matchAll(/^\.nf\n(.*?)^\.fi$/gms)].map(([, block]) => `${block}`),
  );
  return blocks.filter((block) => block.includes("[[provider]]")).map((block) => block.replaceAll("\\\n", ""));
}

test("the files of --oauth for Google and Microsoft load, and --check takes them", async (t) => {
  const folder = scratch(t);
  const file = join(folder, "oauth.toml");
  const found = [];
  for (const text of oauthFiles()) {
    const [store, place] = [join(folder, "accounts"), "/var/lib/pop3.proxy/accounts"];
    assert.ok(text.includes(place), text);
    writeFileSync(file, text.replace(place, store), { mode: 0o600 });
    const [provider] = readOauthFile(file, false).providers;
    assert.ok(provider);
    const { name, flow, server, scope, endpoints } = provider;
    found.push(name);
    assert.equal(server.port, 995);
    // What the providers' own pages say.
    const hosts = Object.values(endpoints).map((url) => new URL(url).hostname);
    if (name === "google") {
      assert.deepEqual([flow, scope], ["code", "https://mail.google.com/"]);
      assert.deepEqual(hosts, ["accounts.google.com", "oauth2.googleapis.com"]);
    } else {
      assert.deepEqual([name, flow], ["microsoft", "device"]);
      assert.match(scope, /^https:\/\/outlook\.office\.com\/POP\.AccessAsUser\.All offline_access$/);
      assert.deepEqual([...new Set(hosts)], ["login.microsoftonline.com"]);
    }
    const { sound, said } = await checkInside("-D", "--oauth", file);
    assert.ok(sound, said);
    assert.match(
      said,
      new RegExp(
        `^oauth: provider ${name} \\(${flow}\\) for ${provider.accounts.join(", ").replaceAll(/[*.]/g, "\\$&")}$`,
        "m",
      ),
    );
    assert.match(said, /^oauth: no account is authorized: /m);
    assert.ok(!said.includes("SECRET"));
  }
  assert.deepEqual([...new Set(found)].sort(), ["google", "microsoft"]);
});

test("the original's example for tcpproxy: two interfaces with two policies in one file", async (t) => {
  const server = await startScripted(t, async (peer) => {
    await peer.say("+OK local");
    assert.deepEqual(await welcome(peer), ["USER joe@10.1.2.3", "PASS p"]);
    await peer.line();
  });
  const text = configurations().find((one) => one.includes("local-pop3")) ?? assert.fail();
  const file = join(scratch(t), "gateway.toml");
  const here = {
    "192.168.1.1:110": "127.0.0.1:0",
    "140.77.194.1:110": "127.0.0.2:0",
    "local-pop3": `127.0.0.1:${server.port}`,
  };
  writeFileSync(
    file,
    Object.entries(here).reduce((all, [word, other]) => all.replace(word, other), text),
  );
  const gateway = await startWith(brisk(readConfiguration(file, {}, false).settings), { t });
  const [inside = 0, outside = 0] = gateway.ports;
  const answer = async (place: { host: string; port: number }) => {
    const client = await connectGreeted(place, t);
    await client.ask("USER joe@10.1.2.3");
    return client.ask("PASS p");
  };
  assert.equal(await answer({ host: "127.0.0.1", port: inside }), "-ERR [AUTH] server not permitted");
  assert.equal(await answer({ host: "127.0.0.2", port: outside }), "+OK");
  const { fields } = await gateway.logged("denied");
  assert.deepEqual([fields.service, fields.code], ["inside", "not-public"]);
  assert.equal((await gateway.logged("login")).fields.service, "outside");
});

test("the manual's examples, and the README's, are command lines that are understood", (t) => {
  const file = join(scratch(t), "gateway.toml");
  writeFileSync(file, configurations()[0] ?? "");
  const examples = [
    ...section("EXAMPLES")
      .replaceAll("\\e\n", "")
      .matchAll(/^pop3\.proxy (.*)$/gm),
  ].map(([, line]) => line);
  const shown = [...readme.replaceAll("\\\n", "").matchAll(/^ {4}pop3\.proxy (.*)$/gm)].map(([, line]) => line);
  assert.ok(examples.length >= 6 && shown.length >= 6);
  for (const line of [...examples, ...shown] as string[]) {
    const words = line.match(/'[^']*'|\S+/g)?.map((word) => word.replaceAll("'", "")) ?? [];
    // The programs of examples are where the reader has put them; here, they are in the repository.
    const argv = words.map((word) =>
      word.replace("/etc/pop3.proxy/gateway.toml", file).replace("/etc/pop3.proxy", join(TOP, "acp-examples")),
    );
    assert.notEqual(parseCommandLine(argv, () => "").kind, "print", line);
  }
});

test("the example of the sample maildrop runs as it stands, but for its port", async (t) => {
  const line = /^pop3\.proxy (-d --demo .*)$/m.exec(section("EXAMPLES"))?.[1] as string;
  const argv = line.replace(/:\d+$/, ":0").split(" ");
  const { child, said, ended } = launch(t, process.execPath, [MAIN, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  let shown = "";
  child.stdout?.on("data", (chunk: Buffer) => (shown += chunk));
  await until(() => / listen interface=127\.0\.0\.1 port=\d+/.test(said()), said);
  await until(
    () => /curl --user me:demo/.test(shown),
    () => shown,
  );
  child.kill("SIGTERM");
  assert.equal(await ended(), 0);
});

test("the inetd lines of the manual have seven fields and end in operands that are understood", () => {
  const lines = section("EXAMPLES").match(/^pop3 stream.*$/gm) ?? [];
  assert.equal(lines.length, 2);
  for (const line of lines) {
    const fields = line.split(/\s+/);
    assert.deepEqual(fields.slice(0, 3), ["pop3", "stream", "tcp"]);
    assert.equal(parseCommandLine(fields.slice(7), () => "").kind, "run");
  }
});

test("the manual is clean", (t) => {
  const lint = spawnSync("mandoc", ["-T", "lint", ...PAGES], { encoding: "utf8", cwd: MANUAL });
  if (lint.error) {
    if (process.env.CI) assert.fail("no mandoc");
    t.skip("no mandoc");
    return;
  }
  assert.equal(lint.stdout + lint.stderr, "");
  // mandoc does not see that a table is too wide for a terminal.
  for (const name of PAGES) {
    const env = { ...process.env, LC_ALL: "C.UTF-8", MANWIDTH: "80" };
    const argv = ["--warnings", "-E", "UTF-8", "-Tutf8", "-Z", "-l", name];
    const shown = spawnSync("man", argv, { encoding: "utf8", cwd: MANUAL, env });
    assert.ok(!shown.error || !process.env.CI, "no man");
    if (!shown.error) assert.equal(shown.stderr, "", name);
  }
});

test("the README names the package that npm packs", () => {
  const { name, version } = JSON.parse(readFileSync(join(TOP, "package.json"), "utf8"));
  const packages = readme.match(/[\w.]+-\d+\.\d+\.\d+\.tgz/g) ?? [];
  assert.ok(packages.length > 0);
  assert.deepEqual([...new Set(packages)], [`${name}-${version}.tgz`]);
});
