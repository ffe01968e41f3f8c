/**
 * Faults of the system in words for an administrator. Node's own messages begin with the name of a system call and an
 * error code; tls/faults.ts has the words for those of TLS.
 */

import { showHostPort } from "./address";

/** A fault as Node throws it; `reason` is in words already. */
export interface SystemFault extends NodeJS.ErrnoException {
  readonly reason?: string;
  /** Where a socket was to listen or to connect. */
  readonly address?: string;
  readonly port?: number;
}

/** Codes of errno(3) and of getaddrinfo(3). */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRINUSE: "another process listens there already",
  EADDRNOTAVAIL: "this machine does not have that address",
  EAFNOSUPPORT: "this machine does not have that address family",
  EAI_AGAIN: "no name server answers",
  EAI_FAIL: "the name server has failed",
  EAI_NODATA: "the name has no address",
  EAI_NONAME: "no such host",
  ECONNABORTED: "the connection was aborted",
  ECONNREFUSED: "connection refused, nothing listens there",
  ECONNRESET: "the connection was reset",
  EDQUOT: "the quota of the disk is used up",
  EEXIST: "it exists already",
  EHOSTDOWN: "the host is down",
  EHOSTUNREACH: "no route to the host",
  EINVAL: "the system does not take that",
  EIO: "the disk can't be read or written",
  EISDIR: "it is a directory",
  ELOOP: "too many symbolic links",
  EMFILE: "the process has too many open files; see ulimit -n",
  ENAMETOOLONG: "the name is too long",
  ENETDOWN: "the network is down",
  ENETUNREACH: "no route to the network",
  ENFILE: "the system has too many open files",
  ENOENT: "there is no such file",
  ENOEXEC: "it is not a program; a script needs a first line with #!",
  ENOMEM: "the system has no memory left",
  ENOSPC: "the disk is full",
  ENOTDIR: "a part of the path is not a directory",
  ENOTFOUND: "no such host",
  EPERM: "the system does not permit that",
  EPIPE: "the connection was closed",
  EPROTO: "the peer does not keep to the protocol",
  EROFS: "the file system can't be written",
  ETIMEDOUT: "no answer in time",
};

/** What is wrong, in words, without the file or the address that the caller knows. */
export function reasonOf(fault: SystemFault): string {
  return fault.reason ?? WORDS[fault.code ?? ""] ?? fault.message;
}

/** What is wrong, with the file or the address that the fault names before it. */
export function inWords(fault: SystemFault): string {
  const { path, address, port, syscall } = fault;
  if (address !== undefined && syscall === "listen") return notListening(fault, address, port);
  const about = path ?? (syscall === "getaddrinfo" ? (fault as { hostname?: string }).hostname : undefined);
  return about === undefined ? reasonOf(fault) : `${about}: ${reasonOf(fault)}`;
}

function notListening(fault: SystemFault, address: string, port: number | undefined): string {
  const place = port === undefined ? address : showHostPort(address, port);
  if (fault.code === "EACCES") {
    return `can't listen on ${place}: ports below 1024 need root, or CAP_NET_BIND_SERVICE; take another port, such as 8110`;
  }
  const hint = fault.code === "EADDRINUSE" ? "; ss -ltnp shows which" : "";
  return `can't listen on ${place}: ${reasonOf(fault)}${hint}`;
}
