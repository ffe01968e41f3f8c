/**
 * The client log: the file `DIR/<client ip>` has the last successful login of a client, for POP-before-SMTP (the
 * manual's section "Client Logging"). A file has one line and is replaced as a whole; a symbolic link of that name is
 * replaced, not followed.
 */

import { join } from "node:path";
import { writeWhole } from "../process/wholefile";

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
  await writeWhole(join(folder, client), [line], 0o644);
}
