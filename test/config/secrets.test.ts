/** Secrets of a configuration file: who may read the file, what of it is printed, and the file that one may be in. */

import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readHeaders } from "../../src/access/headerfile";
import { parseCommandLine } from "../../src/config/commandline";
import { readConfiguration } from "../../src/config/configfile";
import { configText } from "../../src/config/configtext";
import { ConfigFault } from "../../src/config/trustedtext";
import { scratch } from "../stage/acp";

const SECRET = "s3cr3t";
const SERVICE = '[service.a]\nlisten = ["1110"]\nserver = "mail"\nacp = "http://127.0.0.1/auth"\n';

/** A file with this mode. */
function put(t: TestContext, text: string, mode: number): string {
  const file = join(scratch(t), "given");
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

test("a header may stand in a file that others can't read, and is not printed", (t) => {
  const text = `${SERVICE}auth-http-header = ["X-Key: ${SECRET}", "X-More: \u00e9"]\n`;
  const request = parseCommandLine(["--check", "-f", put(t, text, 0o640)], () => "");
  if (request.kind !== "check") assert.fail();
  assert.deepEqual(request.settings.services[0].access.authHttp?.headers, [
    { name: "X-Key", value: SECRET },
    { name: "X-More", value: "\u00c3\u00a9" },
  ]);
  const printed = configText(request.own, request.services, true).join("\n");
  assert.match(printed, /^# auth-http-header is masked: /m);
  assert.doesNotMatch(printed, new RegExp(SECRET));
  assert.deepEqual(readConfiguration(put(t, printed, 0o644), {}, false).settings.services[0].access.authHttp, {
    secure: false,
    host: "127.0.0.1",
    port: 80,
    path: "/auth",
    timeout: 30_000,
    headers: [],
  });
});

test("no fault of a file quotes a header", (t) => {
  for (const [text, mode, told] of [
    [
      `${SERVICE}auth-http-header = ["X-Key: ${SECRET}"]`,
      0o644,
      "5:1: auth-http-header: every user can read this file",
    ],
    [
      `auth-http-header = ["X-Key: ${SECRET}"]\n${SERVICE}`,
      0o604,
      "1:1: auth-http-header: every user can read this file",
    ],
    [
      `${SERVICE}auth-http-header = ["a: b", "${SECRET}"]`,
      0o600,
      "5:29: auth-http-header: give a header as 'name: value'",
    ],
    [`${SERVICE}auth-http-header = "X-Key: ${SECRET}"`, 0o600, "5:20: auth-http-header: give an array of texts"],
    [`${SERVICE}auth-http-header = ["Auth-User: ${SECRET}"]`, 0o600, "5:21: auth-http-header: Auth-User is a header"],
    [
      `${SERVICE.replace("http://127.0.0.1/auth", "/bin/true")}auth-http-header = ["X: ${SECRET}"]`,
      0o600,
      "5:1: [service.a]: auth-http-header needs the URL of a service in acp",
    ],
    [
      `${SERVICE.replace("http://127.0.0.1/auth", "/bin/true")}auth-http-header-file = "x"`,
      0o600,
      "5:1: [service.a]: auth-http-header-file needs the URL of a service in acp",
    ],
    [
      `${SERVICE}client-proxy = true\nproxy-from = ["::1"]`,
      0o600,
      "5:1: client-proxy is of no use beside listen: write",
    ],
    [`${SERVICE}proxy-from = ["::1", "here"]`, 0o600, "5:22: proxy-from: give addresses, or networks"],
    [`${SERVICE}send-proxy = 3`, 0o600, "5:14: send-proxy: give 1 or 2"],
    [`${SERVICE}send-proxy = "2"`, 0o600, "5:14: send-proxy: give a whole number"],
  ] as const) {
    const file = put(t, text, mode);
    assert.throws(
      () => readConfiguration(file, {}, false),
      (thrown: unknown) => {
        assert.ok(thrown instanceof ConfigFault);
        assert.ok(thrown.message.startsWith(`${file}:${told}`), thrown.message);
        assert.doesNotMatch(thrown.message, new RegExp(`${SECRET}|\n`));
        return true;
      },
    );
  }
  // No header is no secret.
  readConfiguration(put(t, `${SERVICE}auth-http-header = []`, 0o644), {}, false);
});

test("a file of headers has one in each line, and nobody else may read it", (t) => {
  assert.deepEqual(readHeaders(put(t, `X-Key: ${SECRET}\r\n\n Y : z\n`.replace(" Y ", "Y"), 0o600)), [
    { name: "X-Key", value: SECRET },
    { name: "Y", value: "z" },
  ]);
  const faultOf = (file: string) => {
    try {
      readHeaders(file);
    } catch (thrown) {
      return (thrown as Error).message.replace(file, "FILE");
    }
    return "";
  };
  assert.equal(faultOf(put(t, `X-Key: ${SECRET}\n`, 0o644)), "FILE: every user can read it: chmod o-r it");
  assert.equal(faultOf(put(t, `a: b\n${SECRET}\n`, 0o600)), "FILE:2: give a header as 'name: value'");
  assert.equal(faultOf(join(scratch(t), "none")), "FILE: there is no such file");
});

test("no fault of the command line quotes a password of a URL or a server, also with a slash in it", () => {
  const url = `pop3://joe:${SECRET}/@mail.example.org`;
  for (const argv of [
    [url],
    ["-D", url],
    ["-DD", url],
    ["-DD", url, "mail"],
    ["-D", "mail", url],
    ["-f", "/nowhere", url],
    ["--listen", `1110=${url}`],
    ["-D", "-a", `http://joe:${SECRET}/@127.0.0.1/`, "mail"],
    ["-D", "-e", "-s", `joe:${SECRET}@mail.example.org`],
    ["-D", "-e", "-s", url],
    ["-D", "--clamd", url, "mail"],
    ["-D", "--syslog", url, "mail"],
  ]) {
    assert.throws(
      () => parseCommandLine(argv, () => ""),
      ({ message }: Error) => !message.includes(SECRET) && message.length > 0,
      argv.join(" "),
    );
  }
});
