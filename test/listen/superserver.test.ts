/**
 * What a superserver may hand over, each played through by a process of its own.
 */

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readlinkSync, renameSync, writeFileSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { parseCommandLine } from "../../src/config/commandline";
import { Gateway } from "../../src/gateway/gateway";
import { Memory } from "../../src/gateway/memory";
import { Listener } from "../../src/listen/listener";
import { Superserver } from "../../src/listen/superserver";
import { scratch } from "../stage/acp";
import { certified, lacking, withCertificates } from "../stage/certificates";
import { connectTls, quit } from "../stage/dialogue";
import { LONG } from "../stage/draws";
import { Peer } from "../stage/peer";
import { launch, MAIN } from "../stage/process";
import { until } from "../stage/waiting";
import { activate, activateNamed, fdOf, IMPATIENT, listener, pair, play, portOf, start, upstream } from "./handing";

/** A listening socket, and its port, which is not known any more when it has been handed over. */
async function listening(t: TestContext, host = "127.0.0.1"): Promise<{ server: Server; port: number }> {
  const server = await listener(t, { host, port: 0 });
  return { server, port: portOf(server) };
}

test("a connection on 0 is one session", async (t) => {
  const { client, socket } = await pair(t);
  const gateway = start(t, [socket, socket, socket], MAIN, "-d", await upstream(t));
  socket.destroy();
  await play(client);
  assert.equal(await gateway.ended(), 0);
});

test("the connection is closed when its session is, though the process goes on", async (t) => {
  const stay = join(scratch(t), "stay.js");
  writeFileSync(stay, "setInterval(() => {}, 1000);");
  const { client, socket } = await pair(t);
  const gateway = launch(t, process.execPath, ["-r", stay, IMPATIENT, "--idle", "1", await upstream(t)], {
    stdio: [socket, socket, "pipe"],
  });
  socket.destroy();
  await play(client);
  await client.expectClose();
  const standard = () => [0, 1].map((fd) => readlinkSync(`/proc/${gateway.child.pid}/fd/${fd}`));
  await until(
    () => standard().every((path) => path === "/dev/null"),
    () => standard().join(),
  );
  assert.equal(gateway.child.exitCode, null);
});

test("a client that has reset the connection before anybody looked has no address, and no session", async (t) => {
  const server = await upstream(t);
  const { client, socket } = await pair(t);
  await client.write("USER joe\r\nPASS demo\r\nDELE 1\r\nQUIT\r\n");
  client.reset();
  await pause(50);
  const gateway = start(t, [socket, socket, "pipe"], MAIN, "-d", server);
  socket.destroy();
  assert.equal(await gateway.ended(), 0);
  assert.match(
    gateway.said(),
    /^\S+ info refused interface=127\.0\.0\.1 code=reset reason="client has reset the connection"\n$/,
  );
});

test("I18: what a client has said before it left counts", async (t) => {
  const server = await upstream(t);
  const { client, socket } = await pair(t);
  await client.write("USER joe\r\nPASS demo\r\nDELE 1\r\nQUIT\r\n");
  client.destroy();
  const gateway = start(t, [socket, socket, "pipe"], MAIN, "-d", server);
  socket.destroy();
  assert.equal(await gateway.ended(), 0);
  assert.match(gateway.said(), / close .*reason=quit .*deleted=1/);
});

test("SIGHUP ends a session in order, for what it has started, and one that ends ignores it", async (t) => {
  const { client, socket } = await pair(t);
  const gateway = start(t, [socket, socket, "pipe"], MAIN, "-d", "--drain", "60", await upstream(t));
  socket.destroy();
  await client.expect("+OK POP3 server ready\r\n");
  for (let count = 0; count < 2; count++) {
    gateway.child.kill("SIGHUP");
    await until(
      () => gateway.said().includes("end signal=SIGHUP"),
      () => gateway.said(),
    );
  }
  assert.match(await client.ask("USER joe"), /^\+OK/);
  assert.equal(await client.ask("QUIT"), "+OK bye");
  assert.equal(await gateway.ended(), 0);
  assert.equal(gateway.said().match(/ end signal=/g)?.length, 1);
});

