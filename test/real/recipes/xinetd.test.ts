/** "From openssl in xinetd to the gateway": the blocks in xinetd, in front of a server that takes logins under TLS only. */

import assert from "node:assert/strict";
import { userInfo } from "node:os";
import type { TestContext } from "node:test";
import { authority, certified } from "../../stage/certificates";
import { connectGreeted, fetchMail, logIn, quit } from "../../stage/dialogue";
import { testOfDraw } from "../../stage/draws";
import { recipe } from "../../stage/manual";
import type { Peer } from "../../stage/peer";
import { until } from "../../stage/waiting";
import { startTlsDovecot } from "../dovecot";
import { plain } from "../mails";
import { lacking } from "../programs";
import { same } from "../same";
import { password, user } from "../server";
import { startXinetd, superserver, XINETD } from "../superservers";
import { install, PLACE, replaced } from "./gateway";

const test = testOfDraw();

const [service = "", waiting = ""] = recipe("From openssl in xinetd to the gateway");

/** The service with the lines of the second block in the places of its own. */
const waits = waiting
  .trimEnd()
  .split("\n")
  .reduce((text, line) => {
    const own = new RegExp(`^ *${line.trim().split(" ", 1)} .*$`, "m");
    assert.match(text, own);
    return text.replace(own, line);
  }, service);

/** A client of a service, in front of the server on this port. @param trust a file of authorities, or those of the system */
async function serve(t: TestContext, block: string, server: number, trust?: string): Promise<Peer> {
  const to = `localhost:${server}`;
  const launched = superserver("recipe", block === waits, XINETD, (home, port) => {
    const ours = replaced(block, {
      [PLACE]: install(home),
      "mail.example.org:995": `--server-tls tls ${to}`,
      "= nobody": `= ${userInfo().username}`,
      "= 110": `= ${port}`,
    });
    const here = ["bind = 127.0.0.1", ...(trust ? [`env = SSL_CERT_FILE=${trust}`] : [])].join("\n");
    return startXinetd(home, ours.replace(/\}\s*$/, `${here}\n}\n`));
  });
  const { port } = await launched.serve(t, { host: "127.0.0.1", argv: [to] });
  return connectGreeted(port, t);
}

test("From openssl in xinetd to the gateway", {
  skip: lacking(XINETD, "dovecot", "openssl"),
  timeout: 300_000,
}, async (t) => {
  const server = await startTlsDovecot(t, certified("good"), plain);
  for (const [name, block] of [
    ["a process for each client", service],
    ["one process for all", waits],
  ] as const) {
    await t.test(name, async (t) => {
      const client = await serve(t, block, server.tlsPort, authority());
      await logIn(client, user, password);
      for (const [index, mail] of plain.entries()) same(await fetchMail(client, index + 1), mail);
      await quit(client);
    });
  }
  await t.test("a server that no authority of the system has certified", async (t) => {
    const client = await serve(t, service, server.tlsPort);
    await client.ask(`USER ${user}`);
    assert.match(await client.ask(`PASS ${password}`), /^-ERR \[SYS\/TEMP\] /);
    await client.expectEnd();
    client.end();
  });
  const logins = () => server.said().match(/Login: .*, TLS/g)?.length ?? 0;
  await until(() => logins() >= 2, server.said);
  assert.equal(logins(), 2, server.said());
});
