/** UTF8 and dovecot 2.3, which does not know it: the login goes on, and mails in UTF-8 come as they are. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { capabilities, connectGreeted, fetchMail, logIn, quit } from "../stage/dialogue";
import { startProcess } from "../stage/process";
import { startDovecot } from "./dovecot";
import { mail, plain } from "./mails";
import { lacking } from "./programs";
import { same } from "./same";
import { inspect, password, user } from "./server";
import { spoken } from "./verbs";

test("UTF8 in front of dovecot", { skip: lacking("dovecot") }, async (t) => {
  const mails = [mail("gr\u00fc\u00dfe \u20ac", "\xe2\x82\xac\r\n"), ...plain];
  const server = await startDovecot(t, mails);
  const gateway = await startProcess(["--utf8", `127.0.0.1:${server.port}`], { t, inspect });
  const client = await connectGreeted(gateway.port, t);
  assert.ok((await capabilities(client)).includes("UTF8"));
  assert.equal(await client.ask("UTF8"), "+OK UTF8 enabled");
  await logIn(client, user, password);
  for (const [index, octets] of mails.entries()) same(await fetchMail(client, index + 1), octets);
  await quit(client);
  await spoken(gateway, /^UTF8 USER PASS RETR /, "server>");
  const { level, fields } = await gateway.logged("tolerated");
  assert.equal(fields.code, "no-utf8");
  assert.match(`${fields.reason}`, /^server refuses UTF8: -ERR Unknown command/);
  assert.notEqual(level, "err");
});
