/** How TLS comes into connections, as it is written behind a server: `/tls`, `/starttls` or `/none`. */

import { POP3S_PORT } from "../base/address";

/** How TLS comes into a connection: never, after STLS, or at once. */
export type TlsMode = "none" | "starttls" | "tls";

/** All modes of TLS. */
export const TLS_MODES: readonly TlsMode[] = ["none", "starttls", "tls"];

/** What may stand behind a server or an entry. */
const MODE = /^(.*)\/(none|starttls|tls)$/;

/**
 * Splits a TLS mode off the end of a server or an entry.
 *
 * @returns the text before it, and the mode if there is one
 */
export function splitMode(text: string): { readonly place: string; readonly tls?: TlsMode } {
  const [, place, tls] = MODE.exec(text) ?? [];
  return place === undefined ? { place: text } : { place, tls: tls as TlsMode };
}

/** @throws Error if a mode contradicts the port */
export function refuseClearPop3s(text: string, port: number | "*" | null, tls: TlsMode | undefined): void {
  if (port === POP3S_PORT && tls !== undefined && tls !== "tls") {
    throw new Error(`${text}: port ${POP3S_PORT} always means TLS: leave /${tls} out, or give another port`);
  }
}
