/** Accounts of the store: what opens them, and what does not. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type AccountRecord, deriveKey, newKey, parseRecord, seal, unseal } from "../../src/oauth/record";

const state = { account: "joe@example.org", provider: "fake", authorized: "2026-01-01T00:00:00.000Z" };
const tokens = { refresh: "refresh-token", access: { token: "access-token", until: 12 } };

test("the password opens the tokens, and nothing else does", async () => {
  const key = await newKey("secret \xe9");
  const record = seal(state, key, tokens);
  assert.deepEqual(unseal(record, await deriveKey("secret \xe9", record.salt)), tokens);
  for (const password of ["", "secret", "secret \xc3\xa9", "Secret \xe9"]) {
    assert.equal(unseal(record, await deriveKey(password, record.salt)), null, JSON.stringify(password));
  }
});

test("B29: tokens are bound to their account and their provider, and to each octet", async () => {
  const key = await newKey("secret");
  const record = seal(state, key, tokens);
  const flip = (text: string, at: number) => {
    const octets = Buffer.from(text, "base64");
    octets[at] = (octets[at] as number) ^ 1;
    return octets.toString("base64");
  };
  const length = Buffer.from(record.sealed, "base64").length;
  const changed: readonly Partial<AccountRecord>[] = [
    { account: "jim@example.org" },
    { provider: "other" },
    { nonce: flip(record.nonce, 0) },
    { nonce: "" },
    { sealed: "" },
    { sealed: record.sealed.slice(0, 20) },
    ...Array.from({ length }, (_, at) => ({ sealed: flip(record.sealed, at) })),
  ];
  for (const change of changed) assert.equal(unseal({ ...record, ...change }, key), null, JSON.stringify(change));
  const others = { authorized: "2020-01-01T00:00:00.000Z", renewed: "x", refused: "y" };
  assert.deepEqual(unseal({ ...record, ...others }, key), tokens, "what --check shows may change without the password");
});

test("nothing of the tokens is in the file, and no two files are alike", async () => {
  const key = await newKey("secret");
  const [one, other] = [seal(state, key, tokens), seal(state, key, tokens)];
  assert.notEqual(one.nonce, other.nonce);
  assert.notEqual(one.sealed, other.sealed);
  for (const text of ["refresh", "access", "secret"]) {
    assert.ok(!JSON.stringify(one).includes(text), text);
    assert.ok(!Buffer.from(one.sealed, "base64").includes(text), text);
  }
  const again = await newKey("secret");
  assert.notEqual(again.salt, key.salt);
  assert.notDeepEqual(again.key, key.key);
});

test("a file is read back as it was written, and anything else is no record", async () => {
  const record = seal(state, await newKey("secret"), {});
  assert.deepEqual(parseRecord(`${JSON.stringify(record)}\n`), record);
  const { salt: _, ...unsalted } = record;
  const bad = ["", "{", "null", "[]", '"x"', "{}", JSON.stringify(unsalted), JSON.stringify({ ...record, salt: 1 })];
  for (const text of [...bad, JSON.stringify({ ...record, more: "x" })]) assert.equal(parseRecord(text), null, text);
});

test("the event loop goes on while a key is made", async () => {
  let turns = 0;
  let over = false;
  const turn = () => {
    turns++;
    if (!over) setImmediate(turn);
  };
  setImmediate(turn);
  await newKey("secret");
  over = true;
  assert.ok(turns > 100, `${turns} turns`);
});
