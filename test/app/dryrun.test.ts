/** The dry run of --check: it names what decides, and agrees with what a session then does. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readUserMap } from "../../src/access/mapfile";
import { dryRun } from "../../src/app/dryrun";
import { parseCommandLine } from "../../src/config/commandline";
import type { Settings } from "../../src/config/settings";
import { Gateway } from "../../src/gateway/gateway";
import { Memory } from "../../src/gateway/memory";
import { PASSWORD, stage } from "../oauth/stage";
import { startScripted } from "../stage/accepting";
import { scratch, script } from "../stage/acp";
import { connectGreeted, welcome } from "../stage/dialogue";
import { startWith } from "../stage/gateway";
import { brisk } from "../stage/inside";
import { freePort } from "../stage/ports";
import { MAIN } from "../stage/process";

const LIMITS = { timeout: 300_000 };

const NAMES: Record<string, readonly string[]> = {
  "mail.example.org": ["127.0.0.1"],
  "pop.example.org": ["127.0.0.1"],
  "new.example.org": ["127.0.0.1"],
  "public.example": ["8.8.8.8"],
  "both.example": ["8.8.8.8", "10.0.0.1"],
  "inside.example": ["127.0.0.1"],
};

async function resolve(host: string): Promise<readonly string[]> {
  const found = NAMES[host];
  if (!found) throw Object.assign(new Error("no"), { code: "ENOTFOUND" });
  return found;
}

/** The settings of a file. @param lines of the file; PORT is the port of a server, OWN that of the gateway */
async function settingsOf(t: TestContext, lines: string, map: string, port: number): Promise<Settings> {
  const folder = scratch(t);
  const own = await freePort();
  const [program] = script(
    t,
    'case "$PROXY_SERVERLOGIN" in',
    "deny*) exit 1;;",
    "later*) exit 75;;",
    `moved*) echo "SERVER=new.example.org" >&3; echo "SERVERPORT=${port}" >&3; echo "SERVERLOGIN=there" >&3;;`,
    "esac",
  );
  const put = (text: string) =>
    text.replaceAll("PORT", String(port)).replaceAll("OWN", String(own)).replaceAll("ACP", program);
  writeFileSync(join(folder, "map"), put(map));
  const file = join(folder, "gateway.toml");
  writeFileSync(file, `[service.it]\nlisten = ["127.0.0.1:${own}"]\n${put(lines)}`);
  const request = parseCommandLine(["-f", file], () => "");
  return request.kind === "run" ? brisk(request.settings) : assert.fail();
}

/** What the dry run says. */
async function dry(settings: Settings, user: string) {
  const memory = new Memory(resolve);
  const gateways = await Promise.all(
    settings.services.map(async (service) => {
      const { map } = service.access;
      return new Gateway(service, memory, () => {}, false, { map: map === undefined ? null : await readUserMap(map) });
    }),
  );
  const login = { user: Buffer.from(user).toString("latin1"), client: "127.0.0.1", ask: true };
  const { lines, status } = await dryRun(gateways, login, { ask: async () => "p" });
  await memory.close();
  return { text: lines.join("\n"), status };
}

