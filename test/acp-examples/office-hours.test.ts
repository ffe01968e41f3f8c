import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { script } from "../stage/acp";
import { type Asked, ask, changed, GRANTED, UNKNOWN } from "./question";

const MONDAY_MORNING = "1 0930";
const SATURDAY = "6 1200";
const NOT_NOW = "-ERR [SYS/TEMP] private mail outside office hours only";
const NOT_HERE = "-ERR [AUTH] no private mail on this machine";
const NOWHERE = "-ERR [AUTH] server not permitted";

/** Makes it this day and time for the test's programs. */
function clock(t: TestContext, now: string): void {
  process.env.OFFICE_HOURS_NOW = now;
  t.after(() => delete process.env.OFFICE_HOURS_NOW);
}

async function verdict(asked: Asked): Promise<string> {
  return (await ask(["office-hours"], asked)).verdict;
}

test("the company's own servers at any time, for everybody", async (t) => {
  for (const now of [MONDAY_MORNING, SATURDAY]) {
    clock(t, now);
    for (const host of ["mail.example.com", "pop.mail.example.com", "192.0.2.25"]) {
      assert.equal(await verdict({ host, client: "198.51.100.7" }), GRANTED, `${host} at ${now}`);
    }
  }
});

test("private providers outside office hours only", async (t) => {
  const times = [
    ["1 0759", GRANTED],
    ["1 0800", NOT_NOW],
    ["5 0908", NOT_NOW],
    ["3 1759", NOT_NOW],
    ["3 1800", GRANTED],
    ["3 0000", GRANTED],
    ["3 2359", GRANTED],
    ["6 1200", GRANTED],
    ["7 1200", GRANTED],
  ] as const;
  for (const [now, expected] of times) {
    clock(t, now);
    assert.equal(await verdict({ host: "pop.mail.yahoo.com" }), expected, now);
  }
});

test("the machines at the front desk never get private mail", async (t) => {
  for (const now of [MONDAY_MORNING, SATURDAY]) {
    clock(t, now);
    for (const client of ["198.51.100.7", "203.0.113.250", "2001:db8:7::1", "2001:db8:7:1::1"]) {
      assert.equal(await verdict({ host: "pop.gmx.net", client }), NOT_HERE, `${client} at ${now}`);
    }
  }
  for (const client of ["198.51.100.77", "2001:db8:70::1", ""]) {
    assert.equal(await verdict({ host: "pop.gmx.net", client }), GRANTED, client);
  }
});

test("what no rule permits is denied", async (t) => {
  clock(t, SATURDAY);
  const hosts = ["mail.example.com.evil.test", "mailxexample.com", "yahoo.com", "192.0.2.250", "2001:db8::1", "a"];
  for (const host of hosts) assert.equal(await verdict({ host }), NOWHERE, host);
});

test("the login's name is nothing to the rules, whatever is in it", async (t) => {
  clock(t, SATURDAY);
  for (const user of ["$(exit 75)", "'; exit 75; '", "*.yahoo.com", "jörg\u0085"]) {
    assert.equal(await verdict({ user, host: "pop.gmx.net" }), GRANTED, user);
    assert.equal(await verdict({ user, host: "other.example" }), NOWHERE, user);
  }
});

test("a day or time that can't be told, or another prefix, is no verdict on the client", async (t) => {
  for (const now of ["", "0 0930", "1 930", "1 09:30", "1 0930 2", "x"]) {
    clock(t, now);
    const { verdict, said } = await ask(["office-hours"], {});
    assert.deepEqual([verdict, said], [UNKNOWN, [`office-hours: '${now}' is not a day and time as in '1 0930'`]], now);
  }
  clock(t, SATURDAY);
  const { verdict, said } = await ask(["office-hours"], {}, { prefix: "ACP_" });
  assert.equal(verdict, UNKNOWN);
  assert.match(said.join(), /^office-hours: there is no PROXY_SERVER/);
  const renamed = changed(t, "office-hours", "PROXY_", "ACP_");
  assert.equal((await ask([renamed], {}, { prefix: "ACP_" })).verdict, GRANTED);
  assert.equal((await ask([renamed], { host: "other.example" }, { prefix: "ACP_" })).verdict, NOWHERE);
});

test("it asks date for the time", async (t) => {
  const week = changed(t, "office-hours", "days=12345\nfrom=0800\nto=1800", "days=1234567\nfrom=0000\nto=2400");
  assert.equal((await ask([week], { host: "pop.gmx.net" })).verdict, NOT_NOW);
  const never = changed(t, "office-hours", "days=12345", "days=");
  assert.equal((await ask([never], { host: "pop.gmx.net" })).verdict, GRANTED);
});

test("a date that hangs ends with the time limit", async (t) => {
  const [slow] = script(t, "sleep 60");
  const { verdict, log } = await ask([changed(t, "office-hours", "$(date ", `$(${slow} `)], {}, { acpTimeout: 300 });
  assert.equal(verdict, UNKNOWN);
  assert.match(log, /time limit/);
});
