import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Acp } from "../../src/access/acp";
import { Programs } from "../../src/access/programs";
import { type Emit, given, type Value } from "../../src/log/events";
import type { Denial, Route } from "../../src/session/needs";
import { alive, scratch, script } from "../stage/acp";
import { until as untilHolds } from "../stage/waiting";

const route: Route = {
  kind: "route",
  host: "mail.example.org",
  port: 110,
  user: "su",
  secret: { kind: "password", password: "sp" },
  proxyUser: "pu",
  proxyPassword: "pp",
  selected: true,
  guarded: true,
  tls: "none",
  others: [],
  because: "a test",
};
const about = { interface: { host: "192.0.2.9", port: 110 }, client: "2001:db8::1", session: "s.1" };
const patient = new AbortController().signal;

type Fields = Readonly<Record<string, Value | undefined>>;

interface Wishes {
  readonly acpTimeout?: number;
  readonly prefix?: string;
}

/** An acp of these words. */
function acpOf(argv: readonly string[], { acpTimeout = 30_000, prefix = "PROXY_" }: Wishes, emit: Emit): Acp {
  return new Acp({ argv, timeout: acpTimeout, prefix }, "none", { programs: new Programs() }, emit);
}

interface Asked {
  readonly outcome: Route | Denial;
  readonly log: Fields[];
}

async function ask(acp: readonly string[], settings: Wishes = {}, to = route, until = patient): Promise<Asked> {
  const log: Fields[] = [];
  const asked = acpOf(acp, settings, (_name, fields) => log.push(given(fields)));
  return { outcome: await asked.admit(to, about, until), log };
}

/** The line that the client gets, "granted" if there is none. */
async function verdict(t: TestContext, ...lines: string[]): Promise<string> {
  const { outcome } = await ask(script(t, ...lines));
  return outcome.kind === "denial" ? outcome.reply : "granted";
}

/** Waits until a process has ended. */
const gone = (pid: number) => untilHolds(() => !alive(pid), `the end of ${pid}`);

test("A1, A5: the acp gets its variables verbatim, in its environment only", async (t) => {
  const folder = scratch(t);
  const [out, argv] = [join(folder, "out"), join(folder, "argv")];
  const nasty = "$(id)`id`;a'b\"c\\ =\xc3\xa4";
  await ask(
    script(t, `env > ${out}; cat >> ${out}; tr "\\0" " " < /proc/$$/cmdline > ${argv}`),
    { prefix: "ACP_" },
    { ...route, proxyUser: nasty },
  );
  const said = readFileSync(out, "utf8");
  const expected = {
    INTERFACE: "192.0.2.9",
    PORT: "110",
    CLIENT: "2001:db8::1",
    SERVER: "mail.example.org",
    SERVERPORT: "110",
    SERVERLOGIN: "su",
    USERNAME: "$(id)`id`;a'b\"c\\ =ä",
    PASSWD: "pp",
    SESSION: "s.1",
  };
  for (const [name, value] of Object.entries(expected))
    assert.ok(said.includes(`ACP_${name}=${value}\n`), `${name} in ${said}`);
  assert.doesNotMatch(readFileSync(argv, "utf8"), /\b(?:pp|su)\b/, "everybody can see arguments");
  assert.doesNotMatch(said, /\bsp\b/, "the server's password is not the acp's business");
});

test("A2: what is for the gateway alone is not handed on, the rest of its environment is", async (t) => {
  const out = join(scratch(t), "out");
  const ours = {
    LISTEN_FDS: "1",
    LISTEN_PID: "2",
    NOTIFY_SOCKET: "/x",
    NODE_OPTIONS: "",
    NODE_EXTRA: "1",
    KEPT_ONE: "yes",
  };
  Object.assign(process.env, ours);
  t.after(() => {
    for (const name in ours) delete process.env[name];
  });
  await ask(script(t, `env > ${out}`));
  const said = readFileSync(out, "utf8");
  assert.match(said, /^KEPT_ONE=yes$/m);
  assert.doesNotMatch(said, /^(?:LISTEN_|NOTIFY_SOCKET|NODE_)/m);
});

test("A1: a value that is not UTF-8 refuses the login", async () => {
  const { outcome } = await ask(["/bin/true"], {}, { ...route, user: "j\xf6e" });
  assert.ok("reply" in outcome && outcome.reply === "-ERR [AUTH] access denied");
});

