/**
 * A lock among processes: one of them renews the tokens of an account. The holder listens on a socket in the store, so
 * the system ends the lock with its process, however that ends.
 *
 * Each process makes a socket with a name of its own, then looks for others. It has the lock if it finds none that
 * answers, and its own is still there; else it removes its socket, waits a random time, and tries again. Of two
 * processes the one that looks later finds the other's, so both never have the lock. A socket that does not answer is
 * removed: its name never comes back, and its process has ended, since a socket gets its name when it listens.
 */

import { once } from "node:events";
import { readdir, rename, stat, unlink } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { reasonOf } from "../base/faults";

/** The first and the longest time between two attempts, in milliseconds; the first is doubled each time. */
const FIRST_WAIT = 10;
const LONGEST_WAIT = 500;

/**
 * Waits for the lock. The path of a socket has at most some 100 octets, so the folder becomes the current one.
 *
 * @param folder of the sockets
 * @param name of the lock
 * @param within how long to wait, in milliseconds
 * @returns ends the lock; null: another process has it
 * @throws Error in one line, with the folder, if a socket can't be made
 */
export async function lock(folder: string, name: string, within: number): Promise<(() => Promise<void>) | null> {
  try {
    process.chdir(folder);
  } catch (thrown) {
    throw new Error(`${folder}: ${reasonOf(thrown as Error)}`);
  }
  const ends = performance.now() + within;
  for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
    const release = await tryLock(name).catch((thrown: Error) => {
      throw new Error(`${folder}: it can't have the socket of a lock: ${reasonOf(thrown)}`);
    });
    if (release) return release;
    if (performance.now() > ends) return null;
    await pause(wait * Math.random());
  }
}

async function tryLock(name: string): Promise<(() => Promise<void>) | null> {
  const own = `.${name.slice(0, 16)}.${process.pid}.${Math.random().toString(36).slice(2, 10)}.lock`;
  // First only a look, so that those who wait do not keep each other from it.
  if (await othersHold(name, own)) return null;
  const unnamed = `${own}.new`;
  const server = createServer((socket) => socket.destroy()).listen(unnamed);
  await once(server, "listening");
  await rename(unnamed, own);
  const release = async () => {
    await unlink(own).catch(() => {});
    server.close();
  };
  const held = (await othersHold(name, own)) || !(await stat(own).catch(() => null));
  if (!held) return release;
  await release();
  return null;
}

/** Whether another process has a socket of this lock that answers. */
async function othersHold(name: string, own: string): Promise<boolean> {
  const sockets = (await readdir(".")).filter(
    (one) => one.startsWith(`.${name.slice(0, 16)}.`) && one.endsWith(".lock"),
  );
  for (const socket of sockets) {
    if (socket !== own && (await answers(socket))) return true;
  }
  return false;
}

/** Whether a socket answers; one that nobody listens on any more is removed. */
async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === "ECONNREFUSED") await unlink(path).catch(() => {});
    return code !== "ECONNREFUSED" && code !== "ENOENT";
  } finally {
    socket.destroy();
  }
}
