/** The lines that a client gets while it waits for a scan: how many there are depends on the machine alone. */

const STATUS_AND_LINES = /^(\+OK.*\r\n)(?:X-Virus-Scan: pending\r\n)+/;

/** A response to RETR as it would be if its scan had taken no time. */
export function asIfAtOnce(response: string): string {
  return response.replace(STATUS_AND_LINES, "$1");
}
