/** Mails that clamd finds infected, by the signatures of clamd.ts, and what a client hears of them. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { EICAR } from "../stage/clamd";
import { DOTTED } from "./clamd";
import { mail } from "./mails";
import { program } from "./programs";

/** In each line of a body, so that a single octet of it would show. */
const MARK = "\xa7";

const marked = (...lines: string[]) => `${lines.join("\r\n")}\r\n`.replaceAll(/(?<=\r\n)(?=x)/g, MARK);
const filler = (octets: number) => marked("", ...Array<string>(Math.ceil(octets / 70)).fill("x".repeat(67)));

/** A mail with these octets attached as base64. */
function attached(name: string, octets: Buffer): Buffer {
  const lines = octets.toString("base64").match(/.{1,76}/g) ?? [];
  const body = [
    "This is a mail of several parts.",
    "--part",
    "",
    `${MARK} a text`,
    "--part",
    "Content-Type: application/octet-stream",
    "Content-Transfer-Encoding: base64",
    "Content-Disposition: attachment; filename=file",
    "",
    ...lines,
    "--part--",
    "",
  ];
  const whole = mail(name, body.join("\r\n")).toString("latin1");
  return Buffer.from(whole.replace("\r\n\r\n", "\r\nContent-Type: multipart/mixed; boundary=part\r\n\r\n"), "latin1");
}

/** A zip file with EICAR in it, compressed. */
function zip(): Buffer {
  const code = [
    "import sys, zipfile",
    "with zipfile.ZipFile(sys.stdout.buffer, 'w', zipfile.ZIP_DEFLATED) as file:",
    "    file.writestr('file.com', sys.argv[1])",
  ];
  const { stdout, stderr } = spawnSync(program("python3"), ["-c", code.join("\n"), EICAR]);
  assert.equal(stderr.toString(), "");
  return stdout;
}

/** What must be installed for these mails, besides clamd. */
export const infectedParts: readonly string[] = ["python3"];

/** The simplest one. */
export function infectedMail(): Buffer {
  return mail("plain", `${filler(1000)}${EICAR}\r\n${filler(1000)}`);
}

/** All of them; the first line of each body is not infected yet. */
export function infectedMails(): Buffer[] {
  return [
    infectedMail(),
    attached("attached", Buffer.from(EICAR)),
    attached("zipped", zip()),
    mail("dotted", `${filler(10)}${DOTTED}\r\n`),
    mail("dots", `${filler(10)}..\r\n.\r\n.${EICAR}.\r\n.\r\n..\r\n`),
    // Around the ends of chunks of several sizes.
    mail("far", `${filler(262_000)}${EICAR.repeat(20)}\r\n`),
    mail("large", `${filler(900_000)}${DOTTED}\r\n${filler(100_000)}`),
  ];
}

/** Asserts that a response is a notice about this mail, and has nothing of its body. */
export function isNotice(heard: string, infected: Buffer): void {
  assert.match(heard, /^\+OK a notice takes the place of this mail\r\nFrom: "Virus scanner"/);
  assert.match(heard, /\r\nX-Virus-Scan: infected; \w+-Test-\w+\.UNOFFICIAL\r\n/);
  assert.ok(heard.length < 3000, "it is too long for a notice");
  const text = infected.toString("latin1");
  const body = text.slice(text.indexOf("\r\n\r\n") + 4).split("\r\n");
  for (const line of new Set(body)) assert.ok(line.length < 10 || !heard.includes(line), `it has the line ${line}`);
  assert.ok(!heard.includes(MARK), "it has something of the body");
}