test("A3, A4: exit status and output make the verdict", async (t) => {
  assert.equal(await verdict(t, "exit 0"), "granted");
  assert.equal(await verdict(t, "echo '+OK have fun'; exit 0"), "granted");
  assert.equal(await verdict(t, "exit 1"), "-ERR [AUTH] access denied");
  assert.equal(await verdict(t, "echo '+OK welcome'; exit 1"), "-ERR [AUTH] access denied");
  assert.equal(await verdict(t, "echo '-ERR not now'; echo '-ERR second'; exit 1"), "-ERR not now");
  assert.equal(await verdict(t, "printf -- '-ERR no line end'; exit 2"), "-ERR no line end");
  assert.equal(await verdict(t, "exit 75"), "-ERR [SYS/TEMP] access control not available");
  assert.equal(await verdict(t, "kill -TERM $$"), "-ERR [SYS/TEMP] access control not available");
  assert.equal(await verdict(t, "exec >&-; exit 1"), "-ERR [AUTH] access denied");
});

test("I16: response codes of the acp stay if they are those of the RFCs", async (t) => {
  assert.equal(await verdict(t, "echo '-ERR [SYS/PERM] closed'; exit 1"), "-ERR [SYS/PERM] closed");
  assert.equal(await verdict(t, "echo '-ERR [in-use] closed'; exit 1"), "-ERR [in-use] closed");
  assert.equal(await verdict(t, "echo '-ERR [EVIL/CODE] closed'; exit 1"), "-ERR closed");
  assert.equal(await verdict(t, "printf -- '-ERR a\\033[1mb\\r\\n'; exit 1"), "-ERR a[1mb");
  assert.equal((await verdict(t, `printf -- '-ERR ${"x".repeat(2000)}'; exit 1`)).length, 510);
});

test("A4: output of a program that grants is ignored with a warning; stderr goes to the log, line by line", async (t) => {
  const { outcome, log } = await ask(script(t, "echo '+OK fun'; echo one >&2; echo two >&2; printf three >&2; exit 0"));
  assert.ok(!("reply" in outcome));
  assert.deepEqual(
    log.filter(({ said }) => said !== undefined).map(({ said }) => said),
    ["one", "two", "three"],
  );
  assert.ok(log.some(({ ignored }) => ignored === "+OK fun"));
});

test("A3: a program that is missing, or can't be run, is no verdict on the client", async (t) => {
  // Node reports the first three by an event, and throws the others.
  const written = script(t, "exit 0")[0] as string;
  const writer = openSync(written, "r+");
  t.after(() => closeSync(writer));
  for (const acp of ["/does/not/exist", "/etc/passwd", "/", "/etc/passwd/acp", written]) {
    const { outcome } = await ask([acp]);
    assert.ok("reply" in outcome && outcome.temporary && /^-ERR \[SYS\/TEMP\]/.test(outcome.reply), acp);
  }
});

test("A3: one that hangs and ignores SIGTERM is ended with its group at the time limit", async (t) => {
  const pids = join(scratch(t), "pids");
  const acp = script(t, "trap '' TERM INT HUP", `sleep 600 & echo $$ $! > ${pids}.new; mv ${pids}.new ${pids}`, "wait");
  // A program that has not got so far at its limit has shown nothing.
  for (let acpTimeout = 300; !existsSync(pids); acpTimeout *= 2) {
    const { outcome } = await ask(acp, { acpTimeout });
    assert.ok("reply" in outcome && /^-ERR \[SYS\/TEMP\]/.test(outcome.reply));
  }
  for (const pid of readFileSync(pids, "latin1").trim().split(" ")) await gone(Number(pid));
});

test("A3: a grandchild that keeps the pipes does not delay the verdict, and is ended soon after", async (t) => {
  const pids = join(scratch(t), "pids");
  const { outcome } = await ask(script(t, `sleep 600 & echo $! > ${pids}`, "echo '-ERR no'; exit 1"));
  assert.ok("reply" in outcome && outcome.reply === "-ERR no");
  await gone(Number(readFileSync(pids, "latin1")));
});

/** How many octets this process, and the children that it has waited for, have read from whatever. */
function octetsRead(): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync("/proc/self/io", "latin1"))?.[1]);
}

