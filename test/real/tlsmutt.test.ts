/**
 * mutt and neomutt in front of dovecot, each at a terminal of its own (`script`): they list a maildrop, save one mail
 * and leave. With ssl_force_tls, their default, they want STLS where TLS is not spoken from the first octet.
 */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { authority, certified, withCertificates } from "../stage/certificates";
import { type GatewayProcess, startProcess } from "../stage/process";
import { startDovecot } from "./dovecot";
import { mail } from "./mails";
import { lacking, type Outcome, program, run } from "./programs";
import { put, scratch } from "./scratch";
import { inspect, password, user } from "./server";

const subjects = ["alpha", "bravo", "charlie", "delta"];
const mails = subjects.map((subject) => mail(subject, `This is ${subject}.\r\n..\r\nThe end.\r\n`));

/** Runs mutt on this maildrop; what it has drawn, and the file with what it has saved, if it has. */
async function mutt(t: TestContext, name: string, url: string, trust: string): Promise<[Outcome, string]> {
  const home = scratch(t);
  put(
    join(home, "rc"),
    `set pop_pass="${password}"
set folder="${home}" record="" header_cache="" message_cachedir="" certificate_file="${home}/certificates"
set ssl_ca_certificates_file="${trust}"
set pop_checkinterval=0 net_inc=0 timeout=5 sleep_time=0 wait_key=no quit=yes confirmappend=no copy=no
set confirmcreate=no
set index_format="subject=%s."
push "<last-entry><copy-message>${home}/saved<enter><exit>"
`,
  );
  const command = `stty rows 40 cols 120; exec timeout 15 ${program(name)} -n -F ${home}/rc -f ${url}`;
  const env = { HOME: home, TERM: "vt100", SHELL: "/bin/sh" };
  const outcome = await run(program("script"), ["-qefc", command, "/dev/null"], { env, cwd: home });
  return [outcome, join(home, "saved")];
}

/** The verbs of the clients' commands, as the gateway has logged them. */
function verbs(gateway: GatewayProcess): string {
  return [...gateway.said().matchAll(/ client< \S+ line="?(\w+)/g)].map(([, verb]) => verb).join(" ");
}

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
          const [outcome, saved] = await mutt(t, name, url, authority());
          const drawn = outcome.stdout.toString("latin1");
          for (const subject of subjects) assert.ok(drawn.includes(`subject=${subject}.`), drawn);
          const box = readFileSync(saved, "latin1");
          assert.match(box, /^Subject: (alpha|delta)$/m);
          assert.match(box, /^This is (alpha|delta)\.\n\.\.\nThe end\.\n/m);
          assert.match(verbs(gateway), said);
          assert.equal(outcome.code, 0, drawn);
        }),
      ),

      t.test("is not served without STLS", async (t) => {
        const gateway = await startProcess([to], { t, inspect });
        const [, saved] = await mutt(t, name, `pop://${user}@localhost:${gateway.port}/`, authority());
        assert.ok(!existsSync(saved));
        assert.match(verbs(gateway), /^(CAPA |AUTH )*STLS\b/);
      }),
    ]);
  });
}
