/**
 * s_client of openssl in front, under TLS from the first octet and after STLS, in each version of the protocol.
 * 1.0 and 1.1 want --tls-min, and of s_client a security level that permits them.
 */

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { authority, type Certified, certified, withCertificates } from "../stage/certificates";
import { testOfDraw } from "../stage/draws";
import { type GatewayProcess, startProcess } from "../stage/process";
import { startDovecot } from "./dovecot";
import { plain } from "./mails";
import { lacking, type Outcome, program, run } from "./programs";
import { inspect, password, user } from "./server";

const test = testOfDraw();

const login = `USER ${user}\nPASS ${password}\n`;

/** Runs s_client with these options; it says all of `lines` once TLS is up, and reads until the other side closes. */
async function talk(port: number, ca: string, lines: string, ...options: string[]): Promise<Outcome> {
  const verify = ["-CAfile", ca, "-verify_return_error", "-verify_hostname", "localhost"];
  const argv = ["-connect", `127.0.0.1:${port}`, "-brief", "-crlf", "-ign_eof", ...verify, ...options];
  const script = 'lines=$1; shift; printf %s "$lines" | exec openssl s_client "$@"';
  return run(program("sh"), ["-c", script, "sh", lines, ...argv]);
}

/** What follows -connect for the two kinds of listeners. */
const kinds: readonly [number, string, readonly string[]][] = [
  [0, "/tls", []],
  [1, "/starttls", ["-starttls", "pop3"]],
];
const versions: readonly [string, string, readonly string[]][] = [
  ["TLSv1", "-tls1", ["-cipher", "DEFAULT@SECLEVEL=0"]],
  ["TLSv1.1", "-tls1_1", ["-cipher", "DEFAULT@SECLEVEL=0"]],
  ["TLSv1.2", "-tls1_2", []],
  ["TLSv1.3", "-tls1_3", []],
];

test("openssl s_client", { skip: lacking("dovecot", "openssl"), concurrency: 4 }, async (t) => {
  const server = await startDovecot(t, plain);
  const size = plain.reduce((sum, mail) => sum + mail.length, 0);

  /** A gateway with both kinds of listeners. */
  const gateway = (t: TestContext, pair: Certified, ...options: string[]): Promise<GatewayProcess> => {
    const argv = [...withCertificates(pair), "--server-tls", "none", ...options, `127.0.0.1:${server.port}`];
    return startProcess(argv, { t, listeners: ["/tls", "/starttls"], inspect });
  };
  const spoken = (outcome: Outcome, version: string) => {
    assert.match(outcome.stderr, new RegExp(`^Protocol version: ${version}$`, "m"));
    assert.match(outcome.stderr, /^Verification: OK$/m);
    assert.match(outcome.stdout.toString(), new RegExp(`^\\+OK ${plain.length} ${size}\r$`, "m"));
    assert.equal(outcome.code, 0, outcome.stderr);
  };

  for (const [keys, certificate] of [
    ["EC", certified("ec")],
    ["RSA", certified("good")],
  ] as const) {
    const [modern, vintage, strict] = [
      await gateway(t, certificate),
      await gateway(t, certificate, "--tls-min", "1.0"),
      await gateway(t, certificate, "--tls-min", "1.3"),
    ];

    await Promise.all(
      kinds.flatMap(([index, kind, options]) =>
        versions.map(([version, flag, more]) =>
          t.test(`${version} on ${kind}, key ${keys}`, async () => {
            const say = (to: GatewayProcess) =>
              talk(to.ports[index] as number, authority(), `${login}STAT\nQUIT\n`, flag, ...options, ...more);
            spoken(await say(vintage), version);
            for (const [other, least] of [
              [modern, "TLSv1.2"],
              [strict, "TLSv1.3"],
            ] as const) {
              const outcome = await say(other);
              if (version >= least) {
                spoken(outcome, version);
                continue;
              }
              assert.match(outcome.stderr, /alert protocol version|unsupported protocol/);
              assert.doesNotMatch(outcome.stdout.toString(), /^\+OK \d+ \d+\r$/m);
              assert.notEqual(outcome.code, 0);
            }
          }),
        ),
      ),
    );
    assert.match(vintage.said(), /^\S+ warning .*1\.0/m);
  }

  const [tls, starttls] = (await gateway(t, certified("ec"), "--capa")).ports as [number, number];

  await t.test("T9: a foreign ALPN is refused, POP3's is fine", async () => {
    for (const [port, options] of [
      [tls, []],
      [starttls, ["-starttls", "pop3"]],
    ] as const) {
      const foreign = await talk(port, authority(), "QUIT\n", ...options, "-alpn", "http/1.1");
      assert.match(foreign.stderr, /no application protocol/);
      const own = await talk(port, authority(), `${login}STAT\nQUIT\n`, ...options, "-alpn", "pop3");
      spoken(own, "TLSv1.3");
    }
  });

  await t.test("T6: STLS under TLS is refused", async () => {
    for (const options of [[], ["-starttls", "pop3"]]) {
      const port = options.length > 0 ? starttls : tls;
      const outcome = await talk(port, authority(), `CAPA\nSTLS\n${login}STLS\nSTAT\nQUIT\n`, ...options);
      const said = outcome.stdout.toString();
      assert.equal(said.match(/^-ERR /gm)?.length, 2, said);
      assert.doesNotMatch(said, /^STLS\r$/m);
      spoken(outcome, "TLSv1.3");
    }
  });
});
