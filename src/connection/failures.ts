/** The failures of a connection, as the peer's role makes them. */

import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";

/** Who the peer of a connection is. */
export type Role = "client" | "server";

/** The peer has left. */
export function peerClosed(role: Role): Failure {
  return new Failure(role, role === "client" ? "closed" : "server-closed", `${role} closed the connection`);
}

/** The peer has left in the middle of a multi-line response. */
export function peerCutOff(role: Role): Failure {
  const code = role === "client" ? "closed" : "server-closed";
  return new Failure(role, code, `${role} closed the connection inside a response`);
}

/** It was the peer's turn to say something, for too long. */
export function peerSilent(role: Role): Failure {
  if (role === "client") return new Failure(role, "idle", "client is silent");
  return new Failure(role, "server-silent", "server is silent", replies.serverSilent);
}

/** The peer does not accept what is sent to it. */
export function peerSlow(role: Role): Failure {
  return new Failure(role, `${role}-slow`, `${role} does not read`);
}

/** TLS with the peer has not come about. @param why in words */
export function tlsFailed(role: Role, why: string): Failure {
  const reply = role === "server" ? replies.serverInsecure : null;
  return new Failure(role, `${role}-tls`, `TLS with ${role} failed: ${why}`, reply);
}
