/** TLS of a client, wherever it ends: at the gateway, or at a load balancer that says so in its PROXY header. */

import type { Connection } from "../connection/connection";
import type { TlsFacts } from "../protocol/proxytlv";
import type { Arrival } from "./needs";

/** TLS on the client's own part of the way; null: there is none. */
export function tlsOfClient(client: Connection, { header }: Arrival): TlsFacts | null {
  const before = header?.kind === "client" ? header.facts.tls : null;
  return before ?? (client.tls === "" ? null : { version: client.tls, cipher: client.cipher });
}
