/** Faults of requests by HTTP, in clear or over TLS, in words. */

import { reasonOf, type SystemFault } from "../base/faults";
import { tlsReason } from "./faults";

/** Why a request of node:http has no complete answer. */
export function httpReason(fault: SystemFault): string {
  const { code = "", message, reason } = fault;
  if (code === "HPE_HEADER_OVERFLOW") return "a head of too many octets";
  if (code.startsWith("HPE_")) return "no answer of HTTP";
  if (code === "EPROTO") return tlsFault(fault);
  if (message === "socket hang up" || message === "aborted") return "the connection was closed";
  return reason === undefined ? reasonOf(fault) : tlsReason(fault);
}

/** A fault of TLS that has happened while Node wrote has OpenSSL's reason in its message alone. */
function tlsFault(fault: SystemFault): string {
  const reason = fault.reason ?? /SSL routines:[^:]*:([^:]+)/.exec(fault.message)?.[1];
  if (reason === undefined) return reasonOf(fault);
  const words = tlsReason({ ...fault, reason });
  return /wrong version number|packet length too long/.test(reason) ? `${words}: is it http:// there?` : words;
}
