/** Handshakes of TLS, as their sockets tell of them. */

import type { TLSSocket } from "node:tls";
import type { Tally } from "./tally";

/** Counts a handshake that is to come, when it is over. @param side with whom it is made */
export function countHandshake(tally: Tally, side: "client" | "server", tls: TLSSocket): void {
  const count = (result: string) => {
    tls.off(secured, ok).off("error", failed).off("close", closed);
    tally.add([side, result === "ok" ? (tls.getProtocol() ?? "unknown") : "unknown", result]);
  };
  // A pin that does not match has destroyed the socket by now; "error" follows.
  const ok = () => !tls.destroyed && count("ok");
  const failed = () => count("failed");
  const closed = () => count("closed");
  const secured = side === "server" ? "secureConnect" : "secure";
  tls.on(secured, ok).on("error", failed).on("close", closed);
}
