/**
 * Connects to a server over TCP, and with TLS where TLS comes first: to the addresses of its name, which were looked up
 * and checked before.
 */

import { connect, isIPv4, type TcpNetConnectOpts } from "node:net";
import { now } from "../base/clock";
import { reasonOf } from "../base/faults";
import { pause, type Until } from "../base/until";
import { ReadBuffers } from "../connection/buffers";
import { Connection, localEnd } from "../connection/connection";
import { Failure } from "../protocol/failure";
import { replies } from "../protocol/replies";
import type { ServerName, ServerTls } from "../tls/servers";
import { KnownAddresses } from "./addresses";
import { type FailedAddress, type Reports, race } from "./attempts";

/** The pauses before further attempts at a server whose addresses all refuse, in milliseconds: the server restarts. */
const PAUSES = [500, 1000, 2000];

/** Faults of an address of a family that this machine has no way to: the other addresses count. */
const NO_WAY = new Set(["ENETUNREACH", "EAFNOSUPPORT", "EADDRNOTAVAIL"]);

export interface TcpTarget {
  /** The addresses to try; KnownAddresses puts them in order. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** For all addresses and attempts together, TLS included, in milliseconds. */
  readonly timeout: number;
  /** The source address for each address family; absent: the system's choice. */
  readonly source4?: string | undefined;
  readonly source6?: string | undefined;
  /** TLS from the beginning, to the server of this name; null: in clear. */
  readonly tls: { readonly by: ServerTls; readonly server: ServerName } | null;
  /** Octets that are sent before all else, TLS included; absent: none. */
  readonly header?: Buffer | undefined;
  /** What is known of addresses, and learns more; absent: nothing is. */
  readonly known?: KnownAddresses;
  /** Called when a peer has answered, and TLS is still to come. */
  readonly progress?: () => void;
}

/**
 * Connects to the first address that accepts. If all refuse, the server may be about to restart: they are tried again,
 * within the time limit.
 *
 * @param until gives up, with its reason
 * @throws the reason of `until`; Failure with what each address said last; Error if TLS can't be set up
 */
export async function dialTcp(to: TcpTarget, until: Until): Promise<Connection> {
  const { port, timeout, known = new KnownAddresses() } = to;
  const last = now() + timeout;
  const addresses = known.inOrder(to.addresses, port);
  const start = (address: string, reports: Reports<Connection>) => attempt(address, to, reports);
  for (let round = 0; ; round++) {
    const outcome = await race(addresses, start, last - now(), until);
    known.note(outcome, port);
    const { won, failed } = outcome;
    if (won) return won;
    const before = PAUSES[round];
    if (before === undefined || now() + before >= last || !isRestarting(failed)) throw failure(failed, to);
    await pause(before, until);
  }
}

/** Whether every address refuses actively. An address to which this machine has no way says nothing of the server. */
function isRestarting(failed: readonly FailedAddress[]): boolean {
  const counted = failed.filter(({ fault }) => !NO_WAY.has(fault.code ?? ""));
  return counted.length > 0 && counted.every(({ fault }) => fault.code === "ECONNREFUSED");
}

function failure(failed: readonly FailedAddress[], to: TcpTarget): Failure {
  const [first, ...others] = failed;
  const reasons =
    others.length === 0
      ? [first ? reasonOf(first.fault) : "no address"]
      : failed.map(({ address, fault }) => `${address}: ${reasonOf(fault)}`);
  const message = `no connection: ${reasons.join("; ")}`;
  // A source address that this machine does not have is a fault of the configuration, not of the server.
  const ofSource = ({ address, fault }: FailedAddress) => sourceFor(address, to) && fault.code === "EADDRNOTAVAIL";
  if (first && failed.every(ofSource)) {
    return new Failure("gateway", "source-address", message, replies.misconfigured);
  }
  const insecure = failed.some(({ reached }) => reached);
  if (insecure) return new Failure("server", "server-tls", message, replies.serverInsecure);
  return new Failure("server", "unreachable", message, replies.serverUnreachable);
}

function sourceFor(address: string, { source4, source6 }: TcpTarget): string | undefined {
  return isIPv4(address) ? source4 : source6;
}

/** One attempt, as race() starts it. @throws Error if TLS itself can't be set up */
function attempt(address: string, to: TcpTarget, reports: Reports<Connection>): () => void {
  const { port, tls, progress, header } = to;
  if (tls && header) return attemptTlsBehind(header, address, to, reports);
  const source = sourceFor(address, to);
  const buffers = new ReadBuffers(tls !== null);
  const tcp: TcpNetConnectOpts = {
    host: address,
    port,
    allowHalfOpen: true,
    noDelay: true,
    onread: buffers,
    ...(source && { localAddress: source }),
  };
  const socket = tls ? tls.by.dial(tcp, tls.server) : connect(tcp);
  const closed = () => reports.failed(new Error("the connection was closed"));
  socket.once("error", reports.failed);
  socket.once("close", closed);
  if (tls) {
    socket.once("connect", () => {
      reports.answered();
      progress?.();
    });
  }
  socket.once(tls ? "secureConnect" : "connect", () => {
    // A pin that does not match has destroyed the socket by now; the reason comes with its "error".
    if (socket.destroyed) return;
    settled();
    // In one write: servers read a header at one go.
    if (header) socket.write(header);
    reports.won(new Connection(socket, "server", { address, port }, localEnd(socket), buffers));
  });
  function settled(): void {
    socket.off("error", reports.failed);
    socket.off("close", closed);
  }
  return () => {
    settled();
    socket.on("error", () => {});
    socket.destroy();
  };
}

/** As `attempt`, with a header before TLS. Such a stream has no read buffers of its own. @throws Error as `attempt` */
function attemptTlsBehind(header: Buffer, address: string, to: TcpTarget, reports: Reports<Connection>): () => void {
  const { port, tls, progress } = to;
  const { by, server } = tls as NonNullable<TcpTarget["tls"]>;
  const source = sourceFor(address, to);
  const options = { host: address, port, allowHalfOpen: true, noDelay: true, ...(source && { localAddress: source }) };
  const socket = connect(options);
  let over = false;
  const failed = (fault: Error) => {
    if (!over) reports.failed(fault);
  };
  const closed = () => failed(new Error("the connection was closed"));
  socket.on("error", failed).once("close", closed);
  socket.once("connect", () => {
    reports.answered();
    progress?.();
    socket.write(header);
    const secure = by.over(socket, server);
    secure.on("error", failed).once("close", closed);
    secure.once("secureConnect", () => {
      // As above.
      if (secure.destroyed) return;
      over = true;
      reports.won(new Connection(secure, "server", { address, port }, localEnd(socket)));
    });
  });
  return () => {
    over = true;
    socket.destroy();
  };
}
