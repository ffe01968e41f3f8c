/** Infected mails that are kept: for each a file with the mail, and one with what is known of it. */

import { unlink } from "node:fs/promises";
import { join } from "node:path";
import { writeWhole } from "../process/wholefile";
import { RESERVE, requireSpace } from "./space";

/** Nobody else may read what a scanner has withheld. */
const MODE = 0o600;

/**
 * Keeps a mail as `NAME.eml`, and the lines about it as `NAME.info`. Each is complete when it has its name, and others
 * can't read it. Both are on the disk when this resolves: the client may then delete the mail at the server.
 *
 * @param name for both files, unlike any other
 * @param size of the mail, in octets: a client may fetch an infected mail any number of times, and each one is kept
 * @param content the mail, in chunks
 * @param info lines with values from strangers, one pair a line
 * @throws the system's error; then neither file is there
 */
export async function keep(
  folder: string,
  name: string,
  size: number,
  content: AsyncIterable<Buffer>,
  info: Readonly<Record<string, string>>,
): Promise<void> {
  await requireSpace(folder, RESERVE + size);
  const lines = Object.entries(info).map(([key, text]) => `${key}: ${text.replace(/[\x00-\x1f\x7f]/g, "?")}\n`);
  const mail = join(folder, `${name}.eml`);
  await writeWhole(mail, content, MODE, true);
  try {
    await writeWhole(join(folder, `${name}.info`), [Buffer.from(lines.join(""), "latin1")], MODE, true);
  } catch (thrown) {
    await unlink(mail).catch(() => {});
    throw thrown;
  }
}
