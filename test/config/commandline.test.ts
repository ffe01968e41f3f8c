import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCommandLine } from "../../src/config/commandline";
import { UsageFault } from "../../src/config/rules";
import type { Settings } from "../../src/config/settings";

function settings(line: string): Settings {
  const request = parseCommandLine(line.split(" ").filter(Boolean), () => "1.2.3");
  return request.kind === "print" ? assert.fail(`${line} prints`) : request.settings;
}

const listen = (line: string) => settings(line).services[0].listen;
const server = (line: string) => settings(line).services[0].servers.defaultServers[0];

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
  assert.deepEqual(listen("-D mail.example.org"), [{ host: null, port: 110 }]);
  assert.deepEqual(server("-D mail.example.org"), { host: "mail.example.org", port: null });
  assert.deepEqual(listen("-DD 127.0.0.1:8110 mail:1110"), [{ host: "127.0.0.1", port: 8110 }]);
  assert.deepEqual(server("-DD 127.0.0.1:8110 mail:1110"), { host: "mail", port: 1110 });
  assert.deepEqual(listen("-D -D 8110 mail"), [{ host: null, port: 8110 }]);
  assert.deepEqual(listen("8110 -DD mail"), [{ host: null, port: 8110 }]);
  assert.deepEqual(listen("-DdD 8110 mail"), [{ host: null, port: 8110 }]);
  assert.equal(settings("-DdD 8110 mail").log.debug, true);
  assert.equal(settings("-Dt30 mail").services[0].limits.inactivity, 30_000);
  assert.equal(settings("mail -t 30 -D -t 40").services[0].limits.inactivity, 40_000, "the last one wins");
  assert.deepEqual(listen("-DD [::1]:8110 [2001:db8::1]:1110"), [{ host: "::1", port: 8110 }]);
  assert.deepEqual(server("-DD [::1]:8110 [2001:db8::1]:1110"), { host: "2001:db8::1", port: 1110 });
});

test("long options, and listeners that repeat", () => {
  const {
    services: [service],
    process: own,
  } = settings(
    "--listen 1110 --listen 127.0.0.1:0 --foreground --greeting hi --login-timeout 9 --server-timeout 45 --max-sessions 8 --max-per-client 7 mail",
  );
  assert.deepEqual(service.listen, [
    { host: null, port: 1110 },
    { host: "127.0.0.1", port: 0 },
  ]);
  const { login, sessions, perClient } = service.limits;
  assert.deepEqual([own.foreground, service.dialogue.greeting, login, sessions, perClient], [true, "hi", 9000, 8, 7]);
  assert.deepEqual([service.limits.server, service.limits.quit], [45_000, 45_000]);
  const brief = settings("--server-timeout 5 -D mail").services[0].limits;
  assert.deepEqual([brief.server, brief.quit], [5000, 30_000], "a QUIT has at least 30 seconds");
  assert.equal(settings("-D mail").services[0].limits.server, 30_000);
  assert.deepEqual(listen("-D --listen 1110 mail"), [{ host: null, port: 1110 }]);
  assert.equal(settings("-D --demo").services[0].servers.demo, true);
});

test("several servers, and servers of a listener", () => {
  const mail = { host: "mail", port: null };
  const spare = { host: "spare.example.org", port: 1110 };
  assert.deepEqual(settings("-D mail,spare.example.org:1110").services[0].servers.defaultServers, [mail, spare]);
  const own = settings(
    "--listen 8110=mail --listen [::1]:8995/tls=spare.example.org:1110,mail --tls-cert a --tls-key b --server-tls none",
  );
  assert.deepEqual(own.services[0].listen, [
    { host: null, port: 8110, servers: [mail] },
    { host: "::1", port: 8995, tls: "tls", servers: [spare, mail] },
  ]);
  assert.deepEqual(own.services[0].servers.defaultServers, []);
  assert.deepEqual(listen("--listen 8110/none=mail")[0], { host: null, port: 8110, servers: [mail] });
});

