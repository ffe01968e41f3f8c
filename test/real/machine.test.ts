/**
 * The README's installation, line by line, on a machine that has Node with npm and nothing else of the kind: a root
 * directory of Debian's, in namespaces of its own.
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { rootOnly } from "../listen/handing";
import { authority, certified } from "../stage/certificates";
import { LONG } from "../stage/draws";
import { lacking, program, run, unpacked } from "./programs";
import { scratch } from "./scratch";

const TOP = join(__dirname, "..", "..", "..");

/** Where the machine has the clone. */
const CLONE = "/root/clone";

/** Who the server of the recipe is. */
const SERVER = "mail.example.org";
const ADDRESS = "127.0.0.2";

/** The command lines of the README's installation: those that install, and the one that removes. */
function commands(): { install: string[]; remove: string } {
  const [, text = ""] = readFileSync(join(TOP, "README.md"), "utf8").split("\n## Install\n");
  const blocks = [...text.matchAll(/(?:^ {4}.*\n)+/gm)].map(([block]) => block.trimEnd().replace(/^ {4}/gm, ""));
  const install = blocks[0]?.split("\n") ?? [];
  const remove = blocks[1] ?? "";
  assert.deepEqual([install.length, remove.split("\n").length], [5, 1]);
  return { install, remove };
}

/** Makes a machine with Node, npm, a clone, and a company's authority among those that it trusts. */
function makeMachine(t: TestContext): string {
  const root = join(scratch(t), "machine");
  execFileSync("cp", ["-a", unpacked("machine"), root]);
  copyFileSync(process.execPath, join(root, "usr/bin/node"));
  const npm = dirname(dirname(realpathSync(program("npm"))));
  mkdirSync(join(root, "usr/lib/node_modules"));
  execFileSync("cp", ["-a", npm, join(root, "usr/lib/node_modules/npm")]);
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(root, "usr/bin/npm"));
  for (const file of ["etc/resolv.conf", "etc/hosts"]) copyFileSync(join("/", file), join(root, file));
  appendFileSync(join(root, "etc/hosts"), `${ADDRESS} ${SERVER}\n`);
  appendFileSync(join(root, "etc/ssl/certs/ca-certificates.crt"), readFileSync(authority()));
  const { certFile, keyFile } = certified(SERVER);
  copyFileSync(certFile, join(root, "root/cert.pem"));
  copyFileSync(keyFile, join(root, "root/key.pem"));
  // A clone has nothing of what git ignores.
  const ignored = readFileSync(join(TOP, ".gitignore"), "utf8").match(/[^/\s]+/g) ?? [];
  const archive = ["-C", TOP, "--exclude-vcs", ...ignored.map((name) => `--exclude=${name}`), "-cf", "-", "."];
  mkdirSync(join(root, CLONE));
  execFileSync("tar", ["-C", join(root, CLONE), "-xf", "-"], {
    input: execFileSync("tar", archive, { maxBuffer: 1 << 28 }),
  });
  return root;
}

/** What runs in the machine, and with what around it. */
interface Run {
  /** More options of unshare(1). */
  readonly namespaces: readonly string[];
  /** What is done outside of the machine first; $0 is its root directory. */
  readonly before: string;
  readonly env: readonly string[];
}

/** Runs a script of bash in the machine; all its processes end with it. @returns what it has said, on both streams */
async function inMachine(root: string, script: string, { namespaces, before, env }: Run): Promise<string> {
  const enter = `${before} && mount -t proc proc "$0/proc" && exec chroot "$0" "$@" 2>&1`;
  const unshare = [...namespaces, "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", enter, root];
  const bash = ["/usr/bin/env", "-i", "HOME=/root", "TERM=dumb", `PATH=${PATH}`, ...env, "/bin/bash", "-ec", script];
  const { code, stdout, stderr } = await run(program("unshare"), [...unshare, ...bash], { asRoot: true, limit: 300 });
  const said = stdout.toString("latin1");
  assert.equal(code, 0, said + stderr);
  return said;
}

const PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/** A setting of this machine's npm. */
function ofNpm(name: string): string {
  return execFileSync(program("npm"), ["config", "get", name], { encoding: "utf8" }).trim();
}

const skip = rootOnly.skip || lacking("machine/bin", "ip");

async function installs(t: TestContext): Promise<void> {
  const root = makeMachine(t);
  const { install, remove } = commands();
  const [makePackage = "", ...others] = install;

  // The registry is the only thing outside of the machine that is used.
  const made = await inMachine(root, `cd ${CLONE}; ${makePackage}`, {
    namespaces: [],
    before: `mkdir "$0/root/.npm" && mount --bind ${ofNpm("cache")} "$0/root/.npm"`,
    env: [`npm_config_registry=${ofNpm("registry")}`, "npm_config_prefer_offline=true"],
  });
  assert.doesNotMatch(made, /warn|error|deprecated|fail/i);

  const [install_, check, start, manual] = others;
  const listening = (host: string, port: number) => `(: < /dev/tcp/${host}/${port}) 2> /dev/null`;
  const script = `
    cd ${CLONE}
    node dist/main.js -u root --demo --foreground --listen ${ADDRESS}:995/tls \
      --tls-cert ../cert.pem --tls-key ../key.pem 2> /dev/null > /dev/null &
    until ${listening(ADDRESS, 995)}; do sleep 0.1; done
    all() { find / -xdev -path /proc -prune -o -path /root/.npm -prune -o -not -type d -print | sort; }
    all > /root/before
    echo "# install"; ${install_}
    echo "# check"; ${check}
    echo "# start"; ${start}
    echo "# mail"; exec 3<> /dev/tcp/127.0.0.1/110; printf '%s\r\n' 'USER me' 'PASS demo' 'RETR 1' QUIT >&3; cat <&3
    echo "# manual"; ${manual} | cat; man pop3.proxy-recipes > /dev/null
    echo "# remove"; ${remove}
    while ${listening("127.0.0.1", 110)}; do sleep 0.1; done
    echo "# left"; all | diff /root/before -`;
  const said = await inMachine(root, script, {
    namespaces: ["--net"],
    before: "ip link set lo up",
    env: [],
  });
  const [, installed = "", checked = "", started = "", mail = "", read = "", removed = "", left] =
    said.split(/^# .*\n/m);
  assert.match(installed, /^\nadded 1 package in \S+\n$/);
  assert.match(checked, /^server mail\.example\.org:995 is reached at 127\.0\.0\.2, TLSv1\.[23], verified$/m);
  // The machine has no log.
  assert.match(started, /^pop3\.proxy: warning: there is no \/dev\/log, .*\n$/);
  assert.match(mail, /^\+OK POP3 server ready\r\n.*\r\nSubject: Welcome\r\n.*\r\n\.\r\n\+OK bye\r\n$/s);
  assert.match(read, /^POP3\.PROXY\(1\) .*\nCOMPATIBILITY\n/s);
  assert.match(removed, /^\nremoved 1 package in \S+\n$/);
  assert.equal(left, "");
}

// It installs and builds, which takes both processors for half a minute.
if (LONG)
  test("README: to a verified gateway with its manual in five lines, and to nothing in one", { skip }, installs);
