/** --via with commands that people have: socat and openssl s_client to a real Dovecot, fetchmail in front. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { authority, certified } from "../stage/certificates";
import { startInside } from "../stage/inside";
import { startDovecot, startTlsDovecot } from "./dovecot";
import { fetchmail } from "./fetchmail";
import { plain, stored } from "./mails";
import { lacking, program } from "./programs";
import { same } from "./same";
import { password, user } from "./server";

const skip = lacking("dovecot", "fetchmail", "openssl", "socat");

test("fetchmail through socat and through openssl s_client", { skip }, async (t) => {
  const clear = await startDovecot(t, plain);
  const { port, tlsPort } = await startTlsDovecot(t, certified("good"), plain);
  const openssl = `${program("openssl")} s_client -quiet -verify_quiet -verify_return_error -CAfile ${authority()}`;
  const socat = `${program("socat")} -T 60 STDIO TCP:%h:%p`;
  for (const [via, ...more] of [
    [socat, `127.0.0.1:${clear.port}`],
    [`${openssl} -connect %h:%p`, `localhost:${tlsPort}`],
    [socat, "--server-tls", "starttls", "--server-ca", authority(), `localhost:${port}`],
    [socat, "--server-tls", "tls", "--server-ca", authority(), `localhost:${tlsPort}`],
  ] as const) {
    const gateway = await startInside(t, ["--via", via, ...more]);
    const rc = `poll 127.0.0.1 service ${gateway.port} protocol pop3 user "${user}" password "${password}" sslproto ''`;
    const fetched = await fetchmail(t, `${rc} fetchall keep`);
    assert.equal(fetched.code, 0, via + fetched.stderr + gateway.said());
    same(fetched.mails, plain.map(stored));
  }
});

test("what socat and openssl say when there is no server is the reason", { skip }, async (t) => {
  const { tlsPort } = await startTlsDovecot(t, certified("self-signed"), []);
  const openssl = `${program("openssl")} s_client -quiet -verify_return_error -CAfile ${authority()} -connect %h:%p`;
  for (const [via, server, reason] of [
    [`${program("socat")} STDIO TCP:%h:%p`, "127.0.0.1:1", /socat: exit status 1: .*Connection refused$/],
    [openssl, `localhost:${tlsPort}`, /openssl: exit status 1: .*certificate verify failed/],
  ] as const) {
    const gateway = await startInside(t, ["--via", via, server]);
    const rc = `poll 127.0.0.1 service ${gateway.port} protocol pop3 user "${user}" password "${password}" sslproto ''`;
    assert.notEqual((await fetchmail(t, rc)).code, 0);
    const { fields } = await gateway.logged("failure");
    assert.match(`${fields.reason}`, reason);
  }
});
