import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCommandLine } from "../../src/config/commandline";
import type { Config } from "../../src/config/settings";
import { UsageFault } from "../../src/config/values";

function config(line: string): Config {
  const request = parseCommandLine(line.split(" ").filter(Boolean), () => "1.2.3");
  assert.ok("config" in request, `${line} prints`);
  return request.config;
}

function fault(argv: string[]): string {
  try {
    parseCommandLine(argv, () => "");
  } catch (thrown) {
    if (thrown instanceof UsageFault) return thrown.message;
    throw thrown;
  }
  return assert.fail(`${argv.join(" ")} is taken`);
}

test("the original's ways to write options", () => {
  assert.deepEqual(config("-D mail.example.org").listen, [{ host: null, port: 110 }]);
  assert.deepEqual(config("-D mail.example.org").server, { host: "mail.example.org", port: null });
  assert.deepEqual(config("-DD 127.0.0.1:8110 mail:1110").listen, [{ host: "127.0.0.1", port: 8110 }]);
  assert.deepEqual(config("-DD 127.0.0.1:8110 mail:1110").server, { host: "mail", port: 1110 });
  assert.deepEqual(config("-D -D 8110 mail").listen, [{ host: null, port: 8110 }]);
  assert.deepEqual(config("8110 -DD mail").listen, [{ host: null, port: 8110 }]);
  assert.deepEqual(config("-DdD 8110 mail").listen, [{ host: null, port: 8110 }]);
  assert.equal(config("-DdD 8110 mail").debug, true);
  assert.equal(config("-Dt30 mail").timeout, 30);
  assert.equal(config("mail -t 30 -D -t 40").timeout, 40, "the last one wins");
  assert.deepEqual(config("-DD [::1]:8110 [2001:db8::1]:1110").listen, [{ host: "::1", port: 8110 }]);
  assert.deepEqual(config("-DD [::1]:8110 [2001:db8::1]:1110").server, { host: "2001:db8::1", port: 1110 });
});

test("long options, and listeners that repeat", () => {
  const all = config(
    "--listen 1110 --listen 127.0.0.1:0 --foreground --greeting hi --login-timeout 9 --max-sessions 8 --max-per-client 7 mail",
  );
  assert.deepEqual(all.listen, [
    { host: null, port: 1110 },
    { host: "127.0.0.1", port: 0 },
  ]);
  assert.deepEqual(
    [all.foreground, all.greeting, all.loginTimeout, all.maxSessions, all.maxPerClient],
    [true, "hi", 9, 8, 7],
  );
  assert.deepEqual(config("-D --listen 1110 mail").listen, [{ host: null, port: 1110 }]);
  assert.equal(config("-D --demo").demo, true);
});

test("server selection, access control, client log", () => {
  const all = config(
    "-DD 0 -e -s mail.*,[2001:db8::*]:* -c @% -q 192.0.2.1 -q 2001:db8::1 -v ACP_ --acp-timeout 5 -l /tmp -",
  );
  assert.deepEqual([all.select, all.servers, all.delimiters, all.server], [true, "mail.*,[2001:db8::*]:*", "@%", null]);
  assert.deepEqual(
    [all.source4, all.source6, all.prefix, all.acpTimeout, all.clientLog],
    ["192.0.2.1", "2001:db8::1", "ACP_", 5, "/tmp"],
  );
  assert.equal(config("-eD").server, null);
  const request = parseCommandLine(["-Da", "/bin/sh -c  exit", "mail"], () => "");
  assert.deepEqual("config" in request && request.config.acp, ["/bin/sh", "-c", "exit"]);
});

test("--version and --help print, wherever they stand", () => {
  assert.deepEqual(
    parseCommandLine(["-D", "--version", "mail"], () => "1.2.3"),
    { print: "pop3.proxy 1.2.3\n" },
  );
  const help = parseCommandLine(["-h"], () => "");
  assert.ok("print" in help);
  for (const option of ["-d, --debug", "--listen", "--max-per-client", "--version"])
    assert.ok(help.print.includes(option), option);
});

