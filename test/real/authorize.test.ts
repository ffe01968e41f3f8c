/** `--authorize` and `--forget` by a person at a terminal, and by a program, with a real provider. */

import assert from "node:assert/strict";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import type { TestContext, TestOptions } from "node:test";
import { startScripted } from "../stage/accepting";
import { drawn, tellDraw, testOfDraw } from "../stage/draws";
import { launch, MAIN } from "../stage/process";
import {
  type Accounts,
  accountsAt,
  authorize,
  authorized,
  followed,
  gatewayPassword,
  type Wanted,
} from "./authorizing";
import { startOidc } from "./oidc";
import { lacking, ordinary } from "./programs";
import { folder } from "./scratch";
import { user } from "./server";
import { KEYS, type Typing, typing } from "./typing";

const test = testOfDraw();

const skip = lacking("script", "stty");
const { enter } = KEYS;

async function accountsOf(t: TestContext, flow: Wanted["flow"]): Promise<Accounts> {
  return accountsAt(t, await startOidc(t), { flow, server: "127.0.0.1:110" });
}

function at(t: TestContext, { file }: Accounts, ...argv: string[]): Typing {
  return typing(t, "--oauth", file, ...(argv.length > 0 ? argv : ["--authorize", user]));
}

/** The files of the store, with their contents. */
function stored({ store }: Accounts): string[] {
  if (!existsSync(store)) return [];
  return readdirSync(store).map((name) => `${name} ${readFileSync(join(store, name), "latin1")}`);
}

async function typePassword(terminal: Typing, ...passwords: string[]): Promise<void> {
  const prompts = [/new gateway password: $/, /once more: $/];
  for (const [index, password] of passwords.entries()) {
    await terminal.sees(prompts[index % 2] as RegExp);
    terminal.type(`${password}${enter}`);
  }
}

/** A test; the short form has a draw of them. */
type Case = [title: string, options: TestOptions, run: (t: TestContext) => Promise<void>];
const cases: Case[] = [];

function add(...one: Case): void {
  cases.push(one);
}

add("the device flow at a terminal", { skip }, async (t) => {
  const accounts = await accountsOf(t, "device");
  const terminal = at(t, accounts);
  await terminal.sees(/Waiting for the login \.\.\./);
  // What is typed before a question is no answer to it.
  terminal.type(`impatient${enter}${enter}half a line`);
  await followed(terminal.shown());
  await typePassword(terminal, gatewayPassword, gatewayPassword);
  assert.equal(await terminal.ended(), 0, terminal.shown());
  assert.match(terminal.shown(), /joe is authorized/);
  assert.ok(!terminal.shown().includes(gatewayPassword));
  assert.equal(stored(accounts).length, 1);
});

add("the code flow at a terminal, with a browser on this machine", { skip }, async (t) => {
  const accounts = await accountsOf(t, "code");
  const terminal = at(t, accounts);
  await terminal.sees(/paste its address here: /);
  terminal.type("an address that");
  assert.equal(await followed(terminal.shown()), "Go on in the terminal. This window may be closed.\n");
  await typePassword(terminal, gatewayPassword, gatewayPassword);
  assert.equal(await terminal.ended(), 0, terminal.shown());
  assert.ok(!terminal.shown().includes(gatewayPassword));
  assert.equal(stored(accounts).length, 1);
});

add("the address of a browser on another machine is pasted", { skip }, async (t) => {
  const accounts = await accountsOf(t, "code");
  const terminal = at(t, accounts);
  await terminal.sees(/paste its address here: /);
  const isOurs = ({ port }: URL) => port !== new URL(accounts.oidc.issuer).port;
  const result = await followed(terminal.shown(), { ends: isOurs });
  const wrong = new URL(result);
  wrong.searchParams.set("state", "another");
  for (const other of ["nonsense", accounts.oidc.issuer, wrong.href]) {
    terminal.type(`${other}${enter}`);
    await terminal.sees(/no address of this login/);
    await terminal.sees(/paste its address here: /);
  }
  // The loopback address takes no other result either.
  const status = await new Promise((resolve) => get(wrong, (answer) => resolve(answer.resume().statusCode)));
  assert.equal(status, 404);
  terminal.type(` ${result} ${enter}`);
  await typePassword(terminal, gatewayPassword, gatewayPassword);
  assert.equal(await terminal.ended(), 0, terminal.shown());
  assert.equal(stored(accounts).length, 1);
});

add("passwords that are none: too short, not the same, given up", { skip, concurrency: 4 }, async (t) => {
  const accounts = await accountsOf(t, "client-credentials");
  await authorized(t, accounts);
  const before = stored(accounts);
  const unchanged = async (terminal: Typing, status: number) => {
    assert.equal(await terminal.ended(), status, terminal.shown());
    assert.deepEqual(stored(accounts), before);
  };
  await Promise.all([
    t.test("three times", async (t) => {
      const terminal = at(t, accounts);
      await terminal.sees(/new gateway password: $/);
      terminal.type(`short${enter}`);
      await terminal.sees(/Give at least 8 characters/);
      await typePassword(terminal, "a long password", "another password");
      await terminal.sees(/The two are not the same/);
      // The key that asks for the last line gets no password.
      await typePassword(terminal, "a long password", KEYS.up);
      await terminal.sees(/The two are not the same/);
      await unchanged(terminal, 69);
      assert.match(terminal.shown(), /no gateway password was given: nothing has changed/);
      assert.doesNotMatch(terminal.shown(), /short(?!er)|long|another/);
    }),
    ...[KEYS.interrupt, KEYS.end].flatMap((key, index) =>
      ["new gateway password: ", "once more: "].map((prompt) =>
        t.test(`${index === 0 ? "^C" : "^D"} at ${prompt}`, async (t) => {
          const terminal = at(t, accounts);
          if (prompt.startsWith("once")) await typePassword(terminal, "a long password");
          await terminal.sees(new RegExp(`${prompt}$`));
          terminal.type(key);
          await unchanged(terminal, index === 0 ? 130 : 69);
        }),
      ),
    ),
  ]);
});

