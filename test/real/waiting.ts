/** The lines that a client gets while it waits for a scan: how many there are depends on the machine alone. */

const LINE = "X-Virus-Scan: pending";
const STATUS_AND_LINES = new RegExp(`^(\\+OK.*\\r\\n)(?:${LINE}\\r\\n)+`);

/** A response to RETR as it would be if its scan had taken no time. */
export function asIfAtOnce(response: string): string {
  return response.replace(STATUS_AND_LINES, "$1");
}

/** A mail as a client has stored it, as it would be if its scan had taken no time. */
export function mailAsIfAtOnce(mail: Buffer): Buffer {
  let at = 0;
  while (mail.toString("latin1", at, at + LINE.length) === LINE) at = mail.indexOf("\n", at) + 1;
  return mail.subarray(at);
}
