/**
 * XCLIENT of POP3, as Dovecot has it: whom the gateway speaks for, said to a server that trusts the gateway's address.
 * A server offers it in its greeting: `+OK [XCLIENT] ...`.
 */

import { withoutZone } from "./ipaddress";

/** One end of the client's connection. */
interface End {
  readonly address: string;
  readonly port: number;
}

/** Whether a greeting offers XCLIENT. */
export function offersXclient(greeting: string): boolean {
  return /(?<![^ [])XCLIENT(?![^ \]])/i.test(greeting);
}

/**
 * The command.
 *
 * @param from the client @param to where it has connected to
 * @param session the session's id in the log
 * @param tls whether the client speaks TLS
 */
export function xclient(from: End, to: End, session: string, tls: boolean): string {
  const values = {
    ADDR: withoutZone(from.address),
    PORT: from.port,
    DESTADDR: withoutZone(to.address),
    DESTPORT: to.port,
    SESSION: session,
    "CLIENT-TRANSPORT": tls ? "TLS" : "insecure",
  };
  const pairs = Object.entries(values).map(([name, value]) => `${name}=${xtext(String(value))}`);
  return `XCLIENT ${pairs.join(" ")}`;
}

/** Whether a line for a server is this command, which has no secret in it. */
export function isXclient(line: string): boolean {
  return line.startsWith("XCLIENT ");
}

/** xtext of RFC 3461, 4, as Postfix has it in its XCLIENT. */
function xtext(value: string): string {
  return value.replace(/[^!-*,-<>-~]/g, (octet) => {
    return `+${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  });
}