add("^C while a person logs in elsewhere", { skip, concurrency: 2 }, async (t) => {
  await Promise.all(
    (["device", "code"] as const).map((flow) =>
      t.test(flow, async (t) => {
        const accounts = await accountsOf(t, flow);
        const terminal = at(t, accounts);
        await terminal.sees(/Waiting for the/);
        terminal.type(KEYS.interrupt);
        assert.equal(await terminal.ended(), 130, terminal.shown());
        assert.deepEqual(stored(accounts), []);
      }),
    ),
  );
});

add("a password with a key that erases", { skip }, async (t) => {
  const accounts = await accountsOf(t, "client-credentials");
  const terminal = at(t, accounts);
  await typePassword(terminal, `${gatewayPassword}x${KEYS.erase}`, gatewayPassword);
  assert.equal(await terminal.ended(), 0, terminal.shown());
  assert.equal(stored(accounts).length, 1);
  const forget = at(t, accounts, "--forget", user.toUpperCase());
  assert.equal(await forget.ended(), 0, forget.shown());
  assert.match(forget.shown(), /joe is forgotten/);
  assert.deepEqual(stored(accounts), []);
  const again = at(t, accounts, "--forget", user);
  assert.equal(await again.ended(), 69);
  assert.match(again.shown(), /"?joe"? is not authorized/);
});

add("lines of a program", {}, async (t) => {
  const accounts = await accountsOf(t, "code");
  for (const lines of [[], [gatewayPassword], [gatewayPassword, "another password"], ["short", "short"]]) {
    const { status, stderr } = await authorize(t, accounts, lines);
    assert.equal(status, 69);
    assert.match(stderr, /no gateway password was given: nothing has changed\n$/);
    assert.deepEqual(stored(accounts), []);
  }
  // Its lines may come before the browser does.
  const argv = [MAIN, "--oauth", accounts.file, "--authorize", user];
  const { child, said, ended } = launch(t, process.execPath, argv, { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin?.end(`${gatewayPassword}\n${gatewayPassword}\n`);
  let stdout = "";
  for await (const chunk of child.stdout ?? []) {
    stdout += chunk;
    if (/Waiting for the browser/.test(`${chunk}`)) await followed(stdout);
  }
  assert.equal(await ended(), 0, said());
  assert.equal(said(), "", "no prompt for a program");
});

add("a person who does not agree", { concurrency: 2 }, async (t) => {
  await Promise.all(
    (["device", "code"] as const).map((flow) =>
      t.test(flow, async (t) => {
        const accounts = await accountsOf(t, flow);
        const { status, stderr } = await authorize(t, accounts, [], { agrees: false });
        assert.equal(status, 69);
        assert.match(stderr, /^pop3\.proxy: provider \w+: access_denied, End-User aborted interaction\n$/);
        assert.deepEqual(stored(accounts), []);
      }),
    ),
  );
});

add(
  "started by root, the store is of the user of -u",
  {
    skip: ordinary.uid === undefined && "not root",
  },
  async (t) => {
    const accounts = await accountsOf(t, "client-credentials");
    const outcome = await authorize(t, accounts, undefined, { options: ["-u", "nobody"] });
    assert.equal(outcome.status, 0, outcome.stderr);
    const { store } = accounts;
    const files = [store, ...readdirSync(store).map((name) => join(store, name))];
    assert.equal(files.length, 2);
    for (const [index, file] of files.entries()) {
      const { uid, gid, mode } = statSync(file);
      assert.deepEqual([uid, gid, mode & 0o777], [ordinary.uid, ordinary.gid, index === 0 ? 0o700 : 0o600], file);
    }
  },
);

add("a store that others can see into is not used", {}, async (t) => {
  const accounts = await accountsOf(t, "client-credentials");
  folder(accounts.store);
  chmodSync(accounts.store, 0o755);
  const { status, stderr } = await authorize(t, accounts);
  assert.equal(status, 69);
  assert.match(stderr, /others can see into it: chmod 700 it\n$/);
});

add("a provider that can't be asked", {}, async (t) => {
  const silent = await startScripted(t, async (peer) => peer.say("+OK this is no HTTP"));
  const accounts = await accountsOf(t, "client-credentials");
  await accounts.oidc.down();
  const gone = await authorize(t, accounts);
  assert.equal(gone.status, 69);
  assert.match(gone.stderr, /^pop3\.proxy: provider \w+: .*refused.*\n$/);
  const oidc = { ...accounts.oidc, issuer: `http://127.0.0.1:${silent.port}` };
  const strange = accountsAt(t, oidc, { flow: "client-credentials", server: "127.0.0.1:110", explicit: true });
  const outcome = await authorize(t, strange);
  assert.equal(outcome.status, 69);
  assert.match(outcome.stderr, /^pop3\.proxy: provider \w+: .*\n$/);
});

tellDraw("ways of --authorize");
for (const one of drawn(cases, 4, "authorize")) test(...one);
