/** How many keys of passwords are made at once. */

import assert from "node:assert/strict";
import crypto from "node:crypto";
import { test } from "node:test";
import { Keys } from "../../src/oauth/keys";

test("guesses at one password do not put off other accounts, and all together are bounded", async (t) => {
  const running: (() => void)[] = [];
  let most = 0;
  t.mock.method(crypto, "scrypt", (...given: unknown[]) => {
    running.push(() => (given.at(-1) as (fault: null, key: Buffer) => void)(null, Buffer.alloc(32)));
    most = Math.max(most, running.length);
  });
  const keys = new Keys();
  const asked = Array.from({ length: 100 }, (_, count) => keys.make("joe", `guess ${count}`, "salt"));
  const others = Array.from({ length: 100 }, (_, count) => keys.make(`jim ${count}`, "password", "salt"));
  let over = false;
  const all = Promise.all([Promise.all(asked), Promise.all(others)]).finally(() => {
    over = true;
  });
  while (!over) {
    running.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [ofJoe, ofOthers] = await all;
  assert.equal(ofJoe.filter((one) => one !== null).length, 8);
  assert.equal(ofOthers.filter((one) => one !== null).length, 56);
  assert.equal(most, 2);
  const next = keys.make("joe", "password", "salt");
  await new Promise((resolve) => setImmediate(resolve));
  running.shift()?.();
  assert.notEqual(await next, null, "all have left");
});