test("a crash is not heard by the client", async (t) => {
  const crash = join(scratch(t), "crash.js");
  const script = `process.on("SIGUSR2", () => {
    console.log("a word"); console.error("a word"); process.emitWarning("a warning"); throw new Error("a stack");
  })`;
  writeFileSync(crash, script);
  const { client, socket } = await pair(t);
  const gateway = launch(t, process.execPath, ["-r", crash, MAIN, await upstream(t)], {
    stdio: [socket, socket, socket],
  });
  socket.destroy();
  await client.expect("+OK POP3 server ready\r\n");
  gateway.child.kill("SIGUSR2");
  await client.expectEnd();
  assert.notEqual(await gateway.ended(), 0);
});

test("a listening socket on 0 is served until nobody is there", async (t) => {
  const behind = await upstream(t);
  const { server, port } = await listening(t);
  const gateway = start(t, [fdOf(server), "ignore", "pipe"], IMPATIENT, "--idle", "3000", behind);
  server.close();
  const clients = [await Peer.connect(port), await Peer.connect(port)];
  await Promise.all(clients.map((client, index) => play(client, `user${index}`)));
  await pause(300);
  // Not idle yet, and not while somebody is there.
  const last = await Peer.connect(port);
  await last.expect("+OK POP3 server ready\r\n");
  await pause(3500);
  assert.equal(gateway.child.exitCode, null);
  assert.equal(await last.ask("QUIT"), "+OK bye");
  last.end();
  assert.equal(await gateway.ended(), 0);
});

test("a client that has reset the connection before it was accepted has no session either", async (t) => {
  const { server, port } = await listening(t);
  const gone = join(scratch(t), "gone");
  const script = `until [ -e ${gone} ]; do sleep 0.02; done; exec "$0" "$@" <&3`;
  const argv = ["-c", script, process.execPath, IMPATIENT, "--idle", "300", await upstream(t)];
  const gateway = launch(t, "/bin/sh", argv, { stdio: ["ignore", "ignore", "pipe", fdOf(server)] });
  server.close();
  const client = await Peer.connect(port);
  await client.write("USER joe\r\nPASS demo\r\nDELE 1\r\nQUIT\r\n");
  client.reset();
  await pause(50);
  writeFileSync(gone, "");
  assert.equal(await gateway.ended(), 0);
  assert.match(gateway.said(), / refused interface=127\.0\.0\.1 code=reset reason="client has reset the connection"\n/);
  assert.doesNotMatch(gateway.said(), / connect /);
});

/** How many clients come around the moment when a process gives up, and how many processes they see at least. */
const TURNS = LONG ? { clients: 120, processes: 20 } : { clients: 10, processes: 4 };

test("no client is lost between two processes that wait on the same socket", async (t) => {
  const server = await upstream(t);
  const stop = join(scratch(t), "stop");
  const { server: socket, port } = await listening(t);
  // As inetd does, the shell keeps the socket, and starts the gateway again and again.
  const script = `while [ ! -e "$0" ]; do echo started >&2; "$@" <&3 2>&1; done`;
  const argv = ["-c", script, stop, process.execPath, IMPATIENT, "--idle", "40", server];
  const shell = launch(t, "/bin/sh", argv, { stdio: ["ignore", "ignore", "pipe", fdOf(socket)] });
  socket.close();
  const processes = () => shell.said().split("started").length - 1;
  for (let count = 0; count < TURNS.clients || processes() < TURNS.processes; count++) {
    const client = await Peer.connect(port);
    // Some clients wait for the end of one process and for the start of the next, which takes long on a busy machine.
    await until(
      () => client.unread.includes("\n") || client.ended,
      () => `no greeting from ${processes()} processes`,
      { progress: processes },
    );
    assert.equal(await client.line(), "+OK POP3 server ready");
    assert.equal(await client.ask("QUIT"), "+OK bye");
    client.end();
    await client.expectClose();
    // Around the moment when it gives up.
    await pause(36 + (count % 10));
  }
  writeFileSync(stop, "");
  assert.equal(await shell.ended(), 0);
});

test("the sockets of systemd are served for life, and ended by a signal", async (t) => {
  const path = join(scratch(t), "socket");
  const [four, six, local] = [await listening(t), await listening(t, "::1"), await listener(t, `${path}.early`)];
  // Closing it would unlink it.
  renameSync(`${path}.early`, path);
  const fds = [four.server, six.server, local].map(fdOf);
  const gateway = activate(t, fds, IMPATIENT, "--idle", "100", await upstream(t));
  for (const server of [four.server, six.server, local]) server.close();
  await Promise.all([play(await Peer.connect(four.port)), pause(400)]);
  await play(await Peer.connect({ port: six.port, host: "::1" }));
  await play(await Peer.connect({ path }));
  gateway.child.kill();
  assert.equal(await gateway.ended(), 0);
  assert.match(gateway.said(), / listen interface=::1 port=\d+\n/);
  assert.match(gateway.said(), / connect session=\S+ client="" port=0 interface=""\n/);
});

