/** The failures of a connection, by the peer's role. */

import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";

/** Who the peer of a connection is. */
export type Role = "client" | "server";

/** The peer has closed the connection. */
export function peerClosed(role: Role): Failure {
  return new Failure(role, role === "client" ? "closed" : "server-closed", `${role} closed the connection`);
}

/** The peer has closed the connection inside a multi-line response. */
export function peerCutOff(role: Role): Failure {
  const code = role === "client" ? "closed" : "server-closed";
  return new Failure(role, code, `${role} closed the connection inside a response`);
}

/** Input that was expected from the peer has not arrived in time. */
export function peerSilent(role: Role): Failure {
  if (role === "client") return new Failure(role, "idle", "client is silent");
  return new Failure(role, "server-silent", "server is silent", replies.serverSilent);
}

/** The peer has not accepted octets in time. */
export function peerSlow(role: Role): Failure {
  return new Failure(role, `${role}-slow`, `${role} does not read`);
}

/** The TLS handshake with the peer has failed. @param why in words */
export function tlsFailed(role: Role, why: string): Failure {
  const reply = role === "server" ? replies.serverInsecure : null;
  return new Failure(role, `${role}-tls`, `TLS with ${role} failed: ${why}`, reply);
}
