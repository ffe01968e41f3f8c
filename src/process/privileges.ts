/**
 * Dropping root for good: groups, group, user, in this order, and a check that root can't be regained. Done after
 * everything that only root can open is open, and before the first octet of a client is read.
 *
 * The system looks accounts up (NSS, not /etc/passwd alone): the process takes an account's uid for a moment and asks
 * whose it is. These calls change every thread of the process; a worker thread can't make them.
 */

import { accessSync, constants, statSync } from "node:fs";
import { type UserInfo, userInfo } from "node:os";
import { reasonOf } from "../base/faults";
import type { Warning } from "../base/warning";

/** The account that the process runs as without root. */
interface Account {
  /** The name by which the system knows the account's groups; null: `gid` is the only group. */
  readonly name: string | null;
  readonly uid: number;
  readonly gid: number;
  /** The home directory that the system knows; null: none. */
  readonly home: string | null;
}

/** The group of root. */
const ROOT = 0;

/** The greatest id; to setuid(2) and its like, the id above it means "do not change". */
const GREATEST_ID = 0xffff_fffe;

/** Why no process of this Node changes its user, and what to do. */
const IMMUTABLE =
  "this build of Node does not let root become another user (io_uring, CVE-2024-22017): start the gateway as that user";

/** The calls of POSIX: in Node's types some are optional, and initgroups is missing. */
const posix = process as Required<NodeJS.Process> & { initgroups(user: string, group: number): void };

/** Whether this process runs as root. */
export function isRoot(): boolean {
  return process.geteuid?.() === 0 || process.getuid?.() === 0;
}

/**
 * Looks up the account that -u names. Only root can.
 *
 * A name, and a uid alone, get all groups of the account. `uid:gid` gets that group alone and needs no account.
 *
 * @param user a name, `uid` or `uid:gid`
 * @throws Error in one line if there is no such account
 */
export function accountOf(user: string): Account {
  const [, digits, group] = /^([0-9]+)(?::([0-9]+))?$/.exec(user) ?? [];
  if (digits === undefined) {
    if (!/^[^:\x00-\x20]+$/.test(user)) throw new Error(`not a user, nor uid[:gid]: ${user}`);
    const { uid, gid, homedir } = infoOf(user) ?? fail(`there is no user ${user}`);
    return { name: user, uid, gid, home: homedir };
  }
  const uid = id(digits);
  if (group !== undefined) return { name: null, uid, gid: id(group), home: null };
  const info = infoOf(uid) ?? fail(`uid ${uid} has no account: give its group too, as ${uid}:gid`);
  return { name: info.username, uid, gid: info.gid, home: info.homedir };
}

/**
 * Gives the process the uid and the groups of a user for good. If it throws, the process must end.
 *
 * @param user as for `accountOf`
 * @throws Error in one line if there is no such user, if the user is root, if the process is not that user afterwards,
 * or if that user can't read this program
 */
export function dropPrivileges(user: string): void {
  const account = accountOf(user);
  if (account.uid === 0) fail(`${user} is root: name another user with -u`);
  try {
    // First no group at all, so that no group of root is left, whatever the account's groups are.
    posix.setgroups(account.name === null ? [account.gid] : []);
    if (account.name !== null) posix.initgroups(account.name, account.gid);
    posix.setgid(account.gid);
    posix.setuid(account.uid);
  } catch (thrown) {
    fail(`can't become ${user}: ${reasonOf(thrown as Error)}`);
  }
  if (!hasDroppedRoot(account)) fail(`could not give up root for ${user}`);
  // Modules that a session needs are read later, by that user.
  try {
    accessSync(__filename, constants.R_OK);
  } catch {
    fail(`${user} can't read ${__dirname}: install the gateway in a directory that every user can read`);
  }
}

/**
 * Checks that the account of -u has a home: ssh keeps its keys and the hosts that it knows there.
 *
 * @throws Error in one line
 */
export function requireHome(user: string): void {
  const { home } = accountOf(user);
  if (home !== null && statSync(home, { throwIfNoEntry: false })?.isDirectory()) return;
  fail(`--ssh: the user ${user} has no home: name an account that has one with -u`);
}

/** What is worth a warning about the rights of this process, which root has started; null: nothing. */
export function rootWarning(user: string): Warning | null {
  if (isRoot()) return { code: "root", reason: `-u ${user}: the gateway stays root` };
  if (posix.getgid() !== ROOT && !posix.getgroups().includes(ROOT)) return null;
  const reason = `-u ${user}: the gateway stays in group 0, which is root's: files of that group are open to it`;
  return { code: "root-group", reason };
}

/** Whether this process runs as that account and can't become root again. */
function hasDroppedRoot({ name, uid, gid }: Account): boolean {
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

/** Looks an account up by its name or uid; null if there is none. */
function infoOf(user: string | number): UserInfo<string> | null {
  try {
    posix.seteuid(user);
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    // Debian's Node, with a libuv that is not its own; others with UV_USE_IO_URING=1.
    if (code === "ERR_INVALID_STATE") fail(`can't become ${user}: ${IMMUTABLE}`);
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
