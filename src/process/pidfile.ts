/**
 * The file with the process id. It is opened before root is dropped, written afterwards, and kept open: without root
 * the process may not be permitted to unlink the file, but can empty it.
 *
 * The process id in the file counts as a running daemon only if that process has the file open. So an id that the
 * system has given to another process since a crash or a reboot does not prevent a start. On a system without /proc, no
 * id does.
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

/** No symbolic link is followed, and opening a named pipe does not block. */
const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const MODE = 0o644;

/** An open pidfile. */
export class Pidfile {
  readonly #fd: number;
  readonly #path: string;

  /** Opens the file, and keeps its content. @throws Error in one line, with the file, if it can't be this process's */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#fd = openSync(path, FLAGS, MODE);
    } catch (thrown) {
      const { code, message } = thrown as NodeJS.ErrnoException;
      throw new Error(`pidfile ${path}: ${code === "ELOOP" ? "is a symbolic link" : message}`);
    }
    const fault = this.#fault();
    if (fault === null) return;
    closeSync(this.#fd);
    throw new Error(`pidfile ${path}: ${fault}`);
  }

  /** Writes this process's id. @throws Error in one line, with the file */
  write(): void {
    try {
      ftruncateSync(this.#fd);
      writeSync(this.#fd, `${process.pid}\n`, 0);
    } catch (thrown) {
      throw new Error(`pidfile ${this.#path}: ${(thrown as Error).message}`);
    }
  }

  /** Removes the file, or empties it if it can't be removed. Another file that has its path now stays. */
  remove(): void {
    ftruncateSync(this.#fd);
    try {
      if (isSameFile(lstatSync(this.#path), fstatSync(this.#fd))) unlinkSync(this.#path);
    } catch {
      // It has been removed already, or only root may remove it; it is empty.
    }
    closeSync(this.#fd);
  }

  /** Why this process can't have the file; null if it can. */
  #fault(): string | null {
    const stats = fstatSync(this.#fd);
    // With a hard link another user could make the gateway, as root, write into any file.
    if (!stats.isFile() || stats.nlink !== 1) return "is not a regular file with one name; give another";
    const content = Buffer.alloc(32);
    const pid = /^[1-9][0-9]{0,9}$/m.exec(content.toString("latin1", 0, readSync(this.#fd, content, 0, 32, 0)))?.[0];
    if (pid === undefined || Number(pid) === process.pid || !hasOpen(pid, stats)) return null;
    return `process ${pid} is running and has it open`;
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