/** Users, what decides, and what becomes of the login: the server and the user there, or a code. */
const SCENES: readonly {
  lines: string;
  map?: string;
  users: readonly (readonly [user: string, by: RegExp, outcome: string])[];
}[] = [
  {
    lines: 'map = "map"\nserver = "mail.example.org:PORT"',
    map: [
      "# who is where",
      "joe@example.org  pop.example.org:PORT",
      "*@example.net    new.example.org:PORT  %n",
      "b*               pop.example.org:PORT/none,mail.example.org:PORT",
      "lost             nowhere.example",
      "self             127.0.0.1:OWN",
      "j?rg             new.example.org:PORT  box-%u",
      "empty            pop.example.org:PORT  %d",
      "half             nowhere.example,new.example.org:PORT",
    ].join("\n"),
    users: [
      ["joe@example.org", /by line 2 of \S+map/, "joe@example.org at pop.example.org:PORT"],
      ["JOE@EXAMPLE.ORG", /by line 2 of/, "JOE@EXAMPLE.ORG at pop.example.org:PORT"],
      ["ann@example.net", /by line 3 of/, "ann at new.example.org:PORT"],
      ["bob@example.net", /by line 3 of/, "bob at new.example.org:PORT"],
      ["bob", /by line 4 of/, "bob at pop.example.org:PORT"],
      ["lost", /by line 5 of/, "lookup"],
      ["self", /by line 6 of/, "own-address"],
      ["jorg", /by line 7 of/, "box-jorg at new.example.org:PORT"],
      ["empty", /line 8 of \S+ gives no user name/, "no-user"],
      ["half", /by line 9 of/, "half at new.example.org:PORT"],
      ["carol", /by no line of \S+ matches: the default server/, "carol at mail.example.org:PORT"],
      ["carol@mail", /the default server/, "carol@mail at mail.example.org:PORT"],
      ["jörg", /by no line of/, "jörg at mail.example.org:PORT"],
    ],
  },
  {
    lines: 'select = true\nservers = ["mail.example.org:PORT", "*.example.org:PORT", "*.example", "10.*"]\nmap = "map"',
    map: "*@corp new.example.org:PORT %n\n",
    users: [
      ["joe@mail.example.org:PORT", /by the entry mail\.example\.org:PORT of the list/, "joe at mail.example.org:PORT"],
      ["joe@MAIL.example.org.:PORT", /by the entry mail\.example\.org:PORT/, "joe at mail.example.org:PORT"],
      ["joe@pop.example.org:PORT", /by the entry \*\.example\.org:PORT/, "not-public"],
      ["joe@mail.example.org:25", /port 25 is not on the list; -s mail\.example\.org:25 would/, "not-listed"],
      ["joe@other.test", /: not on the list;/, "not-listed"],
      ["joe@inside.example", /by the entry \*\.example of the list/, "not-public"],
      ["joe@gone.example", /by the entry \*\.example/, "lookup"],
      ["joe@a b", /not a server/, "not-a-server"],
      ["joe@127.1", /not a server/, "not-a-server"],
      ["@mail.example.org:PORT", /no user/, "no-user"],
      ["joe@corp@", /by line 1 of/, "joe at new.example.org:PORT"],
      ["joe", /no line of \S+ matches: no server selected/, "no-server"],
    ],
  },
  {
    lines: "select = true",
    users: [
      ["joe@inside.example", /by no list: any public server/, "not-public"],
      ["joe@127.0.0.1", /by no list/, "not-public"],
      ["joe@[::1]", /by no list/, "not-public"],
      ["joe@mail.example.org:PORT", /port \d+ is not on the list; -s mail/, "not-listed"],
      ["joe", /no server selected/, "no-server"],
      ["joe@gone.example:995", /by no list/, "lookup"],
    ],
  },
  {
    lines: 'server = "mail.example.org:PORT"\nacp = "ACP"',
    users: [
      ["pu:joe", /user joe, proxy user pu/, "joe at mail.example.org:PORT"],
      ["moved", /by the acp/, "there at new.example.org:PORT"],
      ["deny", /acp: exit status 1/, "acp-denied"],
      ["later", /acp: exit status 75/, "acp-failed"],
      ["pu:", /no user/, "no-user"],
    ],
  },
];

