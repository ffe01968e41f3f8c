/**
 * The file with the process id. It is opened before root is dropped, and kept open: without root the process may not be
 * permitted to unlink the file, but can empty it.
 *
 * A process id in the file counts as a running daemon only if that process has the file open. So an id that the system
 * has given to another process since a crash or a reboot does not prevent a start. On a system without /proc, no id
 * does.
 *
 * Of several daemons that start at once one has the file. Each appends its id as a line of its own, which is atomic, and
 * then reads the file: the first id whose process has the file open is the owner's. While the owner runs, its line is
 * never missing from the file: `write` puts the id at the beginning first, and only then cuts off what follows.
 */

import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { reasonOf } from "../base/faults";

/** No symbolic link is followed, and opening a named pipe does not block. */
const FLAGS = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const MODE = 0o644;

/** The most octets that a pidfile has: more is a file of another kind. */
const BOUND = 4096;

/** How often the file may change under the hands of this process. */
const TRIES = 100;

/** An open pidfile. */
export class Pidfile {
  readonly #path: string;
  /** Appends, wherever others have written meanwhile. */
  #end = -1;
  /** Writes at any place. */
  #fd = -1;

  /** Claims the file for this process. @throws Error in one line, with the file, if it can't be this process's */
  constructor(path: string) {
    this.#path = path;
    try {
      for (let tries = TRIES; !this.#claim(); tries--) {
        if (tries === 0) throw new Error("others change it all the time");
      }
    } catch (thrown) {
      this.#close();
      const fault = thrown as NodeJS.ErrnoException;
      throw new Error(`pidfile ${path}: ${whyNot(fault, path)}`);
    }
  }

  /** Writes this process's id, and nothing else. @throws Error in one line, with the file */
  write(): void {
    const line = `${process.pid}\n`;
    try {
      writeSync(this.#fd, line, 0);
      ftruncateSync(this.#fd, line.length);
    } catch (thrown) {
      throw new Error(`pidfile ${this.#path}: ${reasonOf(thrown as Error)}`);
    }
  }

  /** Removes the file, or empties it if it can't be removed. Another file that has its path now stays. */
  remove(): void {
    // In this order: a daemon that starts now and finds the file empty must see that it has lost its path.
    try {
      if (this.#hasPath()) unlinkSync(this.#path);
    } catch {
      // Only root may remove it; it is emptied.
    }
    ftruncateSync(this.#fd);
    this.#close();
  }

  /** Tries to become the owner. @returns false: the file has changed meanwhile @throws Error if another process has it */
  #claim(): boolean {
    this.#close();
    this.#end = openSync(this.#path, FLAGS | constants.O_CREAT | constants.O_APPEND, MODE);
    this.#fd = openSync(this.#path, FLAGS);
    const stats = fstatSync(this.#fd);
    if (!isSameFile(stats, fstatSync(this.#end))) return false;
    // With a hard link another user could make the gateway, as root, write into any file.
    if (!stats.isFile() || stats.nlink > 1) throw new Error("is not a regular file with one name; give another");
    if (stats.size > BOUND) throw new Error("has more in it than a process id; give another");
    this.#refuseOwner(stats);
    writeSync(this.#end, `\n${process.pid}\n`);
    const listed = this.#refuseOwner(stats);
    return listed && this.#hasPath();
  }

  /**
   * Looks for a process that has the file, before the line of this process or, without one, anywhere.
   *
   * @returns whether this process has a line
   * @throws Error if there is one; then this process's own line is cut off, if it is the last one
   */
  #refuseOwner(stats: Stats): boolean {
    const content = Buffer.alloc(2 * BOUND);
    const text = content.toString("latin1", 0, readSync(this.#fd, content, 0, content.length, 0));
    const pids = text.split("\n");
    const own = pids.indexOf(String(process.pid));
    const before = own < 0 ? pids : pids.slice(0, own);
    const owner = before.find((pid) => /^[1-9][0-9]{0,9}$/.test(pid) && hasOpen(pid, stats));
    if (owner === undefined) return own >= 0;
    const line = `\n${process.pid}\n`;
    if (text.endsWith(line) && fstatSync(this.#fd).size === text.length) {
      ftruncateSync(this.#fd, text.length - line.length);
    }
    throw new Error(`process ${owner} is running and has it open`);
  }

  /** Whether the path still leads to the open file. */
  #hasPath(): boolean {
    const there = lstatSync(this.#path, { throwIfNoEntry: false });
    return there !== undefined && isSameFile(there, fstatSync(this.#fd));
  }

  #close(): void {
    for (const fd of [this.#end, this.#fd]) if (fd >= 0) closeSync(fd);
    this.#end = this.#fd = -1;
  }
}

/** Whether a process has this file open; false for a process whose descriptors can't be read: another user's. */
function hasOpen(pid: string, file: Stats): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => {
      const open = statSync(`${folder}/${fd}`, { throwIfNoEntry: false });
      return open !== undefined && isSameFile(open, file);
    });
  } catch {
    return false;
  }
}

function isSameFile(one: Stats, other: Stats): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** Why the file can't be opened. It is made if it is not there, so what is missing is its folder. */
function whyNot(fault: NodeJS.ErrnoException, path: string): string {
  if (fault.code === "ELOOP") return "is a symbolic link";
  return fault.code === "ENOENT" ? `make the folder ${dirname(path)} first` : reasonOf(fault);
}