test("A2, I16, L9, S6: usage faults say in one line what is wrong", () => {
  const faults: [string[], RegExp][] = [
    [[], /no server/],
    [["-D"], /no server/],
    [["-D", "--syslog", "mail", "mail"], /udp:\/\//],
    [["-D", "--facility", "post", "mail"], /facility/],
    [["-D", "-"], /no server/],
    [["-D", "-s", "a", "mail"], /-s needs -e/],
    [["-D", "-e", "-s", "::1"], /brackets/],
    [["-D", "-e", "-s", "a:0"], /not a server: a:0/],
    [["-D", "-e", "-s", ":110"], /not a server: :110/],
    [["-D", "-a", "/does/not/exist", "mail"], /-a: \/does\/not\/exist can't be run/],
    [["-D", "-a", " ", "mail"], /-a takes/],
    [["-D", "-l", "/does/not/exist", "mail"], /-l: .* is not a directory/],
    [["-D", "-c", "", "mail"], /-c takes/],
    [["-D", "-c", "a", "mail"], /-c takes/],
    [["-D", "-c", "@.", "mail"], /-c takes/],
    [["-D", "-q", "mail", "mail"], /-q takes an IP address/],
    [["-D", "-v", "", "mail"], /-v can't/],
    [["-D", "-v", "LD_", "mail"], /-v can't/],
    [["-D", "-v", "PATH", "mail"], /-v can't/],
    [["-D", "-v", "NODE_", "mail"], /-v can't/],
    [["-D", "-v", "A=B", "mail"], /-v can't/],
    [["-D", "a", "b"], /too many operands: b/],
    [["-DD"], /first operand/],
    [["-DD", "mail"], /not \[interface:\]port\S*: mail/],
    [["-DD", "99999", "mail"], /99999/],
    [["-DD", "110", "--listen", "111", "mail"], /exclude/],
    [["-D", "mail:0"], /not a server: mail:0/],
    [["-D", "mail:110x"], /not a server/],
    [["-D", "2130706433"], /not a server/],
    [["-D", "--demo", "mail"], /--demo/],
    [["-D", "-t", "0", "mail"], /-t takes/],
    [["-D", "-t", "1.5", "mail"], /-t takes/],
    [["-D", "-t"], /argument missing/],
    [["-D", "--max-sessions", "-1", "mail"], /max-sessions/],
    [["-D", "--frobnicate", "mail"], /unknown option '--frobnicate'/],
    [["-D", "-x", "mail"], /unknown option '-x'/],
    [["-D", "--greeting", "a\nb", "mail"], /control/],
    [["-D", "--greeting", "<1@a>", "mail"], /APOP/],
    [["-D", "--greeting", "[AUTH] x", "mail"], /response code/],
    [["-D", "--greeting", "x".repeat(600), "mail"], /too long/],
  ];
  for (const [argv, expected] of faults) {
    assert.match(fault(argv), expected, argv.join(" "));
    assert.doesNotMatch(fault(argv), /\n/);
  }
});

test("options that do not exist yet are refused, not ignored", () => {
  for (const option of ["-z", "--auth", "--xclient"]) assert.match(fault(["-D", option, "mail"]), /unknown option/);
});

test("what options about TLS need of each other", () => {
  const pair = ["--tls-cert", "/a.pem", "--tls-key", "/a.key"];
  const pin = ["--server-pin", "00".repeat(32)];
  const sound: readonly (readonly string[])[] = [
    ["--listen", "995/tls", ...pair, "--server-tls", "none", "mail"],
    ["--listen", "995/tls", ...pair, "localhost"],
    ["--listen", "995/tls", ...pair, "127.0.0.1"],
    ["--listen", "995/tls", ...pair, "[::1]:1110"],
    ["--listen", "995/tls", ...pair, "mail:995"],
    ["--listen", "995/tls", ...pair, "--demo"],
    ["--listen", "995/tls", ...pair, "-e", "--server-tls", "starttls", "localhost"],
    ["--client-tls", "starttls", ...pair, "localhost"],
    ["-D", "--client-tls", "tls", ...pair, "localhost"],
    [...pair, "localhost"], // systemd may say it by the socket's name
    ["-D", ...pin, "mail:995"],
    ["-D", ...pin, "--server-tls", "starttls", "mail"],
    ["-D", "-e", "--server-ca", "/ca.pem"],
    ["-D", "-a", "true", "--server-tls-min", "1.3", "mail"],
  ];
  for (const argv of sound) assert.ok("config" in parseCommandLine(argv, () => ""), argv.join(" "));
  const faults: readonly (readonly [readonly string[], RegExp])[] = [
    [["--listen", "995/tls", "localhost"], /needs --tls-cert/],
    [["--listen", "995/tls", ...pair, "mail"], /wants --server-tls/],
    [["--listen", "110/starttls", ...pair, "mail"], /wants --server-tls/],
    [["--listen", "995/tls", ...pair, "-e", "localhost"], /wants --server-tls/],
    [["--listen", "995/tls", ...pair, "-e", "mail:995"], /wants --server-tls/],
    [["--listen", "995/tls", ...pair, "-e", "--demo"], /wants --server-tls/],
    [["--client-tls", "tls", ...pair, "mail"], /wants --server-tls/],
    [["--client-tls", "tls", "localhost"], /needs --tls-cert/],
    [["--listen", "110", ...pair, "localhost"], /of no use/],
    [["--listen", "110", "--client-tls", "tls", ...pair, "localhost"], /of no use/],
    [["-D", ...pair, "localhost"], /of no use/],
    [["-D", ...pin, "mail"], /--server-pin is of no use/],
    [["-D", ...pin, "--server-tls", "none", "mail"], /--server-pin is of no use/],
    [["-D", ...pin, "-e"], /needs a fixed server/],
    [["-D", "--server-ca", "/ca.pem", "mail"], /--server-ca is of no use/],
    [["-D", "--server-cert", "/c", "--server-key", "/k", "mail"], /--server-cert is of no use/],
    [["-D", "--server-cert", "/c", "--server-tls", "tls", "mail"], /need each other/],
    [["-D", "--server-tls-min", "1.3", "mail"], /--server-tls-min is of no use/],
    [["-D", "--demo", "--server-tls", "tls"], /speaks no TLS/],
  ];
  for (const [argv, reason] of faults) assert.match(fault([...argv]), reason, argv.join(" "));
});

test("a fault is one line, also where an option was meant that exists", () => {
  for (const argv of [
    ["--listn", "1"],
    ["--serverpin", "x"],
    ["-D", "a\nb"],
  ]) {
    assert.doesNotMatch(fault(argv), /Did you mean/);
    if (!argv.join("").includes("\n")) assert.doesNotMatch(fault(argv), /\n/);
  }
});