test("server selection, access control, client log", () => {
  const { access, servers } = settings(
    "-DD 0 -e -s mail.*,[2001:db8::*]:* -c @% -q 192.0.2.1 -q 2001:db8::1 -a /bin/sh -v ACP_ --acp-timeout 5 -l /tmp -",
  ).services[0];
  assert.equal(access.delimiters, "@%");
  assert.deepEqual(access.selection, {
    servers: [
      { pattern: "mail.*", wild: true, port: null },
      { pattern: "[2001:db8::*]", wild: true, port: "*" },
    ],
  });
  assert.deepEqual(access.acp, { argv: ["/bin/sh"], timeout: 5000, prefix: "ACP_" });
  assert.deepEqual([servers.source4, servers.source6, access.clientLog], ["192.0.2.1", "2001:db8::1", "/tmp"]);
  assert.deepEqual(servers.defaultServers, []);
  assert.equal(server("-eD"), undefined);
  assert.equal(
    settings("-q 192.0.2.1 -q 192.0.2.2 mail").services[0].servers.source4,
    "192.0.2.2",
    "the last one wins",
  );
  const request = parseCommandLine(["-Da", "/bin/sh -c  exit", "mail"], () => "");
  assert.deepEqual(request.kind === "run" && request.settings.services[0].access.acp?.argv, ["/bin/sh", "-c", "exit"]);
});

test("exempt clients: networks and addresses", () => {
  const exempt = (line: string) => settings(line).services[0].limits.exempt;
  assert.deepEqual(exempt("-D mail"), []);
  assert.deepEqual(exempt("-D --exempt 192.0.2.0/24,,2001:db8::25 mail"), [
    { address: "192.0.2.0", bits: 24 },
    { address: "2001:db8::25", bits: 128 },
  ]);
  assert.deepEqual(exempt("-D --exempt ::1 --exempt 10.0.0.0/8 mail"), [{ address: "10.0.0.0", bits: 8 }]);
});

test("certificates and keys are pairs, in their order", () => {
  const both = "-D --client-tls tls --tls-cert /a.pem --tls-key /a.key --tls-cert /b.pem --tls-key /b.key localhost";
  const expected = [
    { cert: "/a.pem", key: "/a.key" },
    { cert: "/b.pem", key: "/b.key" },
  ];
  assert.deepEqual(settings(both).services[0].clients.certificates, expected);
});

test("--check is a request of its own", () => {
  assert.equal(parseCommandLine(["--check", "-D", "mail"], () => "").kind, "check");
  assert.equal(parseCommandLine(["-D", "mail"], () => "").kind, "run");
});

