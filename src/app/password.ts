/** A password from the person who has started the program. */

import { createInterface } from "node:readline";
import { Writable } from "node:stream";

/** Asks for it: on a terminal without an echo, else it is the first line of standard input. @returns latin1 */
export function askPassword(): Promise<string> {
  const { stdin, stderr } = process;
  const terminal = stdin.isTTY === true;
  if (terminal) stderr.write("password: ");
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: silent, terminal });
  return new Promise((resolve) => {
    let password = "";
    lines.once("line", (line) => {
      password = Buffer.from(line).toString("latin1");
      lines.close();
    });
    lines.once("close", () => {
      if (terminal) stderr.write("\n");
      stdin.destroy();
      resolve(password);
    });
  });
}
