/**
 * The client log: the file `DIR/<client ip>` has the last successful login of a client, for POP-before-SMTP (the
 * manual's section "Client Logging"). A file has one line and is replaced as a whole; a symbolic link of that name is
 * replaced, not followed.
 */

import { constants } from "node:fs";
import { open, rename, unlink } from "node:fs/promises";
import { join } from "node:path";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/**
 * Writes a client's file. The new file is in its place when this resolves.
 *
 * @param folder an existing directory
 * @param client the address of the client's socket; any other text could name a file outside `folder`
 * @param user latin1; blanks and control octets are written as %xx
 * @param server `host`, or `host:port`
 * @throws the system's error; then the old file is unchanged
 */
export async function recordClient(folder: string, client: string, user: string, server: string): Promise<void> {
  const seconds = Math.floor(Date.now() / 1000);
  const encoded = user.replace(/[\x00-\x20\x7f]/g, (octet) => `%${octet.charCodeAt(0).toString(16).padStart(2, "0")}`);
  const line = Buffer.from(`${seconds} ${client} ${encoded} ${server}\n`, "latin1");
  // Not a number that counts: a process that was killed may have left its file, and a later one has its process id.
  const temporary = join(folder, `.${client}.${process.pid}.${Math.random().toString(36).slice(2)}`);
  const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
  try {
    await file.chmod(0o644); // not masked by the umask
    await file.write(line);
    await file.close();
    await rename(temporary, join(folder, client));
  } catch (thrown) {
    await file.close().catch(() => {});
    await unlink(temporary).catch(() => {});
    throw thrown;
  }
}
