/**
 * The end of the gateway in the middle of a refresh, with a provider that takes a refresh token once: by kill -9 at
 * random moments. The account must not be lost.
 */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Abort } from "../../src/base/until";
import { renewTokens } from "../../src/oauth/renewal";
import { Vault, VaultMemory } from "../../src/oauth/vault";
import { LONG, randomFor } from "../stage/draws";
import { PASSWORD, stage } from "./stage";

const src = join(__dirname, "../../src");

/** What the process that is killed runs: it asks for a token, and says when it begins, and when it has it. */
const script = (settings: unknown, login: object) => `
  const { Vault, VaultMemory } = require(${JSON.stringify(join(src, "oauth/vault.js"))});
  const { Renewals } = require(${JSON.stringify(join(src, "oauth/renewals.js"))});
  const { Starts } = require(${JSON.stringify(join(src, "process/children.js"))});
  const { Abort } = require(${JSON.stringify(join(src, "base/until.js"))});
  const vault = new Vault(${JSON.stringify(settings)}, new VaultMemory(new Renewals(new Starts())));
  console.log("begins");
  vault.token(${JSON.stringify(login)}, new Abort()).then((answer) => console.log(JSON.stringify(answer)));
  setInterval(() => {}, 1000);`;

/** Each at once has an account of its own, and so many rounds. */
const [AT_ONCE, ROUNDS] = LONG ? [4, 50] : [1, 4];

test("B28: kill -9 at random moments of a refresh with rotation never loses the account", async (t) => {
  const { settings, provider, authorize } = await stage(t);
  const random = randomFor("moments of kill -9");
  provider.slow = 10;
  let inTime = 0;
  const killAgain = async (account: string) => {
    const login = { account, provider: "fake", password: PASSWORD };
    /** How long a refresh takes, about, in milliseconds: the moments are those until then. */
    let longest = 400;
    for (let round = 0; round < ROUNDS; round++) {
      await authorize(account);
      const child = spawn(process.execPath, ["-e", script(settings, login)], { stdio: ["ignore", "pipe", "inherit"] });
      const told: string[] = [];
      child.stdout.on("data", (chunk) => told.push(`${chunk}`));
      await once(child.stdout, "data");
      const began = performance.now();
      const ends = began + random() * longest;
      while (performance.now() < ends && told.length < 2) await pause(1);
      const over = told.length >= 2;
      longest = over ? Math.max(50, performance.now() - began) : Math.min(5000, longest * 1.1);
      if (!over) inTime++;
      child.kill("SIGKILL");
      await once(child, "exit");
      // The next login finds a token, or renews it with the refresh token that counts now.
      const vault = new Vault(settings, new VaultMemory({ renew: renewTokens }));
      const answer = await vault.token(login, new Abort());
      assert.equal(answer.kind, "token", `${account}, round ${round}: ${JSON.stringify(answer)}`);
      assert.ok(answer.kind === "token" && provider.takes(answer.token));
      assert.equal(provider.ended.size, 0, `${account}, round ${round}: a refresh token came a second time`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => killAgain(`joe${at}@example.org`)));
  t.diagnostic(`${inTime} of ${AT_ONCE * ROUNDS} ended in the middle; ${provider.issued} tokens were issued`);
  assert.ok(inTime > 0);
});
