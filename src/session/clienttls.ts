/** TLS of a client, wherever it ends: at the gateway, or at a load balancer that says so in its PROXY header. */

import type { Connection } from "../connection/connection";
import type { TlsFacts } from "../protocol/proxytlv";
import type { Arrival } from "./needs";

/** TLS that has ended before the gateway; null: none has. */
function tlsBefore({ header }: Arrival): TlsFacts | null {
  return header?.kind === "client" ? header.facts.tls : null;
}

/** TLS on the client's own part of the way; null: there is none. */
export function tlsOfClient(client: Pick<Connection, "tls" | "cipher">, arrival: Arrival): TlsFacts | null {
  const { tls: version } = client;
  return tlsBefore(arrival) ?? (version === "" ? null : { version, cipher: client.cipher });
}

/** The version of that TLS; "": there is none. The cipher is not asked for. */
export function tlsVersionOf(client: Pick<Connection, "tls">, arrival: Arrival): string {
  return tlsBefore(arrival)?.version ?? client.tls;
}
