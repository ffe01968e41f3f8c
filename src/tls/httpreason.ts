/** Faults of requests by HTTP, in clear or over TLS, in words. */

import { reasonOf, type SystemFault } from "../base/faults";
import { tlsReason } from "./faults";

/** Why a request of node:http has no complete answer. */
export function httpReason(fault: SystemFault): string {
  const { code = "", message, reason } = fault;
  if (code === "HPE_HEADER_OVERFLOW") return "a head of too many octets";
  if (code.startsWith("HPE_")) return "no answer of HTTP";
  if (message === "socket hang up" || message === "aborted") return "the connection was closed";
  return reason === undefined ? reasonOf(fault) : tlsReason(fault);
}
