/** Infected mails that are kept: for each a file with the mail, and one with what is known of it. */

import { constants } from "node:fs";
import { open, rename, unlink } from "node:fs/promises";
import { join } from "node:path";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/**
 * Keeps a mail as `NAME.eml`, and the lines about it as `NAME.info`. Each is complete when it has its name, and others
 * can't read it.
 *
 * @param name for both files, unlike any other
 * @param content the mail, in chunks
 * @param info lines with values from strangers, one pair a line
 * @throws the system's error; then neither file is there
 */
export async function keep(
  folder: string,
  name: string,
  content: AsyncIterable<Buffer>,
  info: Readonly<Record<string, string>>,
): Promise<void> {
  const lines = Object.entries(info).map(([key, text]) => `${key}: ${text.replace(/[\x00-\x1f\x7f]/g, "?")}\n`);
  const mail = join(folder, `${name}.eml`);
  await write(mail, content);
  try {
    await write(join(folder, `${name}.info`), [Buffer.from(lines.join(""), "latin1")]);
  } catch (thrown) {
    await unlink(mail).catch(() => {});
    throw thrown;
  }
}

/** Writes a file under another name first. */
async function write(path: string, content: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    for await (const chunk of content) await file.writeFile(chunk);
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (thrown) {
    await file.close().catch(() => {});
    await unlink(temporary).catch(() => {});
    throw thrown;
  }
}
