/**
 * A small inetd for POP3 servers that are only unpacked, not installed: every connection becomes the standard input
 * and output of a new process. For that process passwords, users and PAM are files of a throw-away folder, and its
 * setuid() succeeds whoever it is (libnss-wrapper, libpam-wrapper, libuid-wrapper): no file of the system's is touched.
 * Its chroot() needs root: where the tests are not run by root, a user namespace in which they are.
 */

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { atEnd } from "../stage/ending";
import { until } from "../stage/waiting";
import { libraries, wrapper } from "./accounts";
import { ordinary, program, start, stop, unpacked } from "./programs";
import { put } from "./scratch";
import { password, user } from "./server";

const preloads = (["uid", "nss", "pam"] as const).map(wrapper);
const matrix = unpacked(`libpam-wrapper/${libraries}/pam_wrapper/pam_matrix.so`);

/** What must be unpacked for any server run from here. */
export const wrappers: readonly string[] = [...preloads, `liblockfile1/${libraries}`];

/** A server's program for one connection. */
export interface Service {
  readonly file: string;
  readonly argv: readonly string[];
  /** The server's name for PAM, and the user that it wants to become before anybody has logged in. */
  readonly service: string;
  readonly account: string;
}

/** Listens on a free port of 127.0.0.1 until the test ends; `home` is where the server's processes live. */
export async function startInetd(t: TestContext, home: string, service: Service): Promise<number> {
  const own = ordinary.uid === undefined ? [program("unshare"), "--user", "--map-root-user"] : [];
  const command = [...own, program("env"), ...environment(home, service), service.file, ...service.argv];
  const launch = async (socket: Socket): Promise<ChildProcess> => {
    const lock = await lockPam();
    const [file, ...argv] = command as [string, ...string[]];
    const child = start(file, argv, { cwd: home, stdio: [socket, socket, "ignore"], asRoot: true });
    socket.destroy();
    await until(() => pamFolder(child) !== undefined || child.exitCode !== null, "a folder of libpam-wrapper");
    lock.close();
    return child;
  };
  const launched: Promise<ChildProcess>[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => launched.push(launch(socket)));
  atEnd(t, async () => {
    server.close();
    for (const child of await Promise.all(launched)) {
      const left = pamFolder(child);
      await stop(child);
      if (left !== undefined) await rm(left, { recursive: true, force: true });
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
}

function environment(home: string, { service, account }: Service): string[] {
  const passwd = [
    "root:x:0:0::/:/bin/sh",
    `${account}:x:65533:65534::/:/bin/sh`,
    `${user}:x:65534:65534::${home}:/bin/sh`,
  ];
  put(join(home, "passwd"), `${passwd.join("\n")}\n`);
  put(join(home, "group"), "root:x:0:\nnogroup:x:65534:\n");
  put(join(home, "passwords"), `${user}:${password}:${service}\n`);
  const rule = `required ${matrix} passdb=${join(home, "passwords")}`;
  for (const name of [service, "other"]) put(join(home, "pam.d", name), `auth ${rule}\naccount ${rule}\n`);
  return [
    `LD_LIBRARY_PATH=${unpacked(`liblockfile1/${libraries}`)}`,
    `LD_PRELOAD=${preloads.map(unpacked).join(" ")}`,
    "UID_WRAPPER=1",
    "UID_WRAPPER_ROOT=1",
    `NSS_WRAPPER_PASSWD=${join(home, "passwd")}`,
    `NSS_WRAPPER_GROUP=${join(home, "group")}`,
    "PAM_WRAPPER=1",
    `PAM_WRAPPER_SERVICE_DIR=${join(home, "pam.d")}`,
  ];
}

/** libpam-wrapper's folder of a process: /tmp/pam.X with the process's number in its file `pid`; it stays behind a kill. */
function pamFolder(child: ChildProcess): string | undefined {
  const mine = (path: string) => {
    try {
      return readFileSync(join(path, "pid"), "latin1").trim() === String(child.pid);
    } catch {
      return false;
    }
  };
  return readdirSync("/tmp")
    .filter((name) => /^pam\.\w$/.test(name))
    .map((name) => join("/tmp", name))
    .find(mine);
}

/** Two processes that choose their /tmp/pam.X at once may choose the same: an abstract socket is the lock for all tests. */
async function lockPam(): Promise<Server> {
  const locked = async () => {
    const lock = createServer();
    lock.listen("\0pop3.proxy-test.pam_wrapper");
    return once(lock, "listening").then(
      () => lock,
      () => null,
    );
  };
  return until(locked, "the lock for /tmp/pam.X");
}