test("it names what decides, and a session then does the same, for all of these users", LIMITS, async (t) => {
  assert.ok(SCENES.flatMap(({ users }) => users).length >= 30);
  const server = await startScripted(t, async (peer) => {
    await peer.say("+OK ready");
    await welcome(peer);
    await peer.line();
  });
  for (const { lines, map = "", users } of SCENES) {
    const settings = await settingsOf(t, lines, map, server.port);
    const own = String(settings.services[0].listen[0]?.port);
    const gateway = await startWith(settings, { t, resolve });
    for (const [written, by, told] of users) {
      const put = (text: string) => text.replaceAll("PORT", String(server.port)).replaceAll("OWN", own);
      const [user, expected] = [put(written), put(told)];
      const { text, status } = await dry(settings, user);
      assert.match(text, new RegExp(put(by.source)), `${user}\n${text}`);

      const before = gateway.log.length;
      const client = await connectGreeted(gateway.port, t);
      const octets = Buffer.from(user).toString("latin1");
      await client.ask(`USER ${octets}`);
      await client.ask("PASS p");
      client.end();
      const event = gateway.log.slice(before).find((one) => /^(?:login|denied|failure)$/.test(one.event));
      const { event: kind, fields } = event ?? assert.fail(user);
      const at = Buffer.from(`${fields.user}`, "latin1");
      assert.equal(kind === "login" ? `${at} at ${fields.server}` : fields.code, expected, user);

      const permitted = kind === "login";
      const unknown = kind === "failure" || fields.code === "acp-failed";
      assert.equal(status, permitted ? 0 : unknown ? 75 : 77, `${user}\n${text}`);
      assert.match(
        text,
        permitted ? /^result: permitted/m : unknown ? /^result: unknown/m : /^result: refused: code=/m,
      );
      if (kind === "denied") assert.match(text, new RegExp(`code=${fields.code}: `), text);
      if (permitted) {
        assert.match(text, new RegExp(`^connection: ${fields.server} `, "m"));
        const there = [...text.matchAll(/^user there: "?([^"\n]*)"?$/gm)].at(-1)?.[1];
        if (/^[ -~]*$/.test(user)) assert.equal(there, fields.user, text);
      }
    }
  }
});

/** By the command. @param input what is typed */
function checked(argv: readonly string[], input = ""): Promise<{ status: number; said: string }> {
  return new Promise((done) => {
    const all = [MAIN, "--check", "-u", "root", ...argv];
    const child = execFile(process.execPath, all, { timeout: 60_000 }, (_, stdout, stderr) =>
      done({ status: child.exitCode ?? -1, said: stdout + stderr }),
    );
    child.stdin?.end(input);
  });
}