test("a connection that systemd has accepted is one session, on whichever descriptor", async (t) => {
  const { client, socket } = await pair(t);
  const gateway = activate(t, [fdOf(socket)], MAIN, "-d", await upstream(t));
  socket.destroy();
  await play(client);
  assert.equal(await gateway.ended(), 0);
});

test("systemd's name of a socket says how TLS comes in, and is held against the options", {
  skip: lacking,
}, async (t) => {
  const pair = withCertificates(certified("good"));
  const server = await upstream(t);
  const serve = async (name: string, ...argv: string[]) => {
    const { server: socket, port } = await listening(t);
    const script = `LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=${name} exec "$0" "$@"`;
    const stdio = ["ignore", "ignore", "pipe", fdOf(socket)] as const;
    const gateway = launch(t, "/bin/sh", ["-c", script, process.execPath, MAIN, "-d", ...argv], { stdio: [...stdio] });
    socket.close();
    return { gateway, port };
  };
  const tls = await serve("tls", ...pair, server);
  const secure = await connectTls(tls.port);
  await play(secure);
  const starttls = await serve("starttls", ...pair, server);
  const client = await Peer.connect(starttls.port);
  await client.line();
  assert.match(await client.ask("USER joe"), /use STLS first/);
  assert.match(await client.ask("STLS"), /^\+OK/);
  client.destroy();
  const { gateway } = await serve("tls", server);
  assert.equal(await gateway.ended(), 64);
  assert.match(gateway.said(), /^pop3\.proxy: [^\n]*needs --tls-cert[^\n]*\n$/);
  for (const [name, argv, fault] of [
    ["tls", [server], /needs --tls-cert/],
    ["starttls", [server], /needs --tls-cert/],
    ["tls", [...pair, "mail.example.org"], /say with --server-tls/],
    ["none", [...pair, server], /of no use/],
    ["none", ["--client-tls", "tls", ...pair, server], /of no use/],
  ] as const) {
    assert.throws(() => superserverOf(name, argv), { message: new RegExp(`^[^\n]*${fault.source}[^\n]*$`) });
  }
});

/** A superserver with one socket of this name, as a gateway with these arguments takes it. */
function superserverOf(name: string, argv: readonly string[]): Superserver {
  const request = parseCommandLine(argv, () => "");
  if (request.kind !== "run") assert.fail(argv.join(" "));
  const gateway = new Gateway(request.settings.services[0], new Memory(), () => {});
  return new Superserver(new Listener([gateway], 0), [{ fd: 3, kind: "listener", name, activated: true }]);
}

test("the sockets of systemd are those of the services that they are named after", async (t) => {
  const server = await upstream(t);
  const file = join(scratch(t), "gateway.toml");
  const service = (name: string, more: string) => `[service.${name}]\nserver = "${server}"\n${more}\n`;
  const good = service("in", 'greeting = "in"') + service("out", 'greeting = "out"');
  writeFileSync(file, good);
  const first = await listening(t);
  const second = await listening(t);
  const fds = [fdOf(first.server), fdOf(second.server)];
  const gateway = activateNamed(t, fds, "in:out.none", MAIN, "-u", "root", "-d", "-f", file);
  first.server.close();
  second.server.close();
  const greeting = async (port: number) => {
    const client = await Peer.connect(port, t);
    const line = await client.line();
    // A session that is open would hold up the end.
    await quit(client);
    return line;
  };
  assert.deepEqual([await greeting(first.port), await greeting(second.port)], ["+OK in", "+OK out"]);
  writeFileSync(file, good.replace('= "in"', '= "new"'));
  const reload = async () => {
    const before = gateway.said().length;
    gateway.child.kill("SIGHUP");
    const told = () => / (?:notice|err) reload.*\n/.exec(gateway.said().slice(before))?.[0];
    return until(told, gateway.said);
  };
  assert.match((await reload()) ?? "", / notice reload/);
  assert.deepEqual([await greeting(first.port), await greeting(second.port)], ["+OK new", "+OK out"]);
  for (const [text, told] of [
    [
      service("in", "") + service("other", ""),
      /no service for the socket out\.none: FileDescriptorName= must be one of in, other/,
    ],
    [service("in", 'listen = ["127.0.0.1:0"]'), /a superserver passes the sockets/],
    [service("in", 'client-tls = "tls"') + service("out", ""), /\[service\.in\]: TLS for clients needs tls-cert/],
  ] as const) {
    writeFileSync(file, text);
    assert.match((await reload()) ?? "", told);
    assert.equal(await greeting(first.port), "+OK new");
  }
  gateway.child.kill("SIGTERM");
  assert.equal(await gateway.ended(), 0);
});

