/** The Debian package: how it is made, and its life on a machine with systemd, from the installation to the purge. */

import assert from "node:assert/strict";
import { copyFileSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { rootOnly } from "../../listen/handing";
import { certified } from "../../stage/certificates";
import { LONG } from "../../stage/draws";
import { until } from "../../stage/waiting";
import { lacking, program, run, unpacked } from "../programs";
import { scratch } from "../scratch";
import { copied, type Machine, SESSION, session, startMachine } from "./machine";
import { makeDeb, TOP } from "./packages";

const { version } = JSON.parse(readFileSync(join(TOP, "package.json"), "utf8")) as { version: string };

/** A version before all others. */
const OLD = "0.0.1";

async function isReproducible(t: TestContext): Promise<void> {
  const [one, other] = [await makeDeb(scratch(t)), await makeDeb(scratch(t), undefined, "077")];
  assert.equal(basename(one), `pop3.proxy_${version}_all.deb`);
  assert.ok(readFileSync(one).equals(readFileSync(other)));
}

async function hasNoFault(t: TestContext): Promise<void> {
  const home = scratch(t);
  const argv = ["--allow-root", "--fail-on", "error,warning", await makeDeb(home)];
  const { code, stdout, stderr } = await run(program("lintian"), argv, { asRoot: true, limit: 300 });
  assert.deepEqual([code, `${stdout}`, stderr], [0, "", ""]);
}

/** All files of a machine but those that dpkg, systemd and the log keep of any package. */
const FILES = `find / -xdev '(' -path /root -o -path /var/log -o -path /var/lib/dpkg -o -path /var/cache \
  -o -path /etc/machine-id -o -path /var/lib/systemd ')' -prune -o -not -type d -print | sort`;

const UNITS = "pop3.proxy.service pop3.proxy.socket pop3.proxy-tls.socket";

/** What README.Debian says of TLS: a key that a group can read, and port 995 alone. Puts all back as it was. */
async function servesTls({ run }: Machine, root: string): Promise<void> {
  const { certFile, keyFile } = certified("good");
  await run("groupadd --system ssl-cert && mkdir -p /etc/ssl/private && cp /etc/pop3.proxy.toml /root");
  copyFileSync(certFile, join(root, "etc/ssl/certs/pop.example.org.pem"));
  copyFileSync(keyFile, join(root, "etc/ssl/private/pop.example.org.key"));
  await run("chgrp -R ssl-cert /etc/ssl/private && chmod 710 /etc/ssl/private && chmod 640 /etc/ssl/private/*");
  await run("sed -i -E 's/^#(tls-cert|tls-key|client-tls)/\\1/' /etc/pop3.proxy.toml");
  await run("runuser -u nobody -G ssl-cert -- pop3.proxy --check -f /etc/pop3.proxy.toml");
  const dropIn = "/etc/systemd/system/pop3.proxy.service.d";
  await run(`mkdir ${dropIn} && printf '[Service]\\nSupplementaryGroups=ssl-cert\\n' > ${dropIn}/override.conf`);
  await run(
    "systemctl daemon-reload && systemctl disable --now pop3.proxy.socket && systemctl stop pop3.proxy.service",
  );
  await run("systemctl enable --now pop3.proxy-tls.socket");
  const client = `const socket = require("tls").connect({ host: "127.0.0.1", port: 995, rejectUnauthorized: false });
    socket.end("USER me\\r\\nPASS demo\\r\\nRETR 1\\r\\nQUIT\\r\\n"); socket.pipe(process.stdout);`;
  assert.match(await run(`timeout 300 node -e '${client}'`), SESSION);
  assert.equal(await run("(: < /dev/tcp/127.0.0.1/110) 2> /dev/null || echo closed"), "closed\n");
  await run("systemctl disable --now pop3.proxy-tls.socket && systemctl stop pop3.proxy.service");
  await run(`rm -r ${dropIn} /etc/ssl/private/* /etc/ssl/certs/pop.example.org.pem; cp /root/pop3.proxy.toml /etc`);
  await run("groupdel ssl-cert && systemctl daemon-reload && systemctl enable --now pop3.proxy.socket");
  assert.match(await run(session()), SESSION);
}

async function lives(t: TestContext): Promise<void> {
  const root = copied(unpacked("trixie"), join(scratch(t), "root"));
  const [old, now] = [await makeDeb(scratch(t), OLD), await makeDeb(scratch(t))];
  for (const deb of [old, now]) copyFileSync(deb, join(root, "root", basename(deb)));
  const words = ["/usr/lib/systemd/systemd", "--system", "--log-target=console", "--unit=basic.target"];
  const machine = await startMachine(t, root, words);
  const { run } = machine;
  await until(
    async () => /^(?:running|degraded)$/.test((await run("systemctl is-system-running || true")).trim()),
    () => "systemd does not start",
  );
  const before = await run(FILES);
  const state = () => run("systemctl is-enabled pop3.proxy.socket; systemctl is-active pop3.proxy.socket || true");

  await run(`dpkg -i /root/${basename(old)}`);
  assert.equal(
    await run("systemctl is-enabled pop3.proxy.socket pop3.proxy-tls.socket || true"),
    "disabled\n".repeat(2),
  );
  assert.equal(await run("systemctl is-active pop3.proxy.socket pop3.proxy.service || true"), "inactive\n".repeat(2));
  assert.equal(await run(`systemd-analyze verify --man=no ${UNITS}`), "");
  const [, exposure] =
    /(\d+\.\d+)/.exec(await run("systemd-analyze security --no-pager pop3.proxy.service | tail -n 1")) ?? [];
  assert.ok(Number(exposure) < 2, exposure);

  // The steps of README.Debian.
  await run("sed -i 's/^#server =.*/server = \"127.0.0.2:1110\"/' /etc/pop3.proxy.toml");
  await run(
    "systemd-run --quiet --unit=demo -p DynamicUser=yes pop3.proxy --demo --foreground --listen 127.0.0.2:1110",
  );
  await until(
    async () => (await run("(: < /dev/tcp/127.0.0.2/1110) 2> /dev/null && echo yes || true")) === "yes\n",
    () => "the server does not start",
  );
  const checked = await run("runuser -u nobody -- pop3.proxy --check -f /etc/pop3.proxy.toml");
  assert.match(checked, /^# pop3: server 127\.0\.0\.2:1110 is reached at 127\.0\.0\.2, in clear$/m);
  await run("systemctl enable --now pop3.proxy.socket");
  assert.match(await run(session()), SESSION);
  const pid = () => run("systemctl show --property=MainPID --value pop3.proxy.service");
  assert.match(await run(`grep ^Uid: /proc/${(await pid()).trim()}/status`), /^Uid:(?:\t6[1-5]\d{3}){4}\n$/);
  assert.equal(await run("systemctl reload pop3.proxy.service"), "");
  const log = () => run("journalctl --no-pager -u pop3.proxy.service");
  await until(async () => / pop3\.proxy\[\d+\]: reload$/m.test(await log()), "a reload in the log");

  await servesTls(machine, root);
  const first = await pid();

  const upgraded = await run(`dpkg -i /root/${basename(now)}`);
  assert.doesNotMatch(upgraded, /warn|error|fail/i);
  assert.match(await run("pop3.proxy --version"), new RegExp(`^pop3\\.proxy ${version.replaceAll(".", "\\.")}, `));
  assert.equal(await state(), "enabled\nactive\n");
  assert.notEqual(await pid(), first);
  assert.match(await run(session()), SESSION);

  await run("dpkg --remove pop3.proxy");
  assert.equal(await run("systemctl is-active pop3.proxy.socket pop3.proxy.service || true"), "inactive\n".repeat(2));
  assert.match(await run("grep ^server /etc/pop3.proxy.toml"), /127/);
  await run("dpkg --purge pop3.proxy");
  assert.equal(await run(FILES), before);
}

const skip = rootOnly.skip || lacking("trixie/bin", "ip", "unshare", "nsenter");

if (LONG) {
  test(
    "two builds of the Debian package are one, octet for octet",
    { skip: lacking("dpkg-deb"), timeout: 600_000 },
    isReproducible,
  );
  test("lintian finds neither errors nor warnings", { skip: lacking("lintian"), timeout: 600_000 }, hasNoFault);
  test("the Debian package is installed, serves, is upgraded, removed and purged", { skip, timeout: 600_000 }, lives);
}
