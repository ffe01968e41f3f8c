/** "POP before SMTP: Postfix and Exim": both read the client log that the gateway has written. */

import assert from "node:assert/strict";
import { chmodSync, readFileSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { upstream } from "../../listen/handing";
import { connectGreeted, logIn, quit } from "../../stage/dialogue";
import { testOfDraw } from "../../stage/draws";
import { recipe } from "../../stage/manual";
import { answerTo, eximParts, postfixParts, startExim, startPostfix } from "../mailservers";
import { lacking, ordinary, program, run } from "../programs";
import { put, scratch } from "../scratch";
import { replaced, startRecipe } from "./gateway";

const test = testOfDraw();

const [line, commands = "", acl, script, master, main] = recipe("POP before SMTP: Postfix and Exim");
const FOLDER = "/var/lib/pop3.proxy";
const SERVICE = "/usr/local/bin/pop-before-smtp";
const CONF = "/etc/tmpfiles.d/pop3.proxy.conf";
const CLIENTS = ["127.0.0.5", "::1"];

/** The folder of the client log as the recipe makes it, and a gateway that writes there. */
async function begun(t: TestContext): Promise<{ folder: string; retrieve: (client: string) => Promise<void> }> {
  const home = scratch(t);
  const [folder, conf] = [join(home, "clients"), join(home, "tmpfiles.conf")];
  const [make = "", command = ""] = commands.split("\n");
  // Who is not root has no right to give a folder to nobody.
  const owner = ordinary.uid === undefined ? { "nobody nogroup": `${userInfo().username} -` } : {};
  put(conf, replaced(line, { [FOLDER]: folder, ...owner }));
  const made = await run(program("sh"), ["-c", replaced(make, { [CONF]: conf })], { asRoot: true });
  assert.deepEqual([made.code, made.stderr], [0, ""]);
  assert.equal(statSync(folder).mode & 0o777, 0o755);
  // The mail servers' other accounts pass through the folder above it.
  chmodSync(home, 0o755);
  const listeners = "--listen 127.0.0.1:0 --listen [::1]:0 ";
  const words = { "-D ": listeners, [FOLDER]: folder, "mail.example.org": await upstream(t) };
  const gateway = await startRecipe(t, replaced(command, words), 2);
  return {
    folder,
    retrieve: async (client) => {
      const six = client.includes(":");
      const place = { host: six ? "::1" : "127.0.0.1", port: gateway.ports[six ? 1 : 0] as number };
      const peer = await connectGreeted({ ...place, localAddress: client }, t);
      await logIn(peer, "joe", "demo");
      await quit(peer);
    },
  };
}

/** Writes a client's file as it would have been written some seconds earlier. */
function age(folder: string, client: string, seconds: number): void {
  const file = join(folder, client);
  const [time, ...rest] = readFileSync(file, "latin1").split(" ");
  put(file, [Number(time) - seconds, ...rest].join(" "));
  chmodSync(file, 0o644);
}

/** A client may send to others for half an hour after it has logged in; to the server's own users anybody may. */
async function permits(t: TestContext, launch: (t: TestContext, folder: string) => Promise<number>): Promise<void> {
  const { folder, retrieve } = await begun(t);
  const port = await launch(t, folder);
  const relays = async (client: string) => {
    const answer = await answerTo(port, client, "mary@example.net");
    assert.match(answer, /^250 |^55\d .*relay/i);
    return answer.startsWith("250 ");
  };
  for (const client of CLIENTS) {
    assert.equal(await relays(client), false);
    await retrieve(client);
    assert.equal(await relays(client), true);
    age(folder, client, 1700);
    assert.equal(await relays(client), true);
    age(folder, client, 101);
    assert.equal(await relays(client), false);
    await retrieve(client);
    assert.equal(await relays(client), true);
  }
  assert.equal(await relays("127.0.0.6"), false);
  assert.match(await answerTo(port, "127.0.0.6", "postmaster@example.org"), /^250 /);
}

test("Exim", { skip: lacking("systemd-tmpfiles", ...eximParts) }, (t) =>
  permits(t, (t, folder) => {
    const own = replaced(acl, { [FOLDER]: folder });
    return startExim(t, (settings) => {
      const relay = "  accept\n    hosts = +relay_from_hosts\n";
      assert.equal(settings.split(relay).length, 2);
      return settings.replace(relay, () => `${own}\n${relay}`);
    });
  }),
);

test("Postfix", { skip: lacking("systemd-tmpfiles", ...postfixParts) }, (t) =>
  permits(t, (t, folder) => {
    const home = scratch(t);
    const file = join(home, "pop-before-smtp");
    put(file, script as string);
    chmodSync(file, 0o755);
    return startPostfix(t, main as string, replaced(master, { [SERVICE]: file, [FOLDER]: folder }));
  }),
);
