/**
 * Files that are complete whenever they are there, however the process ends; and that are there when the power has failed,
 * if that is wanted.
 */

import { constants } from "node:fs";
import { open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/**
 * Writes a file under another name, and gives it its name when it is complete. A file, or a symbolic link, of that name
 * is replaced.
 *
 * @param content its octets, in chunks
 * @param mode not masked by the umask
 * @param lasting whether a failure of the power can't take the file away when this has resolved: it costs a fsync(2)
 * @throws the system's error, or that of `content`; then nothing has changed
 */
export async function writeWhole(
  path: string,
  content: AsyncIterable<Buffer> | Iterable<Buffer>,
  mode: number,
  lasting = false,
): Promise<void> {
  // Not a number that counts: a process that was killed may have left its file, and a later one has its process id.
  const name = `.${basename(path)}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  const temporary = join(dirname(path), name);
  const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  try {
    await file.chmod(mode);
    for await (const chunk of content) await file.writeFile(chunk);
    if (lasting) await file.sync();
    await file.close();
    await rename(temporary, path);
    if (lasting) await syncFolder(dirname(path));
  } catch (thrown) {
    await file.close().catch(() => {});
    await unlink(temporary).catch(() => {});
    throw thrown;
  }
}

/** Makes the names in a folder last. Some file systems do not know fsync of a folder, and some folders can't be read. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => null);
  try {
    await handle?.sync();
  } catch {
    // The files themselves are on the disk.
  } finally {
    await handle?.close();
  }
}