test("what can't be served under inetd is told to the log that was named, and not to the client", async (t) => {
  const log = createSocket("udp4").bind(0, "127.0.0.1");
  await once(log, "listening");
  t.after(() => log.close());
  const told = once(log, "message");
  const { client, socket } = await pair(t);
  const options = ["--syslog", `udp://127.0.0.1:${log.address().port}`, "--facility", "local3"];
  const tls = ["--client-tls", "tls", "--tls-cert", "/nowhere/cert", "--tls-key", "/nowhere/key"];
  const gateway = start(t, [socket, socket, socket], MAIN, ...options, ...tls, "127.0.0.1:1");
  socket.destroy();
  assert.equal(await gateway.ended(), 69);
  const [message] = (await told) as [Buffer];
  assert.match(message.toString(), /^<155>.*pop3\.proxy\[\d+\]: start code=start reason=.*\/nowhere\/cert/);
  await client.untilEnd();
  assert.equal(client.heard, "");
});

test("under inetd the client of a gateway that is not set up hears so, and nothing else", async (t) => {
  const log = createSocket("udp4").bind(0, "127.0.0.1");
  await once(log, "listening");
  t.after(() => log.close());
  const syslog = ["--syslog", `udp://127.0.0.1:${log.address().port}`];
  const certificate = ["--client-tls", "starttls", "--tls-cert", "/nowhere/cert", "--tls-key", "/nowhere/key"];
  for (const [argv, status] of [
    [[...syslog, "--no-such-option", "127.0.0.1"], 64],
    [[...syslog, ...certificate, "127.0.0.1"], 69],
    [[...syslog, "-f", "/nowhere/gateway.toml"], 66],
  ] as const) {
    const { client, socket } = await pair(t);
    const gateway = start(t, [socket, socket, socket], MAIN, ...argv);
    socket.destroy();
    await client.untilEnd();
    assert.equal(client.heard, "-ERR [SYS/PERM] gateway is not set up for this\r\n");
    assert.equal(await gateway.ended(), status);
  }
  const waiting = await listener(t, { host: "127.0.0.1", port: 0 });
  const [fd, port] = [fdOf(waiting), portOf(waiting)];
  const gateway = start(t, [fd, fd, fd], MAIN, ...syslog, "--no-such-option", "127.0.0.1");
  waiting.close();
  const client = await Peer.connect(port, t);
  await client.untilEnd();
  assert.equal(client.heard, "-ERR [SYS/PERM] gateway is not set up for this\r\n");
  assert.equal(await gateway.ended(), 64);
});

test("datagrams on standard input and output are no client, told in one line", async (t) => {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  t.after(() => socket.close());
  // Behind a symbol: Node keeps the handle to itself.
  const kept = Object.getOwnPropertySymbols(socket).map((key) => (socket as never)[key] as { handle?: { fd: number } });
  const fd = kept.find((one) => one?.handle)?.handle?.fd ?? assert.fail("no descriptor");
  const gateway = start(t, [fd, fd, "pipe"], MAIN, "127.0.0.1:1");
  assert.equal(await gateway.ended(), 64);
  assert.match(gateway.said(), /^pop3\.proxy: standard input is neither a connection nor a pipe.*\n$/);
});

test("sockets for another process are none of ours: where nobody could be served, one line says so", async (t) => {
  const server = await listener(t, { host: "127.0.0.1", port: 0 });
  for (const [stdin, told] of [
    ["/dev/null", /^pop3\.proxy: standard input is neither .*\n$/],
    ["/dev/ptmx", /^pop3\.proxy: standard input is a terminal: .*\n$/],
  ] as const) {
    const script = `LISTEN_PID=1 LISTEN_FDS=1 exec "$0" "$1" 127.0.0.1:1 < ${stdin}`;
    const gateway = launch(t, "/bin/sh", ["-c", script, process.execPath, MAIN], {
      stdio: ["ignore", "ignore", "pipe", fdOf(server)],
    });
    assert.equal(await gateway.ended(), 64);
    assert.match(gateway.said(), told);
  }
});
