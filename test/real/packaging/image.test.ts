/** The image of packaging/Containerfile, built without an engine for containers, and a container of it. */

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { rootOnly } from "../../listen/handing";
import { LONG } from "../../stage/draws";
import { atEnd } from "../../stage/ending";
import { until } from "../../stage/waiting";
import { lacking, program, run, unpacked } from "../programs";
import { scratch } from "../scratch";
import { copied, SESSION, session, startMachine } from "./machine";
import { makeDeb, TOP } from "./packages";

const PORT = 1110;

/** The type of file system that overlays others: OVERLAYFS_SUPER_MAGIC. */
const OVERLAY = 0x794c7630;

/** What an image tells of its containers. */
interface Config {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
}

/** Builds the image, without a network. @returns the root directory of a container of it, and its configuration */
async function build(t: TestContext): Promise<{ root: string; config: Config }> {
  const home = scratch(t);
  const file = (name: string, text: string) => {
    writeFileSync(join(home, name), text);
    return join(home, name);
  };
  // The quicker one can't lie on itself.
  const driver = statfsSync(home).type === OVERLAY ? "vfs" : "overlay";
  const storage = `[storage]\ndriver = "${driver}"\ngraphroot = "${home}/images"\nrunroot = "${home}/run"\n`;
  const env = {
    HOME: home,
    CONTAINERS_STORAGE_CONF: file("storage.conf", storage),
    CONTAINERS_REGISTRIES_CONF: file("registries.conf", "unqualified-search-registries = []\n"),
  };
  const policy = `--signature-policy=${file("policy.json", '{"default":[{"type":"insecureAcceptAnything"}]}')}`;
  const buildah = async (...argv: string[]) => {
    const { code, stdout, stderr } = await run(program("buildah"), argv, { env, asRoot: true, limit: 300 });
    assert.equal(code, 0, `buildah ${argv.join(" ")}: ${stdout}${stderr}`);
    return `${stdout}`.trim();
  };
  const rooted = async (image: string) => {
    const container = await buildah("from", policy, image);
    const mounted = await buildah("mount", container);
    atEnd(t, async () => void (await buildah("umount", container)));
    return { container, mounted };
  };

  // In the place of Debian's image. It has all packages that ours needs, and no archive to get others from.
  const base = await rooted("scratch");
  copied(`${unpacked("trixie")}/.`, base.mounted);
  rmSync(join(base.mounted, "etc/apt/sources.list"));
  await buildah("commit", policy, "--quiet", base.container, "localhost/base");
  const context = join(home, "context");
  const deb = await makeDeb(scratch(t));
  mkdirSync(context);
  copied(deb, join(context, basename(deb)));
  const bud = [
    "bud",
    policy,
    "--quiet",
    "--isolation=chroot",
    "--build-arg=BASE=localhost/base",
    "--tag=localhost/own",
  ];
  await buildah(...bud, `--file=${join(TOP, "packaging", "Containerfile")}`, context);
  const { mounted } = await rooted("localhost/own");
  const inspected = await buildah("inspect", "--type=image", "localhost/own");
  return { root: mounted, config: JSON.parse(inspected).OCIv1.config };
}

/** Serves once, then leaves a process behind that ends after it, in a group of its own. */
const LEAVING = `#!/bin/sh
setsid sh -c 'echo $$ > /tmp/orphan; sleep 1' < /dev/null > /dev/null 2>&1 3>&1 &
exit 0
`;

async function serves(t: TestContext): Promise<void> {
  const { root, config } = await build(t);
  assert.deepEqual([config.User, config.Cmd], ["pop3proxy:pop3proxy", ["-f", "/etc/pop3.proxy.toml"]]);
  assert.deepEqual(
    readdirSync(join(root, "tmp")).filter((name) => name.endsWith(".deb")),
    [],
  );
  const acp = join(root, "usr", "local", "bin", "leaving");
  writeFileSync(acp, LEAVING);
  chmodSync(acp, 0o755);
  const options = ["--listen", `${PORT}`, "--demo", "-a", "/usr/local/bin/leaving"];
  const [user, group] = config.User.split(":") as [string, string];
  const words = ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", ...config.Entrypoint, ...options];
  const machine = await startMachine(t, root, words);
  await until(
    async () => (await machine.run(`(: < /dev/tcp/127.0.0.1/${PORT}) 2> /dev/null && echo yes || true`)) === "yes\n",
    () => "it does not listen",
  );
  assert.equal(
    await machine.run("tr '\\0' ' ' < /proc/1/cmdline"),
    `${config.Entrypoint.join(" ")} ${options.join(" ")} `,
  );
  assert.match(await machine.run(session(PORT)), SESSION);
  const orphan = () => machine.run("grep ^State: /proc/$(cat /tmp/orphan)/status 2> /dev/null || true");
  await until(
    async () => (await machine.run("cat /tmp/orphan || true")) !== "" && (await orphan()) === "",
    () => "a zombie is left",
  );
  process.kill(machine.pid, "SIGTERM");
  assert.equal(await machine.ended, 0);
}

const skip = rootOnly.skip || lacking("trixie/bin", "buildah", "ip", "unshare", "nsenter");

if (LONG) {
  test(
    "a container of the image serves, ends in order, and its first process reaps orphans",
    { skip, timeout: 600_000 },
    serves,
  );
}
