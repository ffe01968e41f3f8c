import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, changed, GRANTED, routed } from "./question";

const asked = { user: "$(id)`id`; a'b\"c\\ =jörg", proxyUser: "pu", proxyPassword: "correct horse" };

test("it grants what was asked for, and shows its variables, the password masked", async () => {
  const { route, verdict, said, log } = await ask(["show-variables"], { ...asked, client: "2001:db8::77", port: 995 });
  assert.equal(verdict, GRANTED);
  assert.deepEqual(route, { ...routed(asked), port: 995 });
  const lines = said.map((line) => Buffer.from(line, "latin1").toString());
  assert.deepEqual(lines, [
    "PROXY_CLIENT=2001:db8::77",
    "PROXY_INTERFACE=192.0.2.1",
    "PROXY_PASSWD=***",
    "PROXY_PORT=110",
    "PROXY_SERVER=mail.example.com",
    `PROXY_SERVERLOGIN=${asked.user}`,
    "PROXY_SERVERPORT=995",
    "PROXY_SESSION=touki37xx.9",
    "PROXY_USERNAME=pu",
  ]);
  assert.doesNotMatch(log, /horse|server-password/);
  assert.doesNotMatch(log, /ignored/, "nothing on standard output");
});

test("G2: an empty password is shown as such, any other is masked to its end", async () => {
  const shown = async (proxyPassword: string) =>
    (await ask(["show-variables"], { proxyPassword })).said.filter((line) => line.includes("PASSWD"));
  assert.deepEqual(await shown(""), ["PROXY_PASSWD="]);
  for (const password of ["a/b", "****", "日本語 \u0085x", "PROXY_PASSWD=x", "a\\", "="])
    assert.deepEqual(await shown(password), ["PROXY_PASSWD=***"], password);
});

test("another prefix is written in one place", async (t) => {
  assert.deepEqual((await ask(["show-variables"], asked, { prefix: "ACP_" })).said, []);
  const renamed = changed(t, "show-variables", "prefix=PROXY_", "prefix=ACP_");
  const { said } = await ask([renamed], asked, { prefix: "ACP_" });
  assert.equal(said.length, 9);
  assert.ok(said.includes("ACP_PASSWD=***") && said.includes("ACP_SERVER=mail.example.com"));
});
