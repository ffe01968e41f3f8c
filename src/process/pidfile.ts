/**
 * The file with the process's number. Opened while root can still do so, written later, and kept open: when root is
 * gone it may not be possible to unlink it, but it can be emptied.
 *
 * It names a running daemon if that process still has it open. So a number that the system has given to somebody else
 * since a crash, or since the last start of the machine, holds nobody up; where there is no /proc, nothing does.
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

/** No symbolic link is followed, and nothing waits for the other end of a named pipe. */
const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const MODE = 0o644;

export class Pidfile {
  readonly #fd: number;
  readonly #path: string;

  /** Opens the file, and leaves its content alone. @throws Error in one line if it can't be ours */
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

  /** Writes this process's number. @throws Error in one line if it can't */
  write(): void {
    try {
      ftruncateSync(this.#fd);
      writeSync(this.#fd, `${process.pid}\n`, 0);
    } catch (thrown) {
      throw new Error(`pidfile ${this.#path}: ${(thrown as Error).message}`);
    }
  }

  /** Removes the file, or empties it; unless another one has taken its place. */
  remove(): void {
    ftruncateSync(this.#fd);
    try {
      if (isSameFile(lstatSync(this.#path), fstatSync(this.#fd))) unlinkSync(this.#path);
    } catch {
      // Gone already, or in a folder of root's: then it is empty.
    }
    closeSync(this.#fd);
  }

  #fault(): string | null {
    const stats = fstatSync(this.#fd);
    // A second name for somebody else's file would have us write into that one.
    if (!stats.isFile() || stats.nlink !== 1) return "is not a plain file of its own";
    const content = Buffer.alloc(32);
    const pid = /^[1-9][0-9]{0,9}$/m.exec(content.toString("latin1", 0, readSync(this.#fd, content, 0, 32, 0)))?.[0];
    if (pid === undefined || Number(pid) === process.pid || !hasOpen(pid, stats)) return null;
    return `process ${pid} is running`;
  }
}

/** Whether a process has this file open; a process that can't be looked into is none of ours. */
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
