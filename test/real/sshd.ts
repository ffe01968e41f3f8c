/**
 * sshd, only unpacked, run by the ordinary user, who is also the one who logs in. For sshd and for its clients this
 * user's home is a throw-away folder, the shell is sh, and a name leads to it (libnss-wrapper): no file of the system's is
 * touched.
 */

import assert from "node:assert/strict";
import { chmodSync, copyFileSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { TestContext } from "node:test";
import { atEnd } from "../stage/ending";
import { freePort } from "../stage/ports";
import { descendantsOf } from "../stage/processes";
import { until } from "../stage/waiting";
import { ordinary, program, run, start, stop, unpacked } from "./programs";
import { put, scratch } from "./scratch";

const SSHD = "openssh-server/usr/sbin/sshd";
const WRAPPER = `libnss-wrapper/usr/lib/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu/libnss_wrapper.so`;

/** What must be installed or unpacked for it. */
export const sshdParts: readonly string[] = [SSHD, WRAPPER, "ssh", "ssh-keygen"];

export interface Sshd {
  /** The home of the user, on both sides: what is in its .ssh counts for the client and for sshd. */
  readonly home: string;
  /** The environment of clients of this user. */
  readonly env: NodeJS.ProcessEnv;
  /** Where it listens on 127.0.0.1. */
  readonly port: number;
  /** All that it has logged. */
  said(): string;
  /** Makes a key, and lets it in. @param options of authorized_keys, for this key */
  authorize(options?: string): Promise<void>;
  /** Kills all that serves those who have logged in. */
  cut(): void;
}

/**
 * Starts sshd; clients know it by this name, and know its host key.
 *
 * @param sets variables of the environment of what it starts
 * @param settings further lines of sshd_config
 */
export async function startSshd(
  t: TestContext,
  name: string,
  sets: Readonly<Record<string, string>> = {},
  settings = "",
): Promise<Sshd> {
  const home = scratch(t);
  const [sshd, wrapper] = [SSHD, WRAPPER].map((file) => copied(file, home)) as [string, string];
  const { uid = process.getuid?.(), gid = process.getgid?.() } = ordinary;
  put(join(home, "passwd"), `tester:x:${uid}:${gid}::${home}:/bin/sh\n`);
  put(join(home, "group"), `testers:x:${gid}:\n`);
  put(join(home, "hosts"), `127.0.0.1 ${name}\n`);
  const env = {
    HOME: home,
    LD_PRELOAD: wrapper,
    NSS_WRAPPER_PASSWD: join(home, "passwd"),
    NSS_WRAPPER_GROUP: join(home, "group"),
    NSS_WRAPPER_HOSTS: join(home, "hosts"),
  };
  const hostKey = join(home, "host_key");
  const made = await run(program("ssh-keygen"), ["-q", "-t", "ed25519", "-N", "", "-f", hostKey], { env });
  assert.equal(made.code, 0, made.stderr);

  const port = await freePort();
  put(join(home, "sshd_config"), configuration(hostKey, port, sets) + settings);
  put(join(home, ".ssh/config"), `Host ${name}\n  Port ${port}\n  HostKeyAlias ${name}\n`);
  const [kind, key] = readFileSync(`${hostKey}.pub`, "latin1").split(" ");
  put(join(home, ".ssh/known_hosts"), `${name} ${kind} ${key}\n`);
  const argv = ["-D", "-e", "-f", join(home, "sshd_config")];
  const child = start(sshd, argv, { env, cwd: home, stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.on("data", (octets: Buffer) => (said += octets.toString("latin1")));
  atEnd(t, () => stop(child));
  const listening = () => {
    assert.equal(child.exitCode, null, `sshd has ended: ${said}`);
    return said.includes("Server listening");
  };
  await until(listening, () => `sshd does not listen: ${said}`);
  return {
    home,
    env,
    port,
    said: () => said,
    async authorize(options = "") {
      const key = join(home, ".ssh/id_ed25519");
      const made = await run(program("ssh-keygen"), ["-q", "-t", "ed25519", "-N", "", "-f", key], { env });
      assert.equal(made.code, 0, made.stderr);
      put(join(home, ".ssh/authorized_keys"), `${options}${readFileSync(`${key}.pub`, "latin1")}`);
    },
    cut() {
      for (const pid of descendantsOf(child.pid as number)) process.kill(pid, "SIGKILL");
    },
  };
}

/** A file of a package, where the ordinary user can read it. */
function copied(file: string, home: string): string {
  const copy = join(home, basename(file));
  copyFileSync(unpacked(file), copy);
  chmodSync(copy, 0o755);
  return copy;
}

/** The scratch folder is below /tmp, where anybody may write: StrictModes would not have it. */
function configuration(hostKey: string, port: number, sets: Readonly<Record<string, string>>): string {
  const set = Object.entries(sets)
    .map((pair) => pair.join("="))
    .join(" ");
  return `
ListenAddress 127.0.0.1
Port ${port}
HostKey ${hostKey}
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
LogLevel VERBOSE
${set && `SetEnv ${set}`}
`;
}
