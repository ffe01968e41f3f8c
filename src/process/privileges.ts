/**
 * Giving up root for good: groups, group, user, in this order, and a proof that it holds. Done before the first octet
 * of a client is read, and after everything that only root can open is open.
 *
 * Accounts are looked up by the system (NSS, not /etc/passwd alone) by becoming them for a moment. All of this concerns
 * every thread of the process; a worker thread can't do it.
 */

import { accessSync, constants } from "node:fs";
import { userInfo } from "node:os";

/** Whom to become. */
export interface Account {
  /** Its name, by which its groups are known; null: it is in its one group and no other. */
  readonly name: string | null;
  readonly uid: number;
  readonly gid: number;
}

/** The greatest id; the one above it means "leave as it is" to the system. */
const GREATEST_ID = 0xffff_fffe;

/** The calls of POSIX: Node's types know them for some systems only, and one of them not at all. */
const posix = process as Required<NodeJS.Process> & { initgroups(user: string, group: number): void };

/** Whether this process is root, and so has root to give up. */
export function isRoot(): boolean {
  return process.geteuid?.() === 0 || process.getuid?.() === 0;
}

/**
 * The account that a user of the command line means; only root can tell.
 *
 * A name has its account's groups, and so has a uid alone; `uid:gid` is that group and no other, and needs no account.
 *
 * @throws Error in one line if there is none
 */
export function accountOf(user: string): Account {
  const [, digits, group] = /^([0-9]+)(?::([0-9]+))?$/.exec(user) ?? [];
  if (digits === undefined) {
    if (!/^[^:\x00-\x20]+$/.test(user)) throw new Error(`not a user, nor uid[:gid]: ${user}`);
    const { uid, gid } = infoOf(user) ?? fail(`there is no user ${user}`);
    return { name: user, uid, gid };
  }
  const uid = id(digits);
  if (group !== undefined) return { name: null, uid, gid: id(group) };
  const info = infoOf(uid) ?? fail(`uid ${uid} has no account: give its group too, as ${uid}:gid`);
  return { name: info.username, uid, gid: info.gid };
}

/**
 * Becomes this user, as `accountOf` understands it, and can't go back.
 *
 * @throws Error in one line if there is no such user, if it is root, if the process is not that user afterwards, or if
 * that user can't read this program: then it must end
 */
export function dropPrivileges(user: string): void {
  const account = accountOf(user);
  if (account.uid === 0) fail(`${user} is root: that is nobody to become`);
  try {
    // First without any group, so that none of root's can be left, whatever the account's are.
    posix.setgroups(account.name === null ? [account.gid] : []);
    if (account.name !== null) posix.initgroups(account.name, account.gid);
    posix.setgid(account.gid);
    posix.setuid(account.uid);
  } catch (thrown) {
    fail(`can't become ${user}: ${(thrown as Error).message}`);
  }
  if (!proven(account)) fail(`could not give up root for ${user}`);
  // What a session needs is loaded when it is needed.
  try {
    accessSync(__filename, constants.R_OK);
  } catch {
    fail(`${user} can't read ${__dirname}: install the gateway where everybody can`);
  }
}

/** Whether this process is that account, and root is out of reach. */
function proven({ name, uid, gid }: Account): boolean {
  const groups = posix.getgroups();
  if (posix.getuid() !== uid || posix.geteuid() !== uid || posix.getgid() !== gid || posix.getegid() !== gid)
    return false;
  if (!groups.includes(gid) || (name === null && groups.length > 1)) return false;
  try {
    posix.setuid(0);
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
  return false;
}

/** An account by its name or uid; null if there is none. */
function infoOf(user: string | number): { username: string; uid: number; gid: number } | null {
  try {
    posix.seteuid(user);
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    return code === "ERR_UNKNOWN_CREDENTIAL" ? null : fail(`can't look up ${user}: ${message}`);
  }
  try {
    return userInfo();
  } catch {
    return null;
  } finally {
    posix.seteuid(0);
  }
}

function id(digits: string): number {
  const number = Number(digits);
  return number <= GREATEST_ID ? number : fail(`not the number of a user or group: ${digits}`);
}

function fail(message: string): never {
  throw new Error(message);
}
