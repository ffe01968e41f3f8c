/**
 * The store: a folder with one file for each account. A file is replaced as a whole, and only after fsync, so that
 * neither the end of the process nor that of the machine leaves a part of one.
 *
 * A provider that rotates refresh tokens has made the old one worthless when it sends the new one. So the space for the
 * new file is taken before the provider is asked: a full disk is found out while the old token still counts.
 */

import { createHash } from "node:crypto";
import { constants, statSync } from "node:fs";
import { type FileHandle, open, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { inWords, reasonOf } from "../base/faults";
import { lowered } from "../base/lowered";
import { requireRegular, TO_READ } from "../base/regularfile";
import { syncFolder } from "../process/wholefile";
import { type AccountRecord, type AccountState, parseRecord } from "./record";

/** The space that is taken for a file, in octets: two tokens of 8 kB each, in base64. */
const SPACE = 32 * 1024;

/** The most octets of a file. */
const BOUND = 256 * 1024;

/** What follows the name of a file. */
const ENDING = ".account";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY, S_IFDIR, S_IFMT } = constants;

/** The name by which an account is known: the case of its ASCII letters does not count. */
export function accountName(user: string): string {
  return lowered(user);
}

/** The name as a text, for a person or a provider: an account has octets (latin1), which are UTF-8 as a rule. */
export function shownName(account: string): string {
  return Buffer.from(account, "latin1").toString("utf8");
}

/** A file of the store that is about to be replaced. */
interface Reserved {
  /** Replaces the file. @throws Error in one line; then the old file is there as it was */
  commit(record: AccountRecord): Promise<void>;
  /** Leaves the file as it was. */
  cancel(): Promise<void>;
}

export class Store {
  /** @param folder a full path */
  constructor(readonly folder: string) {}

  /** The name of an account's file, without its ending: names of accounts may have any octets, and any length. */
  static fileOf(account: string): string {
    return createHash("sha256").update(accountName(account), "latin1").digest("hex").slice(0, 40);
  }

  /** Whether the folder is there. */
  get exists(): boolean {
    return statSync(this.folder, { throwIfNoEntry: false }) !== undefined;
  }

  /** Why the folder is none for the user of this process; null: it is one. @throws Error with the folder */
  get fault(): string | null {
    const { mode, uid } = statSync(this.folder);
    if ((mode & S_IFMT) !== S_IFDIR) return `${this.folder}: it is not a folder`;
    if (uid !== process.getuid?.()) {
      return `${this.folder}: it belongs to another user: chown it to the user of -u, with all in it`;
    }
    return (mode & 0o077) === 0 ? null : `${this.folder}: others can see into it: chmod 700 it`;
  }

  /** @returns null: there is no such account @throws Error in one line */
  async read(account: string): Promise<AccountRecord | null> {
    const file = this.#path(account);
    let text: string;
    try {
      text = await recordText(file);
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw new Error(`${file}: ${reasonOf(thrown as Error)}`);
    }
    const record = parseRecord(text);
    if (!record) throw new Error(`${file}: it is damaged: authorize the account again`);
    if (record.account !== accountName(account)) throw new Error(`${file}: it is the file of another account`);
    return record;
  }

  /**
   * Takes the space for a new file of an account. Only one process may do so at a time (process/lock.ts).
   *
   * @throws Error in one line
   */
  async reserve(account: string): Promise<Reserved> {
    const name = Store.fileOf(account);
    await this.#removeRemains(name);
    const temporary = join(this.folder, `.${name}.${process.pid}.${Math.random().toString(36).slice(2)}`);
    const failed = (thrown: unknown) => new Error(`${this.folder}: ${inWords(thrown as Error)}`);
    let file: FileHandle;
    try {
      file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    } catch (thrown) {
      throw failed(thrown);
    }
    const cancel = async () => {
      await file.close().catch(() => {});
      await unlink(temporary).catch(() => {});
    };
    try {
      await file.chmod(0o600);
      await writeOctets(file, Buffer.alloc(SPACE, " "));
      await file.sync();
    } catch (thrown) {
      await cancel();
      throw failed(thrown);
    }
    const commit = async (record: AccountRecord) => {
      try {
        const text = Buffer.from(`${JSON.stringify(record)}\n`, "utf8");
        await writeOctets(file, text);
        await file.truncate(text.length);
        await file.sync();
        await file.close();
        await rename(temporary, this.#path(account));
        await syncFolder(this.folder);
      } catch (thrown) {
        await cancel();
        throw failed(thrown);
      }
    };
    return { commit, cancel };
  }

  /** @returns whether there was such an account @throws Error in one line */
  async forget(account: string): Promise<boolean> {
    try {
      await this.#removeRemains(Store.fileOf(account));
      await unlink(this.#path(account));
      await syncFolder(this.folder);
      return true;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw new Error(inWords(thrown as Error));
    }
  }

  /** All accounts; for a file that is none, its fault. @throws Error in one line if the folder can't be read */
  async list(): Promise<(AccountState | { readonly fault: string })[]> {
    let names: string[];
    try {
      names = await readdir(this.folder);
    } catch (thrown) {
      throw new Error(inWords(thrown as Error));
    }
    const found: (AccountState | { readonly fault: string })[] = [];
    for (const name of names.filter((one) => one.endsWith(ENDING)).sort()) {
      const file = join(this.folder, name);
      const text = await recordText(file).catch((thrown: Error) => thrown);
      const record = typeof text === "string" ? parseRecord(text) : null;
      if (record) found.push(record);
      else found.push({ fault: typeof text === "string" ? `${file}: it is damaged` : `${file}: ${reasonOf(text)}` });
    }
    return found;
  }

  #path(account: string): string {
    return join(this.folder, `${Store.fileOf(account)}${ENDING}`);
  }

  /** Removes what a process that was killed has left. */
  async #removeRemains(name: string): Promise<void> {
    const names = await readdir(this.folder).catch(() => []);
    const remains = names.filter((one) => one.startsWith(`.${name}.`) && !one.endsWith(".lock"));
    for (const one of remains) await unlink(join(this.folder, one)).catch(() => {});
  }
}

/**
 * The text of a file of the store. A named pipe would keep a thread of the process for ever, and 64 of them all threads.
 *
 * @throws the system's error, or Error if it is no file or has too many octets, without its name
 */
async function recordText(file: string): Promise<string> {
  const handle = await open(file, TO_READ);
  try {
    requireRegular(await handle.stat(), BOUND);
    return await handle.readFile("utf8");
  } finally {
    await handle.close();
  }
}

/** Writes a file from its beginning. The system may write a part, as when the disk gets full. @throws its fault */
async function writeOctets(file: FileHandle, octets: Buffer): Promise<void> {
  for (let at = 0; at < octets.length; ) at += (await file.write(octets, at, octets.length - at, at)).bytesWritten;
}