test("--version and --help print, wherever they stand", () => {
  for (const option of ["-V", "--version"]) {
    assert.deepEqual(
      parseCommandLine(["-D", option, "mail"], () => "1.2.3"),
      { kind: "print", text: "pop3.proxy 1.2.3\n" },
    );
  }
  const help = parseCommandLine(["-h"], () => "");
  assert.ok(help.kind === "print");
  for (const option of ["-d, --debug", "--listen", "--max-per-client", "-V, --version", "(default: 600)"])
    assert.ok(help.text.includes(option), option);
  for (const heading of ["Start:", "TLS towards clients:", "Log:", "Help:"])
    assert.match(help.text, new RegExp(`^${heading}$`, "m"));
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
    [["-D", "-e", "-s", "a:0"], /-s a:0: not a server: a:0/],
    [["-D", "-e", "-s", ":110"], /not a server: :110/],
    [["-D", "-a", "/does/not/exist", "mail"], /^-a \/does\/not\/exist: \/does\/not\/exist is not a program/],
    [["-D", "-a", " ", "mail"], /^-a " ": give a program/],
    [["-D", "-l", "/does/not/exist", "mail"], /^-l \/does\/not\/exist: .* is not a directory/],
    [["-D", "-c", "", "mail"], /^-c \S+: give characters/],
    [["-D", "-c", "a", "mail"], /^-c \S+: give characters/],
    [["-D", "-c", "@.", "mail"], /^-c \S+: give characters/],
    [["-D", "-q", "mail", "mail"], /^-q mail: give an IP address/],
    [["-D", "-v", "", "mail"], /^-v \S+: give (?:a prefix|letters)/],
    [["-D", "-v", "LD_", "mail"], /^-v \S+: give (?:a prefix|letters)/],
    [["-D", "-v", "PATH", "mail"], /^-v \S+: give (?:a prefix|letters)/],
    [["-D", "-v", "NODE_", "mail"], /^-v \S+: give (?:a prefix|letters)/],
    [["-D", "-v", "A=B", "mail"], /^-v \S+: give (?:a prefix|letters)/],
    [["-D", "--exempt", "", "mail"], /^--exempt "": give addresses, or networks/],
    [["-D", "--exempt", "10.0.0.0/8,10/8", "mail"], /^--exempt 10\.0\.0\.0\/8,10\/8: give addresses, or networks/],
    [["-D", "a", "b"], /too many operands: b/],
    [["-DD"], /-DD takes \[interface:\]port as first operand, such as 8110/],
    [["-DD", "mail"], /^-DD takes two operands, \[interface:\]port and server, such as 8110 mail$/],
    [["-DD", "mail", "110"], /^-DD mail: give \[interface:\]port/],
    [["-DD", "99999", "mail"], /^-DD 99999: give a port from 1 to 65535, or 0 for any free one$/],
    [["-DD", "110", "--listen", "111", "mail"], /exclude/],
    [["-D", "mail:0"], /^mail:0 is not a server: a port is a number from 1 to 65535$/],
    [["-D", "mail:110x"], /^mail:110x is not a server: give host\[:port\], a port is a number/],
    [["-D", "2130706433"], /^2130706433 is not a server: give a name or an address/],
    [["-D", "2001:db8::1"], /^2001:db8::1 is not a server: give an IPv6 address in brackets, \[2001:db8::1\]$/],
    [["-D", "pop3s://mail.example.org:995/x"], /a URL: give host\[:port\], such as mail\.example\.org:995$/],
    [["-D", "joe@mail.example.org"], /is not a server: give host\[:port\] without a user$/],
    [["-D", "mail,,other:99999"], /^other:99999 is not a server: a port is a number from 1 to 65535$/],
    [["-D", ","], /^give a server, as host\[:port\]$/],
    [["--listen", "110=", "mail"], /^--listen 110=: give a server/],
    [["--listen", "110=joe@mail"], /^--listen 110=joe@mail: joe@mail is not a server/],
    [["--listen", "110=mail", "--listen", "111"], /^no server/],
    [["-D", "--demo", "mail"], /--demo/],
    [["-D", "-t", "0", "mail"], /^-t \S+: give a whole number/],
    [["-D", "-t", "1.5", "mail"], /^-t \S+: give a whole number/],
    [["-D", "-t"], /argument missing/],
    [["-D", "--max-sessions", "-1", "mail"], /max-sessions/],
    [["-D", "--frobnicate", "mail"], /unknown option '--frobnicate'/],
    [["-D", "--lisen", "110", "mail"], /unknown option '--lisen' \(Did you mean --listen\?\)/],
    [["-D", "--server-tsl", "tls", "mail"], /Did you mean --server-tls\?/],
    [["-D", "-x", "mail"], /unknown option '-x'/],
    [["-D", "--greeting", "a\nb", "mail"], /control/],
    [["-D", "--greeting", "<1@a>", "mail"], /APOP/],
    [["-D", "--greeting", "[AUTH] x", "mail"], /response code/],
    [["-D", "--greeting", "x".repeat(600), "mail"], /at most 506 octets/],
  ];
  for (const [argv, expected] of faults) {
    assert.match(fault(argv), expected, argv.join(" "));
    assert.doesNotMatch(fault(argv), /\n/);
  }
});