test("A3: a flood of 100 MB on any descriptor is bounded, and holds up nobody for long", async (t) => {
  for (const descriptor of [1, 2, 3]) {
    const before = process.memoryUsage().rss;
    const readBefore = octetsRead();
    const acp = script(t, `head -c 100000000 /dev/zero | tr '\\0' x >&${descriptor}`, "exit 1");
    const { outcome, log } = await ask(acp);
    assert.ok("reply" in outcome && /^-ERR \[/.test(outcome.reply));
    assert.ok(log.length <= 110, `${log.length} lines`);
    // What holds up others is what the event loop reads: a MiB, and what comes in the same turn. head and tr read no
    // more than that, too, since their pipe is closed.
    const read = octetsRead() - readBefore;
    t.diagnostic(`${read} octets`);
    assert.ok(read < 20_000_000, `${read} octets of it were read`);
    assert.ok(process.memoryUsage().rss - before < 50_000_000);
  }
});

test("a client that is gone ends its acp", async (t) => {
  const pids = join(scratch(t), "pids");
  const until = new AbortController();
  const asked = ask(script(t, `echo $$ > ${pids}`, "sleep 60"), {}, route, until.signal);
  await untilHolds(() => existsSync(pids) && readFileSync(pids).length > 0, "the program's pid");
  until.abort(new Error("gone"));
  await assert.rejects(asked, /gone/);
  await gone(Number(readFileSync(pids, "latin1")));
});

test("behind 64 programs that hang, nobody waits longer than one may run", async (t) => {
  const programs = new Programs();
  t.after(() => programs.close());
  const ends: string[] = [];
  const argv = script(t, "exec sleep 600");
  const control = new Acp({ argv, timeout: 3000, prefix: "PROXY_" }, "none", { programs }, (name, fields) => {
    if (name === "acpEnded" && "status" in fields) ends.push(String(fields.status));
  });
  const outcomes = await Promise.all(Array.from({ length: 192 }, () => control.admit(route, about, patient)));
  for (const outcome of outcomes)
    assert.equal("reply" in outcome && outcome.reply, "-ERR [SYS/TEMP] access control not available");
  const count = (how: string) => ends.filter((one) => one === how).length;
  const late = count("no turn within the time limit");
  assert.ok(late >= 128, `${late} had no turn`);
  assert.equal(late + count("time limit"), 192);
});

test("64 run at once; a client that leaves while it waits is gone at once, and its turn is another's", async (t) => {
  const programs = new Programs();
  let began = 0;
  const asking = (argv: readonly string[], until = patient) =>
    new Acp({ argv, timeout: 600_000, prefix: "PROXY_" }, "none", { programs }, (_name, fields) => {
      if ("said" in fields) began++;
    }).admit(route, about, until);
  const fifo = join(scratch(t), "fifo");
  execFileSync("mkfifo", ["-m", "666", fifo]);
  const slow = script(t, "echo began >&2", `read line < ${fifo}`);
  const running = Array.from({ length: 64 }, () => asking(slow));
  const until = new AbortController();
  const waiting = asking(slow, until.signal);
  const quick = script(t, "echo began >&2", "exit 0");
  const behind = Array.from({ length: 16 }, () => asking(quick));
  setTimeout(() => until.abort(new Error("gone")), 50);
  // None of the others has ended: each waits for somebody to open the pipe.
  await assert.rejects(waiting, /gone/);
  await untilHolds(
    () => began >= 64,
    () => `${began} have begun`,
    { progress: () => began },
  );
  await pause(50);
  assert.equal(began, 64, "at once");
  const release = openSync(fifo, "r+");
  writeSync(release, "\n".repeat(64));
  for (const outcome of await Promise.all([...running, ...behind])) assert.ok("host" in outcome);
  assert.equal(began, 80);
  closeSync(release);
  programs.close();
});

test("descriptor 3 says where the login goes instead, on the administrator's word", async (t) => {
  const to = async (...lines: string[]) => (await ask(script(t, ...lines))).outcome;
  const moved = await to("printf 'SERVER=New.Example.ORG\\nSERVERPORT=1110\\nSERVERLOGIN=jö\\nSERVERPASSWD=\\n' >&3");
  assert.deepEqual(moved, {
    ...route,
    host: "new.example.org",
    port: 1110,
    user: Buffer.from("jö").toString("latin1"),
    secret: { kind: "password", password: "" },
    ownTls: undefined,
    selected: false,
    guarded: false,
    because: "the acp",
  });
  assert.deepEqual(await to("printf SERVERLOGIN=other >&3"), { ...route, user: "other" });
  assert.deepEqual(await to("echo SERVER=[2001:DB8::1] >&3"), {
    ...route,
    host: "2001:db8::1",
    ownTls: undefined,
    selected: false,
    guarded: false,
    because: "the acp",
  });
  const modes = [
    ["SERVER=a/starttls", "a:110 starttls"],
    ["SERVER=a/tls", "a:995 tls"],
    ["SERVER=[::1]:1110/none", "::1:1110 none"],
    ["SERVER=a:995", "a:995 tls"],
    ["SERVERTLS=tls", "mail.example.org:995 tls"],
    ["SERVER=a\\nSERVERPORT=1110\\nSERVERTLS=starttls", "a:1110 starttls"],
    ["SERVERPORT=995", "mail.example.org:995 tls"],
  ];
  for (const [line = "", expected] of modes) {
    const outcome = (await to(`printf '${line}\\n' >&3`)) as Route;
    assert.equal(`${outcome.host}:${outcome.port} ${outcome.tls}`, expected, line);
  }
  assert.deepEqual(await to("exit 0"), route);
  const bad = [
    "SERVER=",
    "SERVER=a b",
    "SERVER=127.1",
    "SERVERPORT=0",
    "SERVERPORT=x",
    "SERVERTLS=",
    "SERVERTLS=ssl",
    "SERVER=a:995/none",
    "SERVER=a/ssl",
    "SERVERLOGIN=",
    "PASSWORD=x",
    "server=a",
    "nonsense",
    "SERVERLOGIN=a\\tb",
    "SERVERLOGIN=a\\rb",
  ];
  for (const line of bad) {
    const outcome = await to(`printf '${line}\\n' >&3`);
    assert.ok("reply" in outcome && /^-ERR \[SYS\/PERM\]/.test(outcome.reply), line);
  }
  const word = "x".repeat(1017);
  const longest = await to(`printf 'SERVERLOGIN=${word}\\nSERVERPASSWD=${word}\\n' >&3`);
  assert.deepEqual(
    longest,
    { ...route, user: word, secret: { kind: "password", password: word } },
    "as long as in USER and PASS",
  );
  for (const name of ["SERVERLOGIN", "SERVERPASSWD"]) {
    const outcome = await to(`printf '${name}=${word}x\\n' >&3`);
    assert.ok("reply" in outcome && /^-ERR \[SYS\/PERM\]/.test(outcome.reply), name);
  }
  const long = await to("for i in $(seq 300); do echo SERVERLOGIN=xxxxxxxx >&3; done");
  assert.ok("reply" in long && /^-ERR \[SYS\/PERM\]/.test(long.reply), "more than 4 KiB");
});

test("G2: an answer that is not understood is logged without what might be a password", async (t) => {
  for (const line of [
    "SERVERPASSWD=geheim",
    "serverpasswd=geheim",
    " SERVERPASSWD=geheim",
    "SERVERPASSWORD=geheim",
    "X geheim",
    "geheim",
    "geheim2x",
  ]) {
    const { log } = await ask(script(t, `printf '${line}\\nSERVER=a b\\n' >&3`));
    assert.ok(
      log.some(({ misunderstood }) => String(misunderstood).includes("SERVER=a b")),
      line,
    );
    assert.doesNotMatch(JSON.stringify(log), /geheim/, line);
  }
});

test("G2: what an acp says is logged without the passwords, those that it gives included", async (t) => {
  const secret = { kind: "password", password: "geheim" } as const;
  const secrets = { ...route, secret, proxyPassword: "s3cr3t" };
  const words = "echo out s3cr3t; echo err geheim >&2; printf 'SERVERPASSWD=new\\n' >&3; echo fine >&2";
  const { outcome, log } = await ask(script(t, "set -x", "echo to $PROXY_PASSWD >&2", words), {}, secrets);
  assert.ok("host" in outcome);
  assert.deepEqual(outcome.secret, { kind: "password", password: "new" });
  const said = log.flatMap(({ said, ignored }) => said ?? ignored ?? []).join("\n");
  assert.match(said, /fine/);
  assert.match(said, /printf '?SERVERPASSWD=\*\*\*/);
  assert.doesNotMatch(said, /geheim|s3cr3t|=new/);
});

test("an acp that says [SYS/TEMP] is believed, whatever its exit status", async (t) => {
  const { outcome } = await ask(script(t, "echo '-ERR [SYS/TEMP] later'; exit 1"));
  assert.ok("reply" in outcome && outcome.temporary);
  const other = await ask(script(t, "echo '-ERRor'; exit 1"));
  assert.ok(
    "reply" in other.outcome && other.outcome.reply === "-ERR [AUTH] access denied" && !other.outcome.temporary,
  );
});

test("S1: an acp sees an IPv4-mapped address as the IPv4 address that it is", async (t) => {
  const acp = script(t, 'test "$PROXY_SERVER" != 127.0.0.1');
  const { outcome } = await ask(acp, {}, { ...route, host: "::ffff:7f00:1" });
  assert.ok("reply" in outcome);
});
