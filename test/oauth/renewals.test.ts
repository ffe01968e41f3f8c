/** Processes that renew tokens: killed, asked to end, not startable. */

import assert from "node:assert/strict";
import fs, { readdirSync, readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { Abort } from "../../src/base/until";
import { Renewals } from "../../src/oauth/renewals";
import { Vault, VaultMemory } from "../../src/oauth/vault";
import { Starts } from "../../src/process/children";
import { until } from "../stage/waiting";
import { ACCOUNT, PASSWORD, type Stage, stage } from "./stage";

async function opened(t: TestContext): Promise<[Stage, (password?: string) => Promise<string>]> {
  const on = await stage(t);
  await on.authorize();
  const vault = new Vault(on.settings, new VaultMemory(new Renewals(new Starts())));
  const login = async (password = PASSWORD) => {
    const answer = await vault.token({ account: ACCOUNT, provider: "fake", password }, new Abort());
    return answer.kind === "token" ? "token" : `${answer.fault}: ${answer.why}`;
  };
  return [on, login];
}

/** The child processes of this one. */
function children(): number[] {
  const tasks = readdirSync("/proc/self/task");
  return tasks.flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
}

test("a renewal that is killed before the provider has answered costs nothing; one that is asked to end goes on", async (t) => {
  const [{ provider }, login] = await opened(t);
  const signal = (name: NodeJS.Signals) => {
    provider.whim = () => {
      provider.whim = null;
      for (const child of children()) process.kill(child, name);
      return name === "SIGKILL" ? null : undefined;
    };
  };
  signal("SIGKILL");
  assert.match(await login(), /^unavailable: .*without an answer, with SIGKILL$/);
  for (const name of ["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const) {
    provider.life = 0.001;
    signal(name);
    assert.equal(await login(), "token", name);
  }
  assert.equal(provider.ended.size, 0);
});

test("a program that is gone, or that can't be started, is told, and the next login tries again", async (t) => {
  const [{ provider }, login] = await opened(t);
  const gone = t.mock.method(fs, "existsSync", () => false);
  assert.match(await login(), /^unavailable: .*own program is not there any more$/);
  gone.mock.restore();
  const { execPath } = process;
  process.execPath = "/nowhere/node";
  try {
    assert.equal(await login(), "unavailable: /nowhere/node does not start: there is no such file");
  } finally {
    process.execPath = execPath;
  }
  assert.equal(await login("another password"), "password: wrong gateway password");
  assert.equal(provider.asked.length, 0);
  assert.equal(await login(), "token");
});

test("a refresh token that comes with an access token of no use is stored", async (t) => {
  const [{ provider }, login] = await opened(t);
  provider.whim = async (asked) => {
    provider.whim = null;
    const answer = await fetch(`${provider.place}/token`, { method: "POST", body: asked });
    return { status: 200, body: { ...((await answer.json()) as object), access_token: "a b" } };
  };
  assert.equal(await login(), "refused: it issues no usable token");
  assert.equal(await login(), "token");
  assert.equal(provider.ended.size, 0, "the first refresh token did not come again");
});

test("logins that wait for their turn are answered as soon as the provider can't be asked", async (t) => {
  const on = await stage(t);
  const { provider } = on;
  const renewals = new Renewals(new Starts());
  const wanted = t.mock.method(renewals, "renew");
  const vault = new Vault(on.settings, new VaultMemory(renewals));
  const accounts = ["a", "b", "c", "d", "e", "f"].map((name) => `${name}@example.org`);
  for (const account of accounts) await on.authorize(account);
  let hang = () => {};
  const hanging = new Promise<void>((resolve) => {
    hang = resolve;
  });
  t.after(() => hang());
  let fail = () => {};
  const failing = new Promise<void>((resolve) => {
    fail = resolve;
  });
  const down = { status: 503, body: "down" };
  provider.whim = async () => {
    const fifth = provider.asked.length === 5;
    await (fifth ? failing : hanging);
    return down;
  };
  const answers: string[] = [];
  const logins = accounts.map(async (account) => {
    const answer = await vault.token({ account, provider: "fake", password: PASSWORD }, new Abort());
    assert.equal(answer.kind, "none");
    answers.push(`${answer.fault}: ${answer.why}`);
  });
  await until(() => provider.asked.length === 4 && wanted.mock.callCount() === 6, "four renewals, and two that wait");
  assert.equal(answers.length, 0);
  // A process that ends by itself says nothing of the provider: the next one has its turn.
  process.kill(children()[0] as number, "SIGKILL");
  await until(() => provider.asked.length === 5, "the fifth renewal");
  await until(() => answers.length === 1, "the answer of the one that was killed");
  assert.match(`${answers[0]}`, /with SIGKILL$/);
  fail();
  await until(() => answers.length === 3, "the answers of the fifth one and of the one that waits");
  assert.equal(provider.asked.length, 5, "the one that waits has not asked");
  assert.equal(answers[1], answers[2]);
  assert.match(`${answers[1]}`, /^unavailable: (?!.*SIGKILL)/);
  hang();
  await Promise.all(logins);
  // It is asked again by the next one.
  provider.whim = null;
  const answer = await vault.token({ account: "f@example.org", provider: "fake", password: PASSWORD }, new Abort());
  assert.equal(answer.kind, "token");
});