test("options that do not exist yet are refused, not ignored", () => {
  assert.match(fault(["-D", "--store", "mail"]), /unknown option/);
});

test("metrics are on this machine only, unless an interface is given", () => {
  const metrics = (...argv: string[]) => settings(`-D ${argv.join(" ")} mail`).process.metrics;
  assert.equal(metrics(), undefined);
  assert.deepEqual(metrics("--metrics", "9110"), { host: "127.0.0.1", port: 9110, tokenFile: undefined });
  const token = ["--metrics-token", "/token"];
  assert.deepEqual(metrics("--metrics", "[::]:0", ...token), { host: "::", port: 0, tokenFile: "/token" });
  assert.match(fault(["-D", ...token, "mail"]), /--metrics-token needs --metrics/);
  for (const wrong of [
    "",
    "x",
    "70000",
    "::1:9110",
    "a:b",
    "a..b:9",
    "no host!:9",

    "9110/tls",
    "http://127.0.0.1:9110/",
  ]) {
    assert.match(fault(["-D", "--metrics", wrong, "mail"]), /^--metrics .*give /);
  }
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
    ["--listen", "995/tls", ...pair, "--oauth", "/oauth.toml"], // its servers have TLS
    ["-D", "--oauth", "/oauth.toml", "--server-ca", "/ca.pem"],
  ];
  for (const argv of sound) assert.equal(parseCommandLine(argv, () => "").kind, "run", argv.join(" "));
  const faults: readonly (readonly [readonly string[], RegExp])[] = [
    [["--listen", "995/tls", "localhost"], /needs --tls-cert/],
    [["--listen", "995/tls", ...pair, "mail"], /say with --server-tls/],
    [["--listen", "110/starttls", ...pair, "mail"], /say with --server-tls/],
    [["--listen", "995/tls", ...pair, "-e", "localhost"], /say with --server-tls/],
    [["--listen", "995/tls", ...pair, "-e", "mail:995"], /say with --server-tls/],
    [["--listen", "995/tls", ...pair, "-e", "--demo"], /say with --server-tls/],
    [["--listen", "995/tls", ...pair, "--oauth", "/oauth.toml", "mail"], /say with --server-tls/],
    [["--client-tls", "tls", ...pair, "mail"], /say with --server-tls/],
    [["--client-tls", "tls", "localhost"], /needs --tls-cert/],
    [["--listen", "110", ...pair, "localhost"], /of no use/],
    [["--listen", "110", "--client-tls", "tls", ...pair, "localhost"], /--client-tls is of no use beside --listen/],
    [["--listen", "110", "--client-tls", "tls", "localhost"], /--client-tls is of no use beside --listen/],
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

test("a fault is one line, with the nearest option where one was meant", () => {
  assert.match(fault(["--listn", "1"]), /^unknown option '--listn' \(Did you mean --listen\?\)$/);
  assert.match(fault(["--serverpin", "x"]), /Did you mean --server-pin\?/);
  assert.doesNotMatch(fault(["-D", "a\nb"]), /\n/);
});

test("the PROXY protocol", () => {
  const { listen, clients, servers } = settings(
    "--listen 110/starttls/proxy --listen 111/none/proxy=a --listen 112/proxy --listen 995/tls --proxy-from 10.0.0.0/8,::1 --send-proxy 2 --server-tls none --tls-cert a --tls-key b mail",
  ).services[0];
  assert.deepEqual(listen, [
    { host: null, port: 110, tls: "starttls", proxy: true },
    { host: null, port: 111, proxy: true, servers: [{ host: "a", port: null }] },
    { host: null, port: 112, proxy: true },
    { host: null, port: 995, tls: "tls" },
  ]);
  assert.deepEqual(
    [clients.proxy, clients.proxyFrom, servers.sendProxy],
    [
      false,
      [
        { address: "10.0.0.0", bits: 8 },
        { address: "::1", bits: 128 },
      ],
      2,
    ],
  );
  assert.equal(settings("--client-proxy --proxy-from ::1 mail").services[0].clients.proxy, true);
  assert.deepEqual(settings("-D --client-proxy --proxy-from ::1 mail").services[0].listen, [
    { host: null, port: 110, proxy: true },
  ]);
  for (const [line, said] of [
    ["--listen 110/proxy mail", /PROXY headers need --proxy-from/],
    ["--client-proxy mail", /PROXY headers need --proxy-from/],
    ["-D --proxy-from ::1 mail", /--proxy-from is of no use: .* \/proxy/],
    ["--listen 110/proxy --client-proxy --proxy-from ::1 mail", /--client-proxy is of no use beside --listen/],
    ["--listen 110/proxy/tls --proxy-from ::1 mail", /\[\/proxy\]/],
    ["-D --send-proxy 3 mail", /^--send-proxy 3: give 1 or 2$/],
    ["-D --send-proxy 1 --demo", /--demo takes no PROXY header/],
    ["--listen 110/proxy --proxy-from here mail", /^--proxy-from here: give addresses/],
  ] as const) {
    assert.match(fault(line.split(" ")), said, line);
  }
});

test("an auth_http service", () => {
  const service = (given: string) => settings(`-D -a ${given} mail`).services[0].access;
  const plain = { secure: false, host: "auth.example.org", port: 80, path: "/mail?x=y", timeout: 30_000, headers: [] };
  assert.deepEqual(service("http://Auth.Example.Org/mail?x=y#z").authHttp, plain);
  assert.equal(service("http://auth.example.org/mail").acp, undefined);
  assert.deepEqual(service("https://[2001:DB8::1]:8443").authHttp, {
    ...plain,
    secure: true,
    host: "2001:db8::1",
    port: 8443,
    path: "/",
  });
  for (const given of ["unix:/run/auth.sock:/mail", "http://unix:/run/auth.sock:/mail"]) {
    const local = { ...plain, host: "localhost", socket: "/run/auth.sock", path: "/mail" };
    assert.deepEqual(service(given).authHttp, local);
  }
  assert.equal(service("unix:/run/auth.sock").authHttp?.path, "/");
  assert.deepEqual(service("http://a --auth-http-header X-Key:k --auth-http-header Y:\u00e9").authHttp?.headers, [
    { name: "X-Key", value: "k" },
    { name: "Y", value: "\u00c3\u00a9" },
  ]);
  // The last one counts, whatever it is.
  assert.deepEqual(service("http://a -a /bin/true").acp?.argv, ["/bin/true"]);
  assert.equal(service("http://a -a /bin/true").authHttp, undefined);
  // The service names the server.
  assert.deepEqual(settings("-D -a http://a").services[0].servers.defaultServers, []);
  for (const [argv, said] of [
    [["-a", "http://"], /give http:\/\/host/],
    [["-a", "http://a:0/"], /give http:\/\/host/],
    [["-a", "http://a b/"], /without blanks/],
    [["-a", "http://joe:secret@a/"], /^-a http:\/\/\*\*\*@a\/: .*--auth-http-header 'Authorization/],
    [["-a", "unix:auth.sock"], /unix:\/socket:\/path/],
    [["-a", "/bin/true", "--auth-http-header", "X: y"], /--auth-http-header needs the URL/],
    [["-a", "/bin/true", "--auth-http-header-file", "x"], /--auth-http-header-file needs the URL/],
    [["-a", "http://a", "--auth-http-header", "secret"], /^--auth-http-header: give a header as 'name: value'$/],
    [["-a", "http://a", "--auth-http-header", "X: a\r\nAuth-User: b"], /^--auth-http-header: give a header/],
    [["-a", "http://a", "--auth-http-header", "Auth-User: joe"], /Auth-User is a header that the gateway sends itself/],
    [["--listen", "995/tls", "--tls-cert", "a", "--tls-key", "b", "-a", "http://a"], /say with --server-tls/],
  ] as const) {
    assert.match(fault(["-D", ...argv, "localhost"]), said, argv.join(" "));
  }
});
