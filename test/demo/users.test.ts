import assert from "node:assert/strict";
import { test } from "node:test";
import { Mail } from "../../src/demo/mail";
import { Users } from "../../src/demo/users";

const sample = ["a\r\n", "b\r\n"].map((text) => new Mail(Buffer.from(text)));

test("a maildrop is locked until it is unlocked, each by itself", () => {
  const users = new Users(() => sample);
  assert.equal(users.lock("joe"), sample);
  assert.equal(users.lock("joe"), null);
  assert.equal(users.lock("ann"), sample);
  users.unlock("joe", sample);
  assert.equal(users.lock("joe"), sample);
});

test("what was deleted stays deleted, for this user", () => {
  const users = new Users(() => sample);
  users.lock("joe");
  users.unlock("joe", []);
  assert.deepEqual(users.lock("joe"), []);
  users.unlock("joe", []);
  assert.deepEqual(users.lock("joe"), []);
  assert.equal(users.lock("ann"), sample);
});

test("a thousand changed maildrops are remembered; then the one left longest ago is forgotten, if unlocked", () => {
  const users = new Users(() => sample);
  for (let i = 0; i < 1000; i++) {
    users.lock(`user${i}`);
    users.unlock(`user${i}`, []);
  }
  assert.deepEqual(users.lock("user0"), []);
  for (const user of ["more", "still more"]) {
    users.lock(user);
    users.unlock(user, []);
  }
  // user0 is in a session and was none of the thousand; user1 had to go.
  assert.equal(users.lock("user1"), sample);
  assert.deepEqual(users.lock("user2"), []);
  users.unlock("user0", []);
  assert.deepEqual(users.lock("user0"), []);
});

test("who changes nothing takes no place", () => {
  const users = new Users(() => sample);
  users.lock("joe");
  users.unlock("joe", []);
  for (let i = 0; i < 2000; i++) {
    users.lock(`user${i}`);
    users.unlock(`user${i}`, sample);
  }
  assert.deepEqual(users.lock("joe"), []);
});
