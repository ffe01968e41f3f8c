/** Access control of a service: who decides, and what it is told of a client. */

import { Acp } from "../access/acp";
import type { AccessControl, AccessRequest } from "../access/admission";
import { AuthHttp } from "../access/authhttp";
import type { Service } from "../config/settings";
import type { Connection } from "../connection/connection";
import type { Emit } from "../log/events";
import { tlsOfClient } from "../session/clienttls";
import type { Visitor } from "../session/needs";
import type { Memory } from "./memory";

/** Who logs in, as far as access control is told. */
export interface Caller extends Pick<Visitor, "id" | "clientAddress" | "arrival"> {
  readonly client: Pick<Connection, "peer" | "local" | "tls" | "cipher">;
}

/** What access control is told of a client. */
export function askedAbout({ id, clientAddress, client, arrival }: Caller): AccessRequest {
  const { address: host, port } = client.local;
  return {
    interface: { host, port },
    client: clientAddress,
    clientPort: client.peer.port,
    tls: tlsOfClient(client, arrival),
    header: arrival.header,
    session: id,
  };
}

/** Who decides about logins; null: nobody. @throws Error in one line, with the file, if a file can't be used */
export function controlOf({ access, servers }: Service, memory: Memory, emit: Emit): AccessControl | null {
  const otherwise = servers.tls ?? "none";
  if (access.authHttp) return new AuthHttp(access.authHttp, otherwise, memory, emit);
  return access.acp ? new Acp(access.acp, otherwise, memory, emit) : null;
}
