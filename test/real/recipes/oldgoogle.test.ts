/** "An old mail program and a mailbox at Google": with another provider in Google's place, and mpop in the program's. */

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { authority, certified } from "../../stage/certificates";
import { testOfDraw } from "../../stage/draws";
import { recipe } from "../../stage/manual";
import { launch } from "../../stage/process";
import { until } from "../../stage/waiting";
import { followed, gatewayPassword, toOpen } from "../authorizing";
import { startTlsDovecot } from "../dovecot";
import { plain, stored } from "../mails";
import { mpop } from "../mpop";
import { CONFIDENTIAL, introspected, type Oidc, SCOPE, startOidc } from "../oidc";
import { lacking } from "../programs";
import { same, sorted } from "../same";
import { put, scratch } from "../scratch";
import { user } from "../server";
import { install, replaced, startRecipe } from "./gateway";

const test = testOfDraw();

const [file, commands, start] = recipe("An old mail program and a mailbox at Google");

/** Runs the commands of the recipe, with a person at a browser. @returns what they have said */
async function authorized(t: TestContext, home: string, script: string): Promise<string> {
  install(home);
  const env = { ...process.env, PATH: `${home}:${process.env.PATH}`, SSL_CERT_FILE: authority() };
  const { child, said, ended } = launch(t, "/bin/sh", ["-ec", script], { env, stdio: ["pipe", "pipe", "pipe"] });
  let shown = "";
  child.stdout?.on("data", (chunk) => (shown += chunk));
  await until(
    () => toOpen(shown) !== null || child.exitCode !== null,
    () => `${shown}${said()}`,
  );
  assert.equal(await followed(shown), "Go on in the terminal. This window may be closed.\n");
  child.stdin?.end(`${gatewayPassword}\n${gatewayPassword}\n`);
  assert.equal(await ended(), 0, `${shown}${said()}`);
  return shown;
}

/** The recipe's file with this provider and server. */
function fileFor({ issuer }: Oidc, server: string, store: string): string {
  return replaced(file, {
    "/var/lib/pop3.proxy/accounts": store,
    '"*@gmail.com", "*@googlemail.com"': `"${user}"`,
    "pop.gmail.com:995": server,
    "NUMBER.apps.googleusercontent.com": CONFIDENTIAL.id,
    SECRET: CONFIDENTIAL.secret,
    "https://mail.google.com/": SCOPE,
    "https://accounts.google.com/o/oauth2/v2/auth": `${issuer}/auth`,
    "https://oauth2.googleapis.com/token": `${issuer}/token`,
  });
}

test("An old mail program and a mailbox at Google", { skip: lacking("dovecot", "mpop", "openssl") }, async (t) => {
  const oidc = await startOidc(t);
  const settings = introspected(oidc, join(scratch(t), "oauth2"), put);
  const dovecot = await startTlsDovecot(t, certified("good"), plain, { settings });
  const home = scratch(t);
  const [etc, lib] = [join(home, "etc"), join(home, "lib")];
  mkdirSync(etc, { mode: 0o755 });
  writeFileSync(join(etc, "oauth.toml"), fileFor(oidc, `localhost:${dovecot.tlsPort}/tls`, join(lib, "accounts")));
  const here = { "/etc/pop3.proxy": etc, "/var/lib/pop3.proxy": lib, "joe@gmail.com": user };
  const shown = await authorized(t, home, replaced(commands, here));
  assert.match(shown, /joe is authorized/);
  assert.match(shown, /^oauth: account joe of google: authorized 20/m);
  assert.doesNotMatch(shown, new RegExp(CONFIDENTIAL.secret));
  const gateway = await startRecipe(t, replaced(start, { "-D": "--listen 127.0.0.1:0", "/etc/pop3.proxy": etc }));
  const got = await mpop(scratch(t), gateway.port, "on", { secret: gatewayPassword });
  same(sorted(got), sorted(plain.map(stored)));
  await dovecot.saying(/Login: user=<joe>, method=XOAUTH2,.* TLS/);
  assert.ok(!readFileSync(join(etc, "oauth.toml"), "utf8").includes(gatewayPassword));
});
