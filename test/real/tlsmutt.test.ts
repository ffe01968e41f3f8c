/**
 * mutt and neomutt in front of dovecot. With ssl_force_tls, their default, they want STLS where TLS is not spoken from
 * the first octet.
 */

import assert from "node:assert/strict";
import { authority, certified, withCertificates } from "../stage/certificates";
import { testOfDraw } from "../stage/draws";
import { startProcess } from "../stage/process";
import { startDovecot } from "./dovecot";
import { mail } from "./mails";
import { mutt } from "./mutt";
import { lacking } from "./programs";
import { inspect, user } from "./server";
import { spoken } from "./verbs";

const test = testOfDraw();

const subjects = ["alpha", "bravo", "charlie", "delta"];
const mails = subjects.map((subject) => mail(subject, `This is ${subject}.\r\n..\r\nThe end.\r\n`));

/** The setting for an authority. */
const trust = () => `set ssl_ca_certificates_file="${authority()}"`;

for (const name of ["mutt", "neomutt"]) {
  test(name, { skip: lacking("dovecot", "openssl", "script", name), concurrency: 3 }, async (t) => {
    const server = await startDovecot(t, mails);
    const to = `127.0.0.1:${server.port}`;
    const argv = [...withCertificates(certified("ec")), to];

    await Promise.all([
      ...(
        [
          ["/tls", "pops", /^(CAPA |AUTH )*USER PASS .*(LIST TOP |TOP ){3,}.*RETR .*QUIT$/],
          ["/starttls", "pop", /^(CAPA |AUTH )*STLS (CAPA |AUTH )*USER PASS .*(LIST TOP |TOP ){3,}.*RETR .*QUIT$/],
        ] as const
      ).map(([listener, scheme, said]) =>
        t.test(`lists and saves, ${listener}`, async (t) => {
          const gateway = await startProcess(argv, { t, listeners: [listener], inspect });
          const url = `${scheme}://${user}@localhost:${gateway.port}/`;
          const [outcome, saved] = await mutt(t, name, url, trust());
          const drawn = outcome.stdout.toString("latin1");
          for (const subject of subjects) assert.ok(drawn.includes(`subject=${subject}.`), drawn);
          assert.match(`${saved}`, /^Subject: (alpha|delta)$/m);
          assert.match(`${saved}`, /^This is (alpha|delta)\.\n\.\.\nThe end\.\n/m);
          await spoken(gateway, said);
          assert.equal(outcome.code, 0, drawn);
        }),
      ),

      t.test("is not served without STLS", async (t) => {
        const gateway = await startProcess([to], { t, inspect });
        const [, saved] = await mutt(t, name, `pop://${user}@localhost:${gateway.port}/`, trust());
        assert.equal(saved, null);
        await spoken(gateway, /^(CAPA |AUTH )*STLS\b/);
      }),
    ]);
  });
}
