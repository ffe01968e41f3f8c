/** "fetchmail without TLS to the gateway", and with it. */

import assert from "node:assert/strict";
import { authority, certified } from "../../stage/certificates";
import { testOfDraw } from "../../stage/draws";
import { recipe } from "../../stage/manual";
import { startTlsDovecot } from "../dovecot";
import { fetchmail } from "../fetchmail";
import { plain, stored } from "../mails";
import { lacking } from "../programs";
import { same } from "../same";
import { password, user } from "../server";
import { replaced, startRecipe } from "./gateway";

const test = testOfDraw();

const [clear, withoutTls, secure, withStls, withTls] = recipe("fetchmail without TLS to the gateway");
const account = { '"joe"': `"${user}"`, '"secret"': `"${password}"` };

test("fetchmail without TLS to the gateway", {
  skip: lacking("dovecot", "fetchmail", "openssl"),
}, async (t) => {
  const server = await startTlsDovecot(t, certified("good"), plain);

  await t.test("in clear", async (t) => {
    const to = `--server-tls tls localhost:${server.tlsPort}`;
    const command = replaced(clear, { "127.0.0.1:110": "127.0.0.1:0", "mail.example.org:995": to });
    const { port } = await startRecipe(t, command);
    const rc = replaced(withoutTls, { "127.0.0.1": `127.0.0.1 service ${port}`, ...account });
    const refused = await fetchmail(t, replaced(rc, { "sslproto ''": "" }));
    assert.notEqual(refused.code, 0);
    assert.ok(!refused.verbs.includes("PASS"));
    const fetched = await fetchmail(t, `${rc.trimEnd()} keep`);
    assert.equal(fetched.code, 0, fetched.stderr);
    same(fetched.mails, plain.map(stored));
  });

  const { certFile, keyFile } = certified("ec");
  const command = replaced(secure, {
    "--listen 110": "--listen 127.0.0.1:0",
    "--listen 995": "--listen 127.0.0.1:0",
    "/etc/pop3.proxy/gateway.pem": certFile,
    "/etc/pop3.proxy/gateway.key": keyFile,
    "mail.example.org": `localhost:${server.tlsPort}`,
  });
  const { ports } = await startRecipe(t, command, 2);
  for (const [name, port, block, verbs] of [
    ["with STLS", ports[0], withStls, /^CAPA STLS CAPA USER PASS /],
    ["with TLS from the first octet", ports[1], withTls, /^CAPA USER PASS /],
  ] as const) {
    await t.test(name, async (t) => {
      const place = { "gateway.example.org": `localhost service ${port}`, "/home/joe/ca.pem": authority() };
      const rc = replaced(block, { ...place, ...account });
      const fetched = await fetchmail(t, `${rc.trimEnd()} keep fetchall`);
      assert.equal(fetched.code, 0, fetched.stderr);
      same(fetched.mails, plain.map(stored));
      assert.match(fetched.verbs.join(" "), verbs);
    });
  }
});
