/** Routes in words, for the dry run of --check. */

import { showHostPort } from "../base/address";
import { quote } from "../base/quote";
import type { TlsMode } from "../config/settings";
import { NO_SERVER, type Place, type Route } from "../session/needs";

/** Says where a login goes. */
export function sayRoute({ user, because, others, ...place }: Route, say: (line: string) => void): void {
  const servers = place.host === NO_SERVER ? "none yet" : [place, ...others].map(placeWords).join(", else ");
  say(`server: ${servers}, by ${because}`);
  say(`user there: ${quote(user)}`);
}

/** A server, and how it is spoken to. */
function placeWords({ host, port, tls }: Place): string {
  return `${showHostPort(host, port)} ${tlsWords(tls)}`;
}

/** A TLS mode towards a server. */
export function tlsWords(tls: TlsMode): string {
  return tls === "tls" ? "with TLS" : tls === "starttls" ? "with STLS" : "in clear";
}