test("by the command: the steps, the exit status, and a password for the access control program", LIMITS, async (t) => {
  const permitted = await checked(["-D", "--as", "joe@example.org", "--from", "192.0.2.7", "127.0.0.1:1110/starttls"]);
  assert.deepEqual(permitted, {
    status: 0,
    said: [
      "service: listening on 110",
      "client: 192.0.2.7",
      "name: joe@example.org, no server is split off, since there is no -e: user joe@example.org, no server selected",
      "server: 127.0.0.1:1110 with STLS, by the default server",
      "user there: joe@example.org",
      "address: 127.0.0.1 permitted",
      "connection: 127.0.0.1:1110 with STLS, its certificate must have the name 127.0.0.1",
      "result: permitted\n",
    ].join("\n"),
  });
  const file = join(scratch(t), "gateway.toml");
  writeFileSync(file, '[service.a]\nlisten = ["1110"]\nselect = true\nservers = [\n  "mail",\n  "127.*",\n]\n');
  const listed = await checked(["-f", file, "--as", "joe@127.0.0.1"]);
  assert.equal(listed.status, 0, listed.said);
  assert.match(listed.said, /^server: .*, by the entry 127\.\* of the list, \S+gateway\.toml:6$/m);
  const refused = await checked(["-De", "-s", "mail", "--as", "joe@10.0.0.1"]);
  assert.equal(refused.status, 77, refused.said);
  assert.match(refused.said, /^result: refused: code=not-listed: /m);
  const unknown = await checked(["-D", "--as", "joe", "nobody.invalid"]);
  assert.equal(unknown.status, 75, unknown.said);

  const [acp] = script(t, 'echo "asked" >&2', 'test "$PROXY_PASSWD" = "wörd"');
  const argv = ["-D", "-a", acp, "127.0.0.1:1110", "--as", "pu:joe"];
  const not = await checked(argv);
  assert.equal(not.status, 0);
  assert.match(not.said, /would get .*PROXY_SERVERLOGIN=joe PROXY_USERNAME=pu PROXY_PASSWD="" /);
  assert.match(not.said, /not asked, and has the last word; --ask asks it/);
  assert.match(not.said, /^result: permitted, as far as the gateway's own rules go$/m);
  const right = await checked([...argv, "--ask"], "wörd:server\n");
  assert.equal(right.status, 0, right.said);
  assert.match(right.said, /PROXY_PASSWD=\*\*\* [\s\S]*access control: granted[\s\S]*access control says: asked/);
  assert.doesNotMatch(right.said, /wörd/);
  assert.equal((await checked([...argv, "--ask"], "wrong:server\n")).status, 77);
});

test("the service and the listener that are meant", LIMITS, async (t) => {
  const file = join(scratch(t), "gateway.toml");
  writeFileSync(
    file,
    '[service.in]\nlisten = ["127.0.0.1:1110", "127.0.0.1:1111=127.0.0.2"]\nserver = "127.0.0.1"\n[service.out]\nlisten = ["1112/starttls"]\ntls-cert = ["c"]\ntls-key = ["k"]\nserver = "127.0.0.3/none"',
  );
  const of = async (...argv: string[]) => {
    const request = parseCommandLine(["--check", "-f", file, "--as", "joe", ...argv], () => "");
    if (request.kind !== "check" || !request.dry) return assert.fail();
    const services = request.settings.services.map((one) => ({
      ...one,
      clients: { ...one.clients, certificates: [] },
    }));
    const gateways = services.map((service) => new Gateway(service, new Memory(resolve), () => {}));
    return (await dryRun(gateways, request.dry)).lines.join("\n");
  };
  await assert.rejects(of(), { message: /^say with --listener which is meant: in or 127\.0\.0\.1:1110, in or/ });
  await assert.rejects(of("--listener", "in"), { message: /^say with --listener/ });
  await assert.rejects(of("--listener", "elsewhere"), { message: /^--listener elsewhere: give one of in or 127/ });
  assert.match(
    await of("--listener", "1110"),
    /^service: in, listening on 127\.0\.0\.1:1110$[\s\S]*^server: 127\.0\.0\.1:110 /m,
  );
  assert.match(await of("--listener", "127.0.0.1:1111"), /^server: 127\.0\.0\.2:110 /m);
  assert.match(
    await of("--listener", "out"),
    /^before the login: the client must say STLS$[\s\S]*^server: 127\.0\.0\.3:110 in clear/m,
  );
});

test("an account of --oauth: its provider, its state in the store, and with --ask its token", LIMITS, async (t) => {
  const { file, authorize, provider } = await stage(t);
  const argv = ["-D", "--oauth", file, "--as", "Joe@example.org"];
  const never = await checked(argv);
  assert.equal(never.status, 77, never.said);
  assert.match(never.said, /^server: 127\.0\.0\.1:\d+ in clear, by provider fake of \S+oauth\.toml$/m);
  assert.match(never.said, /^result: refused: code=oauth-unauthorized: .*--authorize Joe@example\.org/m);
  await authorize();
  const known = await checked(argv);
  assert.equal(known.status, 0, known.said);
  assert.match(known.said, /^token: the account is authorized; --ask gets its token$/m);
  const asked = await checked([...argv, "--ask"], `${PASSWORD}\n`);
  assert.match(asked.said, /^token: there is one$[\s\S]*^result: permitted$/m);
  assert.doesNotMatch(asked.said, /access-|refresh-/);
  const wrong = await checked([...argv, "--ask"], "wrong\n");
  assert.equal(wrong.status, 77);
  assert.match(wrong.said, /^result: refused: code=oauth-password: wrong gateway password/m);
  await authorize();
  provider.whim = () => ({ status: 503, body: { error: "temporarily_unavailable" } });
  const down = await checked([...argv, "--ask"], `${PASSWORD}\n`);
  assert.equal(down.status, 75, down.said);
  assert.match(down.said, /^result: unknown: code=oauth-provider: /m);
});
