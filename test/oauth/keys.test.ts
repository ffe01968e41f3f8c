/** Keys of passwords: how many are made at once, and how many may wait. */

import assert from "node:assert/strict";
import crypto from "node:crypto";
import { test } from "node:test";
import { Keys } from "../../src/oauth/keys";

test("two keys are made at once; many accounts wait for theirs, but few logins of one", async (t) => {
  const done: (() => void)[] = [];
  const scrypt = (...call: unknown[]) => {
    const finish = call.at(-1) as (fault: null, key: Buffer) => void;
    done.push(() => finish(null, Buffer.alloc(32)));
  };
  t.mock.method(crypto, "scrypt", scrypt as never);
  const keys = new Keys();
  const want = (id: string) => keys.make(id, "password", "");
  const wanted = Array.from({ length: 8 }, () => want("joe"));
  assert.equal(await want("joe"), null, "too many of one");
  for (let at = 0; at < 248; at++) wanted.push(want(`account ${at}`));
  assert.equal(await want("another"), null, "too many in all");
  const known = keys.makeKnown("password", "");
  let most = 0;
  for (let made = 0; made < 257; ) {
    await new Promise(setImmediate);
    most = Math.max(most, done.length);
    for (const finish of done.splice(0)) {
      finish();
      made++;
    }
  }
  assert.equal(most, 2);
  for (const key of await Promise.all([...wanted, known])) assert.ok(key);
  const again = want("joe");
  await new Promise(setImmediate);
  done.pop()?.();
  assert.ok(await again, "all places are free again");
});
