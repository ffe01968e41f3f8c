/** What the PROXY protocol means for a connection to a server. */

import { type ProxyClient, writeProxyHeader } from "../protocol/proxyheader";
import { tlsOfClient } from "../session/clienttls";
import type { DialOrigin } from "../session/needs";
import type { OwnPlace } from "../upstream/own";

/** The header for a server. @param version undefined: servers get none */
export function headerFor(version: 1 | 2 | undefined, { client, arrival }: DialOrigin): Buffer | undefined {
  if (version === undefined) return undefined;
  if (!client || !arrival) return writeProxyHeader(version, null);
  const known: ProxyClient = { from: client.peer, to: client.local, tls: tlsOfClient(client, arrival) };
  return writeProxyHeader(version, known);
}

/** Where the gateway listens: behind a load balancer, also where the client has connected to. */
export function ownPlacesFor(listeners: readonly OwnPlace[], { client, arrival }: DialOrigin): readonly OwnPlace[] {
  if (!client || arrival?.header?.kind !== "client") return listeners;
  const { address: host, port } = client.local;
  return [...listeners, { host, port }];
}
